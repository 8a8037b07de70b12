/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests that take too long: what is done about them, and how they come back. Nothing waits. */
#include <errno.h>
#include <string.h>

#include <vscsi/error.h>

#include "queue_tests.h"
#include "harness/late.h"

/* A request that the device keeps is aborted by its tag, and comes back as late. */
static void test_late_request_is_aborted(void **state)
{
	struct vscsi_completion c;
	struct chain task;
	struct chain chain;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-64", "R-SCSI-66", "R-SCSI-69");
	open_late(&d, OPTIONS);
	driver_read(&d, 7);
	chain = driver_take(&d);
	pass(&d, IO_MS - 1000);
	assert_int_equal(model_waiting(d.m, 0), 0);
	pass(&d, 1000);
	task = take_task(&d, ABORT_TASK);
	assert_memory_equal((char *)task.out[0].iov_base + 8, chain.out[0].iov_base, 8);
	assert_memory_equal((char *)task.out[0].iov_base + 16, (char *)chain.out[0].iov_base + 8,
			    8);
	/* It is the device's until it comes back, not until the abort was answered. */
	answer_task(&d, &task, COMPLETE);
	poll_long(&d);
	assert_int_equal(vscsi_queue_close(d.queue), -EBUSY);
	give_aborted(&d, &chain);
	c = driver_poll(&d);
	assert_int_equal(c.user_data, 7);
	assert_int_equal(c.result, -ETIMEDOUT);
	pass(&d, IO_MS);
	assert_int_equal(model_waiting(d.m, 0), 0);
	model_release(d.m, DRIVER_QUEUE);
	driver_read(&d, 8);
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
}

/* A device that has failed and returned every request: all that is left is -ENOTCONN. */
static void expect_failed(struct driver *d)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	struct vscsi_completion c;

	assert_int_equal(vscsi_poll(d->queue, &c, 1), -ENOTCONN);
	assert_int_equal(vscsi_dev_get_info(d->dev, &info), 0);
	assert_int_equal(info.state, VSCSI_DEV_FAILED);
	assert_int_equal(d->m->fake.status, 0);
	assert_int_equal(vscsi_lun_reset(d->lun), -ENOTCONN);
	assert_non_null(strstr(vscsi_last_error(), "took too long"));
}

/* A step that gets no answer ends with its own limit, and the next one follows. */
static void test_nothing_is_answered(void **state)
{
	struct vscsi_completion c[3];
	struct chain chain;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-71", "R-SCSI-73");
	open_late(&d, OPTIONS);
	late_read(&d);
	/* One that is not late when the device fails. */
	driver_read(&d, 8);
	take_task(&d, ABORT_TASK);
	pass(&d, TASK_MS - 1000);
	assert_int_equal(model_waiting(d.m, 0), 0);
	pass(&d, 1000);
	take_task(&d, LUN_RESET);
	pass(&d, TASK_MS - 1000);
	clock_skip(1000);
	/* Cut off first, then returned: the poll that gives the device up has both. */
	while (vscsi_poll(d.queue, c, 1) == 0)
		;
	assert_int_equal(d.m->fake.status, 0);
	assert_int_equal(vscsi_poll(d.queue, c + 1, 2), 1);
	assert_int_equal(c[0].user_data, 7);
	assert_int_equal(c[0].result, -ETIMEDOUT);
	assert_int_equal(c[1].user_data, 8);
	assert_int_equal(c[1].result, -ENOTCONN);
	assert_false(model_take(d.m, 0, &chain));
	expect_failed(&d);
	driver_close(&d);
}

