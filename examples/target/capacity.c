/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * READ CAPACITY (SBC-3).
 */
#include "../../src/util/bits.h"
#include "scsi_op.h"

void run_capacity10(struct scsi_task *t)
{
	uint64_t last = t->lun->blocks - 1;
	uint8_t d[8];

	/* All ones: the size does not fit 32 bits; use READ CAPACITY(16). */
	put_be32(d, last > UINT32_MAX ? UINT32_MAX : (uint32_t)last);
	put_be32(d + 4, t->lun->block_size);
	task_reply(t, d, sizeof(d));
}

void run_capacity16(struct scsi_task *t)
{
	uint8_t d[32] = {0};

	put_be64(d, t->lun->blocks - 1);
	put_be32(d + 8, t->lun->block_size);
	if (t->lun->thin)
		d[14] = 0xc0; /* LBPME, LBPRZ */
	task_reply(t, d, sizeof(d));
}
