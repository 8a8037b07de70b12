/* SPDX-License-Identifier: BSD-3-Clause */
/* What doesn't fit: now, or never; and that nothing of it reaches the device. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "queue_tests.h"

/* Answers everything that is in the queue, and collects it. */
static unsigned finish(struct driver *d)
{
	struct vscsi_completion c;
	struct chain chain;
	unsigned count = 0;

	while (model_take(d->m, DRIVER_QUEUE, &chain))
		model_serve_chain(d->m, &chain);
	while (vscsi_poll(d->queue, &c, 1) == 1) {
		assert_int_equal(c.result, 0);
		count++;
	}
	return count;
}

static void expect_depth(const char *options, unsigned depth)
{
	unsigned count = 0;
	struct driver d;

	driver_init(&d);
	d.m->fake.config.cmd_per_lun = UINT32_MAX;
	d.m->fake.queue_max = 128;
	driver_open(&d, options);
	driver_hold(&d);
	while (vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, count) == 0)
		count++;
	assert_int_equal(count, depth);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 1), -EAGAIN);
	assert_int_equal(vscsi_flush(d.queue, d.lun, 1), -EAGAIN);
	assert_int_equal(vscsi_submit(d.queue), 0);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), depth);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 1), -EAGAIN);
	assert_int_equal(finish(&d), depth);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 1), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	assert_int_equal(finish(&d), 1);
	driver_close(&d);
}

static void test_a_queue_can_be_full(void **state)
{
	(void)state;
	CONFORMS("R-SPLIT-19", "R-SCSI-12");
	expect_depth("", 128);
	expect_depth("queue_size=4", 4);
	expect_depth("queue_size=64", 64);
	/* Without indirect descriptors a request takes four entries of the ring. */
	expect_depth("indirect=off", 32);
	expect_depth("indirect=off&queue_size=4", 1);
}

/* Requests that one LUN has out through two queues at once. */
static unsigned fill_both(struct driver *d, struct vscsi_queue *other)
{
	unsigned count = 0;

	while (vscsi_read(count & 1 ? other : d->queue, d->lun, d->buf, 0, 1, 0, 1) == 0)
		count++;
	assert_int_equal(vscsi_flush(d->queue, d->lun, 1), -EAGAIN);
	assert_int_equal(vscsi_flush(other, d->lun, 1), -EAGAIN);
	vscsi_submit(d->queue);
	vscsi_submit(other);
	return count;
}

static void expect_cmd_per_lun(uint32_t limit)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	struct vscsi_completion c;
	struct vscsi_queue *other;
	struct vscsi_lun *zero;
	struct chain chain;
	struct driver d;
	unsigned i;

	driver_init(&d);
	d.m->fake.config.cmd_per_lun = htole32(limit);
	driver_open(&d, "");
	assert_int_equal(vscsi_queue_open(d.dev, NULL, &other), 0);
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &zero), 0);
	assert_int_equal(vscsi_lun_get_info(d.lun, &info), 0);
	assert_int_equal(info.queue_limit, limit);
	driver_hold(&d);
	assert_int_equal(fill_both(&d, other), limit);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE) + model_waiting(d.m, 2), limit);
	/* Another LUN has a limit of its own. */
	assert_int_equal(vscsi_flush(d.queue, zero, 1), 0);
	vscsi_submit(d.queue);
	while (model_take(d.m, DRIVER_QUEUE, &chain) || model_take(d.m, 2, &chain))
		model_serve_chain(d.m, &chain);
	for (i = 0; i < limit + 1; i++)
		assert_true(vscsi_poll(d.queue, &c, 1) == 1 || vscsi_poll(other, &c, 1) == 1);
	/* What came back can be used again. */
	driver_read(&d, 1);
	assert_int_equal(finish(&d), 1);
	assert_int_equal(vscsi_lun_close(zero), 0);
	assert_int_equal(vscsi_queue_close(other), 0);
	driver_close(&d);
}

static void test_a_lun_can_be_full(void **state)
{
	(void)state;
	CONFORMS("R-SCSI-11");
	expect_cmd_per_lun(1);
	expect_cmd_per_lun(2);
	expect_cmd_per_lun(7);
}

#define CROWD 3u

