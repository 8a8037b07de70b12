/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of commands. A new command is one entry here and a handler elsewhere.
 */
#include "scsi_op.h"

#include "../../src/util/bits.h"

static uint64_t length_4(const struct scsi_task *t)
{
	return t->cdb[4];
}

static uint64_t length_3_16(const struct scsi_task *t)
{
	return get_be16(t->cdb + 3);
}

static uint64_t length_7_16(const struct scsi_task *t)
{
	return get_be16(t->cdb + 7);
}

static uint64_t length_6_32(const struct scsi_task *t)
{
	return get_be32(t->cdb + 6);
}

static uint64_t length_10_32(const struct scsi_task *t)
{
	return get_be32(t->cdb + 10);
}

static uint64_t length_5_32(const struct scsi_task *t)
{
	return get_be32(t->cdb + 5);
}

static uint64_t length_8_fixed(const struct scsi_task *t)
{
	(void)t;
	return 8;
}

#define LBA4 0xff, 0xff, 0xff, 0xff
#define LBA8 LBA4, LBA4
/* The reservations are those of SPC-4 and SBC-3, "commands that are allowed in the presence of". */
#define READS    (OP_MEDIUM | OP_READ_RESERVATION)
#define WRITES   (OP_MEDIUM | OP_WRITES | OP_OUT)
#define STATE    (OP_MEDIUM | OP_ANY_RESERVATION)
#define RESERVES (OP_OUT | OP_ANY_RESERVATION)
#define RESERVE_IN                                    \
	{                                             \
		0x5e, 0x1f, 0, 0, 0, 0, 0, 0xff, 0xff \
	}
#define RESERVE_OUT                          \
	{                                    \
		0x5f, 0x1f, 0xff, 0, 0, LBA4 \
	}
#define EARLY (OP_ALWAYS | OP_ABSENT | OP_WLUN | OP_ANY_RESERVATION)