/* The abort is answered in every way that is no success, or has no effect. */
static void test_abort_that_does_not_help(void **state)
{
	struct answer reset = {.response = VIRTIO_SCSI_S_RESET, .used_len = RESPONSE_BYTES};
	struct vscsi_completion c;
	unsigned response;

	(void)state;
	CONFORMS("R-SCSI-71", "R-SCSI-70");
	for (response = 0; response < 256; response++) {
		struct chain other;
		struct chain chain;
		struct chain task;
		struct driver d;

		open_late(&d, OPTIONS);
		chain = late_read(&d);
		driver_read(&d, 8);
		other = driver_take(&d);
		task = take_task(&d, ABORT_TASK);
		answer_task(&d, &task, (uint8_t)response);
		pass(&d, 10);
		pass(&d, response == COMPLETE || response == SUCCEEDED ? TASK_MS : 0);
		task = take_task(&d, LUN_RESET);
		assert_memory_equal((char *)task.out[0].iov_base + 8, chain.out[0].iov_base, 8);
		model_answer(d.m, &chain, &reset);
		model_answer(d.m, &other, &reset);
		answer_task(&d, &task, SUCCEEDED);
		assert_int_equal(driver_poll(&d).result, -ETIMEDOUT);
		/* What the reset hit besides was not late: it is sent again. */
		pass(&d, 10);
		other = driver_take(&d);
		model_serve_chain(d.m, &other);
		c = driver_poll(&d);
		assert_int_equal(c.user_data, 8);
		assert_int_equal(c.result, 0);
		pass(&d, IO_MS);
		assert_int_equal(model_waiting(d.m, 0), 0);
		driver_close(&d);
	}
}

/* A reset that is refused, and one that has no effect. */
static void test_reset_that_does_not_help(void **state)
{
	static const uint8_t responses[] = {REJECTED, COMPLETE, 9};
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-71");
	for (i = 0; i < sizeof(responses); i++) {
		struct vscsi_completion c;
		struct chain task;
		struct driver d;

		open_late(&d, OPTIONS);
		late_read(&d);
		task = take_task(&d, ABORT_TASK);
		answer_task(&d, &task, REJECTED);
		poll_long(&d);
		clock_skip(10);
		poll_long(&d);
		task = take_task(&d, LUN_RESET);
		answer_task(&d, &task, responses[i]);
		clock_skip(10);
		if (responses[i] == COMPLETE)
			pass(&d, TASK_MS - 1000);
		clock_skip(1000);
		while (vscsi_poll(d.queue, &c, 1) == 0)
			;
		assert_int_equal(c.result, -ETIMEDOUT);
		expect_failed(&d);
		driver_close(&d);
	}
}

/*
 * The request is answered while its abort is on its way: delivered once, as it was answered. The
 * abort, when the device gets to it, names no request that came later.
 */
static void test_answer_during_the_abort(void **state)
{
	unsigned order;

	(void)state;
	CONFORMS("R-SCSI-72");
	for (order = 0; order < 3; order++) {
		uint8_t tag[8];
		struct chain chain;
		struct chain task;
		struct driver d;

		open_late(&d, OPTIONS);
		chain = late_read(&d);
		task = take_task(&d, ABORT_TASK);
		memcpy(tag, (char *)task.out[0].iov_base + 16, 8);
		if (order == 0)
			answer_task(&d, &task, COMPLETE);
		model_serve_chain(d.m, &chain);
		if (order == 1)
			answer_task(&d, &task, COMPLETE);
		assert_int_equal(driver_poll(&d).result, 0);
		driver_poll_nothing(&d);
		driver_read(&d, 8);
		chain = driver_take(&d);
		assert_memory_not_equal((char *)chain.out[0].iov_base + 8, tag, 8);
		if (order == 2)
			answer_task(&d, &task, REJECTED);
		pass(&d, TASK_MS);
		assert_int_equal(model_waiting(d.m, 0), 0);
		model_serve_chain(d.m, &chain);
		assert_int_equal(driver_poll(&d).result, 0);
		driver_close(&d);
	}
}

