/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that nothing takes away from its requests: not a reset that doesn't end, and not a
 * disconnect. Buffers stay with it until it lets go, and no call waits for that.
 */
#include <errno.h>
#include <string.h>

#include "device_tests.h"
#include "harness/late.h"
#include "harness/loss.h"

static unsigned told;

static void count_told(void *ctx, int level, const char *line)
{
	(void)ctx;
	(void)level;
	told += strstr(line, "can't be taken back from the device") != NULL;
}

static uint32_t state_of(struct driver *d)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(d->dev, &info), 0);
	return info.state;
}

/* A device that fails now, and keeps what it has. */
static void begin(struct driver *d)
{
	told = 0;
	vscsi_set_log(VSCSI_LOG_WARN, count_told, NULL);
	d->m->fake.keeps = true;
}

/* It has failed for the application; what is in flight isn't returned, however long it takes. */
static void expect_kept(struct driver *d)
{
	struct vscsi_event events[8];
	unsigned i;

	for (i = 0; i < 20; i++) {
		clock_skip(60000);
		driver_poll_nothing(d);
	}
	assert_int_equal(state_of(d), VSCSI_DEV_FAILED);
	assert_int_equal(vscsi_queue_close(d->queue), -EBUSY);
	assert_int_equal(vscsi_dev_poll_events(d->dev, events, 8), 1);
	assert_int_equal(events[0].type, VSCSI_EVENT_LOST);
	assert_int_equal(vscsi_dev_poll_events(d->dev, events, 8), -ENOTCONN);
	assert_int_equal(told, 1);
}

/* It lets go: each request is returned once. */
static void expect_returned(struct driver *d, unsigned count, int first, int others)
{
	struct vscsi_completion done;
	unsigned i;

	d->m->fake.keeps = false;
	for (i = 0; i < count; i++) {
		/* The first poll may only find out. */
		int ret = vscsi_poll(d->queue, &done, 1);

		assert_int_equal(ret, 1);
		assert_int_equal(done.result, i ? others : first);
	}
	assert_int_equal(vscsi_poll(d->queue, &done, 1), -ENOTCONN);
	vscsi_set_log(VSCSI_LOG_ERROR, NULL, NULL);
	assert_int_equal(told, 1);
	driver_close(d);
}

static void test_shutdown(void **state)
{
	struct vscsi_completion done;
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "");
	loss_read(&d, 1);
	loss_read(&d, 2);
	driver_take(&d);
	begin(&d);
	assert_int_equal(vscsi_dev_shutdown(d.dev), 0);
	expect_kept(&d);
	assert_int_equal(vscsi_queue_drain(d.queue, &done, 1, 0), -ETIMEDOUT);
	assert_int_equal(fake_count(&d.m->fake, FAKE_DISCONNECT), 1);
	expect_returned(&d, 2, -ENOTCONN, -ENOTCONN);
}

/* Nothing against a late request helped, and the device can't be reconnected. */
static void test_late_request(void **state)
{
	struct chain task;
	struct driver d;

	(void)state;
	open_late(&d, OPTIONS);
	late_read(&d);
	driver_read(&d, 8);
	begin(&d);
	task = take_task(&d, ABORT_TASK);
	answer_task(&d, &task, REJECTED);
	pass(&d, 10);
	task = take_task(&d, LUN_RESET);
	answer_task(&d, &task, REJECTED);
	pass(&d, 10);
	expect_kept(&d);
	expect_returned(&d, 2, -ETIMEDOUT, -ENOTCONN);
}

/* Where no LUN is to be reset, the device is next, and a call for it says so. */
static void test_late_request_without_lun_reset(void **state)
{
	struct chain task;
	struct driver d;

	(void)state;
	open_late(&d, OPTIONS);
	d.m->fake.ops.no_lun_reset = true;
	assert_int_equal(vscsi_lun_reset(d.lun), -EOPNOTSUPP);
	expect_error_text("vscsi_dev_reset()");
	assert_false(model_take(d.m, 0, &task));
	late_read(&d);
	begin(&d);
	task = take_task(&d, ABORT_TASK);
	answer_task(&d, &task, REJECTED);
	pass(&d, 10);
	assert_false(model_take(d.m, 0, &task));
	expect_kept(&d);
	expect_returned(&d, 1, -ETIMEDOUT, 0);
}

static void await(struct driver *d, struct vscsi_completion *done)
{
	unsigned i;
	int ret = 0;

	for (i = 0; i < 100 && !ret; i++) {
		clock_skip(10);
		loss_look(d);
		ret = vscsi_poll(d->queue, done, 1);
	}
	assert_int_equal(ret, 1);
}

