/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Polling. Each layout has a fast variant for plain requests that succeeded, and one general
 * variant handles everything. A handle that finds a completion of another handle puts it into the
 * list of that handle.
 */
#include <errno.h>

#include "queue/collect.h"
#include "queue/complete.h"
#include "queue/credit.h"
#include "queue/fair.h"
#include "queue/path.h"
#include "queue/quiet.h"
#include "queue/resume.h"
#include "queue/timeout.h"
#include "util/clock.h"

/*
 * Turns a returned slot of this handle into a completion.
 *
 * Return: number of completions; 0 if the request is sent again.
 */
static unsigned deliver(struct ioq *ioq, struct slot *slot, uint32_t used_len,
			struct vscsi_completion *out)
{
	slot->used_len = used_len;
	if (slot_state(slot) == SLOT_LOST)
		slot_fill_lost(ioq, slot, out);
	else if (is_good(ioq, slot, slot->header, used_len))
		fill_good(out, slot);
	else if (!slot_decode(ioq, slot, out))
		return 0;
	slot_finish(ioq, slot, out->result);
	return 1;
}

/* Delivers completions that other polls found for this handle. */
static unsigned deliver_done(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	unsigned count = 0;

	while (queue->done != NO_SLOT && count < max) {
		struct slot *slot = &ioq->slots[queue->done];

		queue->done = slot->next;
		count += deliver(ioq, slot, slot->used_len, &out[count]);
	}
	return count;
}

/* Delivers requests that waited in BACKOFF and will not be sent again. */
static unsigned deliver_lost(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	unsigned count = 0;
	struct slot *slot;

	while (count < max && (slot = backoff_take_lost(queue)))
		count += deliver(queue->ioq, slot, 0, &out[count]);
	return count;
}

/*
 * Takes used chains, at most as many as were used at the beginning: a device that completes without
 * end can't keep the thread here.
 */
static unsigned collect_used(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	int pending = virtq_pending(&ioq->vq);
	struct ring_used used;
	unsigned count = 0;

	for (; pending > 0 && count < max; pending--) {
		struct slot *slot;

		if (virtq_take_untracked(&ioq->vq, &used))
			break;
		slot = slot_of_used(ioq, used);
		if (unlikely(!slot))
			break;
		if (slot->owner == queue)
			count += deliver(ioq, slot, used.len, &out[count]);
		else
			slot_to_owner(slot, SLOT_DONE, used.len);
	}
	return count;
}

/* collect_used(), then handles requests in BACKOFF. @kick: queue_kick() must follow. */
static unsigned collect(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
			bool *kick)
{
	struct ioq *ioq = queue->ioq;
	unsigned count = collect_used(queue, out, max);

	*kick = false;
	if (likely(ioq->backoff == NO_SLOT) || virtq_rule(&ioq->vq))
		return count;
	count += deliver_lost(queue, out + count, max - count);
	*kick = backoff_push_due(ioq) && virtq_publish(&ioq->vq);
	return count;
}

/* Adds QUEUE_TEND to @count if something is due. */
static int tend_if_due(struct vscsi_queue *queue, uint64_t now, int count)
{
	const struct ioq *ioq = queue->ioq;

	__atomic_store_n(&queue->polled_ms, now, __ATOMIC_RELAXED);
	if (now < atomic_load_explicit(&ioq->tend_at_ms, memory_order_relaxed) &&
	    !notice_pending(&ioq->set->notices) && ioq_running(ioq) && !virtq_rule(&ioq->vq))
		return count;
	return count | QUEUE_TEND;
}

/* For a poll that found nothing, or a broken ring. */
int queue_poll_empty(struct vscsi_queue *queue)
{
	quiet_begin(queue);
	return tend_if_due(queue, clock_coarse_ms(), 0);
}

/* Most polls that find something between two readings of the clock, about a millisecond apart. */
#define ALLOWANCE_MOST 64u

int queue_poll_due(struct vscsi_queue *queue, int count)
{
	uint64_t now = clock_coarse_ms();
	uint8_t allowance = __atomic_load_n(&queue->allowance, __ATOMIC_RELAXED);

	if (now - __atomic_load_n(&queue->polled_ms, __ATOMIC_RELAXED) > 1)
		allowance = (uint8_t)(allowance / 4 + 1);
	else if (allowance < ALLOWANCE_MOST)
		allowance = (uint8_t)(2 * allowance);
	__atomic_store_n(&queue->allowance, allowance, __ATOMIC_RELAXED);
	__atomic_store_n(&queue->budget, allowance, __ATOMIC_RELAXED);
	return tend_if_due(queue, now, count);
}

