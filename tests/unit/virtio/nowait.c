/* SPDX-License-Identifier: BSD-3-Clause */
/* A device that is not waited for: every call of the transport is in progress for a while. */
#include <errno.h>
#include <string.h>

#include "util/error.h"
#include "virtio.h"

#define TIMES 3u

static const struct virtio_request everything = {.want = UINT64_MAX, .must = 0};

static void open_pending(struct bench *b, enum fake_call pending, unsigned skip)
{
	bench_open(b);
	b->fake.pending = pending;
	b->fake.pending_skip = skip;
	b->fake.pending_times = TIMES;
	virtio_set_wait(&b->dev, false);
}

/* Until it is no longer in progress, which leaves no error text. @calls counts. */
static int negotiate(struct bench *b, unsigned *calls)
{
	int err;

	do {
		error_set(-1, "untouched");
		err = virtio_negotiate(&b->dev, &everything);
		++*calls;
		if (err == -EINPROGRESS)
			assert_string_equal(error_text(), "untouched");
	} while (err == -EINPROGRESS);
	return err;
}

static int run(struct bench *b, unsigned *calls)
{
	int err;

	do {
		err = virtio_run(&b->dev);
		++*calls;
	} while (err == -EINPROGRESS);
	return err;
}

/* What takes effect is the same, in the same order, as where each call waits. */
static void test_same_steps_as_with_waiting(void **state)
{
	struct bench waits;
	struct bench b;
	unsigned calls = 0;
	unsigned i;

	(void)state;
	CONFORMS("R-INIT-01", "R-INIT-03", "R-INIT-04", "R-INIT-05");
	bench_open(&waits);
	assert_int_equal(virtio_negotiate(&waits.dev, &everything), 0);
	assert_int_equal(virtio_run(&waits.dev), 0);
	open_pending(&b, FAKE_ANY, 0);
	assert_int_equal(negotiate(&b, &calls), 0);
	assert_int_equal(run(&b, &calls), 0);
	assert_int_equal(b.fake.logged, waits.fake.logged);
	for (i = 0; i < b.fake.logged; i++) {
		assert_int_equal(b.fake.log[i].call, waits.fake.log[i].call);
		assert_int_equal(b.fake.log[i].value, waits.fake.log[i].value);
	}
	assert_int_equal(calls, 2 + TIMES * b.fake.logged);
	assert_int_equal(b.dev.status, waits.dev.status);
	assert_int_equal(b.dev.features, waits.dev.features);
	assert_false(b.fake.misused);
	bench_close(&b);
	bench_close(&waits);
}

/* Dropped at each call in turn: the next negotiation begins with a reset. */
static void test_disconnected_at_each_call(void **state)
{
	unsigned calls = 0;
	unsigned i;

	(void)state;
	for (i = 0;; i++) {
		struct bench b;
		int err;

		open_pending(&b, FAKE_ANY, i);
		err = virtio_negotiate(&b.dev, &everything);
		if (!err)
			err = virtio_run(&b.dev);
		if (!err) {
			bench_close(&b);
			break;
		}
		assert_int_equal(err, -EINPROGRESS);
		virtio_disconnect(&b.dev);
		assert_int_equal(fake_count(&b.fake, FAKE_DISCONNECT), 1);
		fake_forget(&b.fake);
		assert_int_equal(negotiate(&b, &calls), 0);
		assert_int_equal(run(&b, &calls), 0);
		assert_int_equal(b.fake.log[0].call, FAKE_SET_STATUS);
		assert_int_equal(b.fake.log[0].value, 0);
		assert_int_equal(b.fake.logged, 11);
		assert_false(b.fake.misused);
		bench_close(&b);
	}
	assert_int_equal(i, 11);
}

/* Every call fails in turn, after one in progress: FAILED isn't waited for. */
static void test_any_call_may_fail(void **state)
{
	unsigned skip;
	int err;

	(void)state;
	CONFORMS("R-STAT-02", "R-INIT-07", "R-INIT-08");
	for (skip = 0;; skip++) {
		struct bench b;
		unsigned calls = 0;

		open_pending(&b, FAKE_ANY, 0);
		b.fake.fail = FAKE_ANY;
		b.fake.fail_skip = skip;
		b.fake.fail_err = -ECONNRESET;
		err = negotiate(&b, &calls);
		if (!err)
			err = run(&b, &calls);
		if (!err) {
			bench_close(&b);
			break;
		}
		assert_int_equal(err, -ECONNRESET);
		assert_non_null(strstr(error_text(), "was told to fail"));
		assert_int_equal(b.fake.log[b.fake.logged - 1].call, FAKE_DISCONNECT);
		assert_int_equal(b.fake.logged, skip + 2);
		bench_close(&b);
	}
	assert_int_equal(skip, 11);
}

