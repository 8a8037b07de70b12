/* SPDX-License-Identifier: BSD-3-Clause */
/* Histogram and statistics: known sets of times with known results. */
#include <stdlib.h>

#include "perf.h"

#include "perf/hist.h"
#include "perf/series.h"
#include "perf/stats.h"

static void *zeroed(size_t len)
{
	void *memory = calloc(1, len);

	assert_non_null(memory);
	return memory;
}

static void test_buckets_contain_their_value(void **state)
{
	uint64_t value, middle;
	unsigned last = 0, index;

	(void)state;
	for (value = 1; value < 1ull << HIST_TOP; value += value / 50 + 1) {
		index = hist_index(value);
		middle = hist_value(index);
		assert_true(index >= last && index < HIST_BUCKETS);
		assert_int_equal(hist_index(middle), index);
		/* At most half a bucket, and a bucket is 1/64. */
		assert_true((middle > value ? middle - value : value - middle) <= value / 64);
		last = index;
	}
}

static void test_small_values_are_exact(void **state)
{
	uint64_t value;

	(void)state;
	for (value = 0; value < 128; value++)
		assert_int_equal(hist_value(hist_index(value)), value);
}

static void test_large_values_are_in_the_last_bucket(void **state)
{
	(void)state;
	assert_int_equal(hist_index(1ull << HIST_TOP), HIST_BUCKETS - 1);
	assert_int_equal(hist_index(UINT64_MAX), HIST_BUCKETS - 1);
	assert_int_equal(hist_index((1ull << HIST_TOP) - 1), HIST_BUCKETS - 1);
}

static void test_levels_of_latency(void **state)
{
	static const uint64_t ends[] = {2, 4, 10, 20, 50, 100, 250, 500, 750, 1000};
	uint64_t unit;
	unsigned i, level = 0;

	(void)state;
	for (unit = 1; unit <= 1000000; unit *= 1000) {
		for (i = 0; i < 10; i++, level++) {
			assert_int_equal(latency_level(ends[i] * unit - 1), level);
			assert_int_equal(latency_level(ends[i] * unit), level + 1);
		}
	}
	assert_int_equal(latency_level(1999999999), 30);
	assert_int_equal(latency_level(2000000000), 31);
	assert_int_equal(latency_level(UINT64_MAX), 31);
}

static void test_percentiles_of_1_to_100(void **state)
{
	struct hist *hist = zeroed(sizeof(*hist));
	unsigned i;

	(void)state;
	assert_int_equal(hist_percentile(hist, 50), 0);
	for (i = 1; i <= 100; i++)
		hist_add(hist, i);
	assert_int_equal(hist_percentile(hist, 0), 1);
	assert_int_equal(hist_percentile(hist, 1), 1);
	assert_int_equal(hist_percentile(hist, 50), 50);
	assert_int_equal(hist_percentile(hist, 99), 99);
	assert_int_equal(hist_percentile(hist, 99.5), 100);
	assert_int_equal(hist_percentile(hist, 100), 100);
	free(hist);
}

static void test_merge_histograms(void **state)
{
	struct hist *one = zeroed(sizeof(*one)), *other = zeroed(sizeof(*other));

	(void)state;
	hist_add(one, 10);
	hist_add(other, 20);
	hist_add(other, 100);
	hist_merge(one, other);
	assert_int_equal(one->count, 3);
	assert_int_equal(hist_percentile(one, 60), 20);
	assert_int_equal(hist_percentile(one, 100), 100);
	free(one);
	free(other);
}

static void test_mean_and_deviation(void **state)
{
	static const uint64_t times[] = {2, 4, 4, 4, 5, 5, 7, 9};
	struct moments moments = {0};
	unsigned i;

	(void)state;
	for (i = 0; i < 8; i++)
		moments_add(&moments, times[i]);
	assert_int_equal(moments.min, 2);
	assert_int_equal(moments.max, 9);
	assert_true(moments_mean(&moments) == 5.0);
	/* sqrt(32 / 7). */
	assert_true(moments_deviation(&moments) > 2.13808 && moments_deviation(&moments) < 2.13810);
}

static void test_a_group_spans_its_threads(void **state)
{
	struct stats *group = zeroed(sizeof(*group)), *thread = zeroed(sizeof(*thread));
	struct dir_stats *read = &thread->dir[DIR_READ];

	(void)state;
	read->ios = 3;
	read->bytes = 300;
	read->start = 1000;
	read->end = 3000;
	moments_add(&read->clat, 7);
	stats_merge(group, thread);
	read->start = 500;
	read->end = 2000;
	moments_add(&read->clat, 1);
	stats_merge(group, thread);
	assert_int_equal(group->dir[DIR_READ].ios, 6);
	assert_int_equal(group->dir[DIR_READ].bytes, 600);
	assert_int_equal(group->dir[DIR_READ].start, 500);
	assert_int_equal(group->dir[DIR_READ].end, 3000);
	assert_int_equal(group->dir[DIR_READ].clat.min, 1);
	assert_int_equal(group->dir[DIR_READ].clat.max, 7);
	assert_int_equal(group->dir[DIR_READ].clat.count, 3);
	assert_int_equal(group->dir[DIR_WRITE].start, 0);
	free(group);
	free(thread);
}

static void test_end_of_ramp_resets(void **state)
{
	struct stats *stats = zeroed(sizeof(*stats));

	(void)state;
	stats->dir[DIR_READ].ios = 9;
	stats->dir[DIR_READ].start = 1;
	stats_restart(stats, 77);
	assert_int_equal(stats->start, 77);
	assert_int_equal(stats->dir[DIR_READ].ios, 0);
	assert_int_equal(stats->dir[DIR_READ].start, 77);
	/* A kind without requests still has none. */
	assert_int_equal(stats->dir[DIR_WRITE].start, 0);
	free(stats);
}

/* Of @ms milliseconds in intervals of 100, with a read in each. Return: entries. */
static size_t intervals(uint64_t ms)
{
	struct series series = {.keeps = true, .interval = 100000000};
	struct stats *stats = zeroed(sizeof(*stats));
	uint64_t at;

	series_begin(&series, 1);
	for (at = 100; at <= ms; at += 100) {
		stats->dir[DIR_READ].ios++;
		series_interval(&series, stats, 1 + at * 1000000);
	}
	stats->dir[DIR_READ].ios++;
	series_end(&series, stats, 1 + ms * 1000000);
	series_free(&series);
	free(stats);
	return series.count;
}

/* As few requests as there happened to be in a moment would look like a rate. */
static void test_a_short_last_interval_is_dropped(void **state)
{
	(void)state;
	assert_int_equal(intervals(300), 3);
	assert_int_equal(intervals(301), 3);
	assert_int_equal(intervals(349), 3);
	assert_int_equal(intervals(350), 4);
	assert_int_equal(intervals(1), 1);
	assert_int_equal(intervals(0), 0);
}

int figures_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets_contain_their_value),
		cmocka_unit_test(test_small_values_are_exact),
		cmocka_unit_test(test_large_values_are_in_the_last_bucket),
		cmocka_unit_test(test_levels_of_latency),
		cmocka_unit_test(test_percentiles_of_1_to_100),
		cmocka_unit_test(test_merge_histograms),
		cmocka_unit_test(test_mean_and_deviation),
		cmocka_unit_test(test_a_group_spans_its_threads),
		cmocka_unit_test(test_end_of_ramp_resets),
		cmocka_unit_test(test_a_short_last_interval_is_dropped),
	};

	return cmocka_run_group_tests_name("figures", tests, NULL, NULL);
}
