/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attempts to reconnect: when the last one is and how long it may take, when losses add up, and
 * that what one attempt found out does not hold for the next.
 */
#include <errno.h>
#include <string.h>

#include "loss.h"
#include "util/error.h"

static uint32_t state_of(struct desk *d)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(d->dev, &info), 0);
	return info.state;
}

/* Looks at a device that may fail by that. */
static uint32_t look(struct desk *d)
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
	struct desk d;
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
	desk_close(&d);
}

/* An attempt that began at the limit has time for its answers. */
static void test_the_last_attempt_has_time(void **state)
{
	struct desk d;
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
	desk_close(&d);
}

/*
 * A device that is there for long and doesn't answer what was in flight has not proved stable: the
 * times that it is away add up.
 */
static void test_unanswered_is_not_stable(void **state)
{
	struct vscsi_completion done;
	struct desk d;

	(void)state;
	loss_open_stopped(&d, "recovery_ms=1500");
	loss_read(&d, 1);
	desk_take(&d);
	loss_lose(&d);
	loss_find(&d);
	desk_poll_nothing(&d);
	desk_take(&d);
	clock_skip(5000);
	loss_lose(&d);
	clock_skip(1000);
	assert_int_equal(look(&d), VSCSI_DEV_FAILED);
	assert_int_equal(vscsi_poll(d.queue, &done, 1), 1);
	assert_int_equal(done.result, -ENOTCONN);
	desk_close(&d);
}

/* The real function, and at which attempt something else happens. */
static int (*reopen_truly)(struct transport *t, bool keep);
static struct model *swapped;
static unsigned reopened;

/* LUNs were verified, and the connection for their I/O fails. Then another disk is there. */
static int reopen_and_swap(struct transport *t, bool keep)
{
	if (++reopened != 2)
		return reopen_truly(t, keep);
	swapped->serial = "SN43";
	return error_set(-ECONNREFUSED, "no way to the device");
}

static void test_verified_on_another_connection(void **state)
{
	struct vscsi_completion done;
	uint8_t before[MODEL_BLOCK];
	struct chain chain;
	struct desk d;
	unsigned i;

	(void)state;
	loss_open_stopped(&d, "");
	d.m->account = true;
	memset(d.m->disk, 0x55, sizeof(before));
	memcpy(before, d.m->disk, sizeof(before));
	assert_int_equal(vscsi_write(d.queue, d.lun, d.buf, 0, 1, 0, 7), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	desk_take(&d);
	reopened = 0;
	swapped = d.m;
	reopen_truly = d.m->fake.ops.reopen;
	d.m->fake.ops.reopen = reopen_and_swap;
	loss_break(&d);
	for (i = 0; i < 50 && (look(&d) != VSCSI_DEV_RUNNING || reopened < 3); i++)
		clock_skip(100);
	assert_true(reopened >= 3);
	for (i = 0; i < 10; i++) {
		clock_skip(100);
		if (vscsi_poll(d.queue, &done, 1) == 1)
			break;
		while (model_take(d.m, DESK_QUEUE, &chain))
			model_serve_chain(d.m, &chain);
	}
	assert_true(i < 10);
	assert_int_equal(done.user_data, 7);
	assert_int_equal(done.result, -ENODEV);
	assert_memory_equal(d.m->disk, before, sizeof(before));
	desk_close(&d);
}

/* What a device lacks that comes back, and what is said then. */
static const struct less {
	const char *name;
	uint32_t seg_max;
	int queue_max;
	int queue_count;
	const char *why;
} less[] = {
	{"all as before", 64, 128, 6, NULL},
	{"segments", 3, 128, 6, "segments a request"},
	{"no segments at all", 0, 128, 6, "segments a request"},
	{"ring entries", 64, 64, 6, "entries in request queue"},
	{"queues", 64, 128, 3, "request queues"},
	{"queues, all but two", 64, 128, 2, "request queues"},
};

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
			struct desk d;

			desk_init(&d);
			d.m->fake.config.seg_max = htole32(64);
			loss_prepare(&d);
			/* In-flight tracking is asked for with this policy only. */
			d.m->account = i == 2;
			desk_open(&d, policies[i]);
			loss_lose(&d);
			loss_away = false;
			d.m->fake.config.seg_max = htole32(less[row].seg_max);
			d.m->fake.queue_max = less[row].queue_max;
			d.m->fake.queue_count = less[row].queue_count;
			clock_skip(1000);
			if (look(&d) != (less[row].why ? VSCSI_DEV_FAILED : VSCSI_DEV_RUNNING))
				fail_msg("%s, %s", less[row].name, policies[i]);
			if (less[row].why) {
				assert_int_equal(vscsi_dev_poll_events(d.dev, events, 8),
						 -ENOTCONN);
				assert_non_null(strstr(vscsi_last_error(), less[row].why));
			}
			desk_close(&d);
		}
	}
}

