/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request queue whose device was lost. Which requests the device had is known privately, by the
 * slots; what is sent again is what lies in them.
 */
#include "queue/timeout.h"
#include "queue/resume.h"
#include "util/clock.h"

/* Whether a request may not be sent again: it may have been carried out, or nobody wants it. */
static bool only_once(const struct ioq *ioq, const struct slot *slot)
{
	return atomic_load(&ioq->fate) == FATE_REPORT || (slot->flags & (SLOT_ONCE | SLOT_ENDING));
}

void ioq_end(struct slot *slot)
{
	slot->flags &= (uint8_t)~SLOT_LIVE;
	slot->flags |= SLOT_UNKNOWN;
	share_hand_over(slot, 0);
}

void ioq_park(struct ioq *ioq)
{
	unsigned i;

	if (ioq->parked || ioq_kept(ioq))
		return;
	ioq->parked = true;
	/* What it gave back before it went is as good as ever; what makes no sense stays there. */
	share_hand_over_all(ioq);
	for (i = 0; i < ioq->depth; i++) {
		struct slot *slot = &ioq->slots[i];

		if ((slot->flags & SLOT_LIVE) && only_once(ioq, slot))
			ioq_end(slot);
	}
}

bool ioq_has_news(const struct ioq *ioq)
{
	return !(ioq->parked || ioq_kept(ioq)) || atomic_load(&ioq->ready) || ioq_up(ioq) ||
	       dev_failed(ioq->dev);
}

bool queue_has_news(const struct vscsi_queue *queue)
{
	return queue->done != NO_SLOT || ioq_has_news(queue->ioq);
}

/* Whether a request has data both ways, and the device that is back can't do that (5.6.6.1.1). */
static bool is_beyond(const struct ioq *ioq, const struct slot *slot)
{
	return (slot->shape & SHAPE(31, 0)) && (slot->shape & SHAPE(0, 31)) &&
	       !dev_uses(ioq->dev, VIRTIO_SCSI_F_INOUT);
}

bool slot_is_unfit(const struct ioq *ioq, const struct slot *slot)
{
	return slot_gone(slot) || is_beyond(ioq, slot);
}

/*
 * Ends what is for LUNs that did not come back, or can't be sent any more. Return: whether there
 * was any.
 */
static bool end_unfit(struct ioq *ioq)
{
	uint16_t *link = &ioq->waiting;
	bool any = false;
	unsigned i;

	while (*link != NO_SLOT) {
		struct slot *slot = &ioq->slots[*link];

		if (!slot_is_unfit(ioq, slot)) {
			link = &slot->next;
			continue;
		}
		*link = slot->next;
		ioq_end(slot);
		any = true;
	}
	for (i = 0; i < ioq->depth; i++) {
		struct slot *slot = &ioq->slots[i];

		if (!(slot->flags & SLOT_LIVE) || !slot_is_unfit(ioq, slot))
			continue;
		ioq_end(slot);
		any = true;
	}
	return any;
}

/* Puts a request that is in flight, and not listed yet, before all that are. */
static uint16_t list_first(struct ioq *ioq, uint16_t first, unsigned number)
{
	struct slot *slot = &ioq->slots[number];

	if (number >= ioq->depth || !(slot->flags & SLOT_LIVE))
		return first;
	/* It is in no ring from here on, until push_all(). Its time begins anew there. */
	slot->flags &= (uint8_t) ~(SLOT_LIVE | SLOT_SEEN);
	slot->next = first;
	return (uint16_t)number;
}

/*
 * Lists what is in flight in the order in which it was prepared, from its end: the ring still shows
 * what was pushed last. What it no longer shows is older than all the others. A device that wrote
 * over the ring has changed the order, which was never promised, and nothing else.
 */
static uint16_t list_all(struct ioq *ioq)
{
	uint16_t first = NO_SLOT;
	unsigned i;

	for (i = 1; i <= ioq->vq.size; i++)
		first = list_first(ioq, first,
				   (unsigned)virtq_pushed(&ioq->vq, i) >> ioq->head_shift);
	for (i = ioq->depth; i-- > 0;)
		first = list_first(ioq, first, i);
	return first;
}

/* Until it is returned, the device that is back has not shown that it can live with it. */
static void carry(const struct ioq *ioq, struct slot *slot)
{
	if (slot->carried)
		return;
	slot->carried = true;
	slot->flags |= SLOT_AGAIN;
	atomic_fetch_add_explicit(&ioq->dev->recovery.owed, 1, memory_order_relaxed);
}

void slot_carried(const struct ioq *ioq, struct slot *slot)
{
	struct recovery *recovery = &ioq->dev->recovery;

	slot->carried = false;
	if (!(slot->flags & SLOT_UNKNOWN))
		atomic_store_explicit(&recovery->answered, true, memory_order_relaxed);
	/* Release pairs with has_proved_itself(), which asks for the answer next. */
	atomic_fetch_sub_explicit(&recovery->owed, 1, memory_order_release);
}

static void push_all(struct ioq *ioq, uint16_t number)
{
	while (number != NO_SLOT) {
		struct slot *slot = &ioq->slots[number];

		number = slot->next;
		carry(ioq, slot);
		slot_forget(slot);
		slot_push_again(ioq, slot);
	}
}

/* Goes over to the fresh virtqueue, with all that is in flight. */
static bool replay(struct ioq *ioq)
{
	uint16_t first = list_all(ioq);

	virtq_succeed(&ioq->vq, &ioq->spare);
	push_all(ioq, first);
	ioq->parked = false;
	ioq->marked = false;
	return virtq_publish(&ioq->vq);
}

/* Goes on with the virtqueue that the device has again. The time of what is in it begins anew. */
static bool continue_ring(struct ioq *ioq)
{
	const uint64_t now = clock_ms();
	unsigned i;

	for (i = 0; i < ioq->depth; i++) {
		struct slot *slot = &ioq->slots[i];

		slot->flags &= (uint8_t)~SLOT_SEEN;
		ioq->watches[i].step_ms = now;
		if (slot->flags & SLOT_LIVE)
			carry(ioq, slot);
	}
	return virtq_publish(&ioq->vq);
}

/*
 * Whether nothing stands in the way. What was ended is polled first: the hot path doesn't look for
 * it. Asked with the device's lock held: it may have been lost once more.
 */
static bool may_resume(struct ioq *ioq)
{
	if (!atomic_load(&ioq->ready))
		return false;
	if (ioq_kept(ioq))
		return true;
	return ioq->parked && !end_unfit(ioq);
}

void ioq_resume(struct ioq *ioq, bool *kick)
{
	struct vscsi_dev *dev = ioq->dev;

	*kick = false;
	/* Not waited for: whoever has the lock may be waiting for the device. */
	if (!atomic_load(&ioq->ready) || pthread_mutex_trylock(&dev->lock))
		return;
	if (may_resume(ioq)) {
		*kick = ioq_kept(ioq) ? continue_ring(ioq) : replay(ioq);
		atomic_store(&ioq->ready, false);
		ioq_set_hot(ioq, ioq->exclusive);
		atomic_store_explicit(&ioq->up, true, memory_order_release);
	}
	pthread_mutex_unlock(&dev->lock);
}
