/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time limits of requests. Submitting stores no time: a scan of all slots, a few times within the
 * smallest limit, notes which requests it finds in flight and since when. So a request that is done
 * by the next scan costs nothing, and one that is late is found two scan intervals late at most.
 *
 * A late request becomes ABORTING. What is done about it, step by step, is the device's business
 * (device/escalate.c); the request is returned only once the device can no longer touch its buffer.
 */
#ifndef QUEUE_TIMEOUT_H
#define QUEUE_TIMEOUT_H

#include "queue/queue.h"

/* No task management function. */
#define NO_TMF (-1)

/**
 * struct slot_timer - What is known of a slot's time; apart, as the fast path needs none of this
 * @seen_ms: when its request was first seen in flight; valid with SLOT_SEEN
 * @timeout_ms: a raw command's own limit; valid with SLOT_RAW
 * @uses: counts the tags that the slot has had
 * @delay_ms: how long it was held back last before it was sent again; 0: not yet
 * @reset: its request was in flight when the application reset the LUN; set by other threads,
 *	until timeout_take_resets()
 * @result: what the request ends with when it comes to no result of its own; valid while it is
 *	ABORTING or LOST, and so is the rest
 * @step: of the escalation; @step_ms: when it began; @tmf: the function in the control queue, or
 *	NO_TMF
 */
struct slot_timer {
	uint64_t seen_ms;
	uint32_t timeout_ms;
	uint32_t uses;
	uint32_t delay_ms;
	atomic_bool reset;
	int result;
	int tmf;
	uint64_t step_ms;
	uint8_t step;
};

/**
 * timeout_set - Take over a limit as the application gives it
 * @set: queues that have to be scanned often enough for it
 * @ms: milliseconds; 0: @otherwise; VSCSI_NO_TIMEOUT: none
 *
 * Return: the limit, 0 for none.
 */
uint32_t timeout_set(struct queue_set *set, uint32_t ms, uint32_t otherwise);

/* A request's time begins when it is first seen. Queue locked. */
void timeout_note_seen(struct ioq *ioq, struct slot *slot, uint64_t now);

/**
 * timeout_allows - Check whether a request has time left
 * @slot: it came back; its time begins now if no scan has seen it
 * @delay: milliseconds that it would not be with the device
 */
bool timeout_allows(struct ioq *ioq, struct slot *slot, uint32_t delay);

/**
 * timeout_scan - Look for late requests, if it is time to
 * @queue: not locked
 * @now: clock_ms()
 *
 * Return: whether there are requests that are ABORTING.
 */
bool timeout_scan(struct vscsi_queue *queue, uint64_t now);

/* How long one may sleep before the next scan, in milliseconds; at most @most. */
uint32_t timeout_interval(const struct ioq *ioq, uint32_t most);

/**
 * timeout_abort - Let a request end early
 * @ioq: its queue, locked; @slot: it is IN_RING or in BACKOFF
 * @now: clock_ms()
 * @result: -ETIMEDOUT or -ECANCELED
 *
 * queue_kick_pending() has to follow, with the queue unlocked.
 */
void timeout_abort(struct ioq *ioq, struct slot *slot, uint64_t now, int result);

/*
 * The application is about to reset a LUN: requests in flight to it get SLOT_RESET.
 *
 * timeout_note_reset - Note them in all queues. Any thread; @lun can't be closed meanwhile
 * timeout_take_resets - Take over what was noted for a queue. Queue locked
 */
void timeout_note_reset(struct queue_set *set, const struct io_lun *lun);
void timeout_take_resets(struct ioq *ioq);

/* An ABORTING request goes on as if nothing had been: it could not be aborted. Queue locked. */
void timeout_cancel(struct ioq *ioq, struct slot *slot);

/* An ABORTING request leaves that state, whatever became of it: its tag is used up. */
void timeout_ended(struct ioq *ioq, struct slot *slot);

/* The tag of a slot's request: unique in the device and, for one that was aborted, in time. */
uint64_t slot_tag(const struct ioq *ioq, const struct slot *slot);

static inline struct slot_timer *slot_timer(const struct ioq *ioq, const struct slot *slot)
{
	return &ioq->timers[slot_number(ioq, slot)];
}

#endif
