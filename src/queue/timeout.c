/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds requests that take too long, and begins to end them. */
#include <errno.h>

#include <vscsi/device.h>

#include "queue/complete.h"
#include "queue/timeout.h"
#include "util/clock.h"
#include "util/probe.h"

/* Scans within the smallest limit; the longest interval and, while requests end, the shortest. */
#define SCANS     8u
#define SCAN_MOST 250u
#define SCAN_BUSY 2u

/* Scans become more frequent: the next one is not left to when it would have been. */
static void scan_soon(struct queue_set *set)
{
	unsigned i;

	for (i = 0; set->ioqs && i < set->count; i++) {
		atomic_store_explicit(&set->ioqs[i]->scan_at_ms, 0, memory_order_relaxed);
		atomic_store_explicit(&set->ioqs[i]->tend_at_ms, 0, memory_order_relaxed);
	}
}

uint32_t timeout_set(struct queue_set *set, uint32_t ms, uint32_t otherwise)
{
	uint32_t limit = ms ? ms : otherwise;
	uint32_t scan;
	uint32_t now;

	if (!limit || limit == VSCSI_NO_TIMEOUT)
		return 0;
	scan = limit / SCANS ? limit / SCANS : 1;
	if (scan > SCAN_MOST)
		scan = SCAN_MOST;
	now = atomic_load_explicit(&set->scan_ms, memory_order_relaxed);
	while (!now || scan < now) {
		if (!atomic_compare_exchange_weak_explicit(
			    &set->scan_ms, &now, scan, memory_order_relaxed, memory_order_relaxed))
			continue;
		scan_soon(set);
		break;
	}
	return limit;
}

uint32_t timeout_interval(const struct ioq *ioq, uint32_t most)
{
	uint32_t scan = atomic_load_explicit(&ioq->set->scan_ms, memory_order_relaxed);

	if (ioq->aborting)
		return SCAN_BUSY;
	return scan && scan < most ? scan : most;
}

uint64_t slot_tag(const struct ioq *ioq, const struct slot *slot)
{
	return (uint64_t)slot_timer(ioq, slot)->uses << 32 | (uint64_t)ioq->vq.index << 16 |
	       slot_number(ioq, slot);
}

void timeout_abort(struct ioq *ioq, struct slot *slot, uint64_t now, int result)
{
	struct slot_timer *timer = slot_timer(ioq, slot);

	if (slot_state(slot) == SLOT_BACKOFF) {
		backoff_lose(ioq, slot, result);
		return;
	}
	timer->result = result;
	PROBE4(abort, slot_lun(slot)->target, slot_lun(slot)->number, slot->user_data, result);
	/* What was prepared and never submitted goes out, or there would be nothing to abort. */
	if (ioq_running(ioq) && virtq_publish(&ioq->vq))
		atomic_store(&ioq->kick_pending, true);
	slot_set_state(slot, SLOT_ABORTING);
	slot->flags |= SLOT_ABORTED;
	timer->tmf = NO_TMF;
	timer->step = 0;
	timer->step_ms = now;
	ioq->aborting++;
	/* What is done about it begins with the next poll. */
	atomic_store_explicit(&ioq->tend_at_ms, 0, memory_order_relaxed);
}

void timeout_cancel(struct ioq *ioq, struct slot *slot)
{
	slot_set_state(slot, SLOT_IN_RING);
	slot->flags &= (uint8_t)~SLOT_ABORTED;
	ioq->aborting--;
}

void timeout_ended(struct ioq *ioq, struct slot *slot)
{
	ioq->aborting--;
	/* An abort that is still on its way must not find the slot's next request. */
	slot_timer(ioq, slot)->uses++;
	slot->header->tag = htole64(slot_tag(ioq, slot));
}

/*
 * Moves on the time up to which everything that the device returned has been taken. Requests are as
 * old as that at most: one that came back in time and wasn't fetched, because the application polls
 * rarely or only a few at a time, is not late.
 */
