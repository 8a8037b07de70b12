/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Completes requests. What is decoded are copies: the response lies in memory that the device can
 * still write to.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "queue/complete.h"
#include "queue/credit.h"
#include "queue/resume.h"
#include "queue/stats.h"
#include "queue/timeout.h"
#include "scsi/cdb.h"
#include "scsi/response.h"
#include "scsi/sense.h"
#include "util/clock.h"
#include "util/probe.h"

/*
 * The longest delay before a request is sent again; the first is 1 ms, each is twice the one
 * before. Short enough that requests beyond what a LUN takes at once find room soon after others
 * ended.
 */
#define DELAY_MOST 128u

/* Which changes of a request's state there are: the diagram of slot.h. */
static const uint8_t next_states[] = {
	[SLOT_FREE] = 1u << SLOT_PREPARED,
	[SLOT_PREPARED] = 1u << SLOT_IN_RING | 1u << SLOT_BACKOFF,
	[SLOT_IN_RING] =
		1u << SLOT_ABORTING | 1u << SLOT_DONE | 1u << SLOT_BACKOFF | 1u << SLOT_LOST,
	[SLOT_ABORTING] = 1u << SLOT_IN_RING | 1u << SLOT_DONE | 1u << SLOT_LOST,
	[SLOT_BACKOFF] = 1u << SLOT_IN_RING | 1u << SLOT_LOST,
	[SLOT_DONE] = 1u << SLOT_BACKOFF,
	[SLOT_LOST] = 0,
};

void slot_set_state(struct slot *slot, enum slot_state to)
{
	assert(next_states[slot_state(slot)] & 1u << to);
	(void)next_states;
	slot->status = SLOT_STATUS(to, slot->flags & 0xff);
}

void slot_to_owner(struct slot *slot, enum slot_state state, uint32_t used_len)
{
	struct vscsi_queue *owner = slot->owner;
	struct ioq *ioq = owner->ioq;
	uint16_t number = slot_number(ioq, slot);

	if (slot_state(slot) == SLOT_ABORTING)
		timeout_ended(ioq, slot);
	slot_set_state(slot, state);
	slot->used_len = used_len;
	slot->next = NO_SLOT;
	if (owner->done == NO_SLOT)
		owner->done = number;
	else
		ioq->slots[owner->done_last].next = number;
	owner->done_last = number;
}

struct slot *slot_of_used(struct ioq *ioq, struct ring_used used)
{
	struct slot *slot = ioq_find(ioq, used.head);

	if (unlikely(!slot))
		virtq_mark_broken(&ioq->vq, "a used id is not in flight (2.7.8)");
	return slot;
}

int slot_lost_result(const struct ioq *ioq, const struct slot *slot)
{
	bool dead = ioq_state(ioq) == IOQ_DEAD;

	if (slot->flags & SLOT_ABORTED) {
		int result = slot_timer(ioq, slot)->result;

		return dead && result == -ECANCELED ? -ENOTCONN : result;
	}
	if (dead)
		return -ENOTCONN;
	return io_lun_state(slot_lun(slot)) == LUN_GONE ? -ENODEV : -ECONNRESET;
}

void slot_lose(struct ioq *ioq, struct slot *slot, int result)
{
	slot_timer(ioq, slot)->result = result;
	slot_to_owner(slot, SLOT_LOST, 0);
}

void slot_fill_lost(const struct ioq *ioq, const struct slot *slot, struct vscsi_completion *out)
{
	memset(out, 0, sizeof(*out));
	out->user_data = slot->user_data;
	out->residual = slot_data_len(slot);
	out->response = RESPONSE_UNWRITTEN;
	out->result = slot_timer(ioq, slot)->result;
}

/* One of those that were in flight when the device reconnected is returned. */
static void finish_replayed(const struct ioq *ioq, const struct slot *slot)
{
	struct queue_set *set = ioq->set;

	if (slot_state(slot) != SLOT_LOST)
		atomic_store_explicit(&set->answered, true, memory_order_relaxed);
	/* Release pairs with the device, which asks for the answer next. */
	atomic_fetch_sub_explicit(&set->replayed, 1, memory_order_release);
}

void slot_clean(struct slot *slot)
{
	slot->task_attr = 0;
	memset(slot->cdb, 0, sizeof(slot->cdb));
}

