/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time limits of requests, and their early end. Submitting stores no time: a look over all slots,
 * a few times within the smallest limit, notes which requests it finds and since when. So a request
 * that is done by the next look costs nothing, and one that is not ends a look later than its limit
 * at most.
 *
 * A request that is to end goes through steps (escalate.c): ABORT TASK, LOGICAL UNIT RESET, and in
 * the end its device is reset. It is returned only once the device can no longer touch its buffer.
 */
#ifndef QUEUE_TIMEOUT_H
#define QUEUE_TIMEOUT_H

#include "lun/lun.h"
#include "queue/queue.h"

/* Where a request stands that is to end. Each step but the first has a time limit of its own. */
enum step {
	STEP_ABORT,      /* ABORT TASK is to be sent */
	STEP_ABORT_SENT, /* its answer is awaited */
	STEP_ABORT_DONE, /* it was carried out, and the request has to come back */
	STEP_RESET,      /* the same for the LUN's reset */
	STEP_RESET_SENT,
	STEP_RESET_DONE,
};

#define NO_PLACE (-1)

/**
 * struct watch - What is known of a slot's time; beside it, as the hot path needs none of this
 * @seen_ms: when its request was first seen in flight; valid with SLOT_SEEN
 * @step_ms: when its step began; this and the rest is valid with SLOT_ENDING
 * @limit_ms: a raw command's own limit; valid with SLOT_RAW
 * @uses: counts the tags that the slot has had
 * @place: its function in the control queue, or NO_PLACE
 * @step: enum step
 * @cancelled: the application wants it to end
 */
struct watch {
	uint64_t seen_ms;
	uint64_t step_ms;
	uint32_t limit_ms;
	uint32_t uses;
	int place;
	uint8_t step;
	bool cancelled;
};

/* Fills in a device's default limits; @opts as given. */
void limit_defaults(struct vscsi_dev_opts *opts);

/**
 * limit_set - Take over a limit as the application gives it
 * @dev: device that has to look often enough for it
 * @ms: milliseconds; 0: @otherwise; VSCSI_NO_TIMEOUT: none
 *
 * Return: the limit, 0 for none.
 */
uint32_t limit_set(struct vscsi_dev *dev, uint32_t ms, uint32_t otherwise);

/**
 * limit_poll - Look for requests that take too long, if it is time to
 * @queue: a queue that was just polled; not locked
 *
 * Reads the clock; O(depth) when it is time. May give up the device: limit_give_up().
 */
void limit_poll(struct vscsi_queue *queue);

/* Sends the notifications that limit_end() and escalate() owe. The queue is not locked. */
void limit_kick(struct vscsi_queue *queue);

/* How long one may sleep before the next limit_poll(), in milliseconds; at most @most. */
uint32_t limit_nap(const struct ioq *ioq, uint32_t most);

/**
 * limit_end - Let a request end early
 * @ioq: its queue, locked; @slot: it is in flight and not ending yet
 * @now: clock_ms()
 * @cancelled: the application asked for it
 *
 * limit_kick() has to follow, when the queue is unlocked: a system call must not keep the others
 * waiting.
 */
void limit_end(struct ioq *ioq, struct slot *slot, uint64_t now, bool cancelled);

/* A request comes back that was ending, whatever became of it. Queue locked. */
void limit_ended(struct ioq *ioq, struct slot *slot);

/* The result of a request that was ended before it could come to one. */
int limit_result(const struct ioq *ioq, const struct slot *slot);

/* Whether a request that is in flight has not come back: it is in the ring, or waits to be. */
bool limit_is_out(const struct ioq *ioq, const struct slot *slot);

/**
 * escalate - Take the next step against a request that is to end, if it is time to
 * @ioq: its queue, locked; @slot: with SLOT_ENDING
 * @now: clock_ms()
 *
 * As limit_end(). Return: NULL, or why the device has to be given up, for limit_give_up().
 */
const char *escalate(struct ioq *ioq, struct slot *slot, uint64_t now);

/*
 * Resets a device or fails it for good, as escalate() said. Queue unlocked: the device's lock comes
 * first.
 */
void limit_give_up(struct ioq *ioq, const char *why);

static inline struct watch *slot_watch(const struct ioq *ioq, const struct slot *slot)
{
	return &ioq->watches[slot_number(ioq, slot)];
}

#endif
