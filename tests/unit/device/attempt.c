/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attempts to reconnect: when the last one is and how long it may take, when losses add up, and
 * that what one attempt found out does not hold for the next.
 */
#include <errno.h>
#include <string.h>

#include "device_tests.h"
#include "harness/loss.h"
#include "util/error.h"

static uint32_t state_of(struct driver *d)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(d->dev, &info), 0);
	return info.state;
}

/* Looks at a device that may fail by that. */
static uint32_t look(struct driver *d)
{
	struct vscsi_event events[8];

	vscsi_dev_poll_events(d->dev, events, 8);
	return state_of(d);
}

/*
 * Pauses have grown to half a second, and the limit is a moment after an attempt: one more is made
 * at the limit itself.
 */
static void test_the_last_attempt_is_at_the_limit(void **state)
{
	unsigned attempts;
	struct driver d;
	unsigned ms;

	(void)state;
	loss_open_stopped(&d, "recovery_ms=1000");
	loss_lose(&d);
	for (ms = 0; ms < 990; ms += 10) {
		clock_skip(10);
		assert_int_equal(look(&d), VSCSI_DEV_RECONNECTING);
	}
	/* 10, 20, 40 ... 320: the next pause would end at 1270. */
	attempts = loss_attempts;
	loss_away = false;
	clock_skip(20);
	assert_int_equal(look(&d), VSCSI_DEV_RUNNING);
	assert_int_equal(loss_attempts, attempts + 1);
	driver_close(&d);
}

/* An attempt that began at the limit has time for its answers. */
static void test_the_last_attempt_has_time(void **state)
{
	struct driver d;
	unsigned i;

	(void)state;
	loss_open_stopped(&d, "recovery_ms=1000");
	loss_lose(&d);
	clock_skip(1000);
	loss_away = false;
	d.m->fake.pending = FAKE_GET_FEATURES;
	d.m->fake.pending_times = 3;
	for (i = 0; i < 3; i++) {
		assert_int_equal(look(&d), VSCSI_DEV_RECONNECTING);
		clock_skip(10);
	}
	assert_int_equal(look(&d), VSCSI_DEV_RUNNING);
	driver_close(&d);
}

/*
 * A device that answers each call of the transport when it is asked again: no step of the start
 * sequence asks for anything else meanwhile, nor again for what it was told.
 */
static void test_every_answer_is_late(void **state)
{
	unsigned attempts;
	struct driver d;
	unsigned calls;

	(void)state;
	loss_open_stopped(&d, "recovery_ms=100000");
	loss_lose(&d);
	attempts = loss_attempts;
	loss_away = false;
	d.m->fake.pending = FAKE_ANY;
	d.m->fake.pending_times = 1;
	for (calls = 0; look(&d) == VSCSI_DEV_RECONNECTING; calls++) {
		assert_true(calls < 1000);
		clock_skip(10);
	}
	assert_int_equal(look(&d), VSCSI_DEV_RUNNING);
	assert_int_equal(loss_attempts, attempts + 1);
	assert_false(d.m->fake.misused);
	d.m->fake.pending_times = 0;
	driver_close(&d);
}

/*
 * A device that is there for long and doesn't answer what was in flight has not proved stable: the
 * times that it is away add up.
 */
static void test_unanswered_is_not_stable(void **state)
{
	struct vscsi_completion done;
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "recovery_ms=1500");
	loss_read(&d, 1);
	driver_take(&d);
	loss_lose(&d);
	loss_find(&d);
	driver_poll_nothing(&d);
	driver_take(&d);
	clock_skip(5000);
	loss_lose(&d);
	clock_skip(1000);
	assert_int_equal(look(&d), VSCSI_DEV_FAILED);
	assert_int_equal(vscsi_poll(d.queue, &done, 1), 1);
	assert_int_equal(done.result, -ENOTCONN);
	driver_close(&d);
}

/* What a device lacks that comes back, and what is said then. */
static const struct less {
	const char *name;
	uint32_t seg_max;
	int queue_max;
	int fixed_max;
	int queue_count;
	const char *why;
} less[] = {
	{"all as before", 64, 128, 16, 6, NULL},
	{"segments", 3, 128, 16, 6, "segments a request"},
	{"no segments at all", 0, 128, 16, 6, "segments a request"},
	{"ring entries", 64, 64, 16, 6, "64 entries in virtqueue 2, and 128"},
	{"entries for control", 64, 128, 8, 6, "8 entries in virtqueue 0, and 16"},
	{"queues", 64, 128, 16, 3, "request queues"},
	{"queues, all but two", 64, 128, 16, 2, "request queues"},
};

static bool is_tracked(struct transport *t)
{
	(void)t;
	return true;
}

/* A device that comes back with less than what rings and slots are laid out for fails. */
static void test_comes_back_with_less(void **state)
{
	static const char *const policies[] = {"recovery=report", "recovery=replay",
					       "recovery=exact"};
	unsigned row;
	unsigned i;

	(void)state;
	for (row = 0; row < ARRAY_LEN(less); row++) {
		for (i = 0; i < ARRAY_LEN(policies); i++) {
			struct vscsi_event events[8];
			struct driver d;

			driver_init(&d);
			d.m->fake.config.seg_max = htole32(64);
			loss_prepare(&d);
			d.m->fake.ops.tracked = is_tracked;
			driver_open(&d, policies[i]);
			loss_lose(&d);
			loss_away = false;
			d.m->fake.config.seg_max = htole32(less[row].seg_max);
			d.m->fake.queue_max = less[row].queue_max;
			d.m->fake.fixed_max = less[row].fixed_max;
			d.m->fake.queue_count = less[row].queue_count;
			clock_skip(1000);
			if (look(&d) != (less[row].why ? VSCSI_DEV_FAILED : VSCSI_DEV_RUNNING))
				fail_msg("%s, %s", less[row].name, policies[i]);
			if (less[row].why) {
				assert_int_equal(vscsi_dev_poll_events(d.dev, events, 8),
						 -ENOTCONN);
				assert_non_null(strstr(vscsi_last_error(), less[row].why));
			}
			driver_close(&d);
		}
	}
}

/* A device that breaks a rule of the transport isn't reconnected. */
static void test_broken_transport(void **state)
{
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "");
	loss_break(&d);
	d.m->fake.fail_err = -EPROTO;
	assert_int_equal(look(&d), VSCSI_DEV_FAILED);
	assert_int_equal(loss_attempts, 0);
	driver_close(&d);
}

/* Events have become longer: the buffers have not. */
static void test_longer_events(void **state)
{
	struct chain chain;
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "");
	loss_lose(&d);
	d.m->fake.config.event_info_size = htole32(4096);
	d.m->held |= 1u << 1;
	loss_find(&d);
	assert_true(model_take(d.m, 1, &chain));
	assert_in_range(chain.in[0].iov_len, 16, 64);
	driver_close(&d);
}

int attempt_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longer_events),
		cmocka_unit_test(test_the_last_attempt_is_at_the_limit),
		cmocka_unit_test(test_the_last_attempt_has_time),
		cmocka_unit_test(test_every_answer_is_late),
		cmocka_unit_test(test_unanswered_is_not_stable),
		cmocka_unit_test(test_comes_back_with_less),
		cmocka_unit_test(test_broken_transport),
	};

	return cmocka_run_group_tests_name("device/attempt", tests, NULL, NULL);
}