/* A reset that fails, too, leaves it what it has. */
static void test_reset_that_fails(void **state)
{
	struct vscsi_completion done;
	struct driver d;
	unsigned i;

	(void)state;
	driver_init(&d);
	loss_prepare(&d);
	driver_open(&d, OPTIONS "&recovery_ms=10000000");
	driver_hold(&d);
	late_read(&d);
	d.m->fake.keeps = true;
	d.m->fake.fail = FAKE_SET_STATUS;
	d.m->fake.fail_err = -EIO;
	for (i = 0; i < 3; i++)
		pass(&d, TASK_MS);
	assert_int_equal(state_of(&d), VSCSI_DEV_RECONNECTING);
	assert_int_equal(fake_count(&d.m->fake, FAKE_DISCONNECT), 1);
	assert_int_equal(loss_attempts, 0);
	d.m->fake.keeps = false;
	await(&d, &done);
	assert_int_equal(done.result, -ETIMEDOUT);
	model_release(d.m, DRIVER_QUEUE);
	model_release(d.m, DRIVER_SHARED);
	loss_look(&d);
	driver_close(&d);
}

/* A reset that doesn't end in the time that the device may be away. */
static void test_reset_that_does_not_end(void **state)
{
	struct driver d;

	(void)state;
	driver_init(&d);
	loss_prepare(&d);
	driver_open(&d, OPTIONS "&recovery_ms=1000");
	driver_hold(&d);
	late_read(&d);
	begin(&d);
	d.m->fake.pending = FAKE_SET_STATUS;
	d.m->fake.pending_times = 1000000;
	pass(&d, TASK_MS);
	pass(&d, TASK_MS);
	driver_poll_nothing(&d);
	expect_kept(&d);
	assert_int_equal(loss_attempts, 0);
	expect_returned(&d, 1, -ETIMEDOUT, 0);
}

/* A device that lets go late is reconnected then, and no request is returned before. */
static void test_lets_go_late(void **state)
{
	struct vscsi_completion done;
	struct answer answer;
	struct chain chain;
	struct driver d;

	(void)state;
	driver_init(&d);
	loss_prepare(&d);
	d.m->fake.ops.no_used_len = true;
	driver_open(&d, "recovery_ms=100000");
	d.m->held = UINT64_C(1) << DRIVER_QUEUE;
	clock_stop(true);
	loss_read(&d, 1);
	loss_read(&d, 2);
	chain = driver_take(&d);
	loss_break(&d);
	d.m->fake.keeps = true;
	loss_look(&d);
	assert_int_equal(state_of(&d), VSCSI_DEV_RECONNECTING);
	driver_poll_nothing(&d);
	clock_skip(50000);
	driver_poll_nothing(&d);
	assert_int_equal(loss_attempts, 0);
	assert_int_equal(fake_count(&d.m->fake, FAKE_DISCONNECT), 1);
	/* Only one comes back before it lets go. */
	answer = model_good(&chain);
	answer.used_len = 0;
	model_answer(d.m, &chain, &answer);
	driver_poll_nothing(&d);
	d.m->fake.keeps = false;
	await(&d, &done);
	assert_int_equal(done.user_data, 1);
	assert_int_equal(done.result, 0);
	model_release(d.m, DRIVER_QUEUE);
	await(&d, &done);
	assert_int_equal(done.user_data, 2);
	assert_int_equal(loss_attempts, 1);
	assert_int_equal(done.result, 0);
	driver_close(&d);
}

/* A response as long as a command's, where a function's has one byte: there is room for it. */
static void test_function_answered_as_a_command(void **state)
{
	uint8_t requests[2][TMF_BYTES];
	struct vscsi_completion done;
	struct chain tasks[2];
	struct chain chain;
	struct driver d;
	unsigned i;

	(void)state;
	open_late(&d, OPTIONS);
	driver_read(&d, 8);
	chain = late_read(&d);
	for (i = 0; i < 2; i++) {
		tasks[i] = take_task(&d, ABORT_TASK);
		memcpy(requests[i], tasks[i].out[0].iov_base, TMF_BYTES);
	}
	for (i = 0; i < 2; i++) {
		assert_int_equal(tasks[i].in[0].iov_len, 1);
		memset(tasks[i].in[0].iov_base, 0xff, RESPONSE_BYTES);
		assert_memory_equal(tasks[!i].out[0].iov_base, requests[!i], TMF_BYTES);
	}
	for (i = 0; i < 2; i++)
		answer_task(&d, &tasks[i], COMPLETE);
	model_serve_chain(d.m, &chain);
	model_release(d.m, DRIVER_QUEUE);
	for (i = 0; i < 2; i++) {
		done = driver_poll(&d);
		assert_int_equal(done.result, 0);
	}
	driver_close(&d);
}

int keep_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_late_request),
		cmocka_unit_test(test_late_request_without_lun_reset),
		cmocka_unit_test(test_reset_that_fails),
		cmocka_unit_test(test_reset_that_does_not_end),
		cmocka_unit_test(test_lets_go_late),
		cmocka_unit_test(test_function_answered_as_a_command),
	};

	return cmocka_run_group_tests_name("keep", tests, NULL, NULL);
}
