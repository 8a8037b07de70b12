/* SPDX-License-Identifier: BSD-3-Clause */
/* When requests may be started: slots that have to be idle, rates, pauses, latency_target. */
#include <errno.h>
#include <string.h>

#include "perf.h"

#include "perf/pace.h"

#define MS 1000000ull

static struct job_options options;
static struct job job;
static const struct io read_io = {.dir = DIR_READ, .length = 1}, flush_io = {.dir = DIR_SYNC};

static int begin(void **state)
{
	(void)state;
	options = (struct job_options){.bs = 4096,
				       .iodepth = 16,
				       .thinktime_blocks = 1,
				       .iodepth_batch_complete_min = 1,
				       .latency_percentile = ALL_PERCENT};
	memset(&job, 0, sizeof(job));
	job.options = &options;
	job.idle_count = 16;
	return 0;
}

/* The slots that have to be idle after a batch that left @idle. */
static uint32_t wanted(uint32_t idle)
{
	job.idle_count = idle;
	pace_batch(&job);
	return job.wanted;
}

static void test_nothing_to_pace(void **state)
{
	(void)state;
	pace_begin(&job, true, 0);
	assert_false(job.paced);
	assert_int_equal(job.wanted, 1);
	options.rate = 1;
	pace_begin(&job, false, 0);
	assert_false(job.paced);
}

static void test_wait_when_full(void **state)
{
	(void)state;
	options.iodepth_low = 4;
	pace_begin(&job, true, 0);
	assert_true(job.paced);
	assert_int_equal(wanted(1), 1);
	assert_int_equal(wanted(0), 12);
	/* The larger wait wins, and no more can be idle than there are. */
	options.iodepth_batch_complete_min = 13;
	assert_int_equal(wanted(0), 13);
	options.iodepth_batch_complete_min = 16;
	options.iodepth_low = 16;
	assert_int_equal(wanted(0), 16);
	options.iodepth_batch_complete_min = 1;
	assert_int_equal(wanted(0), 1);
}

static void test_rate(void **state)
{
	(void)state;
	options.rate_iops = 1000;
	job.began = 5 * MS;
	pace_begin(&job, true, 0);
	assert_true(job.paced);
	assert_false(pace_due(&job, &read_io, 5 * MS));
	assert_true(pace_due(&job, &read_io, 6 * MS));
	pace_started(&job, &read_io);
	assert_false(pace_due(&job, &read_io, 6 * MS));
	assert_true(pace_due(&job, &flush_io, 6 * MS));
	assert_true(pace_due(&job, &read_io, 6 * MS + 1));
}

static void test_thinktime(void **state)
{
	(void)state;
	options.thinktime = 3 * MS;
	options.thinktime_blocks = 2;
	pace_begin(&job, true, 0);
	pace_started(&job, &read_io);
	pace_started(&job, &flush_io);
	assert_false(job.pausing);
	pace_started(&job, &read_io);
	assert_true(job.pausing);
	wanted(14);
	/* No slot may be used. */
	assert_int_equal(job.unused, 16);
	/* It begins when all have completed. */
	job.idle_count = 15;
	pace_check(&job, 10 * MS);
	job.idle_count = 16;
	pace_check(&job, 20 * MS);
	pace_check(&job, 23 * MS - 1);
	assert_true(job.pausing);
	pace_check(&job, 23 * MS);
	assert_false(job.pausing);
	assert_int_equal(job.unused, 0);
	assert_int_equal(job.wanted, 1);
}

/* A device that meets the target with up to @best requests in flight. Returns what is found. */
static uint32_t search(uint32_t best)
{
	unsigned windows, found = 0;
	uint64_t now = 0;

	options.latency_target = MS;
	options.latency_window = 10 * MS;
	pace_begin(&job, true, now);
	for (windows = 0; windows < 50 && !job.ending; windows++) {
		wanted(job.unused);
		if (now >= job.latency.due)
			latency_window(&job, now);
		job.stats.dir[DIR_READ].ios += 100;
		if (job.latency.depth > best)
			latency_missed(&job);
		now += 10 * MS;
		if (now >= job.latency.due && latency_window(&job, now)) {
			memset(&job.stats, 0, sizeof(job.stats));
			assert_int_equal(job.latency.ios, 0);
			found++;
		}
	}
	assert_true(job.ending);
	/* The results are of the last window. */
	assert_int_equal(found, best || options.latency_percentile != ALL_PERCENT);
	assert_int_equal(job.stats.dir[DIR_READ].ios, found ? 100 : job.stats.dir[DIR_READ].ios);
	assert_int_equal(16 - job.unused, job.latency.depth);
	return job.latency.depth;
}

static void test_latency_target(void **state)
{
	static const uint32_t depths[] = {1, 2, 3, 7, 8, 15, 16};
	unsigned i;

	for (i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		begin(state);
		options.latency_percentile = i % 2 ? ALL_PERCENT : 99 * PERCENT_UNIT + 1;
		assert_int_equal(search(depths[i]), depths[i]);
		assert_int_equal(job.error, 0);
	}
}

static void test_latency_target_that_is_not_met(void **state)
{
	(void)state;
	search(0);
	assert_int_equal(job.error, -ETIMEDOUT);
}

static void test_some_may_miss_the_target(void **state)
{
	(void)state;
	options.latency_percentile = 99 * PERCENT_UNIT;
	assert_int_equal(search(0), 16);
	assert_int_equal(job.error, 0);
}

int pace_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nothing_to_pace, begin),
		cmocka_unit_test_setup(test_wait_when_full, begin),
		cmocka_unit_test_setup(test_rate, begin),
		cmocka_unit_test_setup(test_thinktime, begin),
		cmocka_unit_test_setup(test_latency_target, begin),
		cmocka_unit_test_setup(test_latency_target_that_is_not_met, begin),
		cmocka_unit_test_setup(test_some_may_miss_the_target, begin),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
