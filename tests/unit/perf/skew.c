/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Skewed distributions, compared with what fio did with
 *	fio --name=x --ioengine=null --size=1g --rw=randread --random_distribution=...
 *	--write_lat_log=x --log_offset=1
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "perf.h"

#include "perf/skew.h"

#define PLACES (1u << 18)

static uint32_t hits[PLACES];

static int descending(const void *one, const void *other)
{
	uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;

	return (a < b) - (a > b);
}

static void draw(const char *text)
{
	struct skew skew;
	unsigned i;
	uint64_t place;

	assert_int_equal(skew_parse(text, &skew), 0);
	skew_init(&skew, PLACES, 7);
	memset(hits, 0, sizeof(hits));
	for (i = 0; i < PLACES; i++) {
		place = skew_next(&skew);
		assert_in_range(place, 0, PLACES - 1);
		hits[place]++;
	}
}

/* @distinct: how many places are hit; @top: percentage of the hits of a tenth of them. */
static void assert_skew(const char *text, unsigned distinct, unsigned top)
{
	unsigned i, count = 0;
	uint64_t sum = 0;

	draw(text);
	qsort(hits, PLACES, sizeof(hits[0]), descending);
	while (count < PLACES && hits[count])
		count++;
	for (i = 0; i < count / 10; i++)
		sum += hits[i];
	assert_in_range(count, distinct - distinct / 50, distinct + distinct / 50);
	assert_in_range(sum * 100 / PLACES, top - 1, top + 1);
}

static void test_zipf(void **state)
{
	(void)state;
	assert_skew("zipf:1.2", 24556, 89);
	assert_skew("zipf:0.8", 103216, 52);
}

static void test_pareto(void **state)
{
	(void)state;
	assert_skew("pareto:0.2", 80868, 64);
}

static void test_center(void **state)
{
	unsigned i, most = 0;

	(void)state;
	draw("zipf:1.2:0.25");
	for (i = 1; i < PLACES; i++)
		most = hits[i] > hits[most] ? i : most;
	assert_in_range(most, PLACES / 4 - 1, PLACES / 4);
	/* Neighbours are not frequent as well. */
	assert_in_range(hits[most + 1] + hits[most + 2], 0, hits[most] / 100);
}

static void test_few_places(void **state)
{
	struct skew skew;
	unsigned i;

	(void)state;
	assert_int_equal(skew_parse("zipf", &skew), 0);
	skew_init(&skew, 1, 3);
	for (i = 0; i < 100; i++)
		assert_int_equal(skew_next(&skew), 0);
	assert_int_equal(skew_parse("pareto:0.3:1", &skew), 0);
	skew_init(&skew, 2, 3);
	for (i = 0; i < 100; i++)
		assert_in_range(skew_next(&skew), 0, 1);
}

static void test_texts(void **state)
{
	static const char *const wrong[] = {
		"zipf:1",       "zipf:0", "zipf:",    "zipf:1.2:",  "zipf:1.2:1.1",
		"zipf:1.2:0:0", "zip",    "pareto:1", "pareto:nan", "zipf:1.2:-1",
		"zoned:60/10",  "normal", "random:1", "zipf1.2",    "zipf:1.2:nan",
	};
	struct skew skew;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(skew_parse(wrong[i], &skew), -EINVAL);
	assert_int_equal(skew_parse("random", &skew), 0);
	assert_int_equal(skew.kind, SKEW_NONE);
	assert_int_equal(skew_parse("", &skew), 0);
	assert_int_equal(skew.kind, SKEW_NONE);
}

int skew_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zipf),   cmocka_unit_test(test_pareto),
		cmocka_unit_test(test_center), cmocka_unit_test(test_few_places),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests_name("skew", tests, NULL, NULL);
}
