/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The chains that the library puts into packed rings, held against the rules by the model of the
 * device.
 */
#include <string.h>

#include <linux/virtio_config.h>

#include "queue_tests.h"
#include "virtio/device.h"

/* A write and a read back of @segs blocks, each in a piece of its own. */
static void there_and_back(struct driver *d, unsigned segs)
{
	struct iovec iov[4];
	unsigned i;

	for (i = 0; i < segs; i++) {
		iov[i] = (struct iovec){d->buf + 1024 * i, MODEL_BLOCK};
		memset(iov[i].iov_base, (int)(segs + i), MODEL_BLOCK);
	}
	assert_int_equal(vscsi_writev(d->queue, d->lun, iov, segs, segs, segs, 0, 1), 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
	assert_int_equal(driver_poll(d).result, 0);
	memset(d->buf, 0, DRIVER_BUF);
	assert_int_equal(vscsi_readv(d->queue, d->lun, iov, segs, segs, segs, 0, 2), 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
	assert_int_equal(driver_poll(d).result, 0);
	for (i = 0; i < segs; i++)
		assert_int_equal(d->buf[1024 * i + 7], segs + i);
}

/* Returns how many chains of the queue lay in a table of their own. */
static unsigned run(const char *options, unsigned segs)
{
	unsigned tables;
	struct driver d;
	unsigned i;

	driver_init(&d);
	d.m->fake.ops.features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED) | VIRTIO_BIT(VIRTIO_F_IN_ORDER);
	driver_open(&d, options);
	assert_true(d.m->rings[DRIVER_QUEUE].packed);
	/* What the device was asked when it was opened doesn't count. */
	d.m->tables = 0;
	/* More than three wraps of the ring, with every shape of chain at every position. */
	for (i = 0; i < 500; i++) {
		driver_read(&d, i);
		assert_int_equal(driver_poll(&d).result, 0);
		there_and_back(&d, 1 + i % segs);
	}
	tables = d.m->tables;
	driver_close(&d);
	return tables;
}

static void test_chains_in_tables(void **state)
{
	(void)state;
	CONFORMS("R-PACK-19", "R-PACK-24", "R-PACK-26", "R-PACK-27");
	assert_true(run("", 4) >= 1500);
	assert_true(run("in_order=on", 4) >= 1500);
	assert_true(run("event_idx=off", 4) >= 1500);
}

static void test_chains_in_the_ring(void **state)
{
	(void)state;
	CONFORMS("R-PACK-08", "R-PACK-19", "R-PACK-23");
	assert_int_equal(run("indirect=off", 2), 0);
	assert_int_equal(run("indirect=off&in_order=on", 2), 0);
}

int packed_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chains_in_tables),
		cmocka_unit_test(test_chains_in_the_ring),
	};

	return cmocka_run_group_tests_name("queue/packed", tests, NULL, NULL);
}