/* Three queues of one LUN: each prepares, is served and polls, by turns that follow no order. */
struct crowd {
	struct driver d;
	struct vscsi_queue *queues[CROWD];
	unsigned out[CROWD];
	unsigned limit;
};

static unsigned crowd_out(const struct crowd *c)
{
	return c->out[0] + c->out[1] + c->out[2];
}

static void crowd_prepare(struct crowd *c, unsigned i, unsigned count)
{
	struct iovec iov[2] = {{c->d.buf, 512}, {c->d.buf + 1024, 512}};
	int err = 0;

	for (; count && !err; count--) {
		if (count % 5)
			err = vscsi_read(c->queues[i], c->d.lun, c->d.buf, 0, 1, 0, i);
		else
			err = vscsi_readv(c->queues[i], c->d.lun, iov, 2, 0, 2, 0, i);
		c->out[i] += !err;
	}
	assert_true(!err || err == -EAGAIN);
	assert_true(crowd_out(c) <= c->limit);
	assert_int_equal(vscsi_submit(c->queues[i]), 0);
}

static void crowd_finish(struct crowd *c, unsigned i, unsigned count)
{
	struct vscsi_completion done;
	struct chain chain;

	while (count-- && model_take(c->d.m, DRIVER_QUEUE + i, &chain))
		model_serve_chain(c->d.m, &chain);
	while (vscsi_poll(c->queues[i], &done, 1) == 1) {
		assert_int_equal(done.result, 0);
		assert_int_equal(done.user_data, i);
		c->out[i]--;
	}
}

static void expect_crowd(uint32_t limit, const char *options)
{
	struct crowd c = {.limit = limit};
	unsigned random = 1;
	unsigned step;
	unsigned i;

	driver_init(&c.d);
	c.d.m->fake.config.cmd_per_lun = htole32(limit);
	driver_open(&c.d, options);
	c.queues[0] = c.d.queue;
	for (i = 1; i < CROWD; i++)
		assert_int_equal(vscsi_queue_open(c.d.dev, NULL, &c.queues[i]), 0);
	driver_hold(&c.d);
	for (step = 0; step < 3000; step++) {
		random = random * 1103515245 + 12345;
		i = (random >> 16) % CROWD;
		crowd_prepare(&c, i, (random >> 20) % 90);
		crowd_finish(&c, (random >> 18) % CROWD, (random >> 24) % 90);
	}
	/* What each can count on, and all of them together, whatever was before. */
	for (i = 0; i < CROWD; i++)
		crowd_finish(&c, i, UINT32_MAX);
	assert_int_equal(crowd_out(&c), 0);
	for (i = 0; i < CROWD; i++) {
		crowd_prepare(&c, i, limit / (CROWD + 1));
		assert_int_equal(c.out[i], limit / (CROWD + 1));
	}
	for (i = 0; i < CROWD; i++)
		crowd_finish(&c, i, UINT32_MAX);
	for (i = 1; i < CROWD; i++)
		assert_int_equal(vscsi_queue_close(c.queues[i]), 0);
	driver_close(&c.d);
}

static void test_several_queues_of_one_lun(void **state)
{
	(void)state;
	CONFORMS("R-SCSI-11");
	expect_crowd(3, "queues=4");
	expect_crowd(40, "queues=4");
	expect_crowd(100, "queues=4");
	expect_crowd(60, "queues=4&indirect=off");
}

/* The limit may change between two LUNs: then one is counted, and the other is not. */
static void test_a_limit_that_comes_late(void **state)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	struct vscsi_event event;
	struct vscsi_lun *zero;
	struct driver d;
	unsigned i;

	(void)state;
	driver_init(&d);
	d.m->fake.config.cmd_per_lun = UINT32_MAX;
	driver_open(&d, "");
	d.m->fake.config.cmd_per_lun = htole32(5);
	d.m->fake.events = TRANSPORT_CONFIG;
	vscsi_dev_poll_events(d.dev, &event, 1);
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &zero), 0);
	assert_int_equal(vscsi_lun_get_info(zero, &info), 0);
	assert_int_equal(info.queue_limit, 5);
	driver_hold(&d);
	for (i = 0; i < 12; i++) {
		assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, i), 0);
		assert_int_equal(vscsi_read(d.queue, zero, d.buf, 0, 1, 0, i), i < 5 ? 0 : -EAGAIN);
	}
	assert_int_equal(vscsi_submit(d.queue), 0);
	assert_int_equal(finish(&d), 12 + 5);
	assert_int_equal(vscsi_lun_close(zero), 0);
	driver_close(&d);
}

