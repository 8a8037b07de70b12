/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Judges completed requests that are not plainly good. All of it works on copies: the response lies
 * in memory that the device can still write to.
 */
#include <errno.h>
#include <string.h>

#include "queue/complete.h"
#include "device/events.h"
#include "queue/timeout.h"
#include "queue/resume.h"
#include "scsi/response.h"
#include "scsi/sense.h"
#include "util/clock.h"

/* Delay before a busy LUN is asked again is 1 ms, doubled so often at most: below a second. */
#define BUSY_DOUBLINGS 9u

static void count_error(struct ioq *ioq)
{
	atomic_fetch_add_explicit(&ioq->dev->errors, 1, memory_order_relaxed);
}

static void send_again_later(struct ioq *ioq, struct slot *slot, bool busy)
{
	unsigned doublings = slot->tries < BUSY_DOUBLINGS ? slot->tries : BUSY_DOUBLINGS;

	slot->due = (uint32_t)(clock_ms() + (busy ? 1u << doublings : 0));
	slot->tries++;
	slot->flags |= SLOT_AGAIN;
	slot->next = ioq->waiting;
	ioq->waiting = slot_number(ioq, slot);
}

/* Whether the device's events have been looked at, where that is due; not while it is locked. */
static bool attend(struct ioq *ioq)
{
	if (ioq->attention && events_look(ioq->dev))
		ioq->attention = false;
	return !ioq->attention;
}

/* Whether a request that waits is to be returned instead of sent again. */
static bool is_over(const struct slot *slot)
{
	return (slot->flags & SLOT_ENDING) || slot_gone(slot);
}

unsigned ioq_push_due(struct ioq *ioq)
{
	uint16_t *link = &ioq->waiting;
	uint32_t now = (uint32_t)clock_ms();
	unsigned pushed = 0;

	if (!attend(ioq))
		return 0;
	while (*link != NO_SLOT) {
		struct slot *slot = &ioq->slots[*link];

		/* Delays are far below half of what 32 bits hold, so the difference has a sign. */
		if (is_over(slot) || (int32_t)(now - slot->due) < 0) {
			link = &slot->next;
			continue;
		}
		*link = slot->next;
		slot_push_again(ioq, slot);
		pushed++;
	}
	return pushed;
}

bool ioq_is_waiting(const struct ioq *ioq, const struct slot *slot)
{
	uint16_t number = slot_number(ioq, slot);
	uint16_t at;

	for (at = ioq->waiting; at != NO_SLOT; at = ioq->slots[at].next) {
		if (at == number)
			return true;
	}
	return false;
}

struct slot *ioq_take_ended(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;
	uint16_t *link = &ioq->waiting;

	while (*link != NO_SLOT) {
		struct slot *slot = &ioq->slots[*link];

		if (is_over(slot) && slot->owner == queue) {
			*link = slot->next;
			return slot;
		}
		link = &slot->next;
	}
	return NULL;
}

/* Copies sense out of shared memory; its length is a claim (virtio 1.4, 5.6.6.1). */
static void copy_sense(struct ioq *ioq, const struct slot *slot, uint32_t claimed,
		       struct vscsi_completion *out, struct scsi_sense *sense)
{
	const struct virtio_scsi_cmd_resp *resp = slot_response(slot);
	uint8_t bytes[VIRTIO_SCSI_SENSE_DEFAULT_SIZE];
	uint32_t room = sizeof(bytes);

	/* No more than was written, where the used length can be right at all (2.7.8.3). */
	if (slot->used_len >= RESPONSE_LEAST && slot->used_len - RESPONSE_LEAST < room)
		room = slot->used_len - RESPONSE_LEAST;
	if (claimed > room) {
		claimed = room;
		count_error(ioq);
	}
	memcpy(bytes, resp->sense, claimed);
	scsi_sense_decode(bytes, claimed, sense);
	out->sense_key = sense->key;
	out->asc = sense->asc;
	out->ascq = sense->ascq;
	out->sense_len = (uint8_t)(claimed < sizeof(out->sense) ? claimed : sizeof(out->sense));
	memcpy(out->sense, bytes, out->sense_len);
}

