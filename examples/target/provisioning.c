/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UNMAP and WRITE SAME (SBC-3).
 */
#include <string.h>

#include "../../src/util/bits.h"
#include "scsi_op.h"

#define CHUNK 65536

struct unmap_list {
	unsigned int count;
	struct block_range ranges[UNMAP_MAX_DESCRIPTORS];
};

/*
 * Reads and checks the whole list before anything is unmapped. It is copied first, because the
 * client can change its memory at any time.
 */
static bool read_list(struct scsi_task *t, struct unmap_list *list)
{
	uint8_t d[8 + 16 * UNMAP_MAX_DESCRIPTORS];
	struct sgl from = t->out;
	uint64_t total = 0;
	unsigned int bytes;
	size_t i;

	list->count = 0;
	if (t->wanted && t->wanted < 8) {
		task_fail(t, KEY_ILLEGAL_REQUEST, ASC_PARAM_LIST_LENGTH);
		return false;
	}
	if (!t->wanted)
		return true;
	bytes = (unsigned int)sgl_read(&from, d, t->wanted < sizeof(d) ? t->wanted : sizeof(d));
	if (get_be16(d + 2) + UINT64_C(8) > t->wanted) {
		task_fail(t, KEY_ILLEGAL_REQUEST, ASC_PARAM_LIST_LENGTH);
		return false;
	}
	/* An incomplete last descriptor is ignored (SBC-3, UNMAP). */
	list->count = get_be16(d + 2) / 16;
	if (list->count > UNMAP_MAX_DESCRIPTORS || 8 + list->count * 16 > bytes) {
		task_fail_field(t, false, 2, -1);
		return false;
	}
	for (i = 0; i < list->count; i++) {
		list->ranges[i].lba = get_be64(d + 8 + 16 * i);
		list->ranges[i].count = get_be32(d + 16 + 16 * i);
		total += list->ranges[i].count;
		if (!range_ok(t, &list->ranges[i], UINT32_MAX))
			return false;
	}
	if (total > scsi_limits(t).unmap) {
		task_fail_field(t, false, 8, -1);
		return false;
	}
	return true;
}

void run_unmap(struct scsi_task *t)
{
	uint32_t bs = t->lun->block_size;
	struct store *s = t->lun->store;
	struct unmap_list list;
	uint64_t lba = 0;
	unsigned int i;
	int rc = 0;

	if (!read_list(t, &list))
		return;
	for (i = 0; i < list.count && !rc; i++) {
		lba = list.ranges[i].lba;
		rc = s->ops->zero(s, lba * bs, (uint64_t)list.ranges[i].count * bs, true);
	}
	task_settle(t, rc, t->lun->write_through, lba);
}

/* NDOB exists only in the 16-byte command. */
static bool no_data(const struct scsi_task *t)
{
	return t->cdb[0] == 0x93 && t->cdb[1] & 0x01;
}

uint64_t length_write_same(const struct scsi_task *t)
{
	return no_data(t) ? 0 : t->lun->block_size;
}

/* The first byte is zero and every other equals the one before it. */
static bool all_zero(const uint8_t *p, size_t n)
{
	return !p[0] && !memcmp(p, p + 1, n - 1);
}

/* Fills the range with copies of the block in @chunk. */
static int write_copies(struct scsi_task *t, const struct block_range *r, uint8_t *chunk)
{
	uint32_t bs = t->lun->block_size;
	uint64_t left = (uint64_t)r->count * bs;
	uint64_t at = r->lba * bs;
	struct iovec iov = {.iov_base = chunk};
	struct sgl from;
	size_t i;
	int rc;

	for (i = bs; i < CHUNK && i < left; i += bs)
		memcpy(chunk + i, chunk, bs);
	while (left) {
		iov.iov_len = left < CHUNK ? (size_t)left : CHUNK;
		from = (struct sgl){.iov = &iov, .count = 1, .len = iov.iov_len};
		rc = t->lun->store->ops->write(t->lun->store, &from, at, iov.iov_len, false);
		if (rc)
			return rc;
		at += iov.iov_len;
		left -= iov.iov_len;
	}
	return 0;
}

void run_write_same(struct scsi_task *t)
{
	static uint8_t chunk[CHUNK];
	struct block_range r = cdb_range(t->cdb);
	uint32_t bs = t->lun->block_size;
	bool unmap = t->cdb[1] & 0x08;
	struct store *s = t->lun->store;
	struct sgl from = t->out;
	int rc;

	if (unmap && !t->lun->thin) {
		task_fail_field(t, true, 1, 3);
		return;
	}
	if (!r.count) { /* see WSNZ in page B0h */
		task_fail_field(t, true, t->cdb[0] == 0x93 ? 10 : 7, -1);
		return;
	}
	if (!range_ok(t, &r, scsi_limits(t).write_same))
		return;
	if (!no_data(t))
		sgl_read(&from, chunk, bs);
	if (no_data(t) || all_zero(chunk, bs))
		rc = s->ops->zero(s, r.lba * bs, (uint64_t)r.count * bs, unmap);
	else
		rc = write_copies(t, &r, chunk);
	task_settle(t, rc, t->lun->write_through, r.lba);
}
