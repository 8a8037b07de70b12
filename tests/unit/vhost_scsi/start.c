/* SPDX-License-Identifier: BSD-3-Clause */
/* Starting: rings, then the endpoint, then notifications. */
#include <errno.h>

#include <linux/virtio_config.h>

#include "kernel.h"

/* The order that the kernel wants. The endpoint comes last, and then a kick on every ring. */
static void test_order(void **state)
{
	static const unsigned long order[] = {
		VHOST_SET_VRING_NUM,  VHOST_SET_VRING_BASE, VHOST_SET_VRING_ADDR,
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
	};
	struct bench b;
	unsigned at;
	unsigned i;

	(void)state;
	bench_open(&b);
	at = kernel.ncalls;
	bench_start(&b);
	assert_int_equal(kernel.calls[at++], VHOST_SET_FEATURES);
	assert_int_equal(kernel.calls[at++], VHOST_SET_MEM_TABLE);
	for (i = 0; i < RINGS * ARRAY_LEN(order); i++)
		assert_int_equal(kernel.calls[at++], order[i % ARRAY_LEN(order)]);
	assert_int_equal(kernel.ncalls, at);
	for (i = 0; i < RINGS; i++) {
		const struct transport_queue queue = bench_queue(&b, i);
		const struct kernel_ring *ring = &kernel.rings[i];

		assert_int_equal(ring->size, ENTRIES);
		assert_int_equal(ring->base, 0);
		assert_int_equal(ring->addr.flags, 0);
		assert_ptr_equal((void *)(uintptr_t)ring->addr.desc_user_addr, queue.desc);
		assert_ptr_equal((void *)(uintptr_t)ring->addr.avail_user_addr, queue.driver);
		assert_ptr_equal((void *)(uintptr_t)ring->addr.used_user_addr, queue.device);
		assert_int_equal(ring->call, b.t->ops->call_fd(b.t, i));
		assert_false(was_signalled(ring->kick));
	}
	bench_run(&b);
	assert_int_equal(kernel.calls[at++], VHOST_SCSI_SET_ENDPOINT);
	assert_int_equal(kernel.ncalls, at);
	for (i = 0; i < RINGS; i++)
		assert_true(was_signalled(kernel.rings[i].kick));
	/* A status that has it already sets no other endpoint. */
	bench_run(&b);
	assert_int_equal(kernel.ncalls, at);
	bench_close(&b);
}

static void test_notifications(void **state)
{
	struct bench b;

	(void)state;
	bench_running(&b);
	assert_true(was_signalled(kernel.rings[3].kick));
	b.t->ops->notify(b.t, 3, 0);
	assert_true(was_signalled(kernel.rings[3].kick));
	assert_false(was_signalled(kernel.rings[3].kick));
	/* Neither exists. */
	b.t->ops->notify(b.t, RINGS, 0);
	b.t->ops->notify(b.t, 256, 0);
	assert_int_equal(b.t->ops->call_fd(b.t, RINGS), -1);
	assert_int_equal(b.t->ops->call_fd(b.t, 256), -1);
	bench_close(&b);
}

/* The message says why there is no endpoint. */
static void test_endpoint_that_is_refused(void **state)
{
	static const struct {
		int err;
		int result;
		const char *text;
	} table[] = {
		{ENODEV, -ENODEV, "LIO has no target " NAME " for us: it needs a TPG with a nexus"},
		{EEXIST, -ENODEV, "that no other program has open"},
		{ENOMEM, -ENOMEM, "use fewer queues or a smaller queue_size"},
		{EFAULT, -EFAULT, "VHOST_SCSI_SET_ENDPOINT of " NAME ": Bad address"},
	};
	const uint8_t ok = VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct bench b;

		bench_open(&b);
		bench_start(&b);
		kernel.fail = VHOST_SCSI_SET_ENDPOINT;
		kernel.fail_errno = table[i].err;
		assert_int_equal(b.t->ops->set_status(b.t, ok), table[i].result);
		expect_error_text(table[i].text);
		assert_int_equal(b.t->ops->get_status(b.t), VIRTIO_CONFIG_S_FEATURES_OK);
		assert_false(was_signalled(kernel.rings[2].kick));
		/* None is set: nothing is to be cleared. */
		bench_give(&b, 2);
		b.t->wait = false;
		assert_int_equal(b.t->ops->set_status(b.t, 0), 0);
		assert_int_equal(kernel_count(VHOST_SCSI_CLEAR_ENDPOINT), 0);
		bench_close(&b);
	}
}

