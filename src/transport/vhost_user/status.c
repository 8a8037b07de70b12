/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device status. For a back-end without the STATUS protocol feature it is emulated here (virtio
 * 1.4, 2.1).
 */
#include <linux/virtio_config.h>

#include "transport/vhost_user/session.h"
#include "util/bits.h"
#include "util/fd.h"

static int ask_status(struct vu *vu, void *arg)
{
	uint64_t *value = arg;

	if (vu_has(vu, VU_PROTOCOL_STATUS))
		return vu_get_u64(vu, VU_GET_STATUS, value);
	*value = vu->status;
	return vu_quiet(vu, NULL);
}

int vu_get_status(struct transport *t)
{
	static vu_step *const steps[] = {ask_status};
	uint64_t value;
	int ret;

	ret = vu_run_steps(vu_of(t), steps, ARRAY_LEN(steps), &value);
	/* Only the low eight bits are the status (vhost-user, GET_STATUS). */
	return ret ? ret : (int)(value & 0xff);
}

/* Called when all rings are stopped. */
static int forget_state(struct vu *vu, void *arg)
{
	(void)arg;
	vu_wake_all(vu);
	/* Ring errors from before the reset are obsolete. */
	fd_clear(vu->err);
	vu->accepted = false;
	vu->status = 0;
	/* A reset ends all requests in flight (vhost-user, GET_INFLIGHT_FD). */
	vu_inflight_drop(vu);
	return 0;
}

/* RESET_DEVICE resets all state except the owner. */
static int reset_device(struct vu *vu, void *arg)
{
	struct vu_message message = {.request = VU_RESET_DEVICE};

	(void)arg;
	if (!vu_has(vu, VU_PROTOCOL_RESET_DEVICE))
		return 0;
	/* Memory slots survive a reset; a table is sent again to be safe. */
	vu->table_stale |= !vu_mem_map_live(&vu->t);
	return vu_set(vu, &message);
}

static int write_status(struct vu *vu, void *arg)
{
	uint8_t status = *(const uint8_t *)arg;
	int ret;

	if (vu_has(vu, VU_PROTOCOL_STATUS))
		return vu_set_u64(vu, VU_SET_STATUS, status);
	ret = vu_quiet(vu, NULL);
	if (ret)
		return ret;
	/* A device that rejects the features clears FEATURES_OK. */
	if (!vu->accepted)
		status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	vu->status = status;
	return 0;
}

/*
 * Stops the rings first, so that the device no longer accesses memory when a reset ends (virtio
 * 1.4, 2.4.2).
 */
int vu_set_status(struct transport *t, uint8_t status)
{
	static vu_step *const reset[] = {
		vu_quiet,     vu_stop_rings, /* GET_VRING_BASE of each */
		forget_state, reset_device,  /* RESET_DEVICE */
		write_status,                /* SET_STATUS */
	};
	static vu_step *const change[] = {write_status};
	struct vu *vu = vu_of(t);

	if (status == 0)
		return vu_run_steps(vu, reset, ARRAY_LEN(reset), &status);
	return vu_run_steps(vu, change, ARRAY_LEN(change), &status);
}
