/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ends a command with sense data.
 */
#include <errno.h>
#include <string.h>

#include "../../src/util/bits.h"
#include "scsi.h"

void sense_fill(uint8_t *sense, uint8_t key, uint16_t asc)
{
	memset(sense, 0, SENSE_MAX);
	sense[0] = 0x70; /* current error, fixed format */
	sense[2] = key;
	sense[7] = SENSE_MAX - 8;
	put_be16(sense + 12, asc);
}

void task_fail(struct scsi_task *t, uint8_t key, uint16_t asc)
{
	t->status = STATUS_CHECK_CONDITION;
	sense_fill(t->sense, key, asc);
}

void task_fail_field(struct scsi_task *t, bool in_cdb, unsigned int byte, int bit)
{
	task_fail(t, KEY_ILLEGAL_REQUEST,
		  in_cdb ? ASC_INVALID_FIELD_IN_CDB : ASC_INVALID_PARAM_FIELD);
	t->sense[15] = 0x80; /* SKSV: the pointer is valid */
	if (in_cdb)
		t->sense[15] |= 0x40;
	if (bit >= 0)
		t->sense[15] |= (uint8_t)(0x08 | bit);
	put_be16(t->sense + 16, (uint16_t)byte);
}

void task_fail_info(struct scsi_task *t, uint8_t key, uint16_t asc, uint64_t info)
{
	task_fail(t, key, asc);
	/*
	 * Fixed format has 32 bits; a larger value is omitted, not truncated (SPC-4, "Fixed
	 * format sense data").
	 */
	if (info > UINT32_MAX)
		return;
	t->sense[0] |= 0x80;
	put_be32(t->sense + 3, (uint32_t)info);
}

void task_fail_store(struct scsi_task *t, int error, bool writing, uint64_t lba)
{
	if (error == -EFAULT)
		t->outcome = TRANSFER_BAD;
	else if (error == -ENOTCONN)
		task_fail(t, KEY_NOT_READY, ASC_NOT_READY);
	else if (error == -ENOSPC && writing)
		task_fail(t, KEY_DATA_PROTECT, ASC_SPACE_ALLOCATION);
	else
		task_fail_info(t, KEY_MEDIUM_ERROR, writing ? ASC_WRITE_ERROR : ASC_READ_ERROR,
			       lba);
}