/* A request that turned out to be impossible gives its credit back. */
static void test_failures_do_not_eat_the_limit(void **state)
{
	struct iovec iov = {.iov_len = 512};
	struct driver d;
	unsigned i;

	(void)state;
	driver_init(&d);
	d.m->fake.config.cmd_per_lun = htole32(2);
	driver_open(&d, "");
	driver_hold(&d);
	for (i = 0; i < 200; i++) {
		assert_int_equal(vscsi_read(d.queue, d.lun, &iov, 0, 1, 0, 1), -EFAULT);
		assert_int_equal(vscsi_readv(d.queue, d.lun, &iov, 1, 0, 2, 0, 1), -EFAULT);
	}
	driver_read(&d, 1);
	driver_read(&d, 1);
	assert_int_equal(finish(&d), 2);
	driver_close(&d);
}

/*
 * What is refused, or has to wait for a place in its queue, keeps nothing of the limit: all of that
 * can be had on another queue.
 */
static void test_refusals_keep_nothing_of_the_limit(void **state)
{
	struct vscsi_queue *shared[2];
	struct vscsi_queue *other;
	struct vscsi_completion c;
	struct vscsi_lun *zero;
	struct chain chain;
	struct driver d;
	unsigned i;

	(void)state;
	driver_init(&d);
	d.m->mode = 0x80; /* read-only */
	d.m->fake.config.cmd_per_lun = htole32(4);
	driver_open(&d, "queues=3&queue_size=4");
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &zero), 0);
	other = driver_open_queue(&d, VSCSI_QUEUE_EXCLUSIVE);
	for (i = 0; i < 2; i++)
		shared[i] = driver_open_queue(&d, VSCSI_QUEUE_SHARED);
	driver_hold(&d);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 0, 0, 1), -EINVAL);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, UINT32_MAX, 0, 1), -E2BIG);
	assert_int_equal(vscsi_write(d.queue, d.lun, d.buf, 0, 1, 0, 1), -EROFS);
	for (i = 0; i < 4; i++)
		assert_int_equal(vscsi_read(d.queue, zero, d.buf, 0, 1, 0, 1), 0);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 1), -EAGAIN);
	assert_int_equal(vscsi_submit(d.queue), 0);
	assert_int_equal(finish(&d), 4);
	/* The other handle's part of the ring. */
	while (!vscsi_read(shared[0], zero, d.buf, 0, 1, 0, 1))
		;
	assert_int_equal(vscsi_read(shared[0], d.lun, d.buf, 0, 1, 0, 1), -EAGAIN);
	for (i = 0; i < 4; i++)
		assert_int_equal(vscsi_read(other, d.lun, d.buf, 0, 1, 0, 1), 0);
	assert_int_equal(vscsi_submit(other), 0);
	assert_int_equal(vscsi_submit(shared[0]), 0);
	for (i = DRIVER_SHARED; i < DRIVER_SHARED + 3; i++) {
		while (model_take(d.m, i, &chain))
			model_serve_chain(d.m, &chain);
	}
	while (vscsi_poll(other, &c, 1) == 1 || vscsi_poll(shared[0], &c, 1) == 1)
		;
	for (i = 0; i < 2; i++)
		assert_int_equal(vscsi_queue_close(shared[i]), 0);
	assert_int_equal(vscsi_queue_close(other), 0);
	assert_int_equal(vscsi_lun_close(zero), 0);
	driver_close(&d);
}

/* @count segments of a block each that do not touch. */
static int read_scattered(struct driver *d, unsigned count, bool out)
{
	struct iovec iov[MODEL_SEGS];
	unsigned i;

	for (i = 0; i < count; i++)
		iov[i] = (struct iovec){d->buf + 1024 * i, 512};
	return (out ? vscsi_writev : vscsi_readv)(d->queue, d->lun, iov, count, 0, count, 0, 1);
}

