/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration space, where the back-end keeps one. It is always read whole, from offset 0:
 * some back-ends ignore the offset, and some have not a byte more than the device defines.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "transport/vhost_user/session.h"
#include "util/bits.h"
#include "util/error.h"

/* The fields that the driver may write: sense_size and cdb_size (virtio 1.4, 5.6.4). */
#define WRITABLE     offsetof(struct virtio_scsi_config, sense_size)
#define WRITABLE_LEN (offsetof(struct virtio_scsi_config, max_channel) - WRITABLE)

static int read_all(struct vu *vu, struct vu_config *config)
{
	struct vu_config ask = {.size = VU_CONFIG_SIZE};
	struct vu_message message = {
		.request = VU_GET_CONFIG, .size = sizeof(ask), .payload = &ask};
	int ret;

	if (!vu_has(vu, VU_PROTOCOL_CONFIG)) {
		ret = vu_quiet(vu);
		return ret ? ret : error_set(-ENOTSUP, "the back-end has no configuration space");
	}
	ret = vu_get(vu, &message, config, sizeof(*config));
	if (ret)
		return ret;
	/*
	 * The message's size was right; these two are the back-end's word for what the bytes are.
	 */
	if (config->offset != 0 || config->size != VU_CONFIG_SIZE)
		return vu_fail(vu,
			       error_set(-EPROTO,
					 "asked for %u bytes of configuration at 0, the back-end "
					 "answered with %u at %u",
					 VU_CONFIG_SIZE, config->size, config->offset));
	return 0;
}

/* One message is one snapshot, so virtio 1.4, 2.5.1 needs no generation counter here. */
int vu_read_config(struct transport *t, unsigned offset, void *buf, unsigned len)
{
	struct vu_config config;
	int ret;

	if (!range_inside(offset, len, 0, VU_CONFIG_SIZE))
		return error_set(-EINVAL, "the configuration space has %u bytes, not %u at %u",
				 VU_CONFIG_SIZE, len, offset);
	ret = read_all(vu_of(t), &config);
	if (ret)
		return ret;
	memcpy(buf, config.bytes + offset, len);
	return 0;
}

int vu_write_config(struct transport *t, unsigned offset, const void *buf, unsigned len)
{
	struct vu *vu = vu_of(t);
	struct vu_config config;
	struct vu_message message = {
		.request = VU_SET_CONFIG, .size = VU_CONFIG_HEAD + len, .payload = &config};
	int ret;

	if (!range_inside(offset, len, WRITABLE, WRITABLE_LEN))
		return error_set(-EINVAL, "%u bytes of configuration at %u can't be written", len,
				 offset);
	ret = read_all(vu, &config);
	if (ret)
		return ret;
	/* A back-end exists that dies of any SET_CONFIG: send none that changes nothing. */
	if (memcmp(config.bytes + offset, buf, len) == 0)
		return 0;
	config = (struct vu_config){.offset = offset, .size = len};
	memcpy(config.bytes, buf, len);
	return vu_set(vu, &message);
}
