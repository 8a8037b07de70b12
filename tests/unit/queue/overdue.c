/* SPDX-License-Identifier: BSD-3-Clause */
/* When a request is late: which limit applies, and which calls check it. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vscsi/error.h>

#include "queue_tests.h"
#include "harness/late.h"

static void send_command(struct driver *d, struct vscsi_lun *lun, uint32_t ms, uint64_t user_data)
{
	struct vscsi_command command = {.size = sizeof(command), .cdb_len = 6, .timeout_ms = ms};

	assert_int_equal(vscsi_prepare_command(d->queue, lun, &command, user_data), 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
}

/* A LUN's limit comes before the device's, a command's before both; none is a limit too. */
static void test_whose_limit_counts(void **state)
{
	struct vscsi_lun_opts opts = {.size = sizeof(opts), .timeout_ms = 50000};
	struct vscsi_lun *brief;
	struct vscsi_lun *patient;
	struct chain chains[6];
	struct driver d;
	unsigned i;

	(void)state;
	driver_start(&d, OPTIONS);
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, &opts, &brief), 0);
	opts.timeout_ms = VSCSI_NO_TIMEOUT;
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, &opts, &patient), 0);
	clock_stop(true);
	driver_hold(&d);
	send_command(&d, brief, 0, 0);
	send_command(&d, patient, 0, 1);
	send_command(&d, patient, 20000, 2);
	send_command(&d, brief, VSCSI_NO_TIMEOUT, 3);
	send_command(&d, brief, 80000, 4);
	driver_read(&d, 5);
	for (i = 0; i < 6; i++)
		chains[i] = driver_take(&d);
	for (i = 0; i < 4; i++) {
		static const uint64_t order[] = {2, 0, 4, 5};
		static const uint64_t wait[] = {20000, 30000, 30000, 20000};
		struct chain task;

		assert_int_equal(model_waiting(d.m, 0), 0);
		pass(&d, wait[i]);
		task = take_task(&d, ABORT_TASK);
		assert_memory_equal((char *)task.out[0].iov_base + 16,
				    (char *)chains[order[i]].out[0].iov_base + 8, 8);
		answer_task(&d, &task, COMPLETE);
		give_aborted(&d, &chains[order[i]]);
		assert_int_equal(driver_poll(&d).user_data, order[i]);
	}
	pass(&d, 100 * IO_MS);
	assert_int_equal(model_waiting(d.m, 0), 0);
	model_serve_chain(d.m, &chains[1]);
	model_serve_chain(d.m, &chains[3]);
	driver_poll(&d);
	driver_poll(&d);
	assert_int_equal(vscsi_lun_close(brief), 0);
	assert_int_equal(vscsi_lun_close(patient), 0);
	driver_close(&d);
}

static void test_no_limit_at_all(void **state)
{
	struct chain chain;
	struct driver d;

	(void)state;
	open_late(&d, "io_timeout_ms=4294967295");
	driver_read(&d, 7);
	chain = driver_take(&d);
	pass(&d, UINT64_C(1) << 40);
	assert_int_equal(model_waiting(d.m, 0), 0);
	model_serve_chain(d.m, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
}

/* With rare polls, or one at a time, a request that completed in time isn't late. */
static void test_slow_application(void **state)
{
	struct vscsi_completion c;
	struct chain chains[100];
	struct driver d;
	unsigned i;

	(void)state;
	open_late(&d, OPTIONS);
	for (i = 0; i < 100; i++) {
		driver_read(&d, i);
		chains[i] = driver_take(&d);
	}
	poll_long(&d);
	clock_skip(300);
	poll_long(&d);
	for (i = 0; i < 100; i++)
		model_serve_chain(d.m, &chains[i]);
	for (i = 0; i < 100; i++) {
		unsigned k;

		clock_skip(10 * IO_MS);
		/* A poll with no room looks at the time all the same. */
		for (k = 0; k < 100; k++)
			assert_int_equal(vscsi_poll(d.queue, &c, 0), 0);
		assert_int_equal(driver_poll(&d).result, 0);
	}
	assert_int_equal(model_waiting(d.m, 0), 0);
	driver_close(&d);
}

/* One that is never answered is found while others come back all the time: @most at once. */
static void expect_found(uint32_t most)
{
	struct chain chain;
	struct chain late;
	struct driver d;
	unsigned i;

	driver_init(&d);
	d.m->fake.config.cmd_per_lun = htole32(most);
	driver_open(&d, OPTIONS);
	clock_stop(true);
	driver_hold(&d);
	driver_read(&d, 7);
	late = driver_take(&d);
	for (i = 0; i < 1100 && !model_waiting(d.m, 0); i++) {
		driver_read(&d, 8);
		chain = driver_take(&d);
		model_serve_chain(d.m, &chain);
		assert_int_equal(driver_poll(&d).user_data, 8);
		clock_skip(IO_MS / 500);
	}
	/* By the time that has passed: not before its limit, and an eighth later at most. */
	assert_in_range(i, 500, 500 + 500 / 8 + 2);
	take_task(&d, ABORT_TASK);
	model_serve_chain(d.m, &late);
	assert_int_equal(driver_poll(&d).user_data, 7);
	driver_close(&d);
}

/* By the hot path, and by the other one: requests that are counted don't take it. */
static void test_late_among_busy_ones(void **state)
{
	(void)state;
	expect_found(UINT32_MAX);
	expect_found(7);
}

/* A handle finds what is late of others that share its ring; each gets its own. */
static void test_late_on_a_shared_queue(void **state)
{
	struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};
	struct vscsi_completion c;
	struct vscsi_queue *a;
	struct vscsi_queue *b;
	struct chain chain;
	struct driver d;
	unsigned i;

	(void)state;
	driver_start(&d, OPTIONS);
	assert_int_equal(vscsi_queue_open(d.dev, &opts, &a), 0);
	assert_int_equal(vscsi_queue_open(d.dev, &opts, &b), 0);
	clock_stop(true);
	driver_hold(&d);
	assert_int_equal(vscsi_read(a, d.lun, d.buf, 0, 1, 0, 7), 0);
	assert_int_equal(vscsi_submit(a), 0);
	assert_true(model_take(d.m, 2, &chain));
	assert_int_equal(vscsi_abort(b, 7), -ENOENT);
	clock_skip(300);
	for (i = 0; i < 2; i++) {
		unsigned k;

		for (k = 0; k < 200; k++)
			assert_int_equal(vscsi_poll(b, &c, 1), 0);
		clock_skip(IO_MS / 2 + 1000);
	}
	for (i = 0; i < 200; i++)
		assert_int_equal(vscsi_poll(b, &c, 1), 0);
	take_task(&d, ABORT_TASK);
	give_aborted(&d, &chain);
	assert_int_equal(vscsi_poll(b, &c, 1), 0);
	/* Handed over, and nothing more is done about it however long that takes. */
	for (i = 0; i < 5; i++) {
		unsigned k;

		clock_skip(TASK_MS);
		for (k = 0; k < 200; k++)
			assert_int_equal(vscsi_poll(b, &c, 1), 0);
	}
	assert_int_equal(model_waiting(d.m, 0), 0);
	assert_int_equal(vscsi_poll(a, &c, 1), 1);
	assert_int_equal(c.result, -ETIMEDOUT);
	assert_int_equal(vscsi_queue_close(a), 0);
	assert_int_equal(vscsi_queue_close(b), 0);
	driver_close(&d);
}

