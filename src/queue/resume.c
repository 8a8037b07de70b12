/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Resuming a request queue whose device was lost. The library has private copies of all requests in
 * flight. A lost device may have written anything to DMA memory, so everything that the next one
 * reads is written again.
 */
#include <assert.h>
#include <string.h>

#include "queue/call.h"
#include "queue/complete.h"
#include "queue/resume.h"
#include "queue/stats.h"
#include "util/clock.h"
#include "util/probe.h"

/* The transitions of the diagram in ioq.h. */
static const uint8_t next_states[] = {
	[IOQ_RUNNING] = 1u << IOQ_STOPPING | 1u << IOQ_DOWN | 1u << IOQ_DEAD,
	[IOQ_STOPPING] = 1u << IOQ_DOWN | 1u << IOQ_DEAD,
	[IOQ_DOWN] = 1u << IOQ_DRAINED | 1u << IOQ_READY | 1u << IOQ_DEAD,
	[IOQ_DRAINED] = 1u << IOQ_RESUMING | 1u << IOQ_DEAD,
	[IOQ_READY] = 1u << IOQ_RESUMING | 1u << IOQ_DOWN | 1u << IOQ_DEAD,
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

/* Whether a request must not be sent again: it may have been executed, or was aborted. */
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

	return state == IOQ_DOWN || state == IOQ_READY;
}

/*
 * Whether a used entry is plausible: the device has written a response, and no more than there is
 * room for. Otherwise the entry may be garbage that a dying device left in the ring. With IN_ORDER,
 * the length is that of the batch; with @no_used_len only the response is checked.
 */
static bool is_plausible(const struct ioq *ioq, const struct slot *slot, uint32_t used_len)
{
	uint32_t room = sizeof(struct virtio_scsi_cmd_resp);
	bool known = used_len != RING_LEN_UNKNOWN;
	uint32_t len = known ? used_len : virtq_batch_len(&ioq->vq);

	if (slot->expect > room)
		room = slot->expect;
	if (slot_response(slot)->response == RESPONSE_UNWRITTEN)
		return false;
	if (len < RESPONSE_LEAST || len == RING_LEN_UNKNOWN)
		return ioq->set->no_used_len;
	return !known || len <= room;
}

/*
 * Takes the requests that the device completed before it was lost, and gives them to their handles.
 * All others remain in flight.
 */
static void take_used(struct ioq *ioq)
{
	int pending = virtq_pending(&ioq->vq);
	struct ring_used used = {0};
	struct slot *slot;

	for (; pending > 0 && !virtq_take_untracked(&ioq->vq, &used); pending--) {
		slot = ioq_find(ioq, used.head);
		if (!slot)
			break;
		if (is_plausible(ioq, slot, used.len))
			slot_to_owner(slot, SLOT_DONE, used.len);
	}
}

/* Marks a request as replayed: until it completes, the device has not proved stable. */
static void mark_replayed(struct ioq *ioq, struct slot *slot)
{
	/* Its time limit starts again, and an earlier LUN reset no longer concerns it. */
	slot->flags &= (uint8_t) ~(SLOT_SEEN | SLOT_RESET);
	if (slot->flags & SLOT_REPLAYED)
		return;
	slot->flags |= SLOT_REPLAYED | SLOT_RETRIED;
	atomic_fetch_add_explicit(&ioq->set->replayed, 1, memory_order_relaxed);
}

/*
 * Decides about the requests in flight at the loss: a request ends, or stays to be sent again. With
 * @stayed, decides again about those that stayed, because the policy may have changed since
 * (queue_set_doubt()). Returns how many ended.
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
		take_used(ioq);
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
	default:
		return true;
	}
}

bool slot_is_possible(const struct ioq *ioq, const struct slot *slot)
{
	bool bidirectional = (slot->shape & SHAPE(31, 0)) && (slot->shape & SHAPE(0, 31));

	/* (virtio 1.4, 5.6.6.1.1) */
	return !bidirectional || queue_set_has(ioq->set, VIRTIO_SCSI_F_INOUT);
}

/* Puts a request that is in flight, and not listed yet, at the head of the list. */
static uint16_t list_first(struct ioq *ioq, uint16_t first, unsigned number)
{
	struct slot *slot = &ioq->slots[number];

	if (number >= ioq->depth || !slot_in_ring(slot))
		return first;
	mark_replayed(ioq, slot);
	stats_count_again(ioq, slot, STATS_REPLAYS);
	PROBE3(replay, slot_lun(slot)->target, slot_lun(slot)->number, slot->user_data);
	slot_set_state(slot, SLOT_BACKOFF);
	slot->due = (uint32_t)clock_ms();
	slot->next = first;
	return (uint16_t)number;
}

/*
 * Lists the requests in flight in the order in which they were pushed, from the last to the first.
 * Of several requests with the same position, because the ring wrapped between them, all but one
 * come first.
 */
static uint16_t list_in_flight(struct ioq *ioq)
{
	const unsigned mask = ioq->vq.size - 1;
	const unsigned next = virtq_next(&ioq->vq);
	uint16_t first = ioq->backoff;
	unsigned i;

	memset(ioq->order, NO_SLOT & 0xff, ioq->vq.size * sizeof(*ioq->order));
	for (i = 0; i < ioq->depth; i++) {
		if (slot_in_ring(&ioq->slots[i]))
			ioq->order[ioq->slots[i].pushed & mask] = (uint16_t)i;
	}
	for (i = 1; i <= ioq->vq.size; i++)
		first = list_first(ioq, first, ioq->order[(next - i) & mask]);
	for (i = ioq->depth; i-- > 0;)
		first = list_first(ioq, first, i);
	return first;
}

/* Writes a request again, and the data of a call of the library. */
static void restore(struct ioq *ioq, struct slot *slot)
{
	slot_restore(ioq, slot);
	if (slot_state(slot) == SLOT_BACKOFF && slot->owner->internal &&
	    !(slot->flags & SLOT_NO_REPLAY))
		call_copy_out((void *)(uintptr_t)slot->user_data);
}

/* Switches to the new virtqueue, and lists everything in flight to be sent again. */
static void replay(struct ioq *ioq)
{
	unsigned i;

	ioq->backoff = list_in_flight(ioq);
	virtq_succeed(&ioq->vq, &ioq->next_vq);
	for (i = 0; i < ioq->depth; i++)
		restore(ioq, &ioq->slots[i]);
	ioq->progress.marked = false;
	ioq->batch_begun = 0;
}

void ioq_resume(struct ioq *ioq, bool *kick)
{
	struct queue_set *set = ioq->set;

	*kick = false;
	if (pthread_mutex_trylock(&set->lock))
		return;
	/* Requests that end now are returned before the queue resumes. */
	if (ioq_state(ioq) == IOQ_RESUMING && !decide(ioq, true)) {
		replay(ioq);
		ioq_set_state(ioq, IOQ_RUNNING);
		backoff_push_due(ioq);
		*kick = virtq_publish(&ioq->vq);
	}
	pthread_mutex_unlock(&set->lock);
}
