/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Synchronous calls: any memory at any address, lengths beyond all limits of the device, every kind
 * of disk.
 */
#include "disk.h"

#include <errno.h>
#include <pthread.h>

/* Reads back asynchronously, so that the two kinds of calls check each other. */
static bool reads_back(struct fixture *f, const void *expect, size_t len, uint64_t offset)
{
	uint32_t size = f->info.block_size;
	char *data = alloc_dma(f, len);
	bool same;

	assert_int_equal(
		vscsi_read(f->queue, f->lun, data, offset / size, (uint32_t)(len / size), 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	same = !memcmp(data, expect, len);
	assert_int_equal(vscsi_mem_free(vscsi_dev_mem(f->dev), data), 0);
	return same;
}

static void any_address(void **state)
{
	struct fixture *f = *state;
	size_t len = 3 * 4096;
	char *memory = malloc(len + 64);
	unsigned shift;

	start_disk(f);
	assert_non_null(memory);
	for (shift = 0; shift < 64; shift += 7) {
		uint64_t offset = 4096ul * shift;

		fill(memory + shift, len, shift);
		assert_int_equal(vscsi_pwrite(f->lun, memory + shift, len, offset, 0), 0);
		assert_true(on_disk(f, memory + shift, len, offset));
		assert_true(reads_back(f, memory + shift, len, offset));
		memset(memory, 0xee, len + 64);
		assert_int_equal(vscsi_pread(f->lun, memory + shift, len, offset), 0);
		assert_true(holds(memory + shift, len, shift));
		assert_int_equal((uint8_t)memory[shift + len], 0xee);
	}
	free(memory);
}

/* Larger than the pool, so that it must be split. */
static void sixty_four_mib(void **state)
{
	struct fixture *f = *state;
	size_t len = 64 * MIB;
	char *memory = malloc(len + 1);

	start_disk(f);
	assert_non_null(memory);
	fill(memory + 1, len, 64);
	assert_int_equal(vscsi_pwrite(f->lun, memory + 1, len, 4096, VSCSI_IO_FUA), 0);
	assert_true(on_disk(f, memory + 1, len, 4096));
	memset(memory + 1, 0, len);
	assert_int_equal(vscsi_pread(f->lun, memory + 1, len, 4096), 0);
	assert_true(holds(memory + 1, len, 64));
	free(memory);
}

static void zero_length(void **state)
{
	struct fixture *f = *state;
	uint64_t before;

	start_disk(f);
	before = target_counter(&f->target, "requests");
	assert_int_equal(vscsi_pread(f->lun, NULL, 0, 0), 0);
	assert_int_equal(vscsi_pwrite(f->lun, NULL, 0, 0, 0), 0);
	assert_int_equal(vscsi_sync_unmap(f->lun, NULL, 0), 0);
	assert_int_equal(vscsi_sync_write_zeroes(f->lun, 0, 0, 0), 0);
	assert_int_equal(target_counter(&f->target, "requests"), before);
	assert_int_equal(vscsi_sync_flush(f->lun), 0);
	assert_int_equal(target_counter(&f->target, "requests"), before + 1);
}

static void invalid_ranges(void **state)
{
	struct fixture *f = *state;
	char *memory = malloc(8192);
	uint32_t size;

	start_disk(f);
	assert_non_null(memory);
	size = f->disk->block;
	assert_int_equal(vscsi_pread(f->lun, memory, size - 1, 0), -EINVAL);
	assert_error_text("vscsi_pread");
	assert_error_text("multiple");
	assert_int_equal(vscsi_pread(f->lun, memory, size, 1), -EINVAL);
	assert_int_equal(vscsi_pwrite(f->lun, memory, size, f->disk->bytes, 0), -EINVAL);
	assert_error_text("past the end");
	assert_int_equal(vscsi_pwrite(f->lun, memory, 2ul * size, f->disk->bytes - size, 0),
			 -EINVAL);
	assert_int_equal(vscsi_pread(f->lun, memory, size, UINT64_MAX - size + 1), -EINVAL);
	assert_int_equal(vscsi_sync_write_zeroes(f->lun, UINT64_MAX - size + 1, size, 0), -EINVAL);
	assert_int_equal(vscsi_pwrite(f->lun, memory, size, 0, 0x80), -EINVAL);
	free(memory);
}

static void unmap_and_zeroes(void **state)
{
	struct fixture *f = *state;
	uint32_t size = f->disk->block;
	struct vscsi_range ranges[] = {{0, 4, 0}, {100, 0, 0}, {9, 7, 0}};
	char *memory = malloc(64ul * size);

	start_disk(f);
	assert_non_null(memory);
	fill(memory, 64ul * size, 2);
	assert_int_equal(vscsi_pwrite(f->lun, memory, 64ul * size, 0, 0), 0);
	assert_int_equal(vscsi_sync_unmap(f->lun, ranges, ARRAY_LEN(ranges)), 0);
	assert_int_equal(vscsi_sync_write_zeroes(f->lun, 10ul * size, 30ul * size, 0), 0);
	assert_int_equal(vscsi_sync_write_zeroes(f->lun, size, 60ul * size, VSCSI_IO_UNMAP), 0);
	memset(memory, 0, 4ul * size);
	memset(memory + 9ul * size, 0, 7ul * size);
	memset(memory + 30ul * size, 0, 10ul * size);
	memset(memory + 60ul * size, 0, size);
	assert_true(on_disk(f, memory, 64ul * size, 0));
	free(memory);
}

/* The whole disk at once: more blocks than one command can address. */
static void whole_disk(void **state)
{
	struct fixture *f = *state;
	struct vscsi_range all = {0, 0, 0};
	uint64_t last = f->disk->bytes - f->disk->block;
	char *memory = calloc(1, f->disk->block);

	start_disk(f);
	assert_non_null(memory);
	all.blocks = (uint32_t)f->info.blocks;
	memory[0] = 1;
	assert_int_equal(vscsi_pwrite(f->lun, memory, f->disk->block, last, 0), 0);
	assert_int_equal(vscsi_sync_write_zeroes(f->lun, f->disk->bytes, 0, 0), 0);
	memory[0] = 0;
	assert_true(on_disk(f, memory, f->disk->block, last));
	assert_int_equal(vscsi_sync_unmap(f->lun, &all, 1), 0);
	assert_true(on_disk(f, memory, f->disk->block, last));
	free(memory);
}

static void compare_and_write(void **state)
{
	struct fixture *f = *state;
	uint32_t size = f->disk->block;
	size_t len = 3ul * size;
	char *memory = malloc(2 * len);
	size_t most;

	start_disk(f);
	assert_non_null(memory);
	fill(memory, len, 1);
	fill(memory + len, len, 2);
	assert_int_equal(vscsi_pwrite(f->lun, memory, len, size, 0), 0);
	assert_int_equal(vscsi_sync_compare_and_write(f->lun, memory, memory + len, len, size), 0);
	assert_true(on_disk(f, memory + len, len, size));
	assert_int_equal(vscsi_sync_compare_and_write(f->lun, memory, memory + len, len, size),
			 -EILSEQ);
	assert_error_text("e/1d/00");
	assert_true(on_disk(f, memory + len, len, size));
	most = (size_t)f->info.max_caw_blocks * size;
	assert_int_equal(vscsi_sync_compare_and_write(f->lun, memory, memory, most + size, 0),
			 -E2BIG);
	free(memory);
}

/* The maximum length of compare and write. */
static void largest_compare_and_write(void **state)
{
	struct fixture *f = *state;
	char *memory;
	size_t len;

	start_disk(f);
	len = (size_t)f->info.max_caw_blocks * f->disk->block;
	memory = calloc(2, len);
	assert_non_null(memory);
	fill(memory + len, len, 2);
	assert_int_equal(vscsi_sync_compare_and_write(f->lun, memory, memory + len, len, 0), 0);
	assert_true(on_disk(f, memory + len, len, 0));
	free(memory);
}

struct worker {
	struct fixture *f;
	unsigned number;
	bool good;
};

/* Extents adjoin and cover the range, and no data lies outside of those that hold data. */
static void extents(void **state)
{
	struct fixture *f = *state;
	const uint64_t size = f->disk->block;
	const struct vscsi_range everything = {0, (uint32_t)(2 * MIB / size), 0};
	struct vscsi_extent found[8];
	uint64_t next = 0;
	char *memory = malloc(2 * MIB);
	int count, i;

	start_disk(f);
	assert_non_null(memory);
	assert_int_equal(vscsi_sync_unmap(f->lun, &everything, 1), 0);
	memset(memory, 1, MIB);
	assert_int_equal(vscsi_pwrite(f->lun, memory, MIB, MIB / 2, 0), 0);
	assert_int_equal(vscsi_pread(f->lun, memory, 2 * MIB, 0), 0);
	while (next < 2 * MIB) {
		count = vscsi_sync_get_extents(f->lun, 2 * MIB - next, next, found, 2);
		assert_in_range(count, 1, 2);
		for (i = 0; i < count; i++) {
			assert_int_equal(found[i].offset, next);
			assert_int_equal(found[i].bytes % size, 0);
			assert_int_equal(found[i].reserved, 0);
			next += found[i].bytes;
			/* Of the first and the last byte. */
			if (found[i].state != VSCSI_EXTENT_DATA)
				assert_int_equal(memory[found[i].offset] | memory[next - 1], 0);
		}
	}
	assert_int_equal(next, 2 * MIB);
	assert_int_equal(vscsi_sync_get_extents(f->lun, 0, 0, found, 2), 0);
	assert_int_equal(vscsi_sync_get_extents(f->lun, size, 0, found, 0), -EINVAL);
	assert_int_equal(vscsi_sync_get_extents(f->lun, size + 1, 0, found, 2), -EINVAL);
	assert_int_equal(vscsi_sync_get_extents(f->lun, size, f->info.blocks * size, found, 2),
			 -EINVAL);
	assert_int_equal(
		vscsi_sync_get_extents(f->lun, size, (f->info.blocks - 1) * size, found, 2), 1);
	assert_int_equal(found[0].bytes, size);
	free(memory);
}

/* Eight regions of the disk, one per thread; no thread opens anything. */
static void *work(void *arg)
{
	struct worker *worker = arg;
	size_t len = 64 * 1024;
	char *memory = malloc(len);
	unsigned round;

	worker->good = memory != NULL;
	for (round = 0; round < 20 && worker->good; round++) {
		uint64_t offset = worker->number * MIB + 4096ul * round;
		uint64_t seed = worker->number * 1000 + round;

		fill(memory, len, seed);
		worker->good = !vscsi_pwrite(worker->f->lun, memory, len, offset, 0);
		memset(memory, 0, len);
		worker->good = worker->good && !vscsi_pread(worker->f->lun, memory, len, offset) &&
			       holds(memory, len, seed);
	}
	free(memory);
	return NULL;
}

static void from_many_threads(void **state)
{
	struct worker workers[8];
	struct fixture *f = *state;
	pthread_t threads[8];
	unsigned i;

	START(f, "--lun=0:0,ram=16M");
	open_disk(f, "");
	for (i = 0; i < ARRAY_LEN(workers); i++) {
		workers[i] = (struct worker){.f = f, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (i = 0; i < ARRAY_LEN(workers); i++) {
		pthread_join(threads[i], NULL);
		assert_true(workers[i].good);
	}
}

int main(void)
{
	static const struct CMUnitTest sync_calls[] = {
		ON_EVERY_DISK(any_address),
		ON_DISK(sixty_four_mib, "(file, 512)", 0),
		ON_DISK(sixty_four_mib, "(ram, 4096)", 3),
		ON_EVERY_DISK(zero_length),
		ON_EVERY_DISK(invalid_ranges),
		ON_EVERY_DISK(unmap_and_zeroes),
		ON_EVERY_DISK(extents),
		ON_EVERY_DISK(whole_disk),
		ON_EVERY_DISK(compare_and_write),
		ON_EVERY_DISK(largest_compare_and_write),
		TEST(from_many_threads),
	};

	return RUN_TESTS(sync_calls);
}