/* What the kernel would take and then choke on, or refuse without a word. */
static void test_rings_that_are_refused(void **state)
{
	struct transport_queue queue;
	struct bench b;

	(void)state;
	bench_open(&b);
	assert_int_equal(b.t->ops->set_features(b.t, 0), 0);
	queue = bench_queue(&b, 2);
	assert_int_equal(b.t->ops->queue_start(b.t, &queue), -EFAULT);
	bench_start(&b);
	assert_int_equal(b.t->ops->queue_start(b.t, &queue), -EBUSY);
	assert_int_equal(b.t->ops->queue_stop(b.t, 2, &queue.base), -EOPNOTSUPP);
	assert_int_equal(b.t->ops->set_status(b.t, 0), 0);
	queue.index = RINGS;
	assert_int_equal(b.t->ops->queue_start(b.t, &queue), -EINVAL);
	queue = bench_queue(&b, 2);
	queue.size = 512;
	assert_int_equal(b.t->ops->queue_start(b.t, &queue), -EINVAL);
	queue.size = 12;
	assert_int_equal(b.t->ops->queue_start(b.t, &queue), -EINVAL);
	queue.size = ENTRIES;
	queue.base = 65536;
	assert_int_equal(b.t->ops->queue_start(b.t, &queue), -EINVAL);
	queue.base = 0;
	queue.packed = true;
	assert_int_equal(b.t->ops->queue_start(b.t, &queue), -EINVAL);
	queue.packed = false;
	queue.device = (char *)(uintptr_t)(b.region.addr + b.region.len) - 64;
	assert_int_equal(b.t->ops->queue_start(b.t, &queue), -EFAULT);
	queue.device = (char *)(uintptr_t)b.region.addr - 1;
	assert_int_equal(b.t->ops->queue_start(b.t, &queue), -EFAULT);
	queue = bench_queue(&b, 2);
	assert_int_equal(b.t->ops->queue_start(b.t, &queue), 0);
	bench_close(&b);
}

/* A request that fails is named, and the ring isn't started. */
static void test_ring_requests_that_fail(void **state)
{
	static const struct {
		unsigned long request;
		const char *name;
	} table[] = {
		{VHOST_SET_VRING_NUM, "VHOST_SET_VRING_NUM"},
		{VHOST_SET_VRING_BASE, "VHOST_SET_VRING_BASE"},
		{VHOST_SET_VRING_ADDR, "VHOST_SET_VRING_ADDR"},
		{VHOST_SET_VRING_KICK, "VHOST_SET_VRING_KICK"},
		{VHOST_SET_VRING_CALL, "VHOST_SET_VRING_CALL"},
	};
	struct transport_queue queue;
	struct bench b;
	unsigned i;

	(void)state;
	bench_open(&b);
	bench_start(&b);
	assert_int_equal(b.t->ops->set_status(b.t, 0), 0);
	queue = bench_queue(&b, 2);
	for (i = 0; i < ARRAY_LEN(table); i++) {
		kernel.fail = table[i].request;
		kernel.fail_errno = EINVAL;
		kernel.fail_skip = 0;
		assert_int_equal(b.t->ops->queue_start(b.t, &queue), -EINVAL);
		expect_error_text(table[i].name);
	}
	kernel.fail = 0;
	assert_int_equal(b.t->ops->queue_start(b.t, &queue), 0);
	bench_close(&b);
}

int start_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_notifications),
		cmocka_unit_test(test_endpoint_that_is_refused),
		cmocka_unit_test(test_rings_that_are_refused),
		cmocka_unit_test(test_ring_requests_that_fail),
	};

	return cmocka_run_group_tests_name("start", tests, NULL, NULL);
}