/* What breaks a rule of the transport isn't looked for again. */
static void test_broken_transport(void **state)
{
	struct desk d;

	(void)state;
	loss_open_stopped(&d, "");
	loss_break(&d);
	d.m->fake.fail_err = -EPROTO;
	assert_int_equal(look(&d), VSCSI_DEV_FAILED);
	assert_int_equal(loss_attempts, 0);
	desk_close(&d);
}

/* The back-end's rings can't begin where they were: what is in flight is sent again, at once. */
static int reopen_and_refuse(struct transport *t, bool keep)
{
	struct fake *fake = (struct fake *)t;

	if (++reopened == 2) {
		fake->fail = FAKE_QUEUE_START;
		fake->fail_skip = 3;
		fake->fail_err = -EIO;
	}
	return reopen_truly(t, keep);
}

static void test_refuses_to_continue(void **state)
{
	struct desk d;

	(void)state;
	loss_open_stopped(&d, "");
	d.m->account = true;
	loss_read(&d, 1);
	desk_take(&d);
	reopened = 0;
	reopen_truly = d.m->fake.ops.reopen;
	d.m->fake.ops.reopen = reopen_and_refuse;
	loss_break(&d);
	assert_int_equal(look(&d), VSCSI_DEV_RUNNING);
	assert_int_equal(reopened, 3);
	desk_poll_nothing(&d);
	loss_serve(&d, 1);
	desk_close(&d);
}

/* LUNs are slow to report who they are: the device goes on with what is in flight after that. */
static void test_slow_to_be_verified(void **state)
{
	const void *ring;
	struct desk d;

	(void)state;
	loss_open_stopped(&d, "");
	d.m->account = true;
	loss_read(&d, 1);
	desk_take(&d);
	ring = d.m->fake.queues[DESK_QUEUE].desc;
	d.m->held |= UINT64_C(1) << DESK_SHARED;
	loss_break(&d);
	assert_int_equal(look(&d), VSCSI_DEV_RECONNECTING);
	clock_skip(100);
	assert_int_equal(look(&d), VSCSI_DEV_RECONNECTING);
	model_release(d.m, DESK_SHARED);
	assert_int_equal(look(&d), VSCSI_DEV_RUNNING);
	desk_poll_nothing(&d);
	/* With the same ring: a request that is sent again gets another one. */
	assert_ptr_equal(d.m->fake.queues[DESK_QUEUE].desc, ring);
	loss_serve(&d, 1);
	desk_close(&d);
}

/* Events have become longer: the buffers have not. */
static void test_longer_events(void **state)
{
	struct chain chain;
	struct desk d;

	(void)state;
	loss_open_stopped(&d, "");
	loss_lose(&d);
	d.m->fake.config.event_info_size = htole32(4096);
	d.m->held |= 1u << 1;
	loss_find(&d);
	assert_true(model_take(d.m, 1, &chain));
	assert_in_range(chain.in[0].iov_len, 16, 64);
	desk_close(&d);
}

int attempt_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses_to_continue),
		cmocka_unit_test(test_slow_to_be_verified),
		cmocka_unit_test(test_longer_events),
		cmocka_unit_test(test_the_last_attempt_is_at_the_limit),
		cmocka_unit_test(test_the_last_attempt_has_time),
		cmocka_unit_test(test_unanswered_is_not_stable),
		cmocka_unit_test(test_verified_on_another_connection),
		cmocka_unit_test(test_comes_back_with_less),
		cmocka_unit_test(test_broken_transport),
	};

	return cmocka_run_group_tests_name("core/attempt", tests, NULL, NULL);
}
