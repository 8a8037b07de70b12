/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request queue whose device was lost. Which requests the device had is known privately, by the
 * slots; what is sent again is what lies in them.
 */
#include <assert.h>
#include <errno.h>

#include "queue/complete.h"
#include "queue/resume.h"
#include "queue/share.h"
#include "queue/timeout.h"
#include "util/clock.h"

/* Which changes of a queue's state there are: the diagram of ioq.h. */
static const uint8_t next_states[] = {
	[IOQ_RUNNING] = 1u << IOQ_STOPPING | 1u << IOQ_DOWN | 1u << IOQ_DEAD,
	[IOQ_STOPPING] = 1u << IOQ_DOWN | 1u << IOQ_DEAD,
	[IOQ_DOWN] = 1u << IOQ_DRAINED | 1u << IOQ_READY | 1u << IOQ_DEAD,
	[IOQ_DRAINED] = 1u << IOQ_RESUMING | 1u << IOQ_DEAD,
	[IOQ_READY] = 1u << IOQ_RESUMING | 1u << IOQ_RUNNING | 1u << IOQ_DOWN | 1u << IOQ_DEAD,
	[IOQ_RESUMING] = 1u << IOQ_RUNNING | 1u << IOQ_DRAINED | 1u << IOQ_DEAD,
	[IOQ_DEAD] = 0,
};

void ioq_set_state(struct ioq *ioq, enum ioq_state to)
{
	assert(next_states[ioq_state(ioq)] & 1u << to);
	(void)next_states;
	atomic_store_explicit(&ioq->state, (uint8_t)to, memory_order_release);
	ioq_choose_path(ioq);
}

/* Whether a request may not be sent again: it may have been executed, or nobody wants it. */
static bool is_once_only(const struct ioq *ioq, const struct slot *slot)
{
	enum inflight_policy policy = (enum inflight_policy)atomic_load(&ioq->policy);

	if (policy == INFLIGHT_REPORT || (slot->flags & (SLOT_NO_REPLAY | SLOT_ABORTED)))
		return true;
	return policy == INFLIGHT_READS && (slot->shape & SHAPE(31, 0));
}

static bool is_undecided(const struct ioq *ioq)
{
	enum ioq_state state = ioq_state(ioq);

	return (state == IOQ_DOWN || state == IOQ_READY) && !ioq_continues(ioq);
}

/* Until it is returned, the device that reconnected has not shown that it survives it. */
static void mark_replayed(struct ioq *ioq, struct slot *slot)
{
	/* Its time starts again, on a device that nobody has reset. */
	slot->flags &= (uint8_t) ~(SLOT_SEEN | SLOT_RESET);
	if (slot->flags & SLOT_REPLAYED)
		return;
	slot->flags |= SLOT_REPLAYED | SLOT_RETRIED;
	atomic_fetch_add_explicit(&ioq->set->replayed, 1, memory_order_relaxed);
}

/*
 * What was in flight at the loss ends, or stays to be sent again. That only reads are sent again
 * may turn out later: those that stayed are looked at once more then. Returns how many ended.
 */
static unsigned decide(struct ioq *ioq, bool stayed)
{
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < ioq->depth; i++) {
		struct slot *slot = &ioq->slots[i];

		if (!slot_in_ring(slot) || (stayed && !(slot->flags & SLOT_REPLAYED)))
			continue;
		if (is_once_only(ioq, slot)) {
			slot_lose(ioq, slot, slot_lost_result(ioq, slot));
			count++;
		} else {
			mark_replayed(ioq, slot);
		}
	}
	return count;
}

void ioq_drain(struct ioq *ioq)
{
	struct queue_set *set = ioq->set;

	if (!is_undecided(ioq) || pthread_mutex_trylock(&set->lock))
		return;
	if (is_undecided(ioq)) {
		/*
		 * What it gave back before it went is as good as ever; what is wrong stays there.
		 */
		share_take_used(ioq);
		decide(ioq, false);
		ioq_set_state(ioq, ioq_state(ioq) == IOQ_DOWN ? IOQ_DRAINED : IOQ_RESUMING);
	}
	pthread_mutex_unlock(&set->lock);
}

bool ioq_has_pending(const struct ioq *ioq)
{
	switch (ioq_state(ioq)) {
	case IOQ_STOPPING:
	case IOQ_DRAINED:
		return false;
	case IOQ_DOWN:
		return !ioq_continues(ioq);
	default:
		return true;
	}
}

bool slot_is_possible(const struct ioq *ioq, const struct slot *slot)
{
	bool both_ways = (slot->shape & SHAPE(31, 0)) && (slot->shape & SHAPE(0, 31));

	/* (virtio 1.4, 5.6.6.1.1) */
	return !both_ways || queue_set_has(ioq->set, VIRTIO_SCSI_F_INOUT);
}

/* Puts a request that is in flight, and not listed yet, before all that are. */
static uint16_t list_first(struct ioq *ioq, uint16_t first, unsigned number)
{
	struct slot *slot = &ioq->slots[number];

	if (number >= ioq->depth || !slot_in_ring(slot))
		return first;
	mark_replayed(ioq, slot);
	slot_set_state(slot, SLOT_BACKOFF);
	slot->due = (uint32_t)clock_ms();
	slot->next = first;
	slot_forget(slot);
	return (uint16_t)number;
}

/*
 * Lists what is in flight in the order in which it was prepared, from its end: the ring still shows
 * what was pushed last. What it no longer shows is older than all the others. A device that wrote
 * over the ring has changed the order, which was never promised, and nothing else.
 */
static uint16_t list_in_flight(struct ioq *ioq)
{
	uint16_t first = ioq->backoff;
	unsigned i;

	for (i = 1; i <= ioq->vq.size; i++)
		first = list_first(ioq, first,
				   (unsigned)virtq_pushed(&ioq->vq, i) >> ioq->head_shift);
	for (i = ioq->depth; i-- > 0;)
		first = list_first(ioq, first, i);
	return first;
}

/* Switches to the new virtqueue, with everything that is in flight to be sent again. */
static void replay(struct ioq *ioq)
{
	ioq->backoff = list_in_flight(ioq);
	virtq_succeed(&ioq->vq, &ioq->next_vq);
	ioq->progress.marked = false;
}

/* Continues with the virtqueue that the device has again. Aborts start again. */
static void continue_ring(struct ioq *ioq)
{
	const uint64_t now = clock_ms();
	unsigned i;

	for (i = 0; i < ioq->depth; i++) {
		struct slot *slot = &ioq->slots[i];

		if (!slot_in_ring(slot))
			continue;
		mark_replayed(ioq, slot);
		ioq->timers[i].step = 0;
		ioq->timers[i].tmf = NO_TMF;
		ioq->timers[i].step_ms = now;
	}
}

void ioq_resume(struct ioq *ioq, bool *kick)
{
	struct queue_set *set = ioq->set;
	bool same;

	*kick = false;
	if (pthread_mutex_trylock(&set->lock))
		return;
	same = ioq_state(ioq) == IOQ_READY && ioq_continues(ioq);
	/* What ends only now is returned first. */
	if (same || (ioq_state(ioq) == IOQ_RESUMING && !decide(ioq, true))) {
		if (same)
			continue_ring(ioq);
		else
			replay(ioq);
		ioq_set_state(ioq, IOQ_RUNNING);
		backoff_push_due(ioq);
		*kick = virtq_publish(&ioq->vq);
	}
	pthread_mutex_unlock(&set->lock);
}