/* Commands that the abort ended say so in many ways: they are late, whatever the device says. */
static void test_what_an_aborted_request_says(void **state)
{
	static const struct {
		struct answer answer;
		int result;
	} rows[] = {
		{{.response = VIRTIO_SCSI_S_ABORTED}, -ETIMEDOUT},
		{{.response = VIRTIO_SCSI_S_RESET}, -ETIMEDOUT},
		{{.response = 0xff}, -ETIMEDOUT},
		{{.status = 0x40}, -ETIMEDOUT}, /* TASK ABORTED */
		{{.status = 0x08}, -ETIMEDOUT}, /* BUSY: not sent again */
		{{.response = VIRTIO_SCSI_S_BAD_TARGET}, -ETIMEDOUT},
		{{.response = VIRTIO_SCSI_S_FAILURE}, -ETIMEDOUT},
		{MODEL_SENSE(0xb, 0), -ETIMEDOUT},  /* as SPDK ends them */
		{MODEL_SENSE(6, 0x29), -ETIMEDOUT}, /* not sent again */
		{MODEL_SENSE(3, 0x11), -ETIMEDOUT},
		{{.residual = 512}, -ETIMEDOUT},
	};
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-46");
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct answer a = rows[i].answer;
		struct vscsi_completion c;
		struct chain chain;
		struct driver d;

		open_late(&d, OPTIONS);
		chain = late_read(&d);
		a.used_len = RESPONSE_BYTES;
		model_answer(d.m, &chain, &a);
		c = driver_poll(&d);
		assert_int_equal(c.result, rows[i].result);
		assert_int_equal(c.status, rows[i].answer.status);
		driver_close(&d);
	}
}

/*
 * What the reset of a LUN hits besides, and must not be executed twice, ends with its outcome
 * unknown, as after a reset of the device.
 */
static void test_reset_hits_others(void **state)
{
	static const struct vscsi_command raw = {.size = sizeof(raw), .cdb_len = 6, .retries = 5};
	static const struct answer answers[] = {
		{.response = VIRTIO_SCSI_S_RESET, .used_len = RESPONSE_BYTES},
		{.status = 0x40, .used_len = RESPONSE_BYTES},
		MODEL_SENSE(0xb, 0),
	};
	unsigned i;

	(void)state;
	for (i = 0; i < 2 * ARRAY_LEN(answers); i++) {
		struct vscsi_completion c;
		struct chain chains[2];
		struct chain task;
		struct driver d;

		/* With "report" nothing that may have been executed is sent again. */
		open_late(&d, i % 2 ? OPTIONS "&recovery=report" : OPTIONS);
		chains[0] = late_read(&d);
		if (i % 2)
			driver_read(&d, 8);
		else
			assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &raw, 8), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		chains[1] = driver_take(&d);
		task = take_task(&d, ABORT_TASK);
		answer_task(&d, &task, REJECTED);
		pass(&d, 10);
		task = take_task(&d, LUN_RESET);
		model_answer(d.m, &chains[0], &answers[i / 2]);
		model_answer(d.m, &chains[1], &answers[i / 2]);
		answer_task(&d, &task, SUCCEEDED);
		assert_int_equal(driver_poll(&d).result, -ETIMEDOUT);
		c = driver_poll(&d);
		assert_int_equal(c.user_data, 8);
		assert_int_equal(c.result, -ECONNRESET);
		pass(&d, 10);
		assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
		driver_close(&d);
	}
}

/* Counts the lines that tell of a reset. */
static void count_resets(void *ctx, int level, const char *line)
{
	(void)level;
	if (strstr(line, "resetting the LUN")) {
		(*(unsigned *)ctx)++;
		assert_non_null(strstr(line, "LUN 1:2"));
		assert_non_null(strstr(line, "did not end 48 requests"));
	}
}

/*
 * The abort is answered, and before anybody looks its slot serves other functions: their answers
 * are not the abort's, which is sent again.
 */
static void test_answer_whose_slot_was_used_again(void **state)
{
	struct chain chain;
	struct chain task;
	struct driver d;
	unsigned i;

	(void)state;
	open_late(&d, OPTIONS);
	chain = late_read(&d);
	task = take_task(&d, ABORT_TASK);
	answer_task(&d, &task, COMPLETE);
	d.m->tmf_response = REJECTED;
	model_release(d.m, 0);
	for (i = 0; i < 16; i++)
		assert_int_equal(vscsi_target_reset(d.dev, i), -EOPNOTSUPP);
	d.m->held |= 1;
	pass(&d, 10);
	take_task(&d, ABORT_TASK);
	give_aborted(&d, &chain);
	assert_int_equal(driver_poll(&d).result, -ETIMEDOUT);
	driver_close(&d);
}

