/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Judging a completed request that is not plainly good: responses, statuses, sense, short
 * transfers, and whether to send it again.
 */
#ifndef QUEUE_COMPLETE_H
#define QUEUE_COMPLETE_H

#include "queue/queue.h"

/**
 * slot_judge - Decide how a request ended
 * @ioq: its queue
 * @slot: the slot, no longer with the device; @slot->used_len is set
 * @out: receives the completion
 *
 * Return: true when @out is to be delivered; false when the request is to be sent again, and has
 * been put into @ioq->waiting for that.
 */
bool slot_judge(struct ioq *ioq, struct slot *slot, struct vscsi_completion *out);

/*
 * The slot that a used entry names, which the device no longer has; NULL when it had no such chain,
 * with virtq_rule() set.
 */
struct slot *slot_of_used(struct ioq *ioq, struct ring_used used);

/* Makes the completion of a request that has no answer, with that result. */
void slot_unanswered(const struct slot *slot, int result, struct vscsi_completion *out);

/* The same for one that ended because its device was lost, for good or for a while. */
void slot_lost(const struct ioq *ioq, const struct slot *slot, struct vscsi_completion *out);

/* Whether a slot is in @ioq->waiting. */
bool ioq_is_waiting(const struct ioq *ioq, const struct slot *slot);

/* Takes a request of @queue that is to end, or whose LUN is gone, out of @ioq->waiting, or NULL. */
struct slot *ioq_take_ended(struct vscsi_queue *queue);

/*
 * Sends again what is due in @ioq->waiting, but for what ioq_take_ended() takes. Returns how many
 * were pushed.
 */
unsigned ioq_push_due(struct ioq *ioq);

#endif
