/* SPDX-License-Identifier: BSD-3-Clause */
/* Publishing: everything prepared on a queue goes to the device at once. */
#include <errno.h>

#include "queue/queue.h"
#include "util/export.h"

int queue_kick(struct vscsi_queue *queue)
{
	atomic_fetch_add_explicit(&queue->notifications, 1, memory_order_relaxed);
	virtq_kick(&queue->ioq->vq);
	return 0;
}

/* A queue that no way is made for, shared ones among them, or a device that is lost. */
COLD int submit_general(struct vscsi_queue *queue)
{
	bool kick;

	/* What is prepared meanwhile goes to the device when it is back. */
	if (unlikely(!ioq_up(queue->ioq)))
		return dev_failed(queue->ioq->dev) ? -ENOTCONN : 0;
	queue_lock(queue);
	kick = virtq_publish(&queue->ioq->vq);
	queue_unlock(queue);
	/* Outside the lock: a system call must not keep the others waiting. */
	if (kick)
		queue_kick(queue);
	return 0;
}

COLD int submit_other(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;

	if (unlikely(!ioq_way(ioq)))
		return submit_general(queue);
	return packed_publish(&ioq->vq.packed) ? queue_kick(queue) : 0;
}

EXPORT int vscsi_submit(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;

	if (unlikely(!(ioq_way(ioq) & WAY_SPLIT)))
		return submit_other(queue);
	return unlikely(split_publish(&ioq->vq.ring)) ? queue_kick(queue) : 0;
}