static void expect_segments(const char *options, uint32_t seg_max, unsigned segs)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	struct chain chain;
	struct driver d;
	int out;

	driver_init(&d);
	d.m->fake.config.seg_max = htole32(seg_max);
	driver_open(&d, options);
	assert_int_equal(vscsi_dev_get_info(d.dev, &info), 0);
	assert_int_equal(info.max_segs, segs);
	driver_hold(&d);
	for (out = 0; out < 2; out++) {
		assert_int_equal(read_scattered(&d, segs + 1, out), -E2BIG);
		assert_int_equal(read_scattered(&d, segs + 20, out), -E2BIG);
		vscsi_submit(d.queue);
		assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
		assert_int_equal(read_scattered(&d, segs, out), 0);
		vscsi_submit(d.queue);
		chain = driver_take(&d);
		assert_int_equal(out ? chain.nout : chain.nin, segs + 1);
		model_serve_chain(d.m, &chain);
		assert_int_equal(driver_poll(&d).result, 0);
	}
	driver_close(&d);
}

static void test_number_of_segments(void **state)
{
	(void)state;
	CONFORMS("R-SCSI-13", "R-SPLIT-13");
	expect_segments("", 1, 1);
	expect_segments("", 2, 2);
	expect_segments("", 64, 15);
	expect_segments("", UINT32_MAX, 15);
	expect_segments("max_segs=5", 64, 5);
	expect_segments("indirect=off", 64, 2);
	expect_segments("indirect=off&max_segs=6", 64, 6);
	expect_segments("indirect=off&max_segs=6", 3, 3);
	/* Indirect tables may not be longer than the ring either. */
	expect_segments("queue_size=4", 64, 2);
	expect_segments("queue_size=8", 64, 6);
}

static void test_memory_that_the_device_cannot_reach(void **state)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};
	struct iovec iov[2];
	struct driver d;
	char *end;
	char *own;

	(void)state;
	CONFORMS("R-VU-37");
	driver_start(&d, "");
	driver_hold(&d);
	own = malloc(4096);
	assert_int_equal(vscsi_read(d.queue, d.lun, own, 0, 1, 0, 1), -EFAULT);
	assert_int_equal(vscsi_write(d.queue, d.lun, own, 0, 1, 0, 1), -EFAULT);
	assert_int_equal(vscsi_read(d.queue, d.lun, NULL, 0, 1, 0, 1), -EFAULT);
	iov[0] = (struct iovec){d.buf, 512};
	iov[1] = (struct iovec){own, 512};
	assert_int_equal(vscsi_readv(d.queue, d.lun, iov, 2, 0, 2, 0, 1), -EFAULT);
	/* A buffer that begins in the pool and ends beyond it. */
	assert_int_equal(vscsi_mem_get_stats(vscsi_dev_mem(d.dev), &stats), 0);
	end = (char *)(uintptr_t)(d.m->fake.regions[0].addr + d.m->fake.regions[0].len);
	assert_int_equal(vscsi_read(d.queue, d.lun, end - 512, 0, 2, 0, 1), -EFAULT);
	assert_int_equal(vscsi_read(d.queue, d.lun, end, 0, 1, 0, 1), -EFAULT);
	free(own);
	vscsi_submit(d.queue);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	assert_int_equal(finish(&d), 0);
	driver_close(&d);
}

static void test_arguments_that_make_no_sense(void **state)
{
	struct iovec iov;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	driver_hold(&d);
	iov = (struct iovec){d.buf, 1024};
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 0, 0, 1), -EINVAL);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 1u << 31, 1), -EINVAL);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, VSCSI_IO_FUA, 1), -EOPNOTSUPP);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1025, 0, 1), -E2BIG);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, UINT32_MAX, 0, 1), -E2BIG);
	assert_int_equal(vscsi_readv(d.queue, d.lun, &iov, 1, 0, 1, 0, 1), -EINVAL);
	assert_int_equal(vscsi_readv(d.queue, d.lun, &iov, 1, 0, 3, 0, 1), -EINVAL);
	iov.iov_len = 1000;
	assert_int_equal(vscsi_writev(d.queue, d.lun, &iov, 1, 0, 2, 0, 1), -EINVAL);
	assert_int_equal(vscsi_readv(d.queue, d.lun, NULL, 0, 0, 1, 0, 1), -EINVAL);
	vscsi_submit(d.queue);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	driver_close(&d);
}

