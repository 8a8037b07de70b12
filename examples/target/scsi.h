/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Execution of a SCSI command: its task structure and the helpers that all command handlers share.
 * Independent of rings.
 */
#ifndef TARGET_SCSI_H
#define TARGET_SCSI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lun.h"
#include "sgl.h"

#define CDB_MAX                260 /* longest CDB (SPC-4) */
#define SENSE_MAX              18  /* fixed format sense data (SPC-4, "Fixed format sense data") */

#define STATUS_GOOD            0x00
#define STATUS_CHECK_CONDITION 0x02
#define STATUS_CONFLICT        0x18 /* RESERVATION CONFLICT */

#define KEY_NOT_READY          0x2
#define KEY_MEDIUM_ERROR       0x3
#define KEY_HARDWARE_ERROR     0x4
#define KEY_ILLEGAL_REQUEST    0x5
#define KEY_UNIT_ATTENTION     0x6
#define KEY_DATA_PROTECT       0x7
#define KEY_MISCOMPARE         0xe

/* Additional sense codes with qualifiers. */
#define ASC_NOT_READY            0x0400
#define ASC_NOT_READY_STOPPED    0x0402
#define ASC_WRITE_ERROR          0x0C00
#define ASC_READ_ERROR           0x1100
#define ASC_PARAM_LIST_LENGTH    0x1A00
#define ASC_MISCOMPARE           0x1D00
#define ASC_INVALID_OPCODE       0x2000
#define ASC_LBA_OUT_OF_RANGE     0x2100
#define ASC_INVALID_FIELD_IN_CDB 0x2400
#define ASC_LUN_NOT_SUPPORTED    0x2500
#define ASC_INVALID_PARAM_FIELD  0x2600
#define ASC_INVALID_RELEASE      0x2604
#define ASC_WRITE_PROTECTED      0x2700
#define ASC_SPACE_ALLOCATION     0x2707
#define ASC_SAVING_NOT_SUPPORTED 0x3900
#define ASC_TARGET_FAILURE       0x4400

/* Each target of the device has one port, and this port is its only group. */
#define TARGET_PORT       1
#define TARGET_PORT_GROUP 1

/* Limits reported in VPD page B0h. */
#define UNMAP_MAX_DESCRIPTORS 256
#define WRITE_SAME_MAX_BYTES  (UINT32_C(64) << 20)
#define COMPARE_MAX_BLOCKS    128

/* The addressed unit. */
enum addressee {
	TO_LUN,         /* task->lun */
	TO_ABSENT_LUN,  /* the target exists, the unit does not */
	TO_REPORT_LUNS, /* the well-known logical unit C1 01 */
};

/* What the virtio response is made from. */
enum outcome {
	RAN,         /* status and sense are valid */
	OVERRAN,     /* the data exceeds the buffers; the command was not executed */
	TRANSFER_BAD /* client memory could not be read or written */
};

struct scsi_op;

struct scsi_task {
	struct lun_table *luns;
	unsigned int nexus;   /* whose command it is, see NEXUSES */
	uint32_t max_sectors; /* largest transfer, in units of 512 bytes */
	enum addressee to;
	uint8_t target;
	struct lun *lun;    /* NULL unless TO_LUN */
	const uint8_t *cdb; /* at least 16 bytes, padded with zeros */
	struct sgl out;     /* data-out */
	struct sgl in;      /* data-in buffers */
	/* results */
	enum outcome outcome;
	uint8_t status;
	uint8_t sense[SENSE_MAX];
	uint64_t out_done; /* bytes of @out processed */
	uint64_t in_done;  /* bytes of @in filled */
	/* set by scsi_run for the handler */
	const struct scsi_op *op;
	uint64_t
		wanted; /* data bytes that the CDB speaks of: allocation, list or transfer length */
};

/*
 * scsi_run - execute a command completely.
 * The fields of @t up to @in are the input; the results are set on return. All memory in the lists
 * belongs to the client and can change at any time: it is copied before it is checked.
 */
void scsi_run(struct scsi_task *t);

/*
 * scsi_only_medium - whether scsi_run() would use nothing but the medium, as a READ does, so that
 * other such commands can run at the same time. No other thread changes the answer meanwhile.
 */
bool scsi_only_medium(const struct scsi_task *t);

/* task_fail - end with CHECK CONDITION; @asc is ASC and ASCQ, such as 0x2400. */
void task_fail(struct scsi_task *t, uint8_t key, uint16_t asc);

/*
 * task_fail_field - the same for an invalid field, with a field pointer (SPC-4, "Field pointer").
 * @in_cdb: whether @byte is in the CDB (5/24/00) or in the parameter list (5/26/00)
 * @bit: the field's most significant bit, or -1 for the whole byte
 */
void task_fail_field(struct scsi_task *t, bool in_cdb, unsigned int byte, int bit);

/* task_fail_info - the same with the INFORMATION field, if @info fits 32 bits. */
void task_fail_info(struct scsi_task *t, uint8_t key, uint16_t asc, uint64_t info);

/*
 * task_fail_store - map a store's error to sense data: a medium error at @lba or out of space; or
 * to TRANSFER_BAD if accessing client memory failed.
 */
void task_fail_store(struct scsi_task *t, int error, bool writing, uint64_t lba);

/*
 * task_settle - end a task after a change of the medium with the result @rc, which is flushed first
 * if @flush is set; after an error, with sense data for @lba.
 */
void task_settle(struct scsi_task *t, int rc, bool flush, uint64_t lba);

/* task_reply - return @len bytes of parameter data, truncated to the allocation length. */
void task_reply(struct scsi_task *t, const void *data, size_t len);

/*
 * sense_fill - write fixed format sense data into @sense (SENSE_MAX bytes), without INFORMATION and
 * sense-key specific bytes.
 */
void sense_fill(uint8_t *sense, uint8_t key, uint16_t asc);

/*
 * scsi_limits - limits of one command for a unit, as reported in page B0h.
 */
struct scsi_limits {
	uint32_t transfer;   /* blocks in a READ, WRITE, VERIFY */
	uint32_t compare;    /* blocks in a COMPARE AND WRITE */
	uint32_t write_same; /* blocks in a WRITE SAME */
	uint32_t unmap;      /* blocks in all ranges of an UNMAP */
};

struct scsi_limits scsi_limits(const struct scsi_task *t);

#endif
