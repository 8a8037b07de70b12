/* SPDX-License-Identifier: BSD-3-Clause */
/* When each side notifies the other: by the flags, and by the event index. */
#include "bed.h"
#include "ring.h"

/* The definition: notify when an index just published is the one after @event (2.7.10.1). */
static bool passed_by_definition(uint16_t event, uint16_t to, uint16_t from)
{
	uint16_t i;

	for (i = from; i != to; i++) {
		if (i == event)
			return true;
	}
	return false;
}

/* Every event within reach of every window, at every place where 16 bits end or change sign. */
static void test_event_formula_is_the_definition(void **state)
{
	static const uint16_t starts[] = {0, 1, 2, 100, 32766, 32767, 32768, 65533, 65534, 65535};
	unsigned width;
	unsigned i;
	int offset;

	(void)state;
	CONFORMS("R-SPLIT-30", "R-SPLIT-31");
	for (i = 0; i < ARRAY_LEN(starts); i++) {
		for (width = 1; width <= 300; width++) {
			for (offset = -310; offset <= 310; offset++) {
				uint16_t event = (uint16_t)(starts[i] + offset);
				uint16_t to = (uint16_t)(starts[i] + width);

				if (ring_event_passed(event, to, starts[i]) !=
				    passed_by_definition(event, to, starts[i]))
					fail_msg("event %u, from %u to %u", event, starts[i], to);
			}
		}
	}
}

/* All 65,536 events for windows up to the largest ring. */
static void test_event_formula_for_every_event(void **state)
{
	static const uint16_t widths[] = {1, 2, 3, 128, 32767, 32768};
	unsigned event;
	unsigned i;

	(void)state;
	CONFORMS("R-SPLIT-30", "R-SPLIT-31");
	for (i = 0; i < ARRAY_LEN(widths); i++) {
		const uint16_t from = 65000;
		unsigned yes = 0;

		for (event = 0; event <= UINT16_MAX; event++)
			yes += ring_event_passed((uint16_t)event, (uint16_t)(from + widths[i]),
						 from);
		assert_int_equal(yes, widths[i]);
		assert_true(ring_event_passed(from, (uint16_t)(from + widths[i]), from));
		assert_false(ring_event_passed((uint16_t)(from + widths[i]),
					       (uint16_t)(from + widths[i]), from));
		assert_false(ring_event_passed(from - 1, (uint16_t)(from + widths[i]), from));
	}
}

/* The same through the ring: batches of random sizes against random event indices of the device. */
static void test_publish_follows_the_event_index(void **state)
{
	uint64_t random = 1;
	unsigned round;
	struct bed b;

	(void)state;
	CONFORMS("R-SPLIT-29", "R-SPLIT-30", "R-SPLIT-31", "R-HARD-11");
	bed_open_split(&b, 64, true);
	for (round = 0; round < 20000; round++) {
		uint16_t from = b.split.published;
		uint16_t event = (uint16_t)(from - 32 + bed_random(&random, 128));
		unsigned count = 1 + bed_random(&random, 64);

		/* Bit 0 of the flags says no; with the event index it is to be ignored. */
		device_request(&b.dev, VRING_USED_F_NO_NOTIFY, event);
		bed_push_many(&b, count);
		assert_int_equal(split_publish(&b.split),
				 passed_by_definition(event, (uint16_t)(from + count), from));
		bed_serve(&b);
		bed_reap_all(&b);
	}
	bed_close(&b);
}

static void test_publish_follows_the_flags(void **state)
{
	unsigned flags;
	struct bed b;

	(void)state;
	CONFORMS("R-SPLIT-26", "R-SPLIT-27", "R-SPLIT-28", "R-HARD-11");
	bed_open_split(&b, 8, false);
	for (flags = 0; flags <= UINT16_MAX; flags++) {
		/* The event field would say the opposite. */
		device_request(&b.dev, (uint16_t)flags,
			       flags & 1 ? b.split.published : (uint16_t)(b.split.published - 1));
		bed_push(&b, 1);
		assert_int_equal(split_publish(&b.split), !(flags & VRING_USED_F_NO_NOTIFY));
		bed_serve(&b);
		bed_reap_all(&b);
	}
	bed_close(&b);
}

static void test_fresh_ring_notifies(void **state)
{
	int event_idx;
	struct bed b;

	(void)state;
	CONFORMS("R-SPLIT-25", "R-SPLIT-28");
	for (event_idx = 0; event_idx < 2; event_idx++) {
		bed_open_split(&b, 4, event_idx);
		bed_push(&b, 1);
		assert_true(split_publish(&b.split));
		bed_serve(&b);
		bed_reap_all(&b);
		bed_close(&b);
	}
}

/* The number of notifications that a device sends which gives back one chain at a time. */
static unsigned complete_singly(struct bed *b)
{
	struct bed_chain chain;
	unsigned calls = 0;

	while (bed_device_take(b, &chain)) {
		bed_give(b, &chain, 1);
		calls += device_show(&b->dev);
	}
	return calls;
}

