/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asynchronous block calls that succeed, on files and memory with both block sizes. What was
 * written is checked in the backing file; failures are in refusals.c.
 */
#include "disk.h"

#include <errno.h>

/* Lengths in blocks around sizes that matter: a page, a hugepage, 16 bits. */
static const uint32_t lengths[] = {1, 2, 7, 8, 9, 17, 255, 256, 257, 512};

static void write_then_read(void **state)
{
	struct fixture *f = *state;
	uint32_t size = f->disk->block;
	uint64_t lba = 3;
	char *data;
	unsigned i;

	start_disk(f);
	data = alloc_dma(f, 512 * size);
	for (i = 0; i < ARRAY_LEN(lengths); i++) {
		size_t len = (size_t)lengths[i] * size;

		fill(data, len, i);
		assert_int_equal(vscsi_write(f->queue, f->lun, data, lba, lengths[i], 0, i), 0);
		assert_int_equal(submit_one(f->queue), 0);
		assert_true(on_disk(f, data, len, lba * size));
		memset(data, 0, len);
		assert_int_equal(vscsi_read(f->queue, f->lun, data, lba, lengths[i], 0, i), 0);
		assert_int_equal(submit_one(f->queue), 0);
		assert_true(holds(data, len, i));
		lba += lengths[i] + 1;
	}
}

