/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Judging a completed request that is not plainly good: responses, statuses, sense, short
 * transfers, and whether to send it again.
 */
#ifndef CORE_COMPLETE_H
#define CORE_COMPLETE_H

#include "core/queue.h"

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

/* Makes the completion of a request that ended because its device is lost. */
void slot_lost(const struct slot *slot, int result, struct vscsi_completion *out);

/* Sends again what is due in @ioq->waiting. Returns how many were pushed. */
unsigned ioq_push_due(struct ioq *ioq);

#endif
