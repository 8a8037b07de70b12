/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device status. A back-end without the STATUS protocol feature knows none, and then it is kept
 * here, as virtio 1.4, 2.1 says it behaves.
 */
#include <errno.h>
#include <sys/eventfd.h>

#include <linux/virtio_config.h>

#include "transport/vhost_user/session.h"
#include "util/error.h"

int vu_get_status(struct transport *t)
{
	struct vu *vu = vu_of(t);
	uint64_t value;
	int ret;

	if (!vu_has(vu, VU_PROTOCOL_STATUS)) {
		ret = vu_quiet(vu);
		return ret ? ret : vu->status;
	}
	ret = vu_get_u64(vu, VU_GET_STATUS, &value);
	/* Only the low eight bits are the status (vhost-user, GET_STATUS). */
	return ret ? ret : (int)(value & 0xff);
}

/*
 * Rings stop first, each with an answer, so that the device has let go of all memory when this
 * returns (virtio 1.4, 2.4.2). RESET_DEVICE leaves nothing set up, and the owner as it is.
 */
static int reset(struct vu *vu)
{
	struct vu_message message = {.request = VU_RESET_DEVICE};
	eventfd_t ignored;
	int ret;

	ret = vu_quiet(vu);
	if (ret)
		return ret;
	ret = vu_stop_all(vu);
	vu_wake_all(vu);
	if (ret)
		return ret;
	/* Rings that failed before the reset have nothing to say after it. */
	eventfd_read(vu->err, &ignored);
	vu->accepted = false;
	vu->status = 0;
	/* What was in flight is not any more (vhost-user, GET_INFLIGHT_FD). */
	if (!vu->inflight_kept)
		vu_inflight_drop(vu);
	if (!vu_has(vu, VU_PROTOCOL_RESET_DEVICE))
		return 0;
	/* Slots outlive a reset, a table is sent again to be sure. */
	vu->table_stale |= !vu_mem_map_live(&vu->t);
	return vu_set(vu, &message);
}

int vu_set_status(struct transport *t, uint8_t status)
{
	struct vu *vu = vu_of(t);
	int ret;

	if (status == 0) {
		ret = reset(vu);
		if (ret)
			return ret;
	}
	if (vu_has(vu, VU_PROTOCOL_STATUS))
		return vu_set_u64(vu, VU_SET_STATUS, status);
	ret = vu_quiet(vu);
	if (ret)
		return ret;
	/* A device takes FEATURES_OK back when it can't work with what was chosen. */
	if (!vu->accepted)
		status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	vu->status = status;
	return 0;
}
