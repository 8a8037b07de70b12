/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Completing requests: decoding responses that are not plainly good, sending again, and ending
 * requests without an answer. Queue locked, all of it.
 */
#ifndef QUEUE_COMPLETE_H
#define QUEUE_COMPLETE_H

#include "queue/queue.h"

/**
 * slot_decode - Decide how a request ended
 * @slot: it came back; @slot->used_len is set
 * @out: receives the completion
 *
 * Return: true when @out is to be delivered; false when the request is to be sent again and is in
 * BACKOFF.
 */
bool slot_decode(struct ioq *ioq, struct slot *slot, struct vscsi_completion *out);

/* The completion of a request that is LOST. */
void slot_fill_lost(const struct ioq *ioq, const struct slot *slot, struct vscsi_completion *out);

/* Frees a request that is being returned with @result, in whatever state it is. */
void slot_finish(struct ioq *ioq, struct slot *slot, int result);

/*
 * The slot that a used entry names, which the device no longer has; NULL when it had no such chain,
 * with virtq_rule() set.
 */
struct slot *slot_of_used(struct ioq *ioq, struct ring_used used);

/**
 * slot_lose - End a request without an answer
 * @slot: the device doesn't have it, and no list either
 * @result: what it ends with, where it was not ABORTING for another reason
 *
 * It is LOST then, and its handle's next poll returns it.
 */
void slot_lose(struct ioq *ioq, struct slot *slot, int result);

/* Cleans what a raw command left in the slot: other commands write less. */
void slot_clean(struct slot *slot);

/* What a request ends with whose device is lost and that is not sent again. */
int slot_lost_result(const struct ioq *ioq, const struct slot *slot);

/* Leaves a slot that came back, or is LOST, where its handle finds it. */
void slot_to_owner(struct slot *slot, enum slot_state state, uint32_t used_len);

/*
 * ioq.backoff: requests to be sent again, and some that are LOST meanwhile; the polls of a queue
 * look at it as long as there is anything in it.
 *
 * backoff_append - Put a request at its end, due at once
 * backoff_lose - One in it is not to be sent again; it stays in it until its handle polls
 * backoff_take_lost - Take one of a handle's that is LOST, or whose LUN is GONE, out of it, or NULL
 * backoff_push_due - Send again what is due, unless its LUN is SUSPECT; returns how many were
 */
void backoff_append(struct ioq *ioq, struct slot *slot);
void backoff_lose(struct ioq *ioq, struct slot *slot, int result);
struct slot *backoff_take_lost(struct vscsi_queue *queue);
unsigned backoff_push_due(struct ioq *ioq);

#endif
