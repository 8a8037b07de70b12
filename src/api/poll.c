/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi_poll(): most polls find a single plain request in the ring. It is taken here, by a function
 * for each layout that calls nothing; the queue's path handles everything else, and device_poll()
 * does the periodic work for the device.
 */
#include <vscsi/queue.h>

#include "device/device.h"
#include "queue/collect.h"
#include "queue/quiet.h"
#include "util/error.h"
#include "util/export.h"

/* Calls error_enter() for messages that are logged meanwhile. */
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

/*
 * On an exclusive queue: takes the request if there is exactly one. A split ring's index is loaded
 * once, as that takes the line away from the device that writes it.
 */
ALWAYS_INLINE int poll_one(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
			   struct layout l)
{
	struct ioq *ioq = queue->ioq;
	uint16_t ahead = l.packed ? virtq_has_one(&ioq->vq, true) : split_ahead(&ioq->vq.ring);

	if (unlikely(!max) || unlikely(ioq->backoff != NO_SLOT))
		return poll_path(queue, out, max);
	if (ahead == 1 && (l.packed || likely(split_has_any(&ioq->vq.ring))) &&
	    likely(collect_plain(ioq, NULL, out, 1, l)))
		return likely(--queue->budget) ? 1 : poll_due(queue);
	return ahead || l.packed ? poll_path(queue, out, max) : poll_empty(queue, out, max);
}

#define POLL_ONE(name, ...)                                                                   \
	NOINLINE int poll_one_##name(struct vscsi_queue *queue, struct vscsi_completion *out, \
				     unsigned max)                                            \
	{                                                                                     \
		const struct layout l = {__VA_ARGS__};                                        \
                                                                                              \
		return l.shared || l.measured ? poll_path(queue, out, max)                    \
					      : poll_one(queue, out, max, l);                 \
	}

LAYOUTS(POLL_ONE)

#define POLL(name, ...) [LAYOUT_##name] = poll_one_##name,

/* For a tail call: all functions have the arguments of vscsi_poll(). */
static int (*const polls[])(struct vscsi_queue *queue, struct vscsi_completion *out,
			    unsigned max) = {LAYOUTS(POLL)[LAYOUT_general] = poll_path};

/* A function of its own with a tail call, so that vscsi_poll() saves no registers for it. */
NOINLINE int poll_quiet(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	return quiet_now(queue) ? 0 : vscsi_poll(queue, out, max);
}

EXPORT int vscsi_poll(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	if (unlikely(queue->quiet_until))
		return poll_quiet(queue, out, max);
	return polls[queue_path(queue)->layout](queue, out, max);
}
