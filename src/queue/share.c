/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sharing a request queue: who gets how many slots, and handing over what another's poll found.
 * Sleeping on it is in bell.c.
 */
#include <errno.h>

#include "queue/complete.h"
#include "queue/fair.h"
#include "queue/queue.h"

static unsigned reserve_of(const struct vscsi_queue *queue)
{
	unsigned reserve = queue->ioq->share.reserve;

	return queue->modest && reserve ? 1 : reserve;
}

static unsigned fair_part(unsigned depth, unsigned count)
{
	unsigned part = count ? depth / (2 * count) : 1;

	return part ? part : 1;
}

/*
 * Half of the ring is dealt out evenly, the other half goes to whoever needs it; the library's own
 * calls, which wait one at a time, need one slot to go on. With more handles than slots nothing can
 * be promised.
 */
static void deal(struct ioq *ioq)
{
	struct share *share = &ioq->share;
	struct vscsi_queue *queue;
	unsigned modest = 0;
	unsigned count = 0;

	for (queue = share->handles; queue; queue = queue->next) {
		modest += queue->modest;
		count++;
	}
	share->reserve = 0;
	if (count && count <= ioq->depth)
		share->reserve = fair_part(ioq->depth, count - modest);
	share->owed = 0;
	for (queue = share->handles; queue; queue = queue->next) {
		queue->reserve = reserve_of(queue);
		share->owed += share_lacking(queue);
	}
}

void share_join(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;

	lock_take(&ioq->lock);
	queue->next = ioq->share.handles;
	ioq->share.handles = queue;
	deal(ioq);
	lock_give(&ioq->lock);
}

void share_quit(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;
	struct vscsi_queue **link = &ioq->share.handles;

	lock_take(&ioq->lock);
	while (*link != queue)
		link = &(*link)->next;
	*link = queue->next;
	/* What it held of a lost device, when that is being closed, is nobody's now. */
	ioq->share.held -= queue->held;
	deal(ioq);
	share_put_bell(queue);
	lock_give(&ioq->lock);
}

unsigned share_depth(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;
	unsigned depth = ioq->depth;
	struct vscsi_queue *other;

	lock_take(&ioq->lock);
	for (other = ioq->share.handles; other; other = other->next)
		depth -= other == queue ? 0 : reserve_of(other);
	lock_give(&ioq->lock);
	return depth;
}

void share_hand_over(struct slot *slot, uint32_t used_len)
{
	struct vscsi_queue *owner = slot->owner;
	struct ioq *ioq = owner->ioq;
	uint16_t number = slot_number(ioq, slot);

	slot->used_len = used_len;
	slot->next = NO_SLOT;
	if (owner->done == NO_SLOT)
		owner->done = number;
	else
		ioq->slots[owner->done_last].next = number;
	owner->done_last = number;
}

bool share_hand_over_all(struct ioq *ioq)
{
	int pending = virtq_pending(&ioq->vq);
	int err = pending < 0 ? pending : 0;
	struct ring_used used;

	for (; pending > 0 && !err; pending--) {
		struct slot *slot;

		err = virtq_take_untracked(&ioq->vq, &used);
		if (err)
			break;
		slot = slot_of_used(ioq, used);
		if (slot)
			share_hand_over(slot, used.len);
		else
			err = -EPROTO;
	}
	return err >= 0;
}

/*
 * Ends, whatever the device does: each chain is taken once, and none is pushed meanwhile. The wish
 * has to be renewed behind what was taken, and a look at the ring has to follow each wish (virtio
 * 1.4, 2.7.14).
 */
void share_gather(struct ioq *ioq)
{
	while (share_hand_over_all(ioq) && ioq->share.listed && virtq_arm(&ioq->vq))
		;
}
