/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counts a shared queue's slots as requests take and free them: each handle is guaranteed its
 * reserve, and slots that are not reserved go to the first handle that needs them. The queue's lock
 * is held. share.c sets the reserves.
 */
#ifndef QUEUE_FAIR_H
#define QUEUE_FAIR_H

#include "queue/queue.h"

/* The part of a handle's reserve that it has not taken. */
static inline unsigned share_lacking(const struct vscsi_queue *queue)
{
	return queue->held < queue->reserve ? queue->reserve - queue->held : 0;
}

/* Whether a handle may take one more slot. */
static inline bool share_may_take(const struct vscsi_queue *queue)
{
	const struct ioq *ioq = queue->ioq;

	return queue->held < queue->reserve || ioq->depth - ioq->share.held > ioq->share.kept;
}

/* Counts a slot that the handle takes. */
static inline void share_take(struct vscsi_queue *queue)
{
	struct share *share = &queue->ioq->share;

	share->kept -= queue->held < queue->reserve;
	queue->held++;
	share->held++;
}

/* Counts slots that the handle frees. */
static inline void share_give(struct vscsi_queue *queue, unsigned count)
{
	struct share *share = &queue->ioq->share;

	share->kept -= share_lacking(queue);
	queue->held -= count;
	share->held -= count;
	share->kept += share_lacking(queue);
}

#endif
