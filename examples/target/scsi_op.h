/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of SCSI commands: each entry has everything that the dispatcher needs.
 */
#ifndef TARGET_SCSI_OP_H
#define TARGET_SCSI_OP_H

#include "scsi.h"

/* Properties of a command. */
#define OP_OUT    1  /* data-out command; without it, @length is the length of data-in */
#define OP_MEDIUM 2  /* needs a started unit */
#define OP_WRITES 4  /* changes the medium */
#define OP_ALWAYS 8  /* executed even if a unit attention is pending (SAM-5) */
#define OP_ABSENT 16 /* executed even if the unit does not exist */
#define OP_THIN   32 /* only for thin-provisioned units */
#define OP_WLUN   64 /* also for the REPORT LUNS well-known unit */
/* Executed although another nexus has a reservation: of any type, or one that allows to read. */
#define OP_ANY_RESERVATION  128
#define OP_READ_RESERVATION 256

struct scsi_op {
	uint8_t opcode;
	int8_t action; /* service action in byte 1, or -1 */
	uint8_t cdb_len;
	uint16_t flags;
	/* Data length according to the CDB; NULL for a command without data. */
	uint64_t (*length)(const struct scsi_task *t);
	void (*run)(struct scsi_task *t);
	/*
	 * CDB usage data (SPC-4, "One_command parameter data format"): bits that are not set are
	 * reserved and must be zero in a CDB.
	 */
	uint8_t usage[16];
};

/* scsi_op_find - the entry for a CDB of at least two bytes, or NULL. */
const struct scsi_op *scsi_op_find(const uint8_t *cdb);

/*
 * scsi_op_has_actions - whether commands with this opcode are told apart by a service action; false
 * if there are none.
 */
bool scsi_op_has_actions(uint8_t opcode);

/* scsi_op_at - entry @i of the table, NULL after the last. */
const struct scsi_op *scsi_op_at(unsigned int i);

/*
 * The commands, by file. Each completes the task by task_reply, task_fail*, or just by returning.
 */
void run_nothing(struct scsi_task *t); /* basic.c */
void run_request_sense(struct scsi_task *t);
void run_start_stop(struct scsi_task *t);
void run_report_luns(struct scsi_task *t); /* report.c */
void run_report_opcodes(struct scsi_task *t);
void run_inquiry(struct scsi_task *t);    /* inquiry.c */
void run_mode_sense(struct scsi_task *t); /* mode.c */
void run_mode_select(struct scsi_task *t);
void run_log_sense(struct scsi_task *t);     /* log.c */
void run_target_groups(struct scsi_task *t); /* report.c */
void run_reserve_in(struct scsi_task *t);    /* reserve.c */
void run_reserve_out(struct scsi_task *t);
void run_capacity10(struct scsi_task *t); /* capacity.c */
void run_capacity16(struct scsi_task *t);
void run_lba_status(struct scsi_task *t); /* lba_status.c */
void run_read(struct scsi_task *t);       /* rw.c */
void run_write(struct scsi_task *t);
void run_sync(struct scsi_task *t);
void run_verify(struct scsi_task *t); /* compare.c */
void run_compare_and_write(struct scsi_task *t);
void run_write_and_verify(struct scsi_task *t);
void run_unmap(struct scsi_task *t); /* provisioning.c */
void run_write_same(struct scsi_task *t);

/* Data lengths; each is in the file of its command. */
uint64_t length_blocks(const struct scsi_task *t);
uint64_t length_verify(const struct scsi_task *t);
uint64_t length_compare(const struct scsi_task *t);
uint64_t length_write_same(const struct scsi_task *t);

/* The block range of a READ, WRITE, VERIFY or similar command, in a CDB of any size. */
struct block_range {
	uint64_t lba;
	uint32_t count;
};

/* cdb_range - the block range of a CDB; 0 in READ(6) or WRITE(6) means 256 (SBC-3, READ(6)). */
struct block_range cdb_range(const uint8_t *cdb);

/*
 * range_ok - check a range against the size of the unit and @limit blocks.
 * Returns false after failing the task.
 */
bool range_ok(struct scsi_task *t, const struct block_range *r, uint32_t limit);

#endif