void slot_finish(struct ioq *ioq, struct slot *slot, int result)
{
	if (result)
		PROBE4(error, slot_lun(slot)->target, slot_lun(slot)->number, slot->user_data,
		       result);
	if (ioq->set->measured)
		stats_count(ioq, slot, result);
	if (slot_state(slot) == SLOT_ABORTING)
		timeout_ended(ioq, slot);
	if (slot->flags & SLOT_RAW)
		slot_clean(slot);
	if (slot->flags & SLOT_REPLAYED)
		finish_replayed(ioq, slot);
	slot->tries = 0;
	if (slot->flags & SLOT_RETRIED)
		slot_timer(ioq, slot)->delay_ms = 0;
	if (slot->flags & SLOT_COUNTED)
		credit_give(slot_lun(slot), ioq);
	slot_forget(slot);
	slot_release(ioq, slot, slot_number(ioq, slot));
}

void backoff_append(struct ioq *ioq, struct slot *slot)
{
	uint16_t *link = &ioq->backoff;

	while (*link != NO_SLOT)
		link = &ioq->slots[*link].next;
	slot_set_state(slot, SLOT_BACKOFF);
	slot->due = (uint32_t)clock_ms();
	slot->next = NO_SLOT;
	*link = slot_number(ioq, slot);
}

void backoff_lose(struct ioq *ioq, struct slot *slot, int result)
{
	slot_set_state(slot, SLOT_LOST);
	slot_timer(ioq, slot)->result = result;
}

struct slot *backoff_take_lost(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;
	uint16_t *link = &ioq->backoff;
	struct slot *slot;

	for (; *link != NO_SLOT; link = &slot->next) {
		slot = &ioq->slots[*link];
		if (slot->owner != queue)
			continue;
		if (slot_state(slot) == SLOT_BACKOFF && io_lun_state(slot_lun(slot)) == LUN_GONE)
			backoff_lose(ioq, slot, -ENODEV);
		if (slot_state(slot) == SLOT_LOST) {
			*link = slot->next;
			return slot;
		}
	}
	return NULL;
}

/* The CDB of a request, where that is kept in private: not that of a plain transfer. */
static const uint8_t *private_cdb(const struct slot *slot)
{
	return slot->shape & (SHAPE_10 | SHAPE_16) ? NULL : slot->cdb;
}

static bool is_transfer(const struct slot *slot)
{
	const uint8_t *cdb = private_cdb(slot);

	return !cdb || (!(slot->flags & SLOT_RAW) && scsi_cdb_is_rw(cdb));
}

/*
 * Whether a transfer is longer than its LUN now takes: the device may have come back with smaller
 * limits, which are known once the LUN is PRESENT.
 */
static bool is_too_long(const struct slot *slot)
{
	const struct io_lun *lun = slot_lun(slot);

	return is_transfer(slot) &&
	       slot_data_len(slot) > (uint64_t)IO_LUN_LIMIT(lun, max_blocks) * lun->block_size;
}

/* Whether a request can't be sent any more to the LUN as it is now: 0, or what it ends with. */
static int refused_now(const struct slot *slot)
{
	int err = 0;

	if (is_too_long(slot))
		err = -E2BIG;
	else if (!(slot->flags & SLOT_RAW) && SHAPE_OUT(slot->shape))
		err = IO_LUN_LIMIT(slot_lun(slot), write_error);
	/* What was sent before may have been executed. */
	return err && (slot->flags & SLOT_REPLAYED) ? -ECONNRESET : err;
}

unsigned backoff_push_due(struct ioq *ioq)
{
	uint16_t *link = &ioq->backoff;
	uint32_t now = (uint32_t)clock_ms();
	unsigned pushed = 0;

	while (*link != NO_SLOT) {
		struct slot *slot = &ioq->slots[*link];
		int err;

		if (slot_state(slot) == SLOT_BACKOFF && !slot_is_possible(ioq, slot))
			backoff_lose(ioq, slot, -ECONNRESET);
		/* Delays are far below half of what 32 bits hold, so the difference has a sign. */
		if (slot_state(slot) == SLOT_LOST || (int32_t)(now - slot->due) < 0 ||
		    io_lun_state(slot_lun(slot)) != LUN_PRESENT) {
			link = &slot->next;
			continue;
		}
		err = refused_now(slot);
		if (err) {
			backoff_lose(ioq, slot, err);
			link = &slot->next;
			continue;
		}
		*link = slot->next;
		slot_push_again(ioq, slot);
		pushed++;
	}
	return pushed;
}

/*
 * Copies sense out of shared memory; its length is a claim (virtio 1.4, 5.6.6.1). Returns whether
 * there is any.
 */
static bool copy_sense(struct ioq *ioq, const struct slot *slot, uint32_t claimed,
		       struct vscsi_completion *out, struct scsi_sense *sense)
{
	const struct virtio_scsi_cmd_resp *resp = slot_response(slot);
	uint8_t bytes[VIRTIO_SCSI_SENSE_DEFAULT_SIZE];
	uint32_t room = sizeof(bytes);
	bool valid;

