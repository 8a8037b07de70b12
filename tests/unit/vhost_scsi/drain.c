/* SPDX-License-Identifier: BSD-3-Clause */
/* Taking everything back from the kernel, which has no limit for how long that takes. */
#include <endian.h>
#include <errno.h>

#include <linux/virtio_config.h>

#include "kernel.h"

static void expect_gone(struct bench *b)
{
	const struct transport_ops *ops = b->t->ops;
	struct transport_queue queue = bench_queue(b, 2);
	unsigned calls = kernel.ncalls;
	uint64_t features;
	unsigned what = 1;

	assert_int_equal(ops->check(b->t, &what), -ENOTCONN);
	assert_int_equal(what, 0);
	assert_int_equal(ops->get_status(b->t), -ENOTCONN);
	assert_int_equal(ops->get_features(b->t, &features), -ENOTCONN);
	assert_int_equal(ops->set_status(b->t, VIRTIO_CONFIG_S_DRIVER_OK), -ENOTCONN);
	expect_error_text("the endpoint of " NAME " is closed");
	assert_true(ops->queue_start(b->t, &queue) < 0);
	assert_int_equal(kernel.ncalls, calls);
}

/* A reset that may not wait is in progress until every ring but that of events is drained. */
static void test_reset_without_waiting(void **state)
{
	struct bench b;
	unsigned i;

	(void)state;
	bench_running(&b);
	assert_true(was_signalled(b.t->ops->call_fd(b.t, 2)) == false);
	b.t->wait = false;
	bench_give(&b, 0);
	bench_give(&b, 1);
	bench_give(&b, 4);
	for (i = 0; i < 3; i++) {
		assert_int_equal(b.t->ops->set_status(b.t, 0), -EINPROGRESS);
		assert_int_equal(b.t->ops->wait_ready(b.t, 1), 0);
	}
	bench_end(&b, 4);
	assert_int_equal(b.t->ops->set_status(b.t, 0), -EINPROGRESS);
	assert_true(kernel.set);
	bench_end(&b, 0);
	assert_int_equal(b.t->ops->set_status(b.t, 0), 0);
	assert_false(kernel.set);
	assert_int_equal(kernel_count(VHOST_SCSI_CLEAR_ENDPOINT), 1);
	assert_int_equal(b.t->ops->get_status(b.t), 0);
	/* Threads that sleep have nothing to wait for. */
	assert_true(was_signalled(b.t->ops->call_fd(b.t, 2)));
	/* Features have to be agreed on again. */
	assert_int_equal(b.t->ops->set_status(b.t, VIRTIO_CONFIG_S_FEATURES_OK), 0);
	assert_int_equal(b.t->ops->get_status(b.t), 0);
	bench_close(&b);
}

/* Indices have 16 bits and wrap, each when it is its turn. */
static void test_indices_wrap(void **state)
{
	struct bench b;

	(void)state;
	bench_running(&b);
	b.t->wait = false;
	b.avail[2]->idx = htole16(UINT16_MAX);
	b.used[2]->idx = htole16(UINT16_MAX);
	kernel.rings[2].position = UINT16_MAX;
	bench_give(&b, 2);
	assert_int_equal(b.t->ops->set_status(b.t, 0), -EINPROGRESS);
	bench_end(&b, 2);
	assert_int_equal(b.t->ops->set_status(b.t, 0), 0);
	bench_close(&b);
}

static void test_reset_that_waits(void **state)
{
	struct bench b;

	(void)state;
	bench_running(&b);
	bench_give(&b, 2);
	kernel.may_wait = true;
	assert_int_equal(b.t->ops->set_status(b.t, 0), 0);
	assert_int_equal(kernel.waited, 1);
	assert_false(kernel.set);
	/* It starts again as it did the first time. */
	bench_end(&b, 2);
	b.avail[2]->idx = b.used[2]->idx = 0;
	assert_int_equal(b.t->ops->mem_unmap(b.t, &b.region, b.region.addr), 0);
	bench_start(&b);
	bench_run(&b);
	assert_int_equal(kernel_count(VHOST_SCSI_SET_ENDPOINT), 2);
	assert_int_equal(kernel.opened, 1);
	bench_close(&b);
}