/* First and last block; nothing outside of a write changes. */
static void first_and_last_block(void **state)
{
	struct fixture *f = *state;
	uint32_t size = f->disk->block;
	uint64_t last;
	char *data;

	start_disk(f);
	last = f->info.blocks - 1;
	data = alloc_dma(f, 3 * size);
	fill(data, size, 1);
	assert_int_equal(vscsi_write(f->queue, f->lun, data, 0, 1, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_true(on_disk(f, data, 2 * size, 0));
	assert_int_equal(vscsi_write(f->queue, f->lun, data, last, 1, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	memmove(data + size, data, size);
	memset(data, 0, size);
	assert_true(on_disk(f, data, 2 * size, (last - 1) * size));
}

/* Many requests submitted together, each with its own data. */
static void batch_of_requests(void **state)
{
	struct vscsi_completion done[32];
	struct fixture *f = *state;
	uint32_t size = f->disk->block;
	uint64_t seen = 0;
	char *data;
	unsigned i;

	CONFORMS("R-NOTIF-02");
	start_disk(f);
	data = alloc_dma(f, 32 * size);
	for (i = 0; i < 32; i++) {
		fill(data + i * size, size, i);
		assert_int_equal(
			vscsi_write(f->queue, f->lun, data + i * size, 64 - i, 1, 0, i + 100), 0);
	}
	collect(f->queue, done, 32);
	for (i = 0; i < 32; i++) {
		assert_int_equal(done[i].result, 0);
		assert_in_range(done[i].user_data, 100, 131);
		seen |= UINT64_C(1) << (done[i].user_data - 100);
		assert_true(on_disk(f, data + i * size, size, (uint64_t)(64 - i) * size));
	}
	assert_int_equal(seen, UINT32_MAX);
}

static uint32_t most_segments(struct fixture *f)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(f->dev, &info), 0);
	assert_in_range(info.max_segs, 4, 15);
	return info.max_segs;
}

/* Writes from and reads into segments of one block, one block apart. */
static void separate_segments(void **state)
{
	struct fixture *f = *state;
	uint32_t size = f->disk->block;
	struct iovec iov[15];
	uint32_t count;
	uint32_t most;
	char *whole;
	char *data;
	unsigned i;

	start_disk(f);
	most = most_segments(f);
	data = alloc_dma(f, 2 * 15 * size);
	whole = alloc_dma(f, 15 * size);
	for (count = 1; count <= most; count++) {
		fill(whole, count * size, count);
		for (i = 0; i < count; i++) {
			iov[i] = (struct iovec){data + 2 * i * size, size};
			memcpy(iov[i].iov_base, whole + i * size, size);
		}
		assert_int_equal(vscsi_writev(f->queue, f->lun, iov, count, count, count, 0, 0), 0);
		assert_int_equal(submit_one(f->queue), 0);
		assert_true(on_disk(f, whole, count * size, (uint64_t)count * size));
		memset(data, 0, 2 * 15 * size);
		assert_int_equal(vscsi_readv(f->queue, f->lun, iov, count, count, count, 0, 0), 0);
		assert_int_equal(submit_one(f->queue), 0);
		for (i = 0; i < count; i++) {
			assert_memory_equal(iov[i].iov_base, whole + i * size, size);
			assert_true(is_zero(data + (2 * i + 1) * size, size));
		}
	}
}

/* Segment boundaries that match no block, sector or cache line, and some empty segments. */
static void odd_splits(void **state)
{
	static const size_t cuts[] = {0, 1, 0, 0, 510, 3, 1021, 0, 2047, 4093, 13};
	struct iovec iov[ARRAY_LEN(cuts) + 1];
	struct fixture *f = *state;
	uint32_t size = f->disk->block;
	size_t len = 12 * 1024 + 4096;
	uint32_t blocks = (uint32_t)(len / size);
	size_t at = 0;
	char *pieces;
	char *whole;
	unsigned i;

	start_disk(f);
	whole = alloc_dma(f, len);
	pieces = alloc_dma(f, 2 * len);
	fill(whole, len, 7);
	for (i = 0; i < ARRAY_LEN(iov); i++) {
		size_t now = i < ARRAY_LEN(cuts) ? cuts[i] : len - at;

		/* Segments are three bytes apart. */
		iov[i] = (struct iovec){pieces + at + 3 * i, now};
		memcpy(iov[i].iov_base, whole + at, now);
		at += now;
	}
	assert_int_equal(vscsi_writev(f->queue, f->lun, iov, ARRAY_LEN(iov), 5, blocks, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_true(on_disk(f, whole, len, 5ul * size));
	memset(pieces, 0, 2 * len);
	assert_int_equal(vscsi_readv(f->queue, f->lun, iov, ARRAY_LEN(iov), 5, blocks, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	for (i = 0, at = 0; i < ARRAY_LEN(iov); at += iov[i++].iov_len) {
		assert_memory_equal(iov[i].iov_base, whole + at, iov[i].iov_len);
		assert_true(is_zero((char *)iov[i].iov_base + iov[i].iov_len, 3));
	}
}

/* Far more segments than a request may have, but they are contiguous. */
static void adjacent_segments(void **state)
{
	struct fixture *f = *state;
	uint32_t size = f->disk->block;
	struct iovec iov[128];
	char *data;
	unsigned i;

	start_disk(f);
	data = alloc_dma(f, 128 * size);
	fill(data, 128 * size, 3);
	for (i = 0; i < 128; i++)
		iov[i] = (struct iovec){data + i * size, size};
	assert_int_equal(vscsi_writev(f->queue, f->lun, iov, 128, 9, 128, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_true(on_disk(f, data, 128 * size, 9ul * size));
	memset(data, 0, 128 * size);
	assert_int_equal(vscsi_readv(f->queue, f->lun, iov, 128, 9, 128, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_true(holds(data, 128 * size, 3));
}

static void flush_and_fua(void **state)
{
	struct fixture *f = *state;
	uint32_t size = f->disk->block;
	char *data;

	start_disk(f);
	assert_true(f->info.flags & VSCSI_LUN_FUA);
	assert_int_equal(!(f->info.flags & VSCSI_LUN_WRITE_CACHE), !f->disk->file);
	data = alloc_dma(f, 2 * size);
	fill(data, 2 * size, 11);
	assert_int_equal(vscsi_write(f->queue, f->lun, data, 4, 2, VSCSI_IO_FUA, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_true(on_disk(f, data, 2 * size, 4ul * size));
	assert_int_equal(vscsi_flush(f->queue, f->lun, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	memset(data, 0, 2 * size);
	assert_int_equal(vscsi_read(f->queue, f->lun, data, 4, 2, VSCSI_IO_FUA, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_true(holds(data, 2 * size, 11));
}

/*
 * Writes a pattern to @blocks blocks from the start of the disk; returns it for comparison.
 */
static char *write_pattern(struct fixture *f, uint32_t blocks)
{
	char *data = alloc_dma(f, blocks * f->disk->block);

	fill(data, blocks * f->disk->block, 21);
	assert_int_equal(vscsi_write(f->queue, f->lun, data, 0, blocks, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	return data;
}

static void unmapped_blocks_read_as_zeros(void **state)
{
	struct vscsi_range ranges[] = {{1, 3, 0}, {16, 0, 0}, {20, 11, 0}, {63, 1, 0}};
	struct fixture *f = *state;
	uint32_t size = f->disk->block;
	uint32_t both = VSCSI_LUN_UNMAP | VSCSI_LUN_ZERO_UNMAP | VSCSI_LUN_THIN;
	char *data;
	unsigned i;

	start_disk(f);
	assert_int_equal(f->info.flags & both, both);
	data = write_pattern(f, 64);
	assert_int_equal(vscsi_unmap(f->queue, f->lun, ranges, ARRAY_LEN(ranges), 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	for (i = 0; i < ARRAY_LEN(ranges); i++)
		memset(data + ranges[i].lba * size, 0, (size_t)ranges[i].blocks * size);
	assert_true(on_disk(f, data, 64 * size, 0));
}

static void maximum_unmap_ranges(void **state)
{
	struct vscsi_range ranges[VSCSI_UNMAP_MAX_RANGES];
	struct fixture *f = *state;
	uint32_t size = f->disk->block;
	char *data;
	unsigned i;

	start_disk(f);
	assert_int_equal(f->info.max_unmap_ranges, VSCSI_UNMAP_MAX_RANGES);
	data = write_pattern(f, 64);
	for (i = 0; i < VSCSI_UNMAP_MAX_RANGES; i++) {
		ranges[i] = (struct vscsi_range){.lba = 3 * i + 1, .blocks = 2};
		memset(data + ranges[i].lba * size, 0, 2ul * size);
	}
	assert_int_equal(vscsi_unmap(f->queue, f->lun, ranges, VSCSI_UNMAP_MAX_RANGES, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_true(on_disk(f, data, 64 * size, 0));
}

static void write_zeroes(void **state)
{
	struct fixture *f = *state;
	uint32_t size = f->disk->block;
	char *data;

	start_disk(f);
	data = write_pattern(f, 64);
	assert_int_equal(vscsi_write_zeroes(f->queue, f->lun, 5, 6, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_int_equal(vscsi_write_zeroes(f->queue, f->lun, 30, 17, VSCSI_IO_UNMAP, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	memset(data + 5 * size, 0, 6 * size);
	memset(data + 30 * size, 0, 17 * size);
	assert_true(on_disk(f, data, 64 * size, 0));
}

static void compare_and_write(void **state)
{
	struct fixture *f = *state;
	uint32_t size = f->disk->block;
	char *fresh;
	char *data;

	start_disk(f);
	assert_true(f->info.flags & VSCSI_LUN_CAW);
	data = write_pattern(f, 16);
	fresh = alloc_dma(f, 4 * size);
	fill(fresh, 4 * size, 31);
	assert_int_equal(vscsi_compare_and_write(f->queue, f->lun, data + 2 * size, fresh, 2, 4,
						 VSCSI_IO_FUA, 0),
			 0);
	assert_int_equal(submit_one(f->queue), 0);
	memcpy(data + 2 * size, fresh, 4 * size);
	assert_true(on_disk(f, data, 16 * size, 0));
}

static void miscompare(void **state)
{
	struct vscsi_completion done;
	struct fixture *f = *state;
	uint32_t size = f->disk->block;
	char *wrong;
	char *data;

	start_disk(f);
	data = write_pattern(f, 16);
	wrong = alloc_dma(f, 8 * size);
	memcpy(wrong, data, 4 * size);
	/* Differs only in the last byte of the last block. */
	wrong[4 * size - 1] ^= 1;
	assert_int_equal(
		vscsi_compare_and_write(f->queue, f->lun, wrong, wrong + 4 * size, 0, 4, 0, 77), 0);
	collect(f->queue, &done, 1);
	assert_int_equal(done.user_data, 77);
	assert_int_equal(done.result, -EILSEQ);
	assert_int_equal(done.sense_key, 0x0e);
	assert_int_equal(done.asc, 0x1d);
	assert_true(on_disk(f, data, 16 * size, 0));
}

int main(void)
{
	static const struct CMUnitTest io[] = {
		ON_EVERY_DISK(write_then_read),      ON_EVERY_DISK(first_and_last_block),
		ON_EVERY_DISK(batch_of_requests),    ON_EVERY_DISK(separate_segments),
		ON_EVERY_DISK(odd_splits),           ON_EVERY_DISK(adjacent_segments),
		ON_EVERY_DISK(flush_and_fua),        ON_EVERY_DISK(unmapped_blocks_read_as_zeros),
		ON_EVERY_DISK(maximum_unmap_ranges), ON_EVERY_DISK(write_zeroes),
		ON_EVERY_DISK(compare_and_write),    ON_EVERY_DISK(miscompare),
	};

	return RUN_TESTS(io);
}
