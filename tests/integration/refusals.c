/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Errors of asynchronous calls and of the device. A call that fails has no side effects: each test
 * ends with I/O that works, and a queue that closes.
 */
#include "disk.h"

#include <errno.h>
#include <sys/mman.h>

static void start_ram(struct fixture *f, const char *lun)
{
	START(f, lun, "--lun=0:1,ram=1M,ro", "--lun=0:2,ram=1M");
	open_disk(f, "");
}

static void assert_nothing_left(struct fixture *f)
{
	struct vscsi_queue_info info = {.size = sizeof(info)};
	struct vscsi_completion done;

	assert_int_equal(vscsi_submit(f->queue), 0);
	assert_int_equal(vscsi_poll(f->queue, &done, 1), 0);
	assert_int_equal(vscsi_queue_get_info(f->queue, &info), 0);
	assert_int_equal(info.inflight, 0);
	assert_works(f);
}

static void too_many_blocks(void **state)
{
	struct vscsi_range range = {0, 1, 0};
	struct fixture *f = *state;
	struct vscsi_lun *lun;
	char *data;

	start_ram(f, "--lun=0:0,ram=64M,thin");
	lun = f->lun;
	data = alloc_dma(f, 4096);
	assert_int_equal(f->info.max_blocks, 65535);
	assert_int_equal(vscsi_read(f->queue, lun, data, 0, f->info.max_blocks + 1, 0, 0), -E2BIG);
	assert_int_equal(vscsi_write(f->queue, lun, data, 0, UINT32_MAX, 0, 0), -E2BIG);
	assert_int_equal(vscsi_compare_and_write(f->queue, lun, data, data, 0,
						 f->info.max_caw_blocks + 1, 0, 0),
			 -E2BIG);
	assert_int_equal(vscsi_unmap(f->queue, lun, &range, VSCSI_UNMAP_MAX_RANGES + 1, 0), -E2BIG);
	if (f->info.max_zeroes_blocks < UINT32_MAX)
		assert_int_equal(vscsi_write_zeroes(f->queue, lun, 0,
						    (uint32_t)f->info.max_zeroes_blocks + 1, 0, 0),
				 -E2BIG);
	assert_nothing_left(f);
}

static void too_many_segments(void **state)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	struct fixture *f = *state;
	struct iovec iov[19];
	char *data;
	unsigned i;

	start_ram(f, "--lun=0:0,ram=64M");
	data = alloc_dma(f, 19 * 1024);
	assert_int_equal(vscsi_dev_get_info(f->dev, &info), 0);
	for (i = 0; i < ARRAY_LEN(iov); i++)
		iov[i] = (struct iovec){data + 1024 * i, 512};
	assert_int_equal(vscsi_readv(f->queue, f->lun, iov, info.max_segs + 1, 0, info.max_segs + 1,
				     0, 0),
			 -E2BIG);
	assert_int_equal(vscsi_writev(f->queue, f->lun, iov, info.max_segs + 1, 0,
				      info.max_segs + 1, 0, 0),
			 -E2BIG);
	assert_nothing_left(f);
}

