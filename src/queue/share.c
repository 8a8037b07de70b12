/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sharing a request queue: distributes the slots, and gives each handle its completions. Sleeping
 * on a shared queue is in wakeup.c.
 */
#include <errno.h>

#include "queue/complete.h"
#include "queue/fair.h"
#include "queue/queue.h"

static unsigned reserve_of(const struct vscsi_queue *queue)
{
	unsigned reserve = queue->ioq->share.reserve;

	return queue->internal && reserve ? 1 : reserve;
}

static unsigned fair_part(unsigned depth, unsigned count)
{
	unsigned part = count ? depth / (2 * count) : 1;

	return part ? part : 1;
}

/*
 * Reserves half of the slots evenly; the others go to the handle that needs them. The library's own
 * handle needs one slot to make progress. With more handles than slots, nothing is reserved.
 */
static void deal(struct ioq *ioq)
{
	struct share *share = &ioq->share;
	struct vscsi_queue *queue;
	unsigned internal = 0;
	unsigned count = 0;

	for (queue = share->handles; queue; queue = queue->next) {
		internal += queue->internal;
		count++;
	}
	share->reserve = 0;
	if (count && count <= ioq->depth)
		share->reserve = fair_part(ioq->depth, count - internal);
	share->kept = 0;
	for (queue = share->handles; queue; queue = queue->next) {
		queue->reserve = reserve_of(queue);
		share->kept += share_lacking(queue);
	}
}

void share_join(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;

	lock_acquire(&ioq->lock);
	queue->next = ioq->share.handles;
	ioq->share.handles = queue;
	deal(ioq);
	lock_release(&ioq->lock);
}

void share_quit(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;
	struct vscsi_queue **link = &ioq->share.handles;

	lock_acquire(&ioq->lock);
	while (*link != queue)
		link = &(*link)->next;
	*link = queue->next;
	/* If a lost device is being closed, the handle may still hold slots. */
	ioq->share.held -= queue->held;
	deal(ioq);
	share_put_wakeup(queue);
	lock_release(&ioq->lock);
}

unsigned share_depth(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;
	unsigned depth = ioq->depth;
	struct vscsi_queue *other;

	lock_acquire(&ioq->lock);
	for (other = ioq->share.handles; other; other = other->next)
		depth -= other == queue ? 0 : reserve_of(other);
	lock_release(&ioq->lock);
	return depth;
}

/* Returns false when the device broke the ring. */
static bool take_used(struct ioq *ioq)
{
	int pending = virtq_pending(&ioq->vq);
	int err = pending < 0 ? pending : 0;
	struct ring_used used;
	struct slot *slot;

	for (; pending > 0 && !err; pending--) {
		err = virtq_take_untracked(&ioq->vq, &used);
		if (err)
			break;
		slot = slot_of_used(ioq, used);
		if (slot)
			slot_to_owner(slot, SLOT_DONE, used.len);
		else
			err = -EPROTO;
	}
	return err >= 0;
}

/*
 * Requests the notification after taking chains, then checks the ring again (virtio 1.4, 2.7.14).
 * Terminates whatever the device does: each chain is taken once, and none is pushed meanwhile.
 */
void share_gather(struct ioq *ioq)
{
	while (take_used(ioq) && ioq->share.listed && virtq_arm(&ioq->vq))
		;
}
