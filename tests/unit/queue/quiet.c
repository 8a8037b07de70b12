/* SPDX-License-Identifier: BSD-3-Clause */
/* Polls that come too early to look at the ring. */
#include <errno.h>

#include <linux/virtio_config.h>

#include "queue/quiet.h"
#include "queue_tests.h"

static void submit_reads(struct driver *d, struct vscsi_queue *queue, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		assert_int_equal(vscsi_read(queue, d->lun, d->buf, 0, 1, 0, i), 0);
	assert_int_equal(vscsi_submit(queue), 0);
}

static void poll_nothing(struct vscsi_queue *queue)
{
	struct vscsi_completion done;

	assert_int_equal(vscsi_poll(queue, &done, 1), 0);
}

/* One is answered, and the next poll is too early, until the end of time. */
static void answer_early(struct driver *d)
{
	struct chain chain = driver_take(d);

	model_serve_chain(d->m, &chain);
	d->queue->quiet_until = UINT64_MAX;
	poll_nothing(d->queue);
}

static void expect_quiet(struct driver *d)
{
	struct vscsi_completion done[32];
	unsigned count = 0;
	unsigned i;

	driver_hold_own(d);
	submit_reads(d, d->queue, QUIET_LEAST - 1);
	poll_nothing(d->queue);
	assert_int_equal(d->queue->quiet_until, 0);
	submit_reads(d, d->queue, 17);
	poll_nothing(d->queue);
	assert_true(d->queue->quiet_until > 0);
	answer_early(d);
	/* A thread that is about to sleep looks first, even where the device can't wake it. */
	assert_int_equal(vscsi_arm(d->queue), -EOPNOTSUPP);
	assert_int_equal(vscsi_poll(d->queue, done, 1), 1);
	answer_early(d);
	assert_int_equal(vscsi_wait(d->queue, 0), -EOPNOTSUPP);
	assert_int_equal(vscsi_poll(d->queue, done, 1), 1);
	/* It ends by itself. */
	for (i = 0; i < 22; i++) {
		struct chain chain = driver_take(d);

		model_serve_chain(d->m, &chain);
	}
	while (count < 22)
		count += (unsigned)vscsi_poll(d->queue, done, 32);
	assert_int_equal(count, 22);
	driver_close(d);
}

static void test_many_in_flight(void **state)
{
	struct driver d;

	(void)state;
	driver_start(&d, "");
	expect_quiet(&d);
	driver_init(&d);
	d.m->fake.ops.features |= BIT(VIRTIO_F_RING_PACKED);
	driver_open(&d, "packed=on");
	expect_quiet(&d);
}

/* Handles that share a ring poll for each other. */
static void test_not_on_a_shared_queue(void **state)
{
	struct vscsi_queue *shared;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	shared = driver_open_queue(&d, VSCSI_QUEUE_SHARED);
	driver_hold(&d);
	submit_reads(&d, shared, 2 * QUIET_LEAST);
	poll_nothing(shared);
	assert_int_equal(shared->quiet_until, 0);
	model_release(d.m, DRIVER_SHARED);
	while (vscsi_poll(shared, &(struct vscsi_completion){0}, 1) > 0)
		;
	assert_int_equal(vscsi_queue_close(shared), 0);
	driver_close(&d);
}

int quiet_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_in_flight),
		cmocka_unit_test(test_not_on_a_shared_queue),
	};

	return QUIET_TICKS ? cmocka_run_group_tests_name("quiet", tests, NULL, NULL) : 0;
}
