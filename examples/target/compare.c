/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands that read the medium to compare it: VERIFY and WRITE AND VERIFY and COMPARE
 * AND WRITE (SBC-3).
 */
#include <string.h>

#include "scsi_op.h"

#define CHUNK 65536

/*
 * Compares a range of the medium with client data, chunk by chunk. Without @data the medium is only
 * read. With @repeat every block must equal the one block that the client sent.
 * Returns whether all is equal; otherwise the task has failed.
 */
static bool compare(struct scsi_task *t, const struct block_range *r, struct sgl *data, bool repeat)
{
	static uint8_t medium[CHUNK];
	static uint8_t client[CHUNK];
	uint32_t bs = t->lun->block_size;
	uint64_t left = (uint64_t)r->count * bs;
	uint64_t at = r->lba * bs;
	struct iovec iov = {.iov_base = medium};
	struct sgl block;
	uint64_t done;
	size_t i;
	int rc;

	for (done = 0; done < left; done += iov.iov_len) {
		/* With @repeat a chunk is one block. */
		iov.iov_len = repeat ? bs : CHUNK;
		if (iov.iov_len > left - done)
			iov.iov_len = (size_t)(left - done);
		block = (struct sgl){.iov = &iov, .count = 1, .len = iov.iov_len};
		rc = t->lun->store->ops->read(t->lun->store, &block, at + done, iov.iov_len);
		if (rc) {
			task_fail_store(t, rc, false, (at + done) / bs);
			return false;
		}
		if (!data)
			continue;
		/* Copied once, so that the reported mismatch is the one that was found. */
		if (!repeat || !done)
			sgl_read(data, client, iov.iov_len);
		if (!memcmp(medium, client, iov.iov_len))
			continue;
		for (i = 0; medium[i] == client[i]; i++)
			;
		task_fail_info(t, KEY_MISCOMPARE, ASC_MISCOMPARE, done + i);
		return false;
	}
	return true;
}

/* BYTCHK: no data, data for every block, reserved, one block for all (SBC-3, VERIFY). */
static uint8_t bytchk(const struct scsi_task *t)
{
	return t->cdb[1] >> 1 & 3;
}

uint64_t length_verify(const struct scsi_task *t)
{
	uint32_t n = cdb_range(t->cdb).count;

	if (bytchk(t) == 3)
		return n ? t->lun->block_size : 0;
	return bytchk(t) == 1 ? (uint64_t)n * t->lun->block_size : 0;
}

void run_verify(struct scsi_task *t)
{
	struct block_range r = cdb_range(t->cdb);
	struct sgl data = t->out;

	if (bytchk(t) == 2) {
		task_fail_field(t, true, 1, 2);
		return;
	}
	if (range_ok(t, &r, scsi_limits(t).transfer) &&
	    compare(t, &r, bytchk(t) ? &data : NULL, bytchk(t) == 3))
		t->out_done = t->wanted;
}

uint64_t length_compare(const struct scsi_task *t)
{
	return (uint64_t)t->cdb[13] * 2 * t->lun->block_size;
}

/* Atomic: it is alone on the device, see worker.h. */
void run_compare_and_write(struct scsi_task *t)
{
	struct block_range r = cdb_range(t->cdb);
	struct store *s = t->lun->store;
	struct sgl data = t->out;
	bool fua;
	int rc;

	r.count = t->cdb[13];
	if (!range_ok(t, &r, scsi_limits(t).compare) || !compare(t, &r, &data, false))
		return;
	fua = t->cdb[1] & 0x08 || t->lun->write_through;
	rc = s->ops->write(s, &data, r.lba * t->lun->block_size, t->wanted / 2, fua);
	task_settle(t, rc, false, r.lba);
}

/*
 * Written to the medium first, so that what is compared is not what a cache still holds. There is
 * no BYTCHK 11b, unlike in VERIFY (SBC-3, WRITE AND VERIFY).
 */
void run_write_and_verify(struct scsi_task *t)
{
	struct block_range r = cdb_range(t->cdb);
	struct store *s = t->lun->store;
	struct sgl from = t->out;
	struct sgl data = t->out;
	int rc;

	if (bytchk(t) > 1) {
		task_fail_field(t, true, 1, 2);
		return;
	}
	if (!range_ok(t, &r, scsi_limits(t).transfer))
		return;
	rc = s->ops->write(s, &from, r.lba * t->lun->block_size, t->wanted, true);
	task_settle(t, rc, false, r.lba);
	if (t->outcome == RAN && t->status == STATUS_GOOD)
		compare(t, &r, bytchk(t) ? &data : NULL, false);
}
