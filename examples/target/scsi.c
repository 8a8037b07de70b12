/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks a command, in the order that the standard requires, before calling its handler.
 */
#include "scsi.h"

#include <string.h>

#include "../../src/util/bits.h"
#include "scsi_op.h"

void task_reply(struct scsi_task *t, const void *data, size_t len)
{
	struct sgl to = t->in;

	if (len > t->wanted)
		len = (size_t)t->wanted;
	t->in_done = sgl_write(&to, data, len);
}

/*
 * Bits that the command does not define, or that this unit does not support, must be zero (SPC-4
 * allows this check; a feature that is not supported must not look accepted).
 */
static bool reserved_clear(struct scsi_task *t)
{
	unsigned int i;
	uint8_t extra;

	for (i = 1; i < t->op->cdb_len; i++) {
		extra = t->cdb[i] & (uint8_t)~t->op->usage[i];
		if (extra) {
			task_fail_field(t, true, i, 31 - __builtin_clz(extra));
			return false;
		}
	}
	return true;
}

/* Whether the addressed unit supports the command. */
static bool answers(const struct scsi_task *t)
{
	if (t->to == TO_ABSENT_LUN)
		return t->op->flags & OP_ABSENT;
	if (t->to == TO_REPORT_LUNS)
		return t->op->flags & OP_WLUN;
	return t->lun->thin || !(t->op->flags & OP_THIN);
}

/*
 * Whether another nexus's reservation forbids the command. To start the unit and to allow the
 * removal of the medium is always allowed (SBC-3, SPC-4).
 */
static bool conflicts(const struct scsi_task *t)
{
	const uint8_t *cdb = t->cdb;

	if (t->op->flags & OP_ANY_RESERVATION || (cdb[0] == 0x1b && cdb[4] == 0x01) ||
	    (cdb[0] == 0x1e && !cdb[4]))
		return false;
	return reservation_conflict(&t->lun->reservations, t->nexus,
				    t->op->flags & OP_READ_RESERVATION);
}

/* Whether the unit can execute the command now; fails the task if not. */
static bool unit_ready(struct scsi_task *t)
{
	uint16_t code;

	if (t->to != TO_LUN)
		return true;
	if (!(t->op->flags & OP_ALWAYS)) {
		code = lun_take_attention(t->lun, t->nexus);
		if (code) {
			task_fail(t, KEY_UNIT_ATTENTION, code);
			return false;
		}
	}
	if (conflicts(t)) {
		t->status = STATUS_CONFLICT;
		return false;
	}
	if ((t->op->flags & OP_MEDIUM) && t->lun->stopped) {
		task_fail(t, KEY_NOT_READY, ASC_NOT_READY_STOPPED);
		return false;
	}
	return true;
}

void scsi_run(struct scsi_task *t)
{
	t->outcome = RAN;
	t->status = STATUS_GOOD;
	t->out_done = 0;
	t->in_done = 0;
	t->wanted = 0;
	t->op = scsi_op_find(t->cdb);
	if (t->to == TO_ABSENT_LUN && (!t->op || !answers(t))) {
		task_fail(t, KEY_ILLEGAL_REQUEST, ASC_LUN_NOT_SUPPORTED);
		return;
	}
	/* The service action is a field of the CDB, unlike the opcode (SPC-4). */
	if (!t->op && scsi_op_has_actions(t->cdb[0]) && t->to == TO_LUN) {
		task_fail_field(t, true, 1, 4);
		return;
	}
	if (!t->op || !answers(t)) {
		task_fail(t, KEY_ILLEGAL_REQUEST, ASC_INVALID_OPCODE);
		return;
	}
	if (!unit_ready(t) || !reserved_clear(t))
		return;
	if (t->op->length)
		t->wanted = t->op->length(t);
	if (t->op->flags & OP_WRITES && t->lun->read_only) {
		task_fail(t, KEY_DATA_PROTECT, ASC_WRITE_PROTECTED);
		return;
	}
	/* virtio 1.4, 5.6.6.1.1: OVERRUN if the data exceeds the buffers. */
	if (t->wanted > (t->op->flags & OP_OUT ? t->out.len : t->in.len)) {
		t->outcome = OVERRAN;
		return;
	}
	t->op->run(t);
}

bool scsi_only_medium(const struct scsi_task *t)
{
	const struct scsi_op *op = scsi_op_find(t->cdb);

	return t->to == TO_LUN && op && t->lun->store->parallel &&
	       !t->lun->attentions[t->nexus].count &&
	       (op->run == run_read || op->run == run_write || op->run == run_sync);
}

struct scsi_limits scsi_limits(const struct scsi_task *t)
{
	/* A power of two. */
	unsigned int shift = (unsigned int)__builtin_ctz(t->lun->block_size);
	struct scsi_limits l;

	l.transfer = (uint32_t)((uint64_t)t->max_sectors * 512 >> shift);
	if (!l.transfer)
		l.transfer = 1;
	l.compare = l.transfer < COMPARE_MAX_BLOCKS ? l.transfer : COMPARE_MAX_BLOCKS;
	l.write_same = WRITE_SAME_MAX_BYTES >> shift;
	l.unmap = UINT32_MAX;
	return l;
}
