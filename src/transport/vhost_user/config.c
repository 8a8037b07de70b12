/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration space, if the back-end has one. Always reads all of it, from offset 0: some
 * back-ends ignore the offset, and some refuse a larger size.
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

static int fetch(struct vu *vu, void *arg)
{
	struct vu_config ask = {.size = VU_CONFIG_SIZE};
	struct vu_message message = {
		.request = VU_GET_CONFIG, .size = sizeof(ask), .payload = &ask};
	int ret;

	(void)arg;
	if (!vu_has(vu, VU_PROTOCOL_CONFIG)) {
		ret = vu_quiet(vu, NULL);
		return ret ? ret
			   : error_set(-EOPNOTSUPP, "the back-end has no configuration space");
	}
	ret = vu_get(vu, &message, &vu->config, sizeof(vu->config));
	if (ret)
		return ret;
	/*
	 * vu_get() has checked the message's size; these two fields are checked here.
	 */
	if (vu->config.offset != 0 || vu->config.size != VU_CONFIG_SIZE)
		return vu_fail(vu,
			       error_set(-EPROTO,
					 "asked for %u bytes of configuration at 0, the back-end "
					 "answered with %u at %u",
					 VU_CONFIG_SIZE, vu->config.size, vu->config.offset));
	return 0;
}

/* One message is one snapshot, so virtio 1.4, 2.5.1 needs no generation counter here. */
int vu_read_config(struct transport *t, unsigned offset, void *buf, unsigned len)
{
	static vu_step *const steps[] = {fetch};
	struct vu *vu = vu_of(t);
	int ret;

	if (!range_inside(offset, len, 0, VU_CONFIG_SIZE))
		return error_set(-EINVAL, "the configuration space has %u bytes, not %u at %u",
				 VU_CONFIG_SIZE, len, offset);
	ret = vu_run_steps(vu, steps, ARRAY_LEN(steps), NULL);
	if (ret)
		return ret;
	memcpy(buf, vu->config.bytes + offset, len);
	return 0;
}

/* A part of the configuration space to write. */
struct change {
	unsigned offset;
	const void *buf;
	unsigned len;
};

static int store(struct vu *vu, void *arg)
{
	const struct change *change = arg;
	struct vu_config config = {.offset = change->offset, .size = change->len};
	struct vu_message message = {
		.request = VU_SET_CONFIG, .size = VU_CONFIG_HEAD + change->len, .payload = &config};

	/* Some back-ends crash on any SET_CONFIG, so it is sent only if a value changes. */
	if (memcmp(vu->config.bytes + change->offset, change->buf, change->len) == 0)
		return 0;
	memcpy(config.bytes, change->buf, change->len);
	return vu_set(vu, &message);
}

int vu_write_config(struct transport *t, unsigned offset, const void *buf, unsigned len)
{
	static vu_step *const steps[] = {fetch, store};
	struct change change = {offset, buf, len};

	if (!range_inside(offset, len, WRITABLE, WRITABLE_LEN))
		return error_set(-EINVAL, "%u bytes of configuration at %u can't be written", len,
				 offset);
	return vu_run_steps(vu_of(t), steps, ARRAY_LEN(steps), &change);
}