static void test_reset_that_fails(void **state)
{
	struct bench b;

	(void)state;
	bench_running(&b);
	kernel.fail = VHOST_SCSI_CLEAR_ENDPOINT;
	kernel.fail_errno = EINVAL;
	assert_int_equal(b.t->ops->set_status(b.t, 0), -EINVAL);
	expect_error_text("VHOST_SCSI_CLEAR_ENDPOINT of " NAME);
	/* Closing the device does it in any case. */
	b.t->ops->disconnect(b.t);
	assert_true(b.t->ops->cut_off(b.t));
	assert_int_equal(kernel.fd, -1);
	bench_close(&b);
}

/* Nothing is in flight: the device is cut off at once. */
static void test_disconnect_when_idle(void **state)
{
	struct bench b;

	(void)state;
	bench_running(&b);
	bench_give(&b, 1);
	assert_false(was_signalled(b.t->ops->call_fd(b.t, 3)));
	b.t->ops->disconnect(b.t);
	assert_int_equal(kernel.closed, 1);
	assert_true(b.t->ops->cut_off(b.t));
	assert_true(was_signalled(b.t->ops->call_fd(b.t, 3)));
	expect_gone(&b);
	b.t->ops->disconnect(b.t);
	assert_int_equal(kernel.closed, 1);
	bench_close(&b);
}

/* Requests in flight: it stays what it is until they have come back, but nothing is asked of it. */
static void test_disconnect_under_load(void **state)
{
	struct bench b;

	(void)state;
	bench_running(&b);
	bench_give(&b, 2);
	bench_give(&b, 2);
	b.t->ops->disconnect(b.t);
	assert_int_equal(kernel.closed, 0);
	expect_gone(&b);
	b.t->wait = false;
	assert_false(b.t->ops->cut_off(b.t));
	assert_int_equal(b.t->ops->set_status(b.t, 0), -EINPROGRESS);
	assert_int_equal(b.t->ops->reopen(b.t), -EINPROGRESS);
	bench_end(&b, 2);
	assert_false(b.t->ops->cut_off(b.t));
	bench_end(&b, 2);
	assert_int_equal(kernel.closed, 0);
	assert_true(b.t->ops->cut_off(b.t));
	assert_int_equal(kernel.closed, 1);
	assert_int_equal(b.t->ops->reopen(b.t), 0);
	/* It has its memory again. */
	assert_int_equal(kernel.nregions, 1);
	assert_int_equal(kernel.opened, 2);
	bench_close(&b);
}

/* What fails while it is opened again leaves it closed, to be tried once more. */
static void test_reopen_that_fails(void **state)
{
	static const unsigned long requests[] = {VHOST_SET_OWNER, VHOST_GET_VRING_BASE,
						 VHOST_SET_MEM_TABLE};
	struct bench b;
	unsigned i;

	(void)state;
	bench_running(&b);
	for (i = 0; i < ARRAY_LEN(requests); i++) {
		kernel.fail = requests[i];
		kernel.fail_errno = ENOMEM;
		kernel.fail_skip = 0;
		assert_int_equal(b.t->ops->reopen(b.t), -ENOMEM);
		assert_int_equal(kernel.fd, -1);
		expect_gone(&b);
	}
	kernel.fail = 0;
	assert_int_equal(b.t->ops->reopen(b.t), 0);
	bench_close(&b);
}

/* The last close waits for what is still in flight. */
static void test_close_under_load(void **state)
{
	struct bench b;

	(void)state;
	bench_running(&b);
	bench_give(&b, 2);
	b.t->ops->disconnect(b.t);
	kernel.may_wait = true;
	bench_close(&b);
	assert_int_equal(kernel.waited, 1);
}

int drain_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reset_without_waiting),
		cmocka_unit_test(test_indices_wrap),
		cmocka_unit_test(test_reset_that_waits),
		cmocka_unit_test(test_reset_that_fails),
		cmocka_unit_test(test_disconnect_when_idle),
		cmocka_unit_test(test_disconnect_under_load),
		cmocka_unit_test(test_reopen_that_fails),
		cmocka_unit_test(test_close_under_load),
	};

	return cmocka_run_group_tests_name("drain", tests, NULL, NULL);
}