/* Ends a poll that found something. */
ALWAYS_INLINE int poll_found(struct vscsi_queue *queue, unsigned count)
{
	return likely(--queue->budget) ? (int)count : queue_poll_due(queue, (int)count);
}

/* The same for a handle of several threads. A lost decrement only delays reading the clock. */
static int poll_found_shared(struct vscsi_queue *queue, unsigned count)
{
	uint8_t left = (uint8_t)(__atomic_load_n(&queue->budget, __ATOMIC_RELAXED) - 1);

	__atomic_store_n(&queue->budget, left, __ATOMIC_RELAXED);
	return likely(left) ? (int)count : queue_poll_due(queue, (int)count);
}

/* Handles everything that isn't plain on an exclusive queue, after @count plain completions. */
NOINLINE int poll_rest(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
		       unsigned count)
{
	bool kick;

	count += collect(queue, out + count, max - count, &kick);
	if (kick)
		queue_kick(queue);
	if (!count)
		return queue_poll_empty(queue);
	return tend_if_due(queue, queue->polled_ms, (int)count);
}

/*
 * Takes all completions of an exclusive queue. For a packed ring, @pending is only an upper bound.
 */
ALWAYS_INLINE int poll_all(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
			   struct layout l)
{
	struct ioq *ioq = queue->ioq;
	int pending = virtq_pending_in(&ioq->vq, l.packed);
	unsigned count = 0;
	unsigned taken;
	unsigned run;

	if (unlikely(ioq->backoff != NO_SLOT))
		return poll_rest(queue, out, max, 0);
	if (unlikely(pending <= 0 || !max))
		return queue_poll_empty(queue);
	if ((unsigned)pending < max)
		max = (unsigned)pending;
	do {
		run = virtq_run(&ioq->vq, l.packed, max - count);
		taken = collect_plain(ioq, NULL, out + count, run, l);
		count += taken;
	} while (taken == run && unlikely(count != max));
	if (unlikely(count != max) && (!l.packed || virtq_pending_in(&ioq->vq, true)))
		return poll_rest(queue, out, max, count);
	return poll_found(queue, count);
}

/* Takes plain entries first, if the ring format allows it, then the rest. */
static unsigned collect_any(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
			    bool *kick)
{
	struct ioq *ioq = queue->ioq;
	const struct layout l = {.packed = ioq->packed,
				 .direct = !ioq->indirect,
				 .counted = ioq_counting(ioq),
				 .measured = ioq->set->measured};
	int pending = virtq_pending(&ioq->vq);
	unsigned most = pending < 0 ? 0 : (unsigned)pending < max ? (unsigned)pending : max;
	unsigned run = virtq_run(&ioq->vq, !ioq->readable, most);
	unsigned count = 0;

	if (run && (ioq->readable || ioq->packed))
		count = collect_plain(ioq, queue, out, run, l);
	*kick = false;
	if (likely(count) && count == most && ioq->backoff == NO_SLOT)
		return count;
	return count + collect(queue, out + count, max - count, kick);
}

/*
 * Checks again under the lock that the queue is RUNNING: if another handle has drained it since,
 * an entry that is still in the ring names a request that was returned. Completions of other
 * handles wake none of them: see wakeup.c.
 */
static unsigned collect_shared(struct vscsi_queue *queue, struct vscsi_completion *out,
			       unsigned max)
{
	struct ioq *ioq = queue->ioq;
	bool kick = false;
	bool wake = false;
	unsigned count;

	lock_acquire(&ioq->lock);
	count = deliver_done(queue, out, max);
	if (!count && ioq_running(ioq))
		count = collect_any(queue, out, max, &kick);
	if (count) {
		share_give(queue, count);
		wake = share_polled(queue);
	}
	lock_release(&ioq->lock);
	if (kick)
		queue_kick(queue);
	if (unlikely(wake))
		share_wake(ioq);
	return count;
}

