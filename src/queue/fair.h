/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The books of a shared queue's slots, as each request changes them: whoever shares has its reserve
 * for certain, and what is not reserved goes to whoever comes first. All with the queue's lock
 * held. Who has which reserve is decided in share.c.
 */
#ifndef QUEUE_FAIR_H
#define QUEUE_FAIR_H

#include "queue/queue.h"

/* Slots that a handle has not taken of its reserve. */
static inline unsigned share_lacking(const struct vscsi_queue *queue)
{
	return queue->held < queue->reserve ? queue->reserve - queue->held : 0;
}

/* Whether a handle may have one more slot. */
static inline bool share_may_take(const struct vscsi_queue *queue)
{
	const struct ioq *ioq = queue->ioq;

	return queue->held < queue->reserve || ioq->depth - ioq->share.held > ioq->share.owed;
}

/* Notes that it has one more. */
static inline void share_take(struct vscsi_queue *queue)
{
	struct share *share = &queue->ioq->share;

	share->owed -= queue->held < queue->reserve;
	queue->held++;
	share->held++;
}

/* Notes that so many slots of a handle are free again. */
static inline void share_give(struct vscsi_queue *queue, unsigned count)
{
	struct share *share = &queue->ioq->share;

	share->owed -= share_lacking(queue);
	queue->held -= count;
	share->held -= count;
	share->owed += share_lacking(queue);
}

#endif