	/* No more than was written, where the used length can be right at all (2.7.8.3). */
	if (slot->used_len >= RESPONSE_LEAST && slot->used_len - RESPONSE_LEAST < room)
		room = slot->used_len - RESPONSE_LEAST;
	if (claimed > room) {
		claimed = room;
		ioq_count_error(ioq);
	}
	memcpy(bytes, resp->sense, claimed);
	valid = !scsi_sense_decode(bytes, claimed, sense);
	out->sense_key = sense->key;
	out->asc = sense->asc;
	out->ascq = sense->ascq;
	out->sense_len = (uint8_t)(claimed < sizeof(out->sense) ? claimed : sizeof(out->sense));
	memcpy(out->sense, bytes, out->sense_len);
	return valid;
}

/* How many bytes are missing: what the device says, or what its used length allows (2.7.8.3). */
static uint32_t find_residual(struct ioq *ioq, const struct slot *slot, uint32_t claimed, bool good)
{
	uint32_t missing = 0;

	if (claimed > slot_data_len(slot)) {
		claimed = slot_data_len(slot);
		ioq_count_error(ioq);
	}
	/* A used length too short for any response comes from back-ends that never set it. */
	if (good && slot->used_len >= RESPONSE_LEAST && slot->used_len < slot->expect)
		missing = slot->expect - slot->used_len;
	if (missing > slot_data_len(slot))
		missing = slot_data_len(slot);
	return missing > claimed ? missing : claimed;
}

/*
 * Whether a unit attention says that another disk may have the LUN's address now (SPC): power-on or
 * reset, changed INQUIRY data or identifier, other LUNs on the target.
 */
static bool puts_identity_in_doubt(const struct scsi_sense *sense)
{
	if (sense->key != SCSI_KEY_UNIT_ATTENTION)
		return false;
	if (sense->asc == SCSI_ASC_RESET)
		return true;
	return sense->asc == SCSI_ASC_TARGET_CHANGED &&
	       (sense->ascq == SCSI_ASCQ_INQUIRY_CHANGED ||
		sense->ascq == SCSI_ASCQ_IDENTITY_CHANGED || sense->ascq == SCSI_ASCQ_LUNS_CHANGED);
}

/* Tells the device of a unit attention. Nothing is sent to a LUN whose identity is in doubt. */
static void note_unit_attention(struct ioq *ioq, struct io_lun *lun, const struct scsi_sense *sense)
{
	if (lun->probe) {
		if (puts_identity_in_doubt(sense))
			atomic_store(&lun->attention, true);
		return;
	}
	notice_add(&ioq->set->notices, lun, sense->asc, sense->ascq, puts_identity_in_doubt(sense));
}

/*
 * The answer that there is no such LUN may be all that is seen of one that was removed: the next
 * command could be for another disk. A LUN for raw commands alone is left to its owner.
 */
static void note_absence(struct ioq *ioq, struct io_lun *lun)
{
	if (!lun->probe)
		notice_add(&ioq->set->notices, lun, SCSI_ASC_NO_SUCH_LUN, 0, lun->block_size);
}

/* Whether a request must not be executed twice, and may have been when it is cut short. */
static bool is_once_only(const struct ioq *ioq, const struct slot *slot)
{
	return (slot->flags & SLOT_NO_REPLAY) || ioq->set->report;
}

/* The delay before a request is sent again, in milliseconds: longer each time. */
static uint32_t next_delay(const struct slot_timer *timer)
{
	if (!timer->delay_ms)
		return 1;
	return timer->delay_ms < DELAY_MOST ? 2 * timer->delay_ms : DELAY_MOST;
}

/*
 * Whether a request is to be sent again. What another handle found is decoded when its own one
 * polls: the device may have reconnected since, without something that the request needs. A busy
 * LUN is asked for as long as the request may take, everything else only so many times.
 */
static bool may_send_again(struct ioq *ioq, struct slot *slot, enum scsi_retry retry)
{
	const struct io_lun *lun = slot_lun(slot);
	uint16_t most = slot->flags & SLOT_RAW ? slot->retries : lun->retries;

	if (retry == SCSI_RETRY_NEVER || (slot->flags & SLOT_ABORTED) || !most ||
	    io_lun_state(lun) == LUN_GONE || !slot_is_possible(ioq, slot))
		return false;
	if (retry == SCSI_RETRY_ABORTED && (is_once_only(ioq, slot) || (slot->flags & SLOT_RESET)))
		return false;
	if (retry != SCSI_RETRY_LATER && slot->tries >= most)
		return false;
	return retry == SCSI_RETRY_NOW ||
	       timeout_allows(ioq, slot, next_delay(slot_timer(ioq, slot)));
}

