/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The request queue's half of a reconnect, done by the thread that uses the queue: what becomes of
 * requests that were in flight, and switching to the virtqueue that the device has now. Queue
 * locked.
 */
#ifndef QUEUE_RESUME_H
#define QUEUE_RESUME_H

#include "queue/queue.h"

/**
 * ioq_drain - Decide about what was in flight when the device was lost
 *
 * What it had given back goes to its handle, and so does what will not be sent again, to be
 * returned as 'outcome unknown'. DOWN becomes DRAINED and READY becomes RESUMING; in other states
 * there is nothing to decide.
 */
void ioq_drain(struct ioq *ioq);

/* Whether the queue has decided about that, and its device is not back yet. */
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
 * ioq_resume - Switch to the virtqueue that the device has now, and send again what is in flight
 * @kick: receives whether virtq_kick() has to follow
 *
 * RUNNING then, if the queue was RESUMING. Does nothing where another thread is changing the states
 * of queues: the next poll tries again.
 */
void ioq_resume(struct ioq *ioq, bool *kick);

#endif
