/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * REPORT LUNS, REPORT SUPPORTED OPERATION CODES and REPORT TARGET PORT GROUPS. The data of the
 * first two can exceed any fixed buffer, so it is written in parts, up to the allocation length.
 */
#include <string.h>

#include "../../src/util/bits.h"
#include "scsi_op.h"

/* Parameter data being written to the client's buffer. */
struct report {
	struct sgl to;
	uint64_t left; /* of the allocation length */
	uint64_t done;
};

static struct report report_begin(const struct scsi_task *t)
{
	return (struct report){.to = t->in, .left = t->wanted};
}

static void report_add(struct report *r, const void *data, size_t len)
{
	if (len > r->left)
		len = (size_t)r->left;
	len = sgl_write(&r->to, data, len);
	r->left -= len;
	r->done += len;
}

/*
 * Single-level addressing: peripheral device up to 255, flat space above (SAM-5, "Single level LUN
 * structure").
 */
static void encode_lun(uint8_t *out, const struct lun *lun)
{
	memset(out, 0, 8);
	put_be16(out, lun->number);
	if (lun->number > 255)
		out[0] |= 0x40;
}

/*
 * An entry of the well-known unit, which reports the units of all targets: in the format of a
 * request's LUN field: 1, target, LUN (virtio 1.4, 5.6.6.1).
 */
static void encode_address(uint8_t *out, const struct lun *lun)
{
	encode_lun(out + 2, lun);
	out[0] = 1;
	out[1] = lun->target;
}

static void add_target(struct report *r, const struct scsi_task *t, const struct lun *lun)
{
	uint8_t entry[10];

	for (; lun; lun = lun->next) {
		if (t->to == TO_REPORT_LUNS)
			encode_address(entry, lun);
		else
			encode_lun(entry, lun);
		report_add(r, entry, 8);
	}
}

static uint32_t count_luns(const struct lun *lun)
{
	uint32_t n = 0;

	for (; lun; lun = lun->next)
		n++;
	return n;
}

static void forget_change(struct lun *lun, unsigned int nexus)
{
	for (; lun; lun = lun->next)
		lun_forget_attention(lun, nexus, UA_LUNS_CHANGED);
}

void run_report_luns(struct scsi_task *t)
{
	struct report r = report_begin(t);
	unsigned int first = t->target;
	unsigned int last = first;
	uint8_t head[8] = {0};
	uint32_t n = 0;
	unsigned int i;

	if (t->cdb[2] > 2) {
		task_fail_field(t, true, 2, -1);
		return;
	}
	if (t->wanted < 16) { /* SPC-4: the list must have room for one entry */
		task_fail_field(t, true, 6, -1);
		return;
	}
	if (t->to == TO_REPORT_LUNS) {
		first = 0;
		last = MAX_TARGETS - 1;
	}
	/* SELECT REPORT 1: only well-known units; no target here has one. */
	if (t->cdb[2] == 1)
		last = first - 1;
	for (i = first; i != last + 1; i++)
		n += count_luns(t->luns->targets[i]);
	put_be32(head, n * 8);
	report_add(&r, head, sizeof(head));
	for (i = first; i != last + 1; i++) {
		add_target(&r, t, t->luns->targets[i]);
		forget_change(t->luns->targets[i], t->nexus);
	}
	t->in_done = r.done;
}

#define TIMEOUTS_LEN 12

/* RCTD: timeouts descriptors are requested. */
static bool with_timeouts(const struct scsi_task *t)
{
	return t->cdb[2] & 0x80;
}

/* 0 seconds: no timeout is indicated (SPC-4, "Command timeouts descriptor format"). */
static void put_timeouts(uint8_t *d)
{
	memset(d, 0, TIMEOUTS_LEN);
	put_be16(d, TIMEOUTS_LEN - 2);
}

