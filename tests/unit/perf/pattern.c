/* SPDX-License-Identifier: BSD-3-Clause */
/* Orders visit every position once per round. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "perf.h"

#include "perf/pattern.h"

#define MOST 5000

/* Runs a round; returns how many positions are the same as in @before. */
static unsigned check_round(struct pattern *pattern, uint64_t *before)
{
	unsigned char met[MOST] = {0};
	unsigned i, same = 0;
	uint64_t position;

	for (i = 0; i < pattern->count; i++) {
		position = pattern_next(pattern);
		assert_true(position < pattern->count);
		assert_int_equal(met[position]++, 0);
		same += before[i] == position;
		before[i] = position;
	}
	return same;
}

static void test_random_visits_each_position_once(void **state)
{
	static const unsigned counts[] = {1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 1000, 4096, 4097, MOST};
	uint64_t before[MOST];
	struct pattern pattern;
	unsigned i, seed;

	(void)state;
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		for (seed = 0; seed < 5; seed++) {
			pattern_init(&pattern, counts[i], PATTERN_SHUFFLED, seed);
			memset(before, 0xff, sizeof(before));
			check_round(&pattern, before);
			check_round(&pattern, before);
		}
	}
}

static void test_rounds_and_seeds_differ(void **state)
{
	uint64_t before[MOST];
	struct pattern pattern;

	(void)state;
	memset(before, 0xff, sizeof(before));
	pattern_init(&pattern, 1000, PATTERN_SHUFFLED, 1);
	check_round(&pattern, before);
	assert_true(check_round(&pattern, before) < 50);
	pattern_init(&pattern, 1000, PATTERN_SHUFFLED, 2);
	assert_true(check_round(&pattern, before) < 50);
}

static void test_same_seed_same_order(void **state)
{
	uint64_t before[MOST];
	struct pattern pattern;

	(void)state;
	pattern_init(&pattern, 1000, PATTERN_SHUFFLED, 7);
	check_round(&pattern, before);
	pattern_init(&pattern, 1000, PATTERN_SHUFFLED, 7);
	assert_int_equal(check_round(&pattern, before), 1000);
}

static void test_random_is_not_nearly_in_order(void **state)
{
	struct pattern pattern;
	unsigned i, steps = 0;
	uint64_t last = 0, position;

	(void)state;
	pattern_init(&pattern, 4096, PATTERN_SHUFFLED, 3);
	for (i = 0; i < 4096; i++) {
		position = pattern_next(&pattern);
		steps += position - last < 8;
		last = position;
	}
	assert_true(steps < 100);
}

static void test_sequence_begins_again(void **state)
{
	struct pattern pattern;
	unsigned i;

	(void)state;
	pattern_init(&pattern, 3, PATTERN_SEQUENTIAL, 9);
	for (i = 0; i < 9; i++)
		assert_int_equal(pattern_next(&pattern), i % 3);
}

/* With norandommap: some positions again, before others, and the same for the same seed. */
static void test_random_positions(void **state)
{
	struct pattern pattern, again;
	bool seen[100] = {false};
	unsigned i, different = 0;
	uint64_t position;

	(void)state;
	pattern_init(&pattern, 100, PATTERN_RANDOM, 4);
	pattern_init(&again, 100, PATTERN_RANDOM, 4);
	for (i = 0; i < 100; i++) {
		position = pattern_next(&pattern);
		assert_in_range(position, 0, 99);
		assert_int_equal(pattern_next(&again), position);
		different += !seen[position];
		seen[position] = true;
	}
	/* 63 are expected. */
	assert_in_range(different, 50, 76);
}

int pattern_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_visits_each_position_once),
		cmocka_unit_test(test_rounds_and_seeds_differ),
		cmocka_unit_test(test_same_seed_same_order),
		cmocka_unit_test(test_random_is_not_nearly_in_order),
		cmocka_unit_test(test_sequence_begins_again),
		cmocka_unit_test(test_random_positions),
	};

	return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