static unsigned collect_exclusive(struct vscsi_queue *queue, struct vscsi_completion *out,
				  unsigned max)
{
	bool kick;
	unsigned count = collect_any(queue, out, max, &kick);

	if (kick)
		queue_kick(queue);
	return count;
}

int poll_general(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	unsigned count;

	if (unlikely(!ioq_running(queue->ioq)))
		return QUEUE_TEND;
	if (queue->shared)
		count = collect_shared(queue, out, max);
	else
		count = collect_exclusive(queue, out, max);
	if (unlikely(!count))
		return queue_poll_empty(queue);
	if (unlikely(notice_pending(&queue->ioq->set->notices)))
		return (int)count | QUEUE_TEND;
	return queue->shared ? poll_found_shared(queue, count) : poll_found(queue, count);
}

/* How many entries can be read, at most @max. Usually there is one. */
ALWAYS_INLINE unsigned share_run(struct ioq *ioq, unsigned max, struct layout l)
{
	int pending;

	if (virtq_has_one(&ioq->vq, l.packed))
		return 1;
	pending = virtq_pending_in(&ioq->vq, l.packed);
	if (pending <= 0)
		return 0;
	return virtq_run(&ioq->vq, l.packed, (unsigned)pending < max ? (unsigned)pending : max);
}

/*
 * Takes plain requests of this handle from a shared queue, up to the first entry of another kind.
 * Leaves everything else to poll_general().
 */
ALWAYS_INLINE int poll_shared(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
			      struct layout l)
{
	struct ioq *ioq = queue->ioq;
	unsigned count = 0;

	lock_acquire(&ioq->lock);
	if (likely(max && queue->done == NO_SLOT && !queue->armed) &&
	    likely(ioq->backoff == NO_SLOT && ioq_running(ioq))) {
		count = share_run(ioq, max, l);
		if (likely(count))
			count = collect_plain(ioq, queue, out, count, l);
		share_give(queue, count);
	}
	lock_release(&ioq->lock);
	if (unlikely(!count))
		return poll_general(queue, out, max);
	return poll_found_shared(queue, count);
}

#define POLL(name, ...)                                                                           \
	int poll_##name(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)    \
	{                                                                                         \
		const struct layout l = {__VA_ARGS__};                                            \
                                                                                                  \
		return l.shared ? poll_shared(queue, out, max, l) : poll_all(queue, out, max, l); \
	}

LAYOUTS(POLL)

/* Returns the remaining requests of a queue that is DEAD: its device was cut off before. */
static unsigned collect_dead(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	unsigned count = deliver_done(queue, out, max);
	unsigned i;

	for (i = 0; i < ioq->depth && count < max; i++) {
		struct slot *slot = &ioq->slots[i];

		if (!queue_holds(queue, slot) || slot_state(slot) == SLOT_DONE)
			continue;
		if (slot_state(slot) != SLOT_LOST)
			slot_timer(ioq, slot)->result = slot_lost_result(ioq, slot);
		slot_fill_lost(ioq, slot, &out[count]);
		slot_finish(ioq, slot, out[count++].result);
	}
	/* Nothing is sent again any more, and other threads may read the list. */
	ioq->backoff = NO_SLOT;
	return count;
}

/* Drains the queue, then switches to the virtqueue of a reconnected device, if there is one. */
static unsigned collect_away(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
			     bool *kick)
{
	struct ioq *ioq = queue->ioq;
	unsigned count;

	ioq_drain(ioq);
	count = deliver_done(queue, out, max);
	count += deliver_lost(queue, out + count, max - count);
	/*
	 * Deliver them all before: the fast path of an exclusive queue doesn't check queue->done.
	 */
	if (queue->done == NO_SLOT)
		ioq_resume(ioq, kick);
	return count;
}

int queue_poll_away(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	bool kick = false;
	unsigned count = 0;
	bool dead;

	queue_lock(queue);
	dead = ioq_state(ioq) == IOQ_DEAD;
	if (dead)
		count = collect_dead(queue, out, max);
	else if (!ioq_running(ioq))
		count = collect_away(queue, out, max, &kick);
	if (queue->shared)
		share_give(queue, count);
	queue_unlock(queue);
	if (kick)
		queue_kick(queue);
	return count || !dead ? (int)count : -ENOTCONN;
}
