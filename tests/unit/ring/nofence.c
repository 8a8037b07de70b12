/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The races of sleep.c with the ring compiled without its fences, which must lose wake-ups: it
 * shows that the races would catch a fence that went missing. A program of its own: everything that
 * has a fence of the ring in it is compiled anew, with __atomic_thread_fence() made nothing.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bed.h"
#include "race.h"

/* Where threads run one after the other, or every access is a call, there is nothing to see. */
static bool can_see_reordering(void)
{
	const char *preload = getenv("LD_PRELOAD");
	bool valgrind = preload && strstr(preload, "vgpreload");

#ifdef __SANITIZE_THREAD__
	return false;
#endif
#ifndef __x86_64__
	/* How soon another processor shows it is not known here. */
	return false;
#endif
	return !valgrind && sysconf(_SC_NPROCESSORS_ONLN) > 1;
}

static void expect_loss(void (*run)(struct race *), bool packed, bool event_idx)
{
	struct race race = {
		.packed = packed,
		.event_idx = event_idx,
		.rounds = UINT32_MAX,
		.seconds = 25,
		.batch = 1,
		.stop_at_loss = true,
	};

	if (!can_see_reordering()) {
		print_message("needs two processors, and neither valgrind nor ThreadSanitizer\n");
		skip();
	}
	run(&race);
	print_message("lost after %u rounds\n", race.done);
	assert_int_equal(race.lost, 1);
}

static void test_publish_with_event_index(void **state)
{
	(void)state;
	CONFORMS("R-MB-24", "R-SPLIT-34");
	expect_loss(race_device_sleeps, false, true);
}

static void test_publish_with_flags(void **state)
{
	(void)state;
	CONFORMS("R-MB-24", "R-SPLIT-34");
	expect_loss(race_device_sleeps, false, false);
}

static void test_arm_with_event_index(void **state)
{
	(void)state;
	CONFORMS("R-MB-24", "R-SPLIT-39");
	expect_loss(race_driver_sleeps, false, true);
}

static void test_arm_with_flags(void **state)
{
	(void)state;
	CONFORMS("R-MB-24", "R-SPLIT-39");
	expect_loss(race_driver_sleeps, false, false);
}

static void test_packed_publish_with_event_index(void **state)
{
	(void)state;
	CONFORMS("R-MB-24", "R-PACK-34");
	expect_loss(race_device_sleeps, true, true);
}

static void test_packed_publish_with_flags(void **state)
{
	(void)state;
	CONFORMS("R-MB-24", "R-PACK-34");
	expect_loss(race_device_sleeps, true, false);
}

static void test_packed_arm_with_event_index(void **state)
{
	(void)state;
	CONFORMS("R-MB-24", "R-MB-15");
	expect_loss(race_driver_sleeps, true, true);
}

static void test_packed_arm_with_flags(void **state)
{
	(void)state;
	CONFORMS("R-MB-24", "R-MB-15");
	expect_loss(race_driver_sleeps, true, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_publish_with_event_index),
		cmocka_unit_test(test_publish_with_flags),
		cmocka_unit_test(test_arm_with_event_index),
		cmocka_unit_test(test_arm_with_flags),
		cmocka_unit_test(test_packed_publish_with_event_index),
		cmocka_unit_test(test_packed_publish_with_flags),
		cmocka_unit_test(test_packed_arm_with_event_index),
		cmocka_unit_test(test_packed_arm_with_flags),
	};

	return cmocka_run_group_tests_name("ring/nofence", tests, NULL, NULL);
}
