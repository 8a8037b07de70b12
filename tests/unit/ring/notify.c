/* SPDX-License-Identifier: BSD-3-Clause */
/* Who notifies whom and when: by the flags, and by the event index. */
#include "ring.h"

/* The definition: notify when an index just published is the one behind @event (2.7.10.1). */
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

/* The same through the ring: batches of random sizes against a device with random wishes. */
static void test_publish_follows_the_event_index(void **state)
{
	uint64_t random = 1;
	unsigned round;
	struct pair p;

	(void)state;
	CONFORMS("R-SPLIT-29", "R-SPLIT-30", "R-SPLIT-31", "R-HARD-11");
	pair_open(&p, 64, true);
	for (round = 0; round < 20000; round++) {
		uint16_t from = p.ring.published;
		uint16_t event = (uint16_t)(from - 32 + pair_random(&random, 128));
		unsigned count = 1 + pair_random(&random, 64);

		/* Bit 0 of the flags says no; with the event index it is to be ignored. */
		device_wish(&p.dev, VRING_USED_F_NO_NOTIFY, event);
		pair_push_many(&p, count);
		assert_int_equal(split_publish(&p.ring),
				 passed_by_definition(event, (uint16_t)(from + count), from));
		pair_complete_all(&p);
		pair_reap_all(&p);
	}
	pair_close(&p);
}

static void test_publish_follows_the_flags(void **state)
{
	unsigned flags;
	struct pair p;

	(void)state;
	CONFORMS("R-SPLIT-26", "R-SPLIT-27", "R-SPLIT-28", "R-HARD-11");
	pair_open(&p, 8, false);
	for (flags = 0; flags <= UINT16_MAX; flags++) {
		/* The event field would say the opposite. */
		device_wish(&p.dev, (uint16_t)flags,
			    flags & 1 ? p.ring.published : (uint16_t)(p.ring.published - 1));
		pair_push(&p);
		assert_int_equal(split_publish(&p.ring), !(flags & VRING_USED_F_NO_NOTIFY));
		pair_complete_all(&p);
		pair_reap_all(&p);
	}
	pair_close(&p);
}

static void test_fresh_ring_notifies(void **state)
{
	int event_idx;
	struct pair p;

	(void)state;
	CONFORMS("R-SPLIT-25", "R-SPLIT-28");
	for (event_idx = 0; event_idx < 2; event_idx++) {
		pair_open(&p, 4, event_idx);
		pair_push(&p);
		assert_true(split_publish(&p.ring));
		pair_complete_all(&p);
		pair_reap_all(&p);
		pair_close(&p);
	}
}

/* The number of notifications that a device sends which gives back one chain at a time. */
static unsigned complete_singly(struct pair *p)
{
	unsigned calls = 0;
	uint16_t head;

	while (device_take(&p->dev, &head)) {
		device_use(&p->dev, head, 1);
		calls += device_show(&p->dev);
	}
	return calls;
}

static void test_driver_flags_are_0_or_1(void **state)
{
	struct pair p;

	(void)state;
	CONFORMS("R-SPLIT-20", "R-SPLIT-21");
	pair_open(&p, 8, false);
	assert_int_equal(device_flags(&p.dev), 1);
	assert_false(split_arm(&p.ring));
	assert_int_equal(device_flags(&p.dev), 0);
	split_disarm(&p.ring);
	assert_int_equal(device_flags(&p.dev), 1);
	/* Neither touches the event field. */
	assert_int_equal(device_used_event(&p.dev), 0);
	pair_close(&p);
}

static void test_driver_flags_stay_0_with_the_event_index(void **state)
{
	unsigned round;
	struct pair p;

	(void)state;
	CONFORMS("R-SPLIT-22", "R-SPLIT-23");
	pair_open(&p, 8, true);
	for (round = 0; round < 70000; round++) {
		uint16_t now = p.ring.last_used;

		assert_int_equal(device_flags(&p.dev), 0);
		assert_false(split_arm(&p.ring));
		assert_int_equal(device_flags(&p.dev), 0);
		assert_int_equal(device_used_event(&p.dev), now);
		split_disarm(&p.ring);
		assert_int_equal(device_flags(&p.dev), 0);
		assert_int_not_equal(device_used_event(&p.dev), now);
		pair_push(&p);
		split_publish(&p.ring);
		pair_complete_all(&p);
		pair_reap_all(&p);
	}
	pair_close(&p);
}

/* A driver that polls gets no notifications, one that armed gets one for the next chain only. */
static void test_armed_once_means_notified_once(void **state)
{
	int event_idx;
	struct pair p;

	(void)state;
	CONFORMS("R-SPLIT-21", "R-SPLIT-22", "R-SPLIT-23", "R-NOTIF-02");
	for (event_idx = 0; event_idx < 2; event_idx++) {
		pair_open(&p, 64, event_idx);
		pair_push_many(&p, 64);
		split_publish(&p.ring);
		assert_int_equal(complete_singly(&p), 0);
		pair_reap_all(&p);
		assert_false(split_arm(&p.ring));
		pair_push_many(&p, 64);
		split_publish(&p.ring);
		/* The flags can't say "once"; the event index can. */
		assert_int_equal(complete_singly(&p), event_idx ? 1 : 64);
		/* One wake-up brings all that there is. */
		assert_int_equal(split_pending(&p.ring), 64);
		assert_int_equal(pair_reap_all(&p), 64);
		pair_close(&p);
	}
}

static void test_arm_sees_what_is_there_already(void **state)
{
	int event_idx;
	struct pair p;

	(void)state;
	CONFORMS("R-SPLIT-39");
	for (event_idx = 0; event_idx < 2; event_idx++) {
		pair_open(&p, 8, event_idx);
		pair_push_many(&p, 2);
		split_publish(&p.ring);
		assert_false(split_arm(&p.ring));
		split_disarm(&p.ring);
		assert_false(pair_complete_all(&p));
		assert_true(split_arm(&p.ring));
		pair_reap(&p);
		assert_true(split_arm(&p.ring));
		pair_reap(&p);
		assert_false(split_arm(&p.ring));
		pair_close(&p);
	}
}

/*
 * A notification without cause finds nothing and does no harm; nor does one too many to the device.
 */
static void test_spurious_notifications(void **state)
{
	struct pair p;

	(void)state;
	CONFORMS("R-SPLIT-24", "R-NOTIF-01", "R-NOTIF-04");
	pair_open(&p, 8, true);
	assert_int_equal(split_pending(&p.ring), 0);
	pair_push(&p);
	assert_int_equal(split_pending(&p.ring), 0);
	split_publish(&p.ring);
	assert_int_equal(split_pending(&p.ring), 0);
	assert_null(p.ring.rule);
	pair_complete_all(&p);
	pair_complete_all(&p);
	assert_int_equal(pair_reap_all(&p), 1);
	assert_int_equal(split_pending(&p.ring), 0);
	pair_close(&p);
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
