/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * No thread sleeps for ever: the two places where a store must be visible before a load, each raced
 * by two threads. fence.c runs the same code in every interleaving, with and without the fences.
 */
#include <stdlib.h>

#include "bed.h"
#include "race.h"
#include "ring.h"

#define ROUNDS  250000u
#define BRIEFLY 25000u /* with VSCSI_TEST_BRIEF in the environment */
#define SECONDS 2u

static void expect_no_loss(void (*run)(struct race *), bool packed, bool event_idx, unsigned batch)
{
	struct race race = {
		.packed = packed,
		.event_idx = event_idx,
		.rounds = getenv("VSCSI_TEST_BRIEF") ? BRIEFLY : ROUNDS,
		.seconds = SECONDS,
		.batch = batch,
	};

	run(&race);
	assert_string_equal(race.broken ? race.broken : "none", "none");
	assert_int_equal(race.lost, 0);
	/* On a slow machine the time was up before the rounds were; but there was a race. */
	assert_true(race.done >= 100);
}

static void test_device_that_sleeps_is_woken(void **state)
{
	(void)state;
	CONFORMS("R-SPLIT-32", "R-SPLIT-34", "R-MB-03");
	expect_no_loss(race_device_sleeps, false, true, 1);
	expect_no_loss(race_device_sleeps, false, false, 1);
}

static void test_device_that_sleeps_is_woken_for_a_batch(void **state)
{
	(void)state;
	CONFORMS("R-SPLIT-30", "R-SPLIT-34", "R-MB-03");
	expect_no_loss(race_device_sleeps, false, true, 8);
}

static void test_driver_that_sleeps_is_woken(void **state)
{
	(void)state;
	CONFORMS("R-SPLIT-23", "R-SPLIT-39", "R-MB-07");
	expect_no_loss(race_driver_sleeps, false, true, 1);
	expect_no_loss(race_driver_sleeps, false, false, 1);
}

static void test_device_that_sleeps_on_a_packed_ring(void **state)
{
	(void)state;
	CONFORMS("R-PACK-22", "R-PACK-34", "R-MB-11");
	expect_no_loss(race_device_sleeps, true, true, 1);
	expect_no_loss(race_device_sleeps, true, false, 1);
	expect_no_loss(race_device_sleeps, true, true, 8);
}

static void test_driver_that_sleeps_on_a_packed_ring(void **state)
{
	(void)state;
	/* An old offset with the new flags would lose a wakeup, too. */
	CONFORMS("R-PACK-42", "R-MB-14", "R-MB-15");
	expect_no_loss(race_driver_sleeps, true, true, 1);
	expect_no_loss(race_driver_sleeps, true, false, 1);
}

int sleep_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_device_that_sleeps_is_woken),
		cmocka_unit_test(test_device_that_sleeps_is_woken_for_a_batch),
		cmocka_unit_test(test_driver_that_sleeps_is_woken),
		cmocka_unit_test(test_device_that_sleeps_on_a_packed_ring),
		cmocka_unit_test(test_driver_that_sleeps_on_a_packed_ring),
	};

	return cmocka_run_group_tests_name("ring/sleep", tests, NULL, NULL);
}