static void test_a_disk_that_is_read_only(void **state)
{
	struct driver d;

	(void)state;
	driver_init(&d);
	d.m->mode = 0x80;
	driver_open(&d, "");
	assert_int_equal(vscsi_write(d.queue, d.lun, d.buf, 0, 1, 0, 1), -EROFS);
	driver_read(&d, 1);
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
}

/* 5 GiB that are there and never touched: more than the 2^32 bytes that a chain may have. */
static void test_more_than_a_chain_may_carry(void **state)
{
	const size_t bytes = (size_t)5 << 30;
	struct iovec in = {.iov_len = bytes};
	struct vscsi_command command = {
		.size = sizeof(command), .cdb_len = 16, .in = &in, .in_count = 1};
	struct driver d;
	int fd;

	(void)state;
	CONFORMS("R-SPLIT-07");
	driver_start(&d, "");
	fd = memfd_create("large", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	in.iov_base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	assert_ptr_not_equal(in.iov_base, MAP_FAILED);
	assert_int_equal(vscsi_mem_register(vscsi_dev_mem(d.dev), in.iov_base, bytes, fd, 0), 0);
	close(fd);
	driver_hold(&d);
	assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1), -E2BIG);
	in.iov_len = UINT64_C(1) << 32;
	assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1), -E2BIG);
	vscsi_submit(d.queue);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	assert_int_equal(vscsi_mem_unregister(vscsi_dev_mem(d.dev), in.iov_base), 0);
	munmap(in.iov_base, bytes);
	driver_close(&d);
}

/* Segments that don't fit, where the slot is formatted for so many and the region is known. */
static void test_vectors_on_the_fast_path(void **state)
{
	struct iovec iov[2];
	struct chain chain;
	struct driver d;
	char *end;

	(void)state;
	driver_start(&d, "");
	driver_hold(&d);
	end = (char *)(uintptr_t)(d.m->fake.regions[0].addr + d.m->fake.regions[0].len);
	iov[0] = (struct iovec){d.buf, 512};
	iov[1] = (struct iovec){d.buf + 4096, 512};
	assert_int_equal(vscsi_readv(d.queue, d.lun, iov, 2, 0, 2, 0, 1), 0);
	vscsi_submit(d.queue);
	chain = driver_take(&d);
	model_serve_chain(d.m, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	assert_int_equal(vscsi_readv(d.queue, d.lun, iov, 2, 0, 1, 0, 1), -EINVAL);
	assert_int_equal(vscsi_readv(d.queue, d.lun, iov, 2, 0, 3, 0, 1), -EINVAL);
	iov[1] = (struct iovec){end - 512, 1024};
	assert_int_equal(vscsi_readv(d.queue, d.lun, iov, 2, 0, 3, 0, 1), -EFAULT);
	iov[1] = (struct iovec){end, 512};
	assert_int_equal(vscsi_readv(d.queue, d.lun, iov, 2, 0, 2, 0, 1), -EFAULT);
	iov[1] = (struct iovec){d.buf, (size_t)-512};
	assert_int_not_equal(vscsi_readv(d.queue, d.lun, iov, 2, 0, 2, 0, 1), 0);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	driver_close(&d);
}

int limit_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors_on_the_fast_path),
		cmocka_unit_test(test_a_queue_can_be_full),
		cmocka_unit_test(test_a_lun_can_be_full),
		cmocka_unit_test(test_several_queues_of_one_lun),
		cmocka_unit_test(test_a_limit_that_comes_late),
		cmocka_unit_test(test_failures_do_not_eat_the_limit),
		cmocka_unit_test(test_refusals_keep_nothing_of_the_limit),
		cmocka_unit_test(test_number_of_segments),
		cmocka_unit_test(test_memory_that_the_device_cannot_reach),
		cmocka_unit_test(test_arguments_that_make_no_sense),
		cmocka_unit_test(test_a_disk_that_is_read_only),
		cmocka_unit_test(test_more_than_a_chain_may_carry),
	};

	return cmocka_run_group_tests_name("queue/limit", tests, NULL, NULL);
}
