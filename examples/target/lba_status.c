/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GET LBA STATUS (SBC-3): which blocks are deallocated.
 */
#include <string.h>

#include "../../src/util/bits.h"
#include "scsi_op.h"

#define HEADER      8
#define DESCRIPTOR  16
#define DESCRIPTORS 64 /* most of one reply */

#define MAPPED      0
#define DEALLOCATED 1

/* A run of blocks with the same status. */
struct run {
	uint64_t blocks;
	uint8_t status;
};

/* The run that begins at @lba. A block that is only partly in a hole is mapped. */
static struct run run_at(const struct lun *lun, uint64_t lba)
{
	const uint32_t bs = lun->block_size;
	struct store *s = lun->store;
	uint64_t bytes;
	bool hole = false;

	/* All blocks of a LUN that is not thin provisioned are mapped. */
	if (!lun->thin || !s->ops->extent)
		return (struct run){lun->blocks - lba, MAPPED};
	bytes = s->ops->extent(s, lba * bs, &hole);
	if (hole && bytes >= bs)
		return (struct run){bytes / bs, DEALLOCATED};
	return (struct run){hole ? 1 : (bytes + bs - 1) / bs, MAPPED};
}

static void put_descriptor(uint8_t *d, uint64_t lba, const struct run *run)
{
	put_be64(d, lba);
	put_be32(d + 8, (uint32_t)run->blocks);
	d[12] = run->status;
}

void run_lba_status(struct scsi_task *t)
{
	uint8_t d[HEADER + DESCRIPTORS * DESCRIPTOR] = {0};
	const struct lun *lun = t->lun;
	uint64_t lba = get_be64(t->cdb + 2);
	unsigned int count = 0;
	struct run run;

	if (lba >= lun->blocks) {
		task_fail(t, KEY_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE);
		return;
	}
	for (; lba < lun->blocks && count < DESCRIPTORS; lba += run.blocks, count++) {
		run = run_at(lun, lba);
		if (run.blocks > lun->blocks - lba)
			run.blocks = lun->blocks - lba;
		if (run.blocks > UINT32_MAX)
			run.blocks = UINT32_MAX;
		put_descriptor(d + HEADER + (size_t)count * DESCRIPTOR, lba, &run);
	}
	/* Without the field itself. */
	put_be32(d, HEADER - 4 + count * DESCRIPTOR);
	task_reply(t, d, HEADER + (size_t)count * DESCRIPTOR);
}
