/* SPDX-License-Identifier: BSD-3-Clause */
/* Waiting: polls, does the work that is due, and lets time pass. */
#include <errno.h>

#include "device/device.h"
#include "queue/call.h"
#include "util/clock.h"

#define BATCH 16u

void device_wait(struct vscsi_dev *dev, unsigned *spins)
{
	struct vscsi_completion batch[BATCH];
	int ret = queue_path(dev->sync)->poll(dev->sync, batch, BATCH);

	if (ret < 0)
		ret = device_poll(dev->sync, batch, BATCH, ret);
	call_deliver_all(batch, ret);
	if (ret <= 0)
		clock_relax(spins);
}

int device_run_call(struct vscsi_dev *dev, struct call *call,
		    int (*prepare)(struct vscsi_queue *queue, struct call *call, const void *ctx,
				   uint64_t user_data),
		    const void *ctx, uint64_t ms)
{
	uint64_t limit = clock_ms() + ms;
	unsigned spins = 0;
	int err;

	call_begin(call);
	while ((err = prepare(dev->sync, call, ctx, call_user_data(call))) == -EAGAIN) {
		/* The time limit has expired, so -EAGAIN would be misleading. */
		if (clock_ms() > limit)
			return -EBUSY;
		device_wait(dev, &spins);
	}
	if (err)
		return err;
	queue_path(dev->sync)->submit(dev->sync);
	while (!call_is_done(call)) {
		device_wait(dev, &spins);
		if (clock_ms() > limit && call_abandon(call))
			return CALL_ABANDONED;
	}
	return call->completion.result;
}
