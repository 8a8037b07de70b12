/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of SCSI commands: one line a command says all that the dispatcher has to know.
 */
#ifndef TARGET_SCSI_OP_H
#define TARGET_SCSI_OP_H

#include "scsi.h"

/* What is special about a command. */
#define OP_OUT    1  /* carries data to the unit; without it, @length counts data to the client */
#define OP_MEDIUM 2  /* needs a medium that is spinning */
#define OP_WRITES 4  /* changes the medium */
#define OP_ALWAYS 8  /* answered although a unit attention is pending (SAM-5) */
#define OP_ABSENT 16 /* answered for a unit that does not exist */
#define OP_THIN   32 /* exists only on a thin unit */
#define OP_WLUN   64 /* answered by the REPORT LUNS well-known unit too */

struct scsi_op {
	uint8_t opcode;
	int8_t action; /* service action in byte 1, or -1 */
	uint8_t cdb_len;
	uint8_t flags;
	/* Data bytes the CDB speaks of; NULL for a command without data. */
	uint64_t (*length)(const struct scsi_task *t);
	void (*run)(struct scsi_task *t);
	/*
	 * CDB usage data (SPC-4, "One_command parameter data format"): a set bit may be used, any
	 * other must be zero.
	 */
	uint8_t usage[16];
};

/* scsi_op_find - the command that a CDB asks for, or NULL. @cdb has at least two bytes. */
const struct scsi_op *scsi_op_find(const uint8_t *cdb);

/* scsi_op_at - the commands one after the other, for a listing; NULL behind the last. */
const struct scsi_op *scsi_op_at(unsigned int i);

/* The commands, grouped by file. Each ends the task by task_reply, task_fail* or just returning. */
void run_nothing(struct scsi_task *t); /* basic.c */
void run_request_sense(struct scsi_task *t);
void run_start_stop(struct scsi_task *t);
void run_report_luns(struct scsi_task *t); /* report.c */
void run_report_opcodes(struct scsi_task *t);
void run_inquiry(struct scsi_task *t);    /* inquiry.c */
void run_mode_sense(struct scsi_task *t); /* mode.c */
void run_capacity10(struct scsi_task *t); /* capacity.c */
void run_capacity16(struct scsi_task *t);
void run_read(struct scsi_task *t); /* rw.c */
void run_write(struct scsi_task *t);
void run_sync(struct scsi_task *t);
void run_verify(struct scsi_task *t); /* compare.c */
void run_compare_and_write(struct scsi_task *t);
void run_unmap(struct scsi_task *t); /* provisioning.c */
void run_write_same(struct scsi_task *t);

/* The lengths, beside the commands that they belong to. */
uint64_t length_blocks(const struct scsi_task *t);
uint64_t length_verify(const struct scsi_task *t);
uint64_t length_compare(const struct scsi_task *t);
uint64_t length_write_same(const struct scsi_task *t);

/* A range of blocks as READ, WRITE, VERIFY and their like of every size name it. */
struct block_range {
	uint64_t lba;
	uint32_t count;
};

/* cdb_range - read it; a READ(6) or WRITE(6) of zero means 256 blocks (SBC-3, READ(6)). */
struct block_range cdb_range(const uint8_t *cdb);

/*
 * range_ok - check a range against the unit's size and @limit blocks.
 * Returns false after failing the task with the right sense.
 */
bool range_ok(struct scsi_task *t, const struct block_range *r, uint32_t limit);

#endif
