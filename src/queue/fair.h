/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counting a shared queue's slots as requests take them and return: each handle has its reserve for
 * certain, and what is not reserved goes to the first that asks. All with the queue's lock held.
 * The reserves are set in share.c.
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

	return queue->held < queue->reserve || ioq->depth - ioq->share.held > ioq->share.kept;
}

/* Notes that it has one more. */
static inline void share_take(struct vscsi_queue *queue)
{
	struct share *share = &queue->ioq->share;

	share->kept -= queue->held < queue->reserve;
	queue->held++;
	share->held++;
}

/* Notes that so many slots of a handle are free again. */
static inline void share_give(struct vscsi_queue *queue, unsigned count)
{
	struct share *share = &queue->ioq->share;

	share->kept -= share_lacking(queue);
	queue->held -= count;
	share->held -= count;
	share->kept += share_lacking(queue);
}

#endif