/* One entry of the list of all commands (SPC-4, "All_commands parameter data format"). */
static void add_command(struct report *r, const struct scsi_op *op, bool timeouts)
{
	uint8_t d[8 + TIMEOUTS_LEN] = {0};

	d[0] = op->opcode;
	if (op->action >= 0) {
		put_be16(d + 2, (uint16_t)op->action);
		d[5] = 0x01; /* SERVACTV */
	}
	if (timeouts)
		d[5] |= 0x02; /* CTDP */
	put_be16(d + 6, op->cdb_len);
	put_timeouts(d + 8);
	report_add(r, d, timeouts ? sizeof(d) : 8);
}

static bool exists(const struct scsi_task *t, const struct scsi_op *op)
{
	return t->lun->thin || !(op->flags & OP_THIN);
}

static void report_all(struct scsi_task *t)
{
	struct report r = report_begin(t);
	const struct scsi_op *op;
	uint8_t head[4];
	uint32_t n = 0;
	unsigned int i;

	for (i = 0; (op = scsi_op_at(i)); i++)
		n += exists(t, op);
	put_be32(head, n * (8 + (with_timeouts(t) ? TIMEOUTS_LEN : 0)));
	report_add(&r, head, sizeof(head));
	for (i = 0; (op = scsi_op_at(i)); i++)
		if (exists(t, op))
			add_command(&r, op, with_timeouts(t));
	t->in_done = r.done;
}

/* One command and its usage data (SPC-4, "One_command parameter data format"). */
static void report_one(struct scsi_task *t, uint8_t opcode, uint16_t action)
{
	const uint8_t cdb[2] = {opcode, (uint8_t)(action & 0x1f)};
	const struct scsi_op *op = action < 32 ? scsi_op_find(cdb) : NULL;
	uint8_t d[4 + 16 + TIMEOUTS_LEN] = {0};
	size_t len;

	if (!op || !exists(t, op)) {
		d[1] = 1; /* not supported */
		task_reply(t, d, 4);
		return;
	}
	d[1] = 3; /* supported according to the standard */
	put_be16(d + 2, op->cdb_len);
	memcpy(d + 4, op->usage, op->cdb_len);
	/* Usage data contains the value of the service action. */
	if (op->action >= 0)
		d[5] = (uint8_t)((d[5] & 0xe0) | op->action);
	len = 4u + op->cdb_len;
	if (with_timeouts(t)) {
		d[1] |= 0x80; /* CTDP */
		put_timeouts(d + len);
		len += TIMEOUTS_LEN;
	}
	task_reply(t, d, len);
}

/*
 * One group with one port, always active/optimized (SPC-4). The extended header tells an implicit
 * transition time: none.
 */
void run_target_groups(struct scsi_task *t)
{
	static const uint8_t group[12] = {0x00, 0x01, 0, TARGET_PORT_GROUP, 0, 0, 0, 1,
					  0,    0,    0, TARGET_PORT};
	uint8_t format = t->cdb[1] >> 5;
	uint8_t d[8 + sizeof(group)] = {0};
	size_t head = format ? 8 : 4;

	if (format)
		d[4] = 0x10;
	put_be32(d, (uint32_t)(head - 4 + sizeof(group)));
	memcpy(d + head, group, sizeof(group));
	task_reply(t, d, head + sizeof(group));
}

void run_report_opcodes(struct scsi_task *t)
{
	uint8_t opcode = t->cdb[3];
	uint16_t action = get_be16(t->cdb + 4);

	switch (t->cdb[2] & 0x07) {
	case 0:
		report_all(t);
		return;
	case 1: /* by opcode; not for one with service actions */
		if (scsi_op_has_actions(opcode))
			task_fail_field(t, true, 2, 2);
		else
			report_one(t, opcode, 0);
		return;
	case 2: /* by opcode and service action; not for one without */
		if (!scsi_op_has_actions(opcode) && scsi_op_find((const uint8_t[]){opcode, 0}))
			task_fail_field(t, true, 2, 2);
		else
			report_one(t, opcode, action);
		return;
	case 3: /* by opcode and, if the command has any, service action */
		report_one(t, opcode, action);
		return;
	default:
		task_fail_field(t, true, 2, 2);
	}
}
