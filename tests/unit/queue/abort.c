/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests that the application takes back. */
#include <errno.h>
#include <string.h>

#include <vscsi/error.h>

#include "queue_tests.h"
#include "queue/queue.h"
#include "harness/late.h"

/* Three reads out, of which number 1 is to be aborted; its function is taken. */
static struct chain abort_one(struct driver *d, struct chain chains[3])
{
	struct chain task;
	unsigned i;

	open_late(d, OPTIONS);
	for (i = 0; i < 3; i++) {
		driver_read(d, i);
		chains[i] = driver_take(d);
	}
	assert_int_equal(vscsi_abort(d->queue, 1), 0);
	/* Sent at once, and no second time. */
	assert_int_equal(vscsi_abort(d->queue, 1), 0);
	assert_int_equal(model_waiting(d->m, 0), 1);
	task = take_task(d, ABORT_TASK);
	assert_memory_equal((char *)task.out[0].iov_base + 16,
			    (char *)chains[1].out[0].iov_base + 8, 8);
	return task;
}

/* Serves what is left of the three, and closes. */
static void serve_others(struct driver *d, const struct chain chains[3])
{
	unsigned i;

	for (i = 0; i < 3; i += 2) {
		model_serve_chain(d->m, &chains[i]);
		assert_int_equal(driver_poll(d).user_data, i);
	}
	pass(d, IO_MS);
	assert_int_equal(model_waiting(d->m, 0), 0);
	driver_close(d);
}

static void test_abort(void **state)
{
	struct vscsi_completion c;
	struct chain chains[3];
	struct chain task;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-64", "R-SCSI-66", "R-SCSI-72");
	task = abort_one(&d, chains);
	driver_poll_nothing(&d);
	give_aborted(&d, &chains[1]);
	answer_task(&d, &task, COMPLETE);
	c = driver_poll(&d);
	assert_int_equal(c.user_data, 1);
	assert_int_equal(c.result, -ECANCELED);
	serve_others(&d, chains);
}

static void test_abort_that_is_too_slow(void **state)
{
	struct vscsi_completion c;
	struct chain chains[3];
	struct chain task;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-72");
	task = abort_one(&d, chains);
	model_serve_chain(d.m, &chains[1]);
	answer_task(&d, &task, COMPLETE);
	c = driver_poll(&d);
	assert_int_equal(c.user_data, 1);
	assert_int_equal(c.result, 0);
	assert_int_equal(vscsi_abort(d.queue, 1), -ENOENT);
	assert_non_null(strstr(vscsi_last_error(), "vscsi_abort"));
	serve_others(&d, chains);
}

/*
 * Refused, not answered, or without effect: no LUN is reset because of it. The request goes on, and
 * its time limit with it.
 */
static void test_abort_that_fails(void **state)
{
	unsigned how;

	(void)state;
	CONFORMS("R-SCSI-71");
	for (how = 0; how < 4; how++) {
		struct chain chains[3];
		struct chain task;
		struct driver d;

		task = abort_one(&d, chains);
		if (how != 1)
			answer_task(&d, &task, how == 2 ? COMPLETE : REJECTED);
		pass(&d, 10);
		if (how)
			pass(&d, TASK_MS);
		assert_int_equal(model_waiting(d.m, 0), 0);
		/* Another try, and this time it helps; or it is late in the end; or served. */
		if (how < 2)
			assert_int_equal(vscsi_abort(d.queue, 1), 0);
		if (how == 2) {
			model_serve_chain(d.m, &chains[0]);
			model_serve_chain(d.m, &chains[2]);
			driver_poll(&d);
			driver_poll(&d);
			pass(&d, IO_MS - TASK_MS);
		}
		if (how < 3) {
			take_task(&d, ABORT_TASK);
			give_aborted(&d, &chains[1]);
			assert_int_equal(driver_poll(&d).result, how < 2 ? -ECANCELED : -ETIMEDOUT);
		} else {
			model_serve_chain(d.m, &chains[1]);
			assert_int_equal(driver_poll(&d).result, 0);
		}
		if (how == 2)
			driver_close(&d);
		else
			serve_others(&d, chains);
	}
}