static bool note_progress(struct ioq *ioq, uint64_t now)
{
	int pending = virtq_ready(&ioq->vq);
	uint16_t taken = virtq_taken(&ioq->vq);

	/* A ring that is broken is the next poll's business. */
	if (pending < 0)
		return false;
	if (!pending)
		ioq->progress.taken_ms = now;
	else if (ioq->progress.marked && (int16_t)(taken - ioq->progress.mark) >= 0)
		ioq->progress.taken_ms = ioq->progress.mark_ms;
	else if (ioq->progress.marked)
		return true;
	ioq->progress.marked = pending > 0;
	ioq->progress.mark = (uint16_t)(taken + pending);
	ioq->progress.mark_ms = now;
	return true;
}

/* Milliseconds that a request may take; 0: any. */
static uint32_t limit_of(const struct ioq *ioq, const struct slot *slot)
{
	return slot->flags & SLOT_RAW ? slot_timer(ioq, slot)->timeout_ms
				      : slot_lun(slot)->timeout_ms;
}

void timeout_note_seen(struct ioq *ioq, struct slot *slot, uint64_t now)
{
	if (slot->flags & SLOT_SEEN)
		return;
	slot->flags |= SLOT_SEEN;
	slot_timer(ioq, slot)->seen_ms = now;
}

bool timeout_allows(struct ioq *ioq, struct slot *slot, uint32_t delay)
{
	uint64_t now = clock_ms();
	uint32_t limit = limit_of(ioq, slot);

	timeout_note_seen(ioq, slot, now);
	return !limit || now + delay < slot_timer(ioq, slot)->seen_ms + limit;
}

void timeout_note_reset(struct queue_set *set, const struct io_lun *lun)
{
	unsigned i;
	unsigned j;

	for (i = 0; i < set->count; i++) {
		struct ioq *ioq = set->ioqs[i];

		for (j = 0; j < ioq->depth; j++) {
			if (atomic_load_explicit(&ioq->slots[j].lun, memory_order_relaxed) == lun)
				atomic_store_explicit(&ioq->timers[j].reset, true,
						      memory_order_relaxed);
		}
		/* Release pairs with timeout_take_resets(). */
		atomic_store_explicit(&ioq->reset_noted, true, memory_order_release);
		atomic_store_explicit(&ioq->tend_at_ms, 0, memory_order_relaxed);
	}
}

void timeout_take_resets(struct ioq *ioq)
{
	unsigned i;

	if (!atomic_load_explicit(&ioq->reset_noted, memory_order_relaxed) ||
	    !atomic_exchange_explicit(&ioq->reset_noted, false, memory_order_acquire))
		return;
	for (i = 0; i < ioq->depth; i++) {
		struct slot *slot = &ioq->slots[i];

		if (atomic_exchange_explicit(&ioq->timers[i].reset, false, memory_order_relaxed) &&
		    (slot_in_ring(slot) || slot_state(slot) == SLOT_DONE))
			slot->flags |= SLOT_RESET;
	}
}

static void scan_slot(struct ioq *ioq, struct slot *slot, uint64_t now)
{
	uint32_t limit;

	if (slot_state(slot) != SLOT_IN_RING && slot_state(slot) != SLOT_BACKOFF)
		return;
	timeout_note_seen(ioq, slot, now);
	limit = limit_of(ioq, slot);
	if (limit && ioq->progress.taken_ms >= slot_timer(ioq, slot)->seen_ms + limit)
		timeout_abort(ioq, slot, now, -ETIMEDOUT);
}

bool timeout_scan(struct vscsi_queue *queue, uint64_t now)
{
	struct ioq *ioq = queue->ioq;
	unsigned i;

	if (atomic_load_explicit(&ioq->reset_noted, memory_order_relaxed)) {
		queue_lock(queue);
		timeout_take_resets(ioq);
		queue_unlock(queue);
	}
	/* Neither limits nor an abort: there is nothing to look for. */
	if (!atomic_load_explicit(&ioq->set->scan_ms, memory_order_relaxed) && !ioq->aborting)
		return false;
	if (now < atomic_load_explicit(&ioq->scan_at_ms, memory_order_relaxed) && !ioq->aborting)
		return false;
	queue_lock(queue);
	if (ioq_running(ioq) && note_progress(ioq, now)) {
		for (i = 0; i < ioq->depth; i++)
			scan_slot(ioq, &ioq->slots[i], now);
	}
	atomic_store_explicit(&ioq->scan_at_ms, now + timeout_interval(ioq, SCAN_MOST),
			      memory_order_relaxed);
	queue_unlock(queue);
	queue_kick_pending(queue);
	return ioq->aborting;
}