static void test_driver_flags_are_0_or_1(void **state)
{
	struct bed b;

	(void)state;
	CONFORMS("R-SPLIT-20", "R-SPLIT-21");
	bed_open_split(&b, 8, false);
	assert_int_equal(device_driver_flags(&b.dev), 1);
	assert_false(split_arm(&b.split));
	assert_int_equal(device_driver_flags(&b.dev), 0);
	split_disarm(&b.split);
	assert_int_equal(device_driver_flags(&b.dev), 1);
	/* Neither touches the event field. */
	assert_int_equal(device_driver_event(&b.dev), 0);
	bed_close(&b);
}

static void test_driver_flags_stay_0_with_the_event_index(void **state)
{
	unsigned round;
	struct bed b;

	(void)state;
	CONFORMS("R-SPLIT-22", "R-SPLIT-23");
	bed_open_split(&b, 8, true);
	for (round = 0; round < 70000; round++) {
		uint16_t now = b.split.last_used;

		assert_int_equal(device_driver_flags(&b.dev), 0);
		assert_false(split_arm(&b.split));
		assert_int_equal(device_driver_flags(&b.dev), 0);
		assert_int_equal(device_driver_event(&b.dev), now);
		split_disarm(&b.split);
		assert_int_equal(device_driver_flags(&b.dev), 0);
		assert_int_not_equal(device_driver_event(&b.dev), now);
		bed_push(&b, 1);
		split_publish(&b.split);
		bed_serve(&b);
		bed_reap_all(&b);
	}
	bed_close(&b);
}

/* A driver that polls gets no notifications, one that armed gets one for the next chain only. */
static void test_armed_once_means_notified_once(void **state)
{
	int event_idx;
	struct bed b;

	(void)state;
	CONFORMS("R-SPLIT-21", "R-SPLIT-22", "R-SPLIT-23", "R-NOTIF-02");
	for (event_idx = 0; event_idx < 2; event_idx++) {
		bed_open_split(&b, 64, event_idx);
		bed_push_many(&b, 64);
		split_publish(&b.split);
		assert_int_equal(complete_singly(&b), 0);
		bed_reap_all(&b);
		assert_false(split_arm(&b.split));
		bed_push_many(&b, 64);
		split_publish(&b.split);
		/* The flags can't say "once"; the event index can. */
		assert_int_equal(complete_singly(&b), event_idx ? 1 : 64);
		/* One wake-up brings all that there is. */
		assert_int_equal(split_pending(&b.split), 64);
		assert_int_equal(bed_reap_all(&b), 64);
		bed_close(&b);
	}
}

static void test_arm_sees_what_is_there_already(void **state)
{
	struct ring_used used;
	int event_idx;
	struct bed b;

	(void)state;
	CONFORMS("R-SPLIT-39");
	for (event_idx = 0; event_idx < 2; event_idx++) {
		bed_open_split(&b, 8, event_idx);
		bed_push_many(&b, 2);
		split_publish(&b.split);
		assert_false(split_arm(&b.split));
		split_disarm(&b.split);
		assert_false(bed_serve(&b));
		assert_true(split_arm(&b.split));
		assert_true(bed_reap(&b, &used));
		assert_true(split_arm(&b.split));
		assert_true(bed_reap(&b, &used));
		assert_false(split_arm(&b.split));
		bed_close(&b);
	}
}

/*
 * A notification without cause finds nothing and does no harm; nor does one too many to the device.
 */
static void test_spurious_notifications(void **state)
{
	struct bed b;

	(void)state;
	CONFORMS("R-SPLIT-24", "R-NOTIF-01", "R-NOTIF-04");
	bed_open_split(&b, 8, true);
	assert_int_equal(split_pending(&b.split), 0);
	bed_push(&b, 1);
	assert_int_equal(split_pending(&b.split), 0);
	split_publish(&b.split);
	assert_int_equal(split_pending(&b.split), 0);
	assert_null(b.split.rule);
	bed_serve(&b);
	bed_serve(&b);
	assert_int_equal(bed_reap_all(&b), 1);
	assert_int_equal(split_pending(&b.split), 0);
	bed_close(&b);
}

int notify_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event_formula_is_the_definition),
		cmocka_unit_test(test_event_formula_for_every_event),
		cmocka_unit_test(test_publish_follows_the_event_index),
		cmocka_unit_test(test_publish_follows_the_flags),
		cmocka_unit_test(test_fresh_ring_notifies),
		cmocka_unit_test(test_driver_flags_are_0_or_1),
		cmocka_unit_test(test_driver_flags_stay_0_with_the_event_index),
		cmocka_unit_test(test_armed_once_means_notified_once),
		cmocka_unit_test(test_arm_sees_what_is_there_already),
		cmocka_unit_test(test_spurious_notifications),
	};

	return cmocka_run_group_tests_name("ring/notify", tests, NULL, NULL);
}
