/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi_poll(): one plain request that is alone in the ring, which is what most polls find, is
 * taken right here, without a call; everything else is left to the queue's path, and what the
 * device needs now and then to device_poll().
 */
#include <vscsi/queue.h>

#include "device/device.h"
#include "queue/collect.h"
#include "queue/quiet.h"
#include "util/error.h"
#include "util/export.h"

/* What is logged on the way has the name of this call. */
static int tend(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max, int ret)
{
	error_enter("vscsi_poll");
	return device_poll(queue, out, max, ret);
}

NOINLINE int poll_empty(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	int ret = queue_poll_empty(queue);

	return likely(!ret) ? 0 : tend(queue, out, max, ret);
}

/* After one completion: there is nothing to write to @out. */
NOINLINE int poll_due(struct vscsi_queue *queue)
{
	int ret = queue_poll_due(queue, 1);

	return likely(ret >= 0) ? ret : tend(queue, NULL, 0, ret);
}

NOINLINE int poll_path(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	int ret = queue_path(queue)->poll(queue, out, max);

	return likely(ret >= 0) ? ret : tend(queue, out, max, ret);
}

/* Takes the request if there is exactly one. */
ALWAYS_INLINE int poll_one(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
			   struct layout l)
{
	struct ioq *ioq = queue->ioq;

	if (virtq_has_one(&ioq->vq, l.packed) && likely(max) && likely(ioq->backoff == NO_SLOT) &&
	    likely(collect_plain(ioq, NULL, out, 1, l)))
		return likely(--queue->budget) ? 1 : poll_due(queue);
	return poll_path(queue, out, max);
}

NOINLINE int poll_one_split_counted(struct vscsi_queue *queue, struct vscsi_completion *out,
				    unsigned max)
{
	return poll_one(queue, out, max, (struct layout){.counted = true});
}

NOINLINE int poll_one_packed(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	return poll_one(queue, out, max, (struct layout){.packed = true});
}

NOINLINE int poll_one_packed_counted(struct vscsi_queue *queue, struct vscsi_completion *out,
				     unsigned max)
{
	return poll_one(queue, out, max, (struct layout){.packed = true, .counted = true});
}

NOINLINE int poll_other(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	const struct ioq_path *path = queue_path(queue);

	if (queue->shared)
		return poll_path(queue, out, max);
	if (path == &ioq_path_split_counted)
		return poll_one_split_counted(queue, out, max);
	if (path == &ioq_path_packed_counted)
		return poll_one_packed_counted(queue, out, max);
	if (path == &ioq_path_packed)
		return poll_one_packed(queue, out, max);
	return poll_path(queue, out, max);
}

/* Apart, and left by a tail call, so that the others save no registers for it. */
NOINLINE int poll_quiet(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	return quiet_now(queue) ? 0 : vscsi_poll(queue, out, max);
}

EXPORT int vscsi_poll(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	uint16_t ahead;

	if (unlikely(queue->quiet_until))
		return poll_quiet(queue, out, max);
	if (unlikely(queue_path(queue) != &ioq_path_split))
		return poll_other(queue, out, max);
	/* Loaded once, as it takes the line away from the device that writes it. */
	ahead = split_ahead(&ioq->vq.ring);
	if (unlikely(!max) || unlikely(ioq->backoff != NO_SLOT))
		return poll_path(queue, out, max);
	if (ahead == 1 && likely(ioq->vq.ring.published != ioq->vq.ring.last_used) &&
	    likely(collect_plain(ioq, NULL, out, 1, (struct layout){.packed = false})))
		return likely(--queue->budget) ? 1 : poll_due(queue);
	return ahead ? poll_path(queue, out, max) : poll_empty(queue, out, max);
}