/* A call that waits is ended by its request's limit, before its own. */
static void test_call_that_waits(void **state)
{
	struct driver d;
	char block[512];

	(void)state;
	clock_stop(true);
	driver_start(&d, "io_timeout_ms=20&task_timeout_ms=20&timeout_ms=60000");
	d.m->held = UINT64_C(1) << 2;
	assert_int_equal(vscsi_pread(d.lun, block, sizeof(block), 0), -ETIMEDOUT);
	assert_non_null(strstr(vscsi_last_error(), "time limit"));
	/* It went through all steps, as nothing but the functions was answered. */
	assert_int_equal(d.m->tmf[4], LUN_RESET);
	driver_close(&d);
}

/* Every kick, until the answer is there, takes a second. */
static void answer_slowly(void *ctx, enum fake_call call, unsigned queue)
{
	struct driver *d = ctx;

	if (call == FAKE_NOTIFY)
		clock_skip(1000);
	model_hook(d->m, call, queue);
}

/* Each answer comes in time, and the scan would take minutes. */
static void test_scan_of_a_slow_device(void **state)
{
	unsigned before;
	struct driver d;

	(void)state;
	CONFORMS("R-HARD-30");
	driver_init(&d);
	d.m->fake.config.max_target = htole16(255);
	driver_open(&d, "timeout_ms=5000");
	before = d.m->commands;
	d.m->fake.hook = answer_slowly;
	d.m->fake.ctx = &d;
	assert_int_equal(vscsi_dev_scan(d.dev, NULL, 0), -ETIMEDOUT);
	assert_non_null(strstr(vscsi_last_error(), "the scan reached only target"));
	assert_in_range(d.m->commands - before, 15, 25);
	d.m->fake.hook = model_hook;
	d.m->fake.ctx = d.m;
	assert_int_equal(vscsi_dev_scan(d.dev, NULL, 0), 2);
	driver_close(&d);
}

/* A sleeping thread enforces its timeouts. */
static void test_waiting_thread_aborts(void **state)
{
	struct chain chain;
	struct driver d;
	unsigned i;

	(void)state;
	driver_init(&d);
	d.m->fake.call_fds[DRIVER_QUEUE] = eventfd(0, EFD_NONBLOCK);
	driver_open(&d, "io_timeout_ms=40");
	driver_hold(&d);
	driver_read(&d, 7);
	chain = driver_take(&d);
	for (i = 0; i < 100 && !model_waiting(d.m, 0); i++)
		assert_int_equal(vscsi_wait(d.queue, 100), 0);
	take_task(&d, ABORT_TASK);
	give_aborted(&d, &chain);
	assert_int_equal(vscsi_wait(d.queue, 60000), 1);
	assert_int_equal(driver_poll(&d).result, -ETIMEDOUT);
	close(d.m->fake.call_fds[DRIVER_QUEUE]);
	driver_close(&d);
}

int overdue_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whose_limit_counts),
		cmocka_unit_test(test_no_limit_at_all),
		cmocka_unit_test(test_slow_application),
		cmocka_unit_test(test_late_among_busy_ones),
		cmocka_unit_test(test_late_on_a_shared_queue),
		cmocka_unit_test(test_call_that_waits),
		cmocka_unit_test(test_scan_of_a_slow_device),
		cmocka_unit_test(test_waiting_thread_aborts),
	};

	return cmocka_run_group_tests_name("queue/overdue", tests, NULL, NULL);
}
