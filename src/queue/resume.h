/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The request queue's half of recovery, done by whoever uses the queue: what becomes of requests
 * that were in flight, and going over to the virtqueue that the device has now. All of it with the
 * queue's lock held where it is shared.
 */
#ifndef QUEUE_RESUME_H
#define QUEUE_RESUME_H

#include "queue/queue.h"

/**
 * ioq_park - Decide about what was in flight when the device was lost
 *
 * What it had given back is put with its handle, and so is what will not be sent again, to be
 * returned as 'outcome unknown'. Before anything new is prepared; does nothing when it was done, or
 * when all stays as it is.
 */
void ioq_park(struct ioq *ioq);

/*
 * ioq_has_news - Whether a poll has something to do on a queue whose device is away, or was: it is
 *	back, it is given up, or nothing was decided yet about what was in flight
 * queue_has_news - The same for a handle, which may also have completions that another one found
 */
bool ioq_has_news(const struct ioq *ioq);
bool queue_has_news(const struct vscsi_queue *queue);

/* Whether a request's LUN did not come back, or the device that did can't do what it asks for. */
bool slot_is_unfit(const struct ioq *ioq, const struct slot *slot);

/* Lets a request that is in flight end without an answer, on a queue that is parked. */
void ioq_end(struct slot *slot);

/* Notes that a request with @carried is returned. */
void slot_carried(const struct ioq *ioq, struct slot *slot);

/**
 * ioq_resume - Go over to the virtqueue that the device has now, and send again what is in flight
 * @kick: receives whether virtq_kick() has to follow
 *
 * Does nothing while the device isn't back, or another thread is busy with it: ioq_up() tells.
 */
void ioq_resume(struct ioq *ioq, bool *kick);

#endif
