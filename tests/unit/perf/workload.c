/* SPDX-License-Identifier: BSD-3-Clause */
/* Selection of requests, and which pieces are verified. */
#include <string.h>

#include "perf.h"

#include "perf/workload.h"

#define PLACES 64

static struct job_options options;
static struct job job;
static uint32_t marks[PLACES];

static int begin(void **state)
{
	(void)state;
	options = (struct job_options){.rw = RW_READ, .rwmixread = 50};
	job = (struct job){.options = &options, .pieces = PLACES, .amount = PLACES, .seed = 5};
	memset(marks, 0, sizeof(marks));
	return 0;
}

static void test_ends_after_the_region(void **state)
{
	struct io io;
	unsigned i;

	(void)state;
	workload_init(&job);
	for (i = 0; i < PLACES; i++) {
		assert_int_equal(workload_next(&job, &io), 1);
		assert_int_equal(io.dir, DIR_READ);
		assert_int_equal(io.piece, i);
	}
	assert_int_equal(workload_next(&job, &io), 0);
}

static void test_number_ios_and_time_based(void **state)
{
	struct io io;
	unsigned i;

	(void)state;
	options.time_based = 1;
	options.number_ios = 3 * PLACES;
	workload_init(&job);
	for (i = 0; i < 3 * PLACES; i++)
		assert_int_equal(workload_next(&job, &io), 1);
	assert_int_equal(workload_next(&job, &io), 0);
}

static void test_mix(void **state)
{
	unsigned i, reads = 0;
	struct io io;

	(void)state;
	options.rw = RW_READ | RW_WRITE | RW_RANDOM;
	options.rwmixread = 70;
	options.time_based = 1;
	workload_init(&job);
	for (i = 0; i < 10000; i++) {
		assert_int_equal(workload_next(&job, &io), 1);
		reads += io.dir == DIR_READ;
	}
	assert_in_range(reads, 6700, 7300);
}

static void test_flush_after_every_third_write(void **state)
{
	struct io io;
	unsigned i;

	(void)state;
	options.rw = RW_WRITE;
	options.fsync = 3;
	workload_init(&job);
	for (i = 1; i < 33; i++) {
		assert_int_equal(workload_next(&job, &io), 1);
		assert_int_equal(io.dir, i % 4 ? DIR_WRITE : DIR_SYNC);
	}
	assert_int_equal(job.issued, 24);
}

/* Sizes of a mix: the region is covered once, and the last request is cut. */
static void test_mix_of_sizes(void **state)
{
	unsigned lengths[17] = {0};
	uint64_t next = 0;
	struct io io;

	(void)state;
	options.bs = 4096;
	job.pieces = job.amount = 1000 * PLACES + 1;
	assert_int_equal(split_parse("64k/25:4k/50:8k/", &job.split), 0);
	assert_int_equal(split_smallest(&job.split), 4096);
	assert_int_equal(split_largest(&job.split), 65536);
	workload_init(&job);
	while (workload_next(&job, &io)) {
		assert_int_equal(io.piece, next);
		next += io.length;
		lengths[io.length < 17 ? io.length : 0]++;
	}
	assert_int_equal(next, job.pieces);
	assert_int_equal(lengths[0], 0);
	assert_in_range(lengths[1], 6100, 6700);
	assert_in_range(lengths[2], 2950, 3450);
	assert_in_range(lengths[16], 2950, 3450);
	/* number_ios counts requests. */
	options.number_ios = 3;
	job.issued = job.requests = 0;
	workload_init(&job);
	assert_int_equal(workload_next(&job, &io) + workload_next(&job, &io), 2);
	assert_int_equal(workload_next(&job, &io), 1);
	assert_int_equal(workload_next(&job, &io), 0);
}

static void test_write_waits_for_the_previous_one(void **state)
{
	struct io first = {.dir = DIR_WRITE, .piece = 7}, second = first;
	struct io read = {.dir = DIR_READ, .piece = 7};

	(void)state;
	job.marks = marks;
	assert_true(workload_ready(&job, &first));
	assert_int_equal(first.generation, 1);
	workload_started(&job, &first);
	assert_false(workload_ready(&job, &second));
	/* It could return either content, so it is not checked. */
	assert_true(workload_ready(&job, &read));
	assert_int_equal(read.generation, 0);
	workload_finished(&job, &first, true);
	assert_true(workload_ready(&job, &second));
	assert_int_equal(second.generation, 2);
	assert_true(workload_ready(&job, &read));
	assert_int_equal(read.generation, 1);
	workload_started(&job, &read);
	assert_false(workload_ready(&job, &second));
	workload_finished(&job, &read, false);
	assert_true(workload_ready(&job, &second));
	assert_int_equal(second.generation, 2);
}

static void test_readback_covers_written_blocks(void **state)
{
	struct io io = {.dir = DIR_WRITE, .piece = 9};

	(void)state;
	job.marks = marks;
	assert_true(workload_ready(&job, &io));
	workload_started(&job, &io);
	workload_finished(&job, &io, true);
	io.piece = 20;
	assert_true(workload_ready(&job, &io));
	workload_started(&job, &io);
	workload_finished(&job, &io, false);
	assert_int_equal(readback_next(&job, &io), 1);
	assert_int_equal(io.dir, DIR_READ);
	assert_int_equal(io.piece, 9);
	assert_true(workload_ready(&job, &io));
	assert_int_equal(io.generation, 1);
	/* The contents of 20 are undefined. */
	assert_int_equal(readback_next(&job, &io), 0);
}

static void test_verify_only_covers_written_blocks(void **state)
{
	static uint32_t written[PLACES];
	struct io io;
	unsigned i;

	(void)state;
	options.rw = RW_WRITE | RW_RANDOM;
	options.number_ios = PLACES / 2;
	workload_init(&job);
	while (workload_next(&job, &io))
		written[io.piece]++;
	options.verify_only = 1;
	job.marks = marks;
	workload_init(&job);
	assert_memory_equal(marks, written, sizeof(marks));
	for (i = 0, job.issued = 0; readback_next(&job, &io); i++)
		assert_int_equal(written[io.piece], 1);
	assert_int_equal(i, PLACES / 2);
}

int workload_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ends_after_the_region, begin),
		cmocka_unit_test_setup(test_number_ios_and_time_based, begin),
		cmocka_unit_test_setup(test_mix, begin),
		cmocka_unit_test_setup(test_flush_after_every_third_write, begin),
		cmocka_unit_test_setup(test_mix_of_sizes, begin),
		cmocka_unit_test_setup(test_write_waits_for_the_previous_one, begin),
		cmocka_unit_test_setup(test_readback_covers_written_blocks, begin),
		cmocka_unit_test_setup(test_verify_only_covers_written_blocks, begin),
	};

	return cmocka_run_group_tests_name("workload", tests, NULL, NULL);
}