/* clang-format off */
static const struct scsi_op ops[] = {
	/* TEST UNIT READY */
	{0x00, -1, 6, STATE, NULL, run_nothing, {0x00}},
	/* REQUEST SENSE */
	{0x03, -1, 6, EARLY, length_4, run_request_sense, {0x03, 0, 0, 0, 0xff}},
	/* READ(6), WRITE(6) */
	{0x08, -1, 6, READS, length_blocks, run_read, {0x08, 0x1f, 0xff, 0xff, 0xff}},
	{0x0a, -1, 6, WRITES, length_blocks, run_write, {0x0a, 0x1f, 0xff, 0xff, 0xff}},
	/* INQUIRY */
	{0x12, -1, 6, EARLY, length_3_16, run_inquiry, {0x12, 0x01, 0xff, 0xff, 0xff}},
	/* MODE SELECT(6), MODE SENSE(6) */
	{0x15, -1, 6, OP_OUT, length_4, run_mode_select, {0x15, 0x11, 0, 0, 0xff}},
	{0x1a, -1, 6, OP_READ_RESERVATION, length_4, run_mode_sense,
	 {0x1a, 0x08, 0xff, 0xff, 0xff}},
	/* START STOP UNIT */
	{0x1b, -1, 6, 0, NULL, run_start_stop, {0x1b, 0x01, 0, 0, 0x05}},
	/* SEND DIAGNOSTIC: the default self-test, which has nothing to test */
	{0x1d, -1, 6, OP_MEDIUM, NULL, run_nothing, {0x1d, 0x04}},
	/* PREVENT ALLOW MEDIUM REMOVAL: no medium is removable */
	{0x1e, -1, 6, 0, NULL, run_nothing, {0x1e, 0, 0, 0, 0x03}},
	/* READ CAPACITY(10) */
	{0x25, -1, 10, STATE, length_8_fixed, run_capacity10, {0x25}},
	/* READ(10), WRITE(10), WRITE AND VERIFY(10), VERIFY(10) */
	{0x28, -1, 10, READS, length_blocks, run_read, {0x28, 0x18, LBA4, 0x3f, 0xff, 0xff}},
	{0x2a, -1, 10, WRITES, length_blocks, run_write, {0x2a, 0x18, LBA4, 0x3f, 0xff, 0xff}},
	{0x2e, -1, 10, WRITES, length_blocks, run_write_and_verify,
	 {0x2e, 0x16, LBA4, 0x3f, 0xff, 0xff}},
	{0x2f, -1, 10, READS | OP_OUT, length_verify, run_verify,
	 {0x2f, 0x16, LBA4, 0x3f, 0xff, 0xff}},
	/* SYNCHRONIZE CACHE(10) */
	{0x35, -1, 10, OP_MEDIUM, NULL, run_sync, {0x35, 0x02, LBA4, 0x3f, 0xff, 0xff}},
	/* WRITE SAME(10) */
	{0x41, -1, 10, WRITES, length_write_same, run_write_same,
	 {0x41, 0x08, LBA4, 0x3f, 0xff, 0xff}},
	/* UNMAP */
	{0x42, -1, 10, WRITES | OP_THIN, length_7_16, run_unmap,
	 {0x42, 0, 0, 0, 0, 0, 0x3f, 0xff, 0xff}},
	/* LOG SENSE */
	{0x4d, -1, 10, OP_ANY_RESERVATION, length_7_16, run_log_sense,
	 {0x4d, 0, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff}},
	/* MODE SELECT(10), MODE SENSE(10) */
	{0x55, -1, 10, OP_OUT, length_7_16, run_mode_select,
	 {0x55, 0x11, 0, 0, 0, 0, 0, 0xff, 0xff}},
	{0x5a, -1, 10, OP_READ_RESERVATION, length_7_16, run_mode_sense,
	 {0x5a, 0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff}},
	/* PERSISTENT RESERVE IN: keys, reservation, capabilities, full status */
	{0x5e, 0x00, 10, OP_ANY_RESERVATION, length_7_16, run_reserve_in, RESERVE_IN},
	{0x5e, 0x01, 10, OP_ANY_RESERVATION, length_7_16, run_reserve_in, RESERVE_IN},
	{0x5e, 0x02, 10, OP_ANY_RESERVATION, length_7_16, run_reserve_in, RESERVE_IN},
	{0x5e, 0x03, 10, OP_ANY_RESERVATION, length_7_16, run_reserve_in, RESERVE_IN},
	/*
	 * PERSISTENT RESERVE OUT: REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT AND ABORT,
	 * REGISTER AND IGNORE EXISTING KEY. They look for conflicts themselves.
	 */
	{0x5f, 0x00, 10, RESERVES, length_5_32, run_reserve_out, RESERVE_OUT},
	{0x5f, 0x01, 10, RESERVES, length_5_32, run_reserve_out, RESERVE_OUT},
	{0x5f, 0x02, 10, RESERVES, length_5_32, run_reserve_out, RESERVE_OUT},
	{0x5f, 0x03, 10, RESERVES, length_5_32, run_reserve_out, RESERVE_OUT},
	{0x5f, 0x04, 10, RESERVES, length_5_32, run_reserve_out, RESERVE_OUT},
	{0x5f, 0x05, 10, RESERVES, length_5_32, run_reserve_out, RESERVE_OUT},
	{0x5f, 0x06, 10, RESERVES, length_5_32, run_reserve_out, RESERVE_OUT},
	/* READ(16), COMPARE AND WRITE, WRITE(16), WRITE AND VERIFY(16), VERIFY(16) */
	{0x88, -1, 16, READS, length_blocks, run_read, {0x88, 0x18, LBA8, LBA4, 0x3f}},
	{0x89, -1, 16, WRITES, length_compare, run_compare_and_write,
	 {0x89, 0x18, LBA8, 0, 0, 0, 0xff, 0x3f}},
	{0x8a, -1, 16, WRITES, length_blocks, run_write, {0x8a, 0x18, LBA8, LBA4, 0x3f}},
	{0x8e, -1, 16, WRITES, length_blocks, run_write_and_verify, {0x8e, 0x16, LBA8, LBA4, 0x3f}},
	{0x8f, -1, 16, READS | OP_OUT, length_verify, run_verify,
	 {0x8f, 0x16, LBA8, LBA4, 0x3f}},
	/* SYNCHRONIZE CACHE(16) */
	{0x91, -1, 16, OP_MEDIUM, NULL, run_sync, {0x91, 0x02, LBA8, LBA4, 0x3f}},
	/* WRITE SAME(16) */
	{0x93, -1, 16, WRITES, length_write_same, run_write_same, {0x93, 0x09, LBA8, LBA4, 0x3f}},
	/* SERVICE ACTION IN(16): READ CAPACITY(16), GET LBA STATUS */
	{0x9e, 0x10, 16, STATE, length_10_32, run_capacity16,
	 {0x9e, 0x1f, 0, 0, 0, 0, 0, 0, 0, 0, LBA4}},
	{0x9e, 0x12, 16, READS, length_10_32, run_lba_status, {0x9e, 0x1f, LBA8, LBA4}},
	/* REPORT LUNS */
	{0xa0, -1, 12, EARLY, length_6_32, run_report_luns, {0xa0, 0, 0xff, 0, 0, 0, LBA4}},
	/* MAINTENANCE IN: REPORT TARGET PORT GROUPS, REPORT SUPPORTED OPERATION CODES */
	{0xa3, 0x0a, 12, OP_ANY_RESERVATION, length_6_32, run_target_groups,
	 {0xa3, 0x3f, 0, 0, 0, 0, LBA4}},
	{0xa3, 0x0c, 12, OP_READ_RESERVATION, length_6_32, run_report_opcodes,
	 {0xa3, 0x1f, 0x87, 0xff, 0xff, 0xff, LBA4}},
	/* READ(12), WRITE(12), WRITE AND VERIFY(12), VERIFY(12) */
	{0xa8, -1, 12, READS, length_blocks, run_read, {0xa8, 0x18, LBA4, LBA4, 0x3f}},
	{0xaa, -1, 12, WRITES, length_blocks, run_write, {0xaa, 0x18, LBA4, LBA4, 0x3f}},
	{0xae, -1, 12, WRITES, length_blocks, run_write_and_verify,
	 {0xae, 0x16, LBA4, LBA4, 0x3f}},
	{0xaf, -1, 12, READS | OP_OUT, length_verify, run_verify,
	 {0xaf, 0x16, LBA4, LBA4, 0x3f}},
};
/* clang-format on */

const struct scsi_op *scsi_op_find(const uint8_t *cdb)
{
	/* Index + 1 in ops[] by opcode; filled at the first use. */
	static __thread uint8_t where[256];
	unsigned int i;

	if (where[cdb[0]] && ops[where[cdb[0]] - 1].action < 0)
		return &ops[where[cdb[0]] - 1];
	for (i = 0; i < ARRAY_LEN(ops); i++) {
		if (ops[i].opcode != cdb[0])
			continue;
		if (ops[i].action >= 0 && ops[i].action != (cdb[1] & 0x1f))
			continue;
		where[cdb[0]] = (uint8_t)(i + 1);
		return &ops[i];
	}
	return NULL;
}

bool scsi_op_has_actions(uint8_t opcode)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ops); i++)
		if (ops[i].opcode == opcode)
			return ops[i].action >= 0;
	return false;
}

const struct scsi_op *scsi_op_at(unsigned int i)
{
	return i < ARRAY_LEN(ops) ? &ops[i] : NULL;
}