/* Where FAILED arrives at once, the device stays connected. */
static void test_failed_that_arrives(void **state)
{
	struct bench b;
	unsigned calls = 0;

	(void)state;
	open_pending(&b, FAKE_GET_FEATURES, 0);
	b.fake.refuse = VIRTIO_CONFIG_S_FEATURES_OK;
	assert_int_equal(negotiate(&b, &calls), -EOPNOTSUPP);
	assert_int_equal(calls, TIMES + 1);
	assert_true(b.fake.status & VIRTIO_CONFIG_S_FAILED);
	assert_int_equal(fake_count(&b.fake, FAKE_DISCONNECT), 0);
	bench_close(&b);
}

/* What the transport found isn't lost while the status is asked for. */
static void test_check_in_progress(void **state)
{
	struct bench b;
	unsigned what;
	unsigned i;

	(void)state;
	CONFORMS("R-STAT-07");
	open_pending(&b, FAKE_GET_STATUS, 0);
	b.fake.events = TRANSPORT_CONFIG;
	b.fake.status = VIRTIO_CONFIG_S_NEEDS_RESET;
	for (i = 0; i < TIMES; i++) {
		assert_int_equal(virtio_check(&b.dev, &what), -EINPROGRESS);
		assert_int_equal(what, 0);
	}
	assert_int_equal(virtio_check(&b.dev, &what), 0);
	assert_int_equal(what, VIRTIO_CHANGED | VIRTIO_BROKEN);
	assert_int_equal(fake_count(&b.fake, FAKE_CHECK), 1);
	assert_int_equal(virtio_check(&b.dev, &what), 0);
	assert_int_equal(what, 0);
	bench_close(&b);
}

static void test_check_that_is_dropped(void **state)
{
	struct bench b;
	unsigned what;

	(void)state;
	open_pending(&b, FAKE_GET_STATUS, 0);
	b.fake.events = TRANSPORT_CONFIG;
	assert_int_equal(virtio_check(&b.dev, &what), -EINPROGRESS);
	virtio_disconnect(&b.dev);
	assert_int_equal(virtio_check(&b.dev, &what), 0);
	assert_int_equal(what, 0);
	/* As is one that fails. */
	b.fake.events = TRANSPORT_CONFIG;
	b.fake.fail = FAKE_GET_STATUS;
	b.fake.fail_err = -ENOTCONN;
	assert_int_equal(virtio_check(&b.dev, &what), -ENOTCONN);
	assert_int_equal(virtio_check(&b.dev, &what), 0);
	assert_int_equal(what, 0);
	bench_close(&b);
}

static void test_reset_in_progress(void **state)
{
	struct bench b;
	unsigned i;

	(void)state;
	open_pending(&b, FAKE_SET_STATUS, 5);
	assert_int_equal(virtio_negotiate(&b.dev, &everything), 0);
	assert_int_equal(virtio_run(&b.dev), 0);
	for (i = 0; i < TIMES; i++) {
		assert_int_equal(virtio_reset(&b.dev), -EINPROGRESS);
		/* The device may still be using its queues by them. */
		assert_true(b.dev.features & VIRTIO_BIT(VIRTIO_F_VERSION_1));
	}
	assert_int_equal(virtio_reset(&b.dev), 0);
	assert_int_equal(b.dev.features, 0);
	bench_close(&b);
}

/* It is cut off instead of reset, in progress or not. */
static void test_close_does_not_wait(void **state)
{
	struct bench b;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		open_pending(&b, FAKE_GET_STATUS, 0);
		if (i)
			assert_int_equal(virtio_negotiate(&b.dev, &everything), -EINPROGRESS);
		fake_forget(&b.fake);
		virtio_close(&b.dev);
		assert_int_equal(b.fake.logged, 2);
		assert_int_equal(b.fake.log[0].call, FAKE_DISCONNECT);
		assert_int_equal(b.fake.log[1].call, FAKE_CLOSE);
		assert_null(b.dev.transport);
		bench_close(&b);
	}
}

static void test_sleeping_is_handed_through(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b);
	assert_int_equal(virtio_wait_ready(&b.dev, 70), 0);
	assert_int_equal(b.fake.log[0].call, FAKE_WAIT_READY);
	assert_int_equal(b.fake.log[0].value, 70);
	/* A transport that never waits has nothing to sleep on. */
	b.fake.ops.wait_ready = NULL;
	assert_int_equal(virtio_wait_ready(&b.dev, -1), 0);
	bench_close(&b);
}

int nowait_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_steps_as_with_waiting),
		cmocka_unit_test(test_disconnected_at_each_call),
		cmocka_unit_test(test_any_call_may_fail),
		cmocka_unit_test(test_failed_that_arrives),
		cmocka_unit_test(test_check_in_progress),
		cmocka_unit_test(test_check_that_is_dropped),
		cmocka_unit_test(test_reset_in_progress),
		cmocka_unit_test(test_close_does_not_wait),
		cmocka_unit_test(test_sleeping_is_handed_through),
	};

	return cmocka_run_group_tests_name("virtio/nowait", tests, NULL, NULL);
}