static void invalid_arguments(void **state)
{
	struct fixture *f = *state;
	struct vscsi_lun *lun;
	struct iovec iov[2];
	char *data;

	start_ram(f, "--lun=0:0,ram=64M,thin");
	lun = f->lun;
	data = alloc_dma(f, 4096);
	iov[0] = (struct iovec){data, 512};
	iov[1] = (struct iovec){data + 1024, 511};
	assert_int_equal(vscsi_read(f->queue, lun, data, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(vscsi_write(f->queue, lun, data, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(vscsi_read(f->queue, lun, data, 0, 1, 0x80, 0), -EINVAL);
	assert_int_equal(vscsi_write(f->queue, lun, data, 0, 1, VSCSI_IO_UNMAP, 0), -EINVAL);
	assert_int_equal(vscsi_readv(f->queue, lun, iov, 2, 0, 2, 0, 0), -EINVAL);
	assert_int_equal(vscsi_writev(f->queue, lun, iov, 2, 0, 1, 0, 0), -EINVAL);
	assert_int_equal(vscsi_readv(f->queue, lun, iov, 0, 0, 1, 0, 0), -EINVAL);
	assert_int_equal(vscsi_unmap(f->queue, lun, NULL, 0, 0), -EINVAL);
	assert_int_equal(vscsi_write_zeroes(f->queue, lun, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(vscsi_write_zeroes(f->queue, lun, 0, 1, VSCSI_IO_FUA, 0), -EINVAL);
	assert_int_equal(vscsi_compare_and_write(f->queue, lun, data, data, 0, 0, 0, 0), -EINVAL);
	assert_nothing_left(f);
}

/* Ordinary memory, and the pool's last block with one byte too many. */
static void memory_outside_pool(void **state)
{
	struct fixture *f = *state;
	struct iovec iov[2];
	char own[512];
	char *page;
	char *data;

	start_ram(f, "--lun=0:0,ram=64M");
	data = alloc_dma(f, 512);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(page, MAP_FAILED);
	assert_int_equal(vscsi_read(f->queue, f->lun, own, 0, 1, 0, 0), -EFAULT);
	assert_int_equal(vscsi_write(f->queue, f->lun, page, 0, 8, 0, 0), -EFAULT);
	assert_int_equal(vscsi_read(f->queue, f->lun, NULL, 0, 1, 0, 0), -EFAULT);
	iov[0] = (struct iovec){data, 512};
	iov[1] = (struct iovec){page, 512};
	assert_int_equal(vscsi_readv(f->queue, f->lun, iov, 2, 0, 2, 0, 0), -EFAULT);
	assert_int_equal(vscsi_compare_and_write(f->queue, f->lun, data, page, 0, 1, 0, 0),
			 -EFAULT);
	assert_int_equal(munmap(page, 4096), 0);
	assert_nothing_left(f);
}

static void beyond_the_pool(void **state)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};
	struct vscsi_mem_opts mem_opts = {
		.size = sizeof(mem_opts),
		.flags = VSCSI_MEM_ORDINARY,
		.bytes = 4 * MIB,
	};
	struct vscsi_dev_opts opts = {.size = sizeof(opts), .queues = 2};
	struct fixture *f = *state;
	char *first;
	char *end;

	START(f, "--lun=0:0,ram=64M");
	assert_int_equal(vscsi_mem_create(&mem_opts, &opts.mem), 0);
	assert_int_equal(vscsi_mem_get_stats(opts.mem, &stats), 0);
	/* The whole pool is one block, so its address is that of the pool. */
	first = vscsi_mem_alloc(opts.mem, stats.largest_free, 0);
	assert_non_null(first);
	assert_int_equal(stats.largest_free, stats.bytes);
	end = first + stats.bytes;
	assert_int_equal(vscsi_mem_free(opts.mem, first), 0);
	assert_int_equal(open_address(f->target.address, &opts, &f->dev), 0);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &f->lun), 0);
	assert_int_equal(vscsi_queue_open(f->dev, NULL, &f->queue), 0);
	assert_int_equal(vscsi_read(f->queue, f->lun, end - 512, 0, 1, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_int_equal(vscsi_read(f->queue, f->lun, end - 511, 0, 1, 0, 0), -EFAULT);
	assert_int_equal(vscsi_read(f->queue, f->lun, end, 0, 1, 0, 0), -EFAULT);
	assert_int_equal(vscsi_read(f->queue, f->lun, first - 1, 0, 1, 0, 0), -EFAULT);
	assert_int_equal(vscsi_mem_destroy(opts.mem), -EBUSY);
	close_all(f);
	assert_int_equal(vscsi_mem_destroy(opts.mem), 0);
}

static void read_only(void **state)
{
	struct vscsi_range range = {0, 1, 0};
	struct fixture *f = *state;
	struct vscsi_lun *lun;
	char *data;

	start_ram(f, "--lun=0:0,ram=64M");
	data = alloc_dma(f, 512);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 1, NULL, &lun), 0);
	assert_int_equal(vscsi_read(f->queue, lun, data, 0, 1, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_int_equal(vscsi_write(f->queue, lun, data, 0, 1, 0, 0), -EROFS);
	assert_int_equal(vscsi_write_zeroes(f->queue, lun, 0, 1, 0, 0), -EROFS);
	assert_int_equal(vscsi_compare_and_write(f->queue, lun, data, data, 0, 1, 0, 0), -EROFS);
	assert_int_equal(vscsi_unmap(f->queue, lun, &range, 1, 0), -EOPNOTSUPP);
	assert_int_equal(vscsi_pwrite(lun, data, 512, 0, 0), -EROFS);
	assert_error_text("0:1");
	assert_int_equal(vscsi_lun_close(lun), 0);
	assert_nothing_left(f);
}

/* A raw command, which the library does not check, is rejected by the device. */
static void write_protected_by_device(void **state)
{
	struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = 10,
		.cdb = {0x2a, 0, 0, 0, 0, 0, 0, 0, 1},
		.out_count = 1,
		.retries = 3,
	};
	struct vscsi_completion done;
	struct fixture *f = *state;
	struct vscsi_lun *lun;
	struct iovec iov;

	start_ram(f, "--lun=0:0,ram=64M");
	iov = (struct iovec){alloc_dma(f, 512), 512};
	command.out = &iov;
	assert_int_equal(vscsi_lun_open(f->dev, 0, 1, NULL, &lun), 0);
	assert_int_equal(vscsi_prepare_command(f->queue, lun, &command, 0), 0);
	collect(f->queue, &done, 1);
	assert_int_equal(done.result, -EROFS);
	assert_int_equal(done.sense_key, 7);
	assert_int_equal(done.asc, 0x27);
	assert_int_equal(vscsi_lun_close(lun), 0);
}

static void thick_disks_cannot_unmap(void **state)
{
	struct vscsi_range range = {0, 8, 0};
	struct fixture *f = *state;
	char *data;

	start_ram(f, "--lun=0:0,ram=64M");
	assert_false(f->info.flags & (VSCSI_LUN_UNMAP | VSCSI_LUN_THIN));
	assert_int_equal(vscsi_unmap(f->queue, f->lun, &range, 1, 0), -EOPNOTSUPP);
	/* UNMAP is only a hint here: zeros are guaranteed. */
	data = alloc_dma(f, 1024);
	fill(data, 1024, 1);
	assert_int_equal(vscsi_write(f->queue, f->lun, data, 0, 2, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_int_equal(vscsi_write_zeroes(f->queue, f->lun, 0, 1, VSCSI_IO_UNMAP, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	memset(data + 512, 0, 512);
	assert_int_equal(vscsi_read(f->queue, f->lun, data, 0, 1, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_true(is_zero(data, 512));
	assert_nothing_left(f);
}

/* The queue is full at exactly the reported depth; each accepted request completes once. */
static void full_queue(void **state)
{
	struct vscsi_queue_info info = {.size = sizeof(info)};
	static struct vscsi_completion done[4096];
	struct fixture *f = *state;
	unsigned taken = 0;
	char *data;
	int err;

	START(f, "--lun=0:0,ram=64M", "--cmd-per-lun=100000");
	open_disk(f, "?queue_size=32");
	data = alloc_dma(f, 512);
	assert_int_equal(vscsi_queue_get_info(f->queue, &info), 0);
	while (!(err = vscsi_read(f->queue, f->lun, data, taken, 1, 0, taken)))
		taken++;
	assert_int_equal(err, -EAGAIN);
	assert_int_equal(taken, info.depth);
	assert_int_equal(vscsi_flush(f->queue, f->lun, 0), -EAGAIN);
	assert_int_equal(vscsi_queue_get_info(f->queue, &info), 0);
	assert_int_equal(info.inflight, taken);
	collect(f->queue, done, taken);
	assert_nothing_left(f);
}

/*
 * A unit of another device has an address where this device may have another disk. Requests are
 * counted for each unit, or not, and the queue is shared, or not, by the options.
 */
static void refuse_unit(struct fixture *f, const char *limit, unsigned flags)
{
	const struct vscsi_command command = {.size = sizeof(command), .cdb_len = 6};
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = flags};
	struct vscsi_range range = {0, 1, 0};
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	struct iovec iov[2];
	char *data;

	START(f, "--lun=0:0,ram=64M,thin", limit);
	target_start(&f->second, "second",
		     (const char *const[]){"--lun=0:0,ram=64M,thin", limit, NULL});
	open_disk(f, "?queues=2");
	assert_int_equal(open_address(f->second.address, NULL, &dev), 0);
	assert_int_equal(vscsi_lun_open(dev, 0, 0, NULL, &lun), 0);
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &queue), 0);
	data = alloc_dma(f, 1024);
	/* With it the fast paths of both kinds of transfer are ready. */
	assert_int_equal(vscsi_write(queue, f->lun, data, 0, 1, 0, 0), 0);
	assert_int_equal(submit_one(queue), 0);
	assert_int_equal(vscsi_write(queue, lun, data, 0, 1, 0, 0), -EINVAL);
	assert_int_equal(vscsi_read(queue, lun, data, 0, 1, 0, 0), -EINVAL);
	iov[0] = (struct iovec){data, 512};
	iov[1] = (struct iovec){data + 512, 512};
	assert_int_equal(vscsi_readv(queue, lun, iov, 2, 0, 2, 0, 0), -EINVAL);
	assert_int_equal(vscsi_writev(queue, lun, iov, 2, 0, 2, 0, 0), -EINVAL);
	assert_int_equal(vscsi_flush(queue, lun, 0), -EINVAL);
	assert_int_equal(vscsi_unmap(queue, lun, &range, 1, 0), -EINVAL);
	assert_int_equal(vscsi_write_zeroes(queue, lun, 0, 1, 0, 0), -EINVAL);
	assert_int_equal(vscsi_compare_and_write(queue, lun, data, data, 0, 1, 0, 0), -EINVAL);
	assert_int_equal(vscsi_prepare_command(queue, lun, &command, 0), -EINVAL);
	assert_int_equal(vscsi_read(queue, f->lun, data, 0, 1, 0, 0), 0);
	assert_int_equal(submit_one(queue), 0);
	assert_int_equal(vscsi_queue_close(queue), 0);
	assert_int_equal(vscsi_lun_close(lun), 0);
	assert_int_equal(vscsi_dev_close(dev), 0);
	assert_nothing_left(f);
	close_all(f);
	assert_true(target_stop(&f->target));
	assert_true(target_stop(&f->second));
}

static void unit_of_another_device(void **state)
{
	static const char *const limits[] = {"--cmd-per-lun=8", "--cmd-per-lun=100000"};
	struct fixture *f = *state;
	unsigned i;

	for (i = 0; i < ARRAY_LEN(limits); i++) {
		refuse_unit(f, limits[i], 0);
		refuse_unit(f, limits[i], VSCSI_QUEUE_SHARED);
	}
}

/* Only the device knows the current end of the disk. */
static void beyond_the_end(void **state)
{
	struct vscsi_completion done;
	struct fixture *f = *state;
	char *data;

	start_ram(f, "--lun=0:0,ram=64M,thin");
	data = alloc_dma(f, 1024);
	assert_int_equal(vscsi_read(f->queue, f->lun, data, f->info.blocks, 1, 0, 5), 0);
	collect(f->queue, &done, 1);
	assert_int_equal(done.user_data, 5);
	assert_int_equal(done.result, -EREMOTEIO);
	assert_int_equal(done.status, 2);
	assert_int_equal(done.sense_key, 5);
	assert_int_equal(done.asc, 0x21);
	assert_string_equal(vscsi_status_text(done.status), "CHECK CONDITION");
	assert_int_equal(vscsi_write(f->queue, f->lun, data, f->info.blocks - 1, 2, 0, 6), 0);
	assert_int_equal(submit_one(f->queue), -EREMOTEIO);
	assert_int_equal(vscsi_read(f->queue, f->lun, data, UINT64_MAX, 1, 0, 7), 0);
	assert_int_equal(submit_one(f->queue), -EREMOTEIO);
	assert_nothing_left(f);
}

int main(void)
{
	static const struct CMUnitTest refusals[] = {
		TEST(too_many_blocks),
		TEST(too_many_segments),
		TEST(invalid_arguments),
		TEST(memory_outside_pool),
		TEST(beyond_the_pool),
		TEST(read_only),
		TEST(write_protected_by_device),
		TEST(thick_disks_cannot_unmap),
		TEST(full_queue),
		TEST(unit_of_another_device),
		TEST(beyond_the_end),
	};

	return RUN_TESTS(refusals);
}