/* How many bytes are missing: what the device says, or what its used length allows (2.7.8.3). */
static uint32_t find_residual(struct ioq *ioq, const struct slot *slot, uint32_t claimed, bool good)
{
	uint32_t missing = 0;

	if (claimed > slot->data_len) {
		claimed = slot->data_len;
		count_error(ioq);
	}
	/* A used length too short for any response comes from back-ends that never set it. */
	if (good && slot->used_len >= RESPONSE_LEAST && slot->used_len < slot->expect)
		missing = slot->expect - slot->used_len;
	if (missing > slot->data_len)
		missing = slot->data_len;
	return missing > claimed ? missing : claimed;
}

/*
 * What another handle found is judged when its own one polls: the queue may have come back since,
 * with a device that the request is not for.
 */
static bool may_send_again(const struct ioq *ioq, const struct slot *slot,
			   const struct vscsi_lun *lun)
{
	uint16_t most = slot->flags & SLOT_RAW ? slot->retries : lun->retries;

	return slot->tries < most && !(slot->flags & SLOT_ENDING) && !slot_is_unfit(ioq, slot);
}

/*
 * A unit attention, and the answer that no such LUN is there, may be all that is seen of a LUN that
 * was removed: its address may have another disk by now. The event that tells so came before.
 */
static void note_attention(struct ioq *ioq, const struct vscsi_lun *lun,
			   const struct vscsi_completion *out)
{
	if (out->sense_key == SCSI_KEY_UNIT_ATTENTION)
		events_unit_attention(ioq->dev, lun, out->asc, out->ascq);
	else if (out->result != -ENODEV)
		return;
	ioq->attention = true;
	attend(ioq);
}

/* A request that was to end has its own result if it was faster; else the one that it was given. */
static int ended_result(const struct ioq *ioq, const struct slot *slot, int result)
{
	bool cut_short = result == -ECANCELED || result == -EBUSY || result == -EAGAIN;

	return cut_short ? limit_result(ioq, slot) : result;
}

bool slot_judge(struct ioq *ioq, struct slot *slot, struct vscsi_completion *out)
{
	const struct virtio_scsi_cmd_resp *shared = slot_response(slot);
	struct vscsi_lun *lun = atomic_load_explicit(&slot->lun, memory_order_relaxed);
	struct virtio_scsi_cmd_resp resp;
	struct scsi_sense sense;

	memcpy(&resp, shared, offsetof(struct virtio_scsi_cmd_resp, sense));
	slot_forget(slot);
	memset(out, 0, sizeof(*out));
	out->user_data = slot->user_data;
	out->response = resp.response;
	if (resp.response == RESPONSE_UNWRITTEN) {
		count_error(ioq);
		out->residual = slot->data_len;
		out->result = slot->flags & SLOT_ENDING ? limit_result(ioq, slot) : -EPROTO;
		return true;
	}
	out->status = resp.status;
	out->status_qualifier = le16toh(resp.status_qualifier);
	copy_sense(ioq, slot, le32toh(resp.sense_len), out, &sense);
	out->result = scsi_result(out->response, out->status, &sense);
	note_attention(ioq, lun, out);
	if (may_send_again(ioq, slot, lun) && scsi_retry(out->response, out->status, &sense)) {
		send_again_later(ioq, slot, sense.key != SCSI_KEY_UNIT_ATTENTION);
		return false;
	}
	if (slot->flags & SLOT_ENDING)
		out->result = ended_result(ioq, slot, out->result);
	else if (sense.key == SCSI_KEY_UNIT_ATTENTION && lun_gone(lun))
		out->result = -ENODEV;
	out->residual = find_residual(ioq, slot, le32toh(resp.resid), out->result == 0);
	if (out->result == 0 && out->residual && !(slot->flags & SLOT_RAW))
		out->result = -EBADMSG;
	return true;
}

void slot_unanswered(const struct slot *slot, int result, struct vscsi_completion *out)
{
	memset(out, 0, sizeof(*out));
	out->user_data = slot->user_data;
	out->residual = slot->data_len;
	out->response = RESPONSE_UNWRITTEN;
	out->result = result;
}

void slot_lost(const struct ioq *ioq, const struct slot *slot, struct vscsi_completion *out)
{
	bool ending = slot->flags & SLOT_ENDING;
	int result = -ECONNRESET;

	if (ending && !slot_watch(ioq, slot)->cancelled)
		result = -ETIMEDOUT;
	else if (dev_failed(ioq->dev))
		result = -ENOTCONN;
	else if (ending)
		result = -ECANCELED;
	else if (slot_gone(slot))
		result = -ENODEV;
	slot_unanswered(slot, result, out);
}