/* A reset of the LUN that was sent before the request was says nothing about it. */
static void test_reset_from_before(void **state)
{
	struct chain chain;
	struct chain task;
	struct driver d;

	(void)state;
	open_late(&d, OPTIONS);
	model_release(d.m, 0);
	assert_int_equal(vscsi_lun_reset(d.lun), 0);
	d.m->held |= 1;
	clock_skip(10);
	chain = late_read(&d);
	task = take_task(&d, ABORT_TASK);
	answer_task(&d, &task, REJECTED);
	pass(&d, 10);
	take_task(&d, LUN_RESET);
	give_aborted(&d, &chain);
	assert_int_equal(driver_poll(&d).result, -ETIMEDOUT);
	driver_close(&d);
}

#define MANY 64u

/* Many late at once: four aborts at a time, one reset for all that those didn't help. */
static void test_many_at_once(void **state)
{
	struct answer reset = {.response = VIRTIO_SCSI_S_RESET, .used_len = RESPONSE_BYTES};
	struct vscsi_completion c[MANY];
	struct chain chains[MANY];
	bool seen[MANY] = {false};
	unsigned lines = 0;
	struct chain task;
	struct driver d;
	unsigned i;

	(void)state;
	open_late(&d, OPTIONS);
	for (i = 0; i < MANY; i++) {
		driver_read(&d, i);
		chains[i] = driver_take(&d);
	}
	pass(&d, IO_MS + 1);
	/* The first sixteen by aborts. */
	for (i = 0; i < 16; i++) {
		if (i % 4 == 0) {
			poll_long(&d);
			clock_skip(10);
			poll_long(&d);
			assert_int_equal(model_waiting(d.m, 0), 4);
		}
		task = take_task(&d, ABORT_TASK);
		give_aborted(&d, &chains[i]);
		answer_task(&d, &task, COMPLETE);
		c[0] = driver_poll(&d);
		assert_int_equal(c[0].user_data, i);
		assert_int_equal(c[0].result, -ETIMEDOUT);
	}
	/* No answer to the next four; then one reset, and one line, though 48 are late. */
	assert_int_equal(vscsi_set_log(VSCSI_LOG_WARN, count_resets, &lines), 0);
	pass(&d, TASK_MS);
	for (i = 0; i < 4; i++)
		take_task(&d, ABORT_TASK);
	task = take_task(&d, LUN_RESET);
	pass(&d, 10);
	assert_int_equal(model_waiting(d.m, 0), 0);
	assert_int_equal(vscsi_set_log(VSCSI_LOG_WARN, NULL, NULL), 0);
	assert_int_equal(lines, 1);
	for (i = 16; i < MANY; i++)
		model_answer(d.m, &chains[i], &reset);
	answer_task(&d, &task, COMPLETE);
	assert_int_equal(vscsi_poll(d.queue, c, MANY), MANY - 16);
	for (i = 0; i < MANY - 16; i++) {
		assert_int_equal(c[i].result, -ETIMEDOUT);
		assert_false(seen[c[i].user_data]);
		seen[c[i].user_data] = true;
	}
	pass(&d, IO_MS);
	assert_int_equal(model_waiting(d.m, 0), 0);
	driver_close(&d);
}

int late_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_late_request_is_aborted),
		cmocka_unit_test(test_nothing_is_answered),
		cmocka_unit_test(test_abort_that_does_not_help),
		cmocka_unit_test(test_reset_that_does_not_help),
		cmocka_unit_test(test_answer_during_the_abort),
		cmocka_unit_test(test_what_an_aborted_request_says),
		cmocka_unit_test(test_reset_hits_others),
		cmocka_unit_test(test_answer_whose_slot_was_used_again),
		cmocka_unit_test(test_reset_from_before),
		cmocka_unit_test(test_many_at_once),
	};

	return cmocka_run_group_tests_name("queue/late", tests, NULL, NULL);
}
