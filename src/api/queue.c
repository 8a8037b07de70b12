/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * <vscsi/queue.h> except for vscsi_poll() in poll.c, vscsi_wait() and vscsi_queue_drain() in
 * wait.c.
 */
#include <errno.h>

#include <vscsi/queue.h>

#include "device/device.h"
#include "queue/quiet.h"
#include "mem/node.h"
#include "util/error.h"
#include "util/export.h"
#include "util/options.h"

EXPORT int vscsi_queue_open(struct vscsi_dev *dev, const struct vscsi_queue_opts *user,
			    struct vscsi_queue **out)
{
	const uint32_t known =
		VSCSI_QUEUE_EXCLUSIVE | VSCSI_QUEUE_SHARED | VSCSI_QUEUE_CHECK_THREAD;
	struct vscsi_queue_opts opts;
	int err;

	error_enter(__func__);
	err = device_check(dev);
	if (!err)
		err = options_copy(&opts, sizeof(opts), user);
	if (err)
		return err;
	if (opts.flags & ~known)
		return error_set(-EINVAL, "flags 0x%x: unknown bits; use VSCSI_QUEUE_*",
				 opts.flags);
	/* A shared queue belongs to no thread. */
	if ((opts.flags & VSCSI_QUEUE_SHARED) && opts.flags != VSCSI_QUEUE_SHARED)
		return error_set(-EINVAL,
				 "flags 0x%x: VSCSI_QUEUE_SHARED can't be combined with others",
				 opts.flags);
	if (device_failed(dev))
		return device_explain_lost(dev);
	err = queue_create(&dev->queues, opts.flags, false, out);
	if (err)
		return err;
	(*out)->spin_ns = UINT64_C(1000) * opts.spin_us;
	atomic_fetch_add(&dev->handles, 1);
	return 0;
}

EXPORT int vscsi_queue_close(struct vscsi_queue *queue)
{
	struct vscsi_dev *dev;
	uint32_t inflight;

	error_enter(__func__);
	if (!queue)
		return 0;
	dev = device_of(queue);
	if (dev->queues.forked) {
		queue_abandon(queue);
		atomic_fetch_sub(&dev->handles, 1);
		return 0;
	}
	inflight = queue_inflight(queue);
	if (inflight)
		return error_set(-EBUSY,
				 "%u requests have not been returned; call vscsi_poll() first",
				 inflight);
	queue_destroy(queue);
	atomic_fetch_sub(&dev->handles, 1);
	return 0;
}

EXPORT int vscsi_queue_get_info(struct vscsi_queue *queue, struct vscsi_queue_info *out)
{
	struct vscsi_queue_info info;
	int err;

	error_enter(__func__);
	err = device_check(device_of(queue));
	if (err)
		return err;
	info = (struct vscsi_queue_info){
		.index = queue->ioq->vq.index - VQ_REQUEST,
		.exclusive = !queue->shared,
		.depth = queue_depth(queue),
		.inflight = queue_inflight(queue),
		.node = node_of(queue->ioq->memory),
		.notifications = atomic_load_explicit(&queue->notifications, memory_order_relaxed),
	};
	return info_copy(out, &info, sizeof(info));
}

EXPORT int vscsi_submit(struct vscsi_queue *queue)
{
	return queue_path(queue)->submit(queue);
}

EXPORT int vscsi_queue_fd(struct vscsi_queue *queue)
{
	int err = queue_check(queue);

	return err ? err : queue_fd(queue);
}

EXPORT int vscsi_arm(struct vscsi_queue *queue)
{
	int ret = queue_check(queue);

	if (!ret) {
		quiet_end(queue);
		ret = queue_arm(queue, true);
	}
	if (!ret)
		watch_queue_armed(queue);
	return ret;
}

EXPORT int vscsi_next_timeout_ms(struct vscsi_queue *queue)
{
	struct vscsi_dev *dev = device_of(queue);
	unsigned ms;
	int err = queue_check(queue);

	error_enter(__func__);
	if (err)
		return err;
	device_tend(dev, queue);
	if (queue_has_pending(queue) && !ioq_running(queue->ioq))
		return 0;
	ms = device_next_ms(dev, queue, queue_retry_ms(queue, WATCH_MS));
	/* At least 1, because another thread may be doing the work that is due. */
	return ms ? (int)ms : 1;
}
