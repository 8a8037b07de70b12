/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * READ, WRITE and SYNCHRONIZE CACHE of all sizes, and what all commands with a block range share.
 */
#include "../../src/util/bits.h"
#include "scsi_op.h"

struct block_range cdb_range(const uint8_t *cdb)
{
	struct block_range r;

	switch (cdb[0] >> 5) { /* the group code tells the CDB's layout (SPC-4, "Operation code") */
	case 0:
		r.lba = get_be24(cdb + 1) & 0x1fffff;
		r.count = cdb[4] ? cdb[4] : 256;
		break;
	case 1:
	case 2:
		r.lba = get_be32(cdb + 2);
		r.count = get_be16(cdb + 7);
		break;
	case 5:
		r.lba = get_be32(cdb + 2);
		r.count = get_be32(cdb + 6);
		break;
	default:
		r.lba = get_be64(cdb + 2);
		r.count = get_be32(cdb + 10);
	}
	return r;
}

/* Offset of the length in the CDB, for the field pointer. */
static unsigned int length_field(const uint8_t *cdb)
{
	static const uint8_t at[8] = {4, 7, 7, 0, 10, 6, 0, 0};

	return cdb[0] == 0x89 ? 13 : at[cdb[0] >> 5];
}

bool range_ok(struct scsi_task *t, const struct block_range *r, uint32_t limit)
{
	if (!range_inside(r->lba, r->count, 0, t->lun->blocks)) {
		task_fail_info(t, KEY_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, r->lba);
		return false;
	}
	if (r->count > limit) {
		task_fail_field(t, true, length_field(t->cdb), -1);
		return false;
	}
	return true;
}

uint64_t length_blocks(const struct scsi_task *t)
{
	return (uint64_t)cdb_range(t->cdb).count * t->lun->block_size;
}

/* Reads directly into client memory; the length was checked before. */
void run_read(struct scsi_task *t)
{
	struct block_range r = cdb_range(t->cdb);
	struct sgl to = t->in;
	int rc;

	if (!range_ok(t, &r, scsi_limits(t).transfer))
		return;
	rc = t->lun->store->ops->read(t->lun->store, &to, r.lba * t->lun->block_size, t->wanted);
	if (rc)
		task_fail_store(t, rc, false, r.lba);
	else
		t->in_done = t->wanted;
}

/* FUA is bit 3 of byte 1, which is part of the LBA in 6-byte commands. */
static bool has_fua(const struct scsi_task *t)
{
	return t->op->cdb_len > 6 && t->cdb[1] & 0x08;
}

/* With FUA, data is durable before GOOD is returned (SBC-3, WRITE). */
void run_write(struct scsi_task *t)
{
	struct block_range r = cdb_range(t->cdb);
	struct store *s = t->lun->store;
	struct sgl from = t->out;
	int rc;

	if (!range_ok(t, &r, scsi_limits(t).transfer))
		return;
	rc = s->ops->write(s, &from, r.lba * t->lun->block_size, t->wanted,
			   has_fua(t) || t->lun->write_through);
	task_settle(t, rc, false, r.lba);
}

void task_settle(struct scsi_task *t, int rc, bool flush, uint64_t lba)
{
	struct store *s = t->lun->store;

	if (!rc && flush)
		rc = s->ops->flush(s);
	if (rc)
		task_fail_store(t, rc, true, lba);
	else
		t->out_done = t->wanted;
}

/* Flushes everything, ignoring the range and IMMED. */
void run_sync(struct scsi_task *t)
{
	struct block_range r = cdb_range(t->cdb);
	int rc;

	if (!range_ok(t, &r, UINT32_MAX) || t->lun->read_only)
		return;
	rc = t->lun->store->ops->flush(t->lun->store);
	if (rc)
		task_fail_store(t, rc, true, r.lba);
}