/* What was prepared only is shown to the device first: it can't be taken out of the ring. */
static void test_abort_of_one_that_was_not_submitted(void **state)
{
	struct chain chain;
	struct driver d;

	(void)state;
	open_late(&d, "");
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 7), 0);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	assert_int_equal(vscsi_abort(d.queue, 8), -ENOENT);
	assert_int_equal(vscsi_abort(d.queue, 7), 0);
	chain = driver_take(&d);
	take_task(&d, ABORT_TASK);
	give_aborted(&d, &chain);
	assert_int_equal(driver_poll(&d).result, -ECANCELED);
	driver_close(&d);
}

/* The lock that must be free whenever the device is notified, and how often it was notified. */
static struct lock *guarded;
static unsigned kicks;

static void expect_unlocked(void *ctx, enum fake_call call, unsigned queue)
{
	if (call == FAKE_NOTIFY) {
		assert_int_equal(atomic_load(&guarded->state), LOCK_FREE);
		kicks++;
	}
	model_hook(ctx, call, queue);
}

/* Two notifications, for the request and the TMF, both without the lock of the queue. */
static void test_abort_on_a_shared_queue(void **state)
{
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};
	struct vscsi_completion done;
	struct vscsi_queue *queue;
	struct chain chain;
	struct driver d;

	(void)state;
	open_late(&d, "");
	assert_int_equal(vscsi_queue_open(d.dev, &opts, &queue), 0);
	d.m->held = MODEL_ALL;
	assert_int_equal(vscsi_read(queue, d.lun, d.buf, 0, 1, 0, 7), 0);
	guarded = &queue->ioq->lock;
	kicks = 0;
	d.m->fake.hook = expect_unlocked;
	assert_int_equal(vscsi_abort(queue, 7), 0);
	assert_int_equal(kicks, 2);
	d.m->fake.hook = model_hook;
	assert_true(model_take(d.m, queue->ioq->vq.index, &chain));
	take_task(&d, ABORT_TASK);
	give_aborted(&d, &chain);
	assert_int_equal(vscsi_poll(queue, &done, 1), 1);
	assert_int_equal(done.result, -ECANCELED);
	assert_int_equal(vscsi_queue_close(queue), 0);
	driver_close(&d);
}

/* One that waits to be sent again is not with the device: it ends at once, and is not sent. */
static void test_abort_of_one_that_waits(void **state)
{
	struct answer busy = {.status = 0x08, .used_len = RESPONSE_BYTES};
	struct chain chain;
	struct driver d;

	(void)state;
	open_late(&d, "");
	clock_stop(true);
	driver_read(&d, 7);
	chain = driver_take(&d);
	model_answer(d.m, &chain, &busy);
	driver_poll_nothing(&d);
	assert_int_equal(vscsi_abort(d.queue, 7), 0);
	assert_int_equal(driver_poll(&d).result, -ECANCELED);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	assert_int_equal(model_waiting(d.m, 0), 0);
	driver_close(&d);
}

static void test_abort_on_a_lost_device(void **state)
{
	struct vscsi_completion c;
	struct driver d;

	(void)state;
	open_late(&d, "");
	driver_read(&d, 7);
	assert_int_equal(vscsi_abort(d.queue, 7), 0);
	/* The poll for the abort's answer finds an impossible used index. */
	device_show_idx(&d.m->rings[0], 9);
	clock_skip(10);
	while (vscsi_poll(d.queue, &c, 1) == 0)
		;
	assert_int_equal(c.result, -ENOTCONN);
	assert_int_equal(vscsi_abort(d.queue, 7), -ENOTCONN);
	assert_non_null(strstr(vscsi_last_error(), "2.7.8"));
	driver_close(&d);
}

int abort_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_abort_that_is_too_slow),
		cmocka_unit_test(test_abort_that_fails),
		cmocka_unit_test(test_abort_of_one_that_was_not_submitted),
		cmocka_unit_test(test_abort_on_a_shared_queue),
		cmocka_unit_test(test_abort_of_one_that_waits),
		cmocka_unit_test(test_abort_on_a_lost_device),
	};

	return cmocka_run_group_tests_name("queue/abort", tests, NULL, NULL);
}
