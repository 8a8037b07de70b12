/* SPDX-License-Identifier: BSD-3-Clause */
/* Resets that are not waited for, and functions that are cut off at once. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "model.h"
#include "virtio/device.h"

static const struct virtio_request everything = {.want = UINT64_MAX, .must = 0};

static bool is_master(const struct model *m)
{
	return m->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

static void finish(struct model *m, struct transport *t)
{
	pci_ops.close(t);
	model_free(m);
}

/* The status is written once, and each call looks at it once. */
static void test_reset_in_progress(void **state)
{
	struct model *m = model_standard();
	struct transport *t = model_attach(m);
	unsigned what = 7;
	unsigned at;
	unsigned i;

	(void)state;
	CONFORMS("R-PCI-27", "R-RST-01");
	assert_true(t->wait);
	t->wait = false;
	m->status_stays = 5;
	at = m->logged;
	for (i = 0; i < 5; i++) {
		assert_int_equal(pci_ops.set_status(t, 0), -EINPROGRESS);
		assert_int_equal(m->logged, at + 2 + i);
		/* Nothing else may be done with the device now. */
		assert_int_equal(pci_ops.check(t, &what), 0);
		assert_int_equal(what, 0);
		assert_int_equal(pci_ops.wait_ready(t, 0), 0);
		assert_int_equal(m->logged, at + 2 + i);
		assert_false(is_master(m));
	}
	assert_int_equal(pci_ops.set_status(t, 0), 0);
	assert_true(is_master(m));
	assert_int_equal(model_count(m, BAR_WRITE, COMMON(device_status)), 1);
	/* One that waits goes on with what another one began. */
	m->status_stays = 5;
	assert_int_equal(pci_ops.set_status(t, 0), -EINPROGRESS);
	t->wait = true;
	assert_int_equal(pci_ops.set_status(t, 0), 0);
	assert_int_equal(model_count(m, BAR_WRITE, COMMON(device_status)), 2);
	finish(m, t);
}

/* It is off the bus; a reset of the function would have to be waited for. */
static void test_reset_that_takes_too_long(void **state)
{
	const struct transport_opts opts = {.timeout_ms = 0};
	struct model *m = model_standard();
	struct transport *t;

	(void)state;
	CONFORMS("R-RST-04", "R-HARD-31");
	assert_int_equal(pci_attach(&m->bus, &pci_ops, &opts, &t), 0);
	t->wait = false;
	assert_int_equal(pci_ops.set_status(t, 0), 0);
	assert_true(is_master(m));
	m->status_stays = UINT_MAX;
	assert_int_equal(pci_ops.set_status(t, 0), -ETIMEDOUT);
	assert_false(is_master(m));
	assert_int_equal(model_count(m, RESET, 0), 0);
	/* The next one starts from the beginning. */
	m->status_stays = 0;
	assert_int_equal(pci_ops.set_status(t, 0), 0);
	assert_true(is_master(m));
	finish(m, t);
}

static void test_negotiation_in_progress(void **state)
{
	struct model *m = model_standard();
	struct virtio_dev dev = {.transport = model_attach(m)};
	unsigned calls;
	int err;

	(void)state;
	CONFORMS("R-PCI-27", "R-INIT-01");
	virtio_set_wait(&dev, false);
	m->status_stays = 5;
	for (calls = 1; (err = virtio_negotiate(&dev, &everything)) == -EINPROGRESS; calls++)
		assert_int_equal(virtio_wait_ready(&dev, -1), 0);
	assert_int_equal(err, 0);
	assert_int_equal(calls, 6);
	assert_int_equal(virtio_run(&dev), 0);
	finish(m, dev.transport);
}

static bool is_readable(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

/* A running device, with a queue that a thread sleeps on. */
static void run(struct virtio_dev *dev, char *memory)
{
	const struct dma_region region = {.addr = (uintptr_t)memory, .len = 4096, .fd = -1};
	const struct transport_queue queue = {.index = 2,
					      .size = 16,
					      .desc = memory,
					      .driver = memory + 1024,
					      .device = memory + 2048};
	uint64_t iova;

	assert_int_equal(virtio_negotiate(dev, &everything), 0);
	if (!pci_of(dev->transport)->nmaps)
		assert_int_equal(virtio_mem_map(dev, &region, &iova), 0);
	assert_int_equal(pci_ops.queue_start(dev->transport, &queue), 0);
	assert_int_equal(virtio_run(dev), 0);
}

static void test_cut_off(void **state)
{
	char *memory = aligned_alloc(4096, 4096);
	struct model *m = model_standard();
	struct virtio_dev dev = {.transport = model_attach(m)};
	unsigned logged;

	(void)state;
	CONFORMS("R-HARD-31");
	run(&dev, memory);
	virtio_set_wait(&dev, false);
	assert_false(is_readable(pci_ops.call_fd(dev.transport, 2)));
	m->status_stays = UINT_MAX;
	virtio_disconnect(&dev);
	assert_int_equal(m->status, 0);
	assert_false(is_master(m));
	assert_true(is_readable(pci_ops.call_fd(dev.transport, 2)));
	/* The queues belong to the driver again: a kick is ignored. */
	logged = m->logged;
	pci_ops.notify(dev.transport, 2, 0);
	assert_int_equal(m->logged, logged);
	m->status_stays = 0;
	assert_int_equal(virtio_reopen(&dev), 0);
	run(&dev, memory);
	/* In the middle of a reset: the next one writes the status again. */
	m->status_stays = 5;
	assert_int_equal(virtio_reset(&dev), -EINPROGRESS);
	virtio_disconnect(&dev);
	logged = model_count(m, BAR_WRITE, COMMON(device_status));
	assert_int_equal(virtio_reset(&dev), -EINPROGRESS);
	assert_int_equal(model_count(m, BAR_WRITE, COMMON(device_status)), logged + 1);
	/* One that isn't there any more is no trouble. */
	m->dead = true;
	virtio_disconnect(&dev);
	finish(m, dev.transport);
	free(memory);
}

int nowait_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reset_in_progress),
		cmocka_unit_test(test_reset_that_takes_too_long),
		cmocka_unit_test(test_negotiation_in_progress),
		cmocka_unit_test(test_cut_off),
	};

	return cmocka_run_group_tests_name("pci/nowait", tests, NULL, NULL);
}
