/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The request queue's part of a reconnect, done by the thread that uses the queue: decides about
 * the requests that were in flight, and switches to the new virtqueue. Queue locked.
 */
#ifndef QUEUE_RESUME_H
#define QUEUE_RESUME_H

#include "queue/queue.h"

/**
 * ioq_drain - Decide about the requests that were in flight when the device was lost
 *
 * Requests that had completed go to their handles, and so do those that will not be sent again,
 * which complete as 'outcome unknown'. DOWN becomes DRAINED and READY becomes RESUMING; does
 * nothing in other states.
 */
void ioq_drain(struct ioq *ioq);

/* Whether the queue has decided about them, and has not resumed yet. */
static inline bool ioq_is_drained(const struct ioq *ioq)
{
	return ioq_state(ioq) == IOQ_DRAINED || ioq_state(ioq) == IOQ_RESUMING;
}

/*
 * Whether a poll has something to do on a queue that isn't RUNNING, except for completions that
 * another handle found.
 */
bool ioq_has_pending(const struct ioq *ioq);

/* Whether the device can execute a request: it may have reconnected without INOUT. */
bool slot_is_possible(const struct ioq *ioq, const struct slot *slot);

/**
 * ioq_resume - Switch to the new virtqueue, and send again what is in flight
 * @kick: receives whether virtq_kick() must follow
 *
 * RESUMING becomes RUNNING. Does nothing if another thread holds queue_set.lock: the next poll
 * tries again.
 */
void ioq_resume(struct ioq *ioq, bool *kick);

#endif