static void send_again(struct ioq *ioq, struct slot *slot, enum scsi_retry retry)
{
	struct slot_timer *timer = slot_timer(ioq, slot);

	stats_count_again(ioq, slot, STATS_RETRIES);
	PROBE3(retry, slot_lun(slot)->target, slot_lun(slot)->number, slot->user_data);
	backoff_append(ioq, slot);
	if (retry != SCSI_RETRY_NOW) {
		timer->delay_ms = next_delay(timer);
		slot->due += timer->delay_ms;
	}
	if (retry != SCSI_RETRY_LATER)
		slot->tries++;
	slot->flags = (uint8_t)((slot->flags | SLOT_RETRIED) & ~SLOT_RESET);
}

/*
 * The result of a request that failed with @result. What ended it determines that: its time
 * limit, an abort or a reset by the application; or another, and then it is not known whether it
 * was executed.
 */
static int failed_result(const struct ioq *ioq, const struct slot *slot, int result,
			 enum scsi_retry retry)
{
	if (slot->flags & SLOT_ABORTED)
		return slot_timer(ioq, slot)->result;
	if (retry != SCSI_RETRY_ABORTED)
		return result;
	if (slot->flags & SLOT_RESET)
		return -ECANCELED;
	return is_once_only(ioq, slot) ? -ECONNRESET : result;
}

/* The only request that moves no data, except for raw commands. */
static bool is_flush(const struct slot *slot)
{
	return !(slot->flags & SLOT_RAW) && (slot->shape & SHAPE_TABLE) == SHAPE(0, 0);
}

static bool decode_unwritten(struct ioq *ioq, struct slot *slot, struct vscsi_completion *out)
{
	ioq_count_error(ioq);
	timeout_take_resets(ioq);
	out->residual = slot_data_len(slot);
	out->result =
		failed_result(ioq, slot, -EPROTO,
			      slot->flags & SLOT_RESET ? SCSI_RETRY_ABORTED : SCSI_RETRY_NEVER);
	return true;
}

/* VPD page B0h may announce more for COMPARE AND WRITE than is taken (SPDK: one block). */
static void note_refusal(const struct slot *slot, struct io_lun *lun)
{
	const uint8_t *cdb = private_cdb(slot);

	if (cdb && scsi_cdb_compare_blocks(cdb) > 1)
		atomic_store_explicit(&lun->caw_one, true, memory_order_relaxed);
}

bool slot_decode(struct ioq *ioq, struct slot *slot, struct vscsi_completion *out)
{
	struct io_lun *lun = slot_lun(slot);
	struct virtio_scsi_cmd_resp resp;
	struct scsi_sense decoded;
	const struct scsi_sense *sense;
	enum scsi_retry retry;

	memcpy(&resp, slot_response(slot), offsetof(struct virtio_scsi_cmd_resp, sense));
	slot_forget(slot);
	memset(out, 0, sizeof(*out));
	out->user_data = slot->user_data;
	out->response = resp.response;
	if (resp.response == RESPONSE_UNWRITTEN)
		return decode_unwritten(ioq, slot, out);
	if (slot->used_len < RESPONSE_LEAST)
		ioq_count_short(ioq);
	out->status = resp.status;
	out->status_qualifier = le16toh(resp.status_qualifier);
	sense = copy_sense(ioq, slot, le32toh(resp.sense_len), out, &decoded) ? &decoded : NULL;
	if (sense && sense->key == SCSI_KEY_UNIT_ATTENTION)
		note_unit_attention(ioq, lun, sense);
	if (sense && sense->key == SCSI_KEY_ILLEGAL_REQUEST && sense->asc == SCSI_ASC_INVALID_FIELD)
		note_refusal(slot, lun);
	out->result = scsi_result(out->response, out->status, sense);
	if (out->result == -ENODEV)
		note_absence(ioq, lun);
	retry = scsi_retry(out->response, out->status, sense);
	if (retry == SCSI_RETRY_ABORTED)
		timeout_take_resets(ioq);
	if (may_send_again(ioq, slot, retry)) {
		send_again(ioq, slot, retry);
		return false;
	}
	if (out->result && is_flush(slot) &&
	    scsi_flush_is_void(out->response, out->status, sense, lun->write_cache))
		out->result = 0;
	out->residual = find_residual(ioq, slot, le32toh(resp.resid), out->result == 0);
	if (out->result == 0 && out->residual && !(slot->flags & SLOT_RAW))
		out->result = -EBADMSG;
	if (out->result)
		out->result = failed_result(ioq, slot, out->result, retry);
	return true;
}
