/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening and closing a device: the order of the steps, what may fail, and what is left then. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include <vscsi/error.h>

#include "device_tests.h"
#include "virtio/device.h"

#define FAILED VIRTIO_CONFIG_S_FAILED

/* Where a status was written in the log. */
static int status_at(const struct fake *fake, uint8_t status)
{
	unsigned i;

	for (i = 0; i < fake->logged; i++) {
		if (fake->log[i].call == FAKE_SET_STATUS && fake->log[i].value == status)
			return (int)i;
	}
	return -1;
}

static void test_order_of_a_start(void **state)
{
	static const uint8_t expected[] = {0, 1, 3, 11, 15};
	uint8_t statuses[16];
	struct driver d;
	unsigned i;
	int ok;
	int run;

	(void)state;
	CONFORMS("R-STAT-01", "R-INIT-01", "R-INIT-03", "R-INIT-06", "R-INIT-09", "R-INIT-10",
		 "R-RST-02", "R-SCSI-18", "R-SCSI-22", "R-PCI-38");
	driver_init(&d);
	/* Something to write into the configuration space as well. */
	d.m->fake.config.sense_size = htole32(252);
	assert_int_equal(driver_open_device(&d, ""), 0);
	assert_int_equal(fake_statuses(&d.m->fake, statuses, sizeof(statuses)), 5);
	assert_memory_equal(statuses, expected, 5);
	ok = status_at(&d.m->fake, 11);
	run = status_at(&d.m->fake, 15);
	assert_true(fake_find(&d.m->fake, FAKE_SET_STATUS, 0) == 0);
	assert_true(fake_find(&d.m->fake, FAKE_SET_FEATURES, 0) < ok);
	for (i = 0; i < d.m->fake.logged; i++) {
		const struct fake_entry *e = &d.m->fake.log[i];

		if (e->call == FAKE_WRITE_CONFIG || e->call == FAKE_QUEUE_START)
			assert_true((int)i > ok && (int)i < run);
		if (e->call == FAKE_NOTIFY)
			assert_true((int)i > run);
	}
	/* All virtqueues in ascending order, after all of the configuration. */
	for (i = 0; i < 4; i++)
		assert_int_equal(d.m->fake.log[fake_find(&d.m->fake, FAKE_QUEUE_START, i)].value,
				 i);
	assert_true(fake_find(&d.m->fake, FAKE_WRITE_CONFIG, 0) <
		    fake_find(&d.m->fake, FAKE_QUEUE_START, 0));
	/* The event buffers are announced as soon as the device runs. */
	assert_int_equal(fake_count(&d.m->fake, FAKE_NOTIFY), 1);
	assert_int_equal(d.m->fake.log[fake_find(&d.m->fake, FAKE_NOTIFY, 0)].value, 1);
	driver_open_rest(&d);
	fake_forget(&d.m->fake);
	driver_close(&d);
}

static void test_end_of_a_close(void **state)
{
	unsigned last;
	struct driver d;

	(void)state;
	CONFORMS("R-RST-02", "R-CLN-02");
	driver_init(&d);
	assert_int_equal(driver_open_device(&d, ""), 0);
	fake_forget(&d.m->fake);
	assert_int_equal(vscsi_dev_close(d.dev), 0);
	d.dev = NULL;
	last = d.m->fake.logged - 1;
	assert_int_equal(d.m->fake.log[last].call, FAKE_CLOSE);
	assert_int_equal(d.m->fake.log[last - 1].call, FAKE_SET_STATUS);
	assert_int_equal(d.m->fake.log[last - 1].value, 0);
	assert_int_equal(vscsi_dev_close(NULL), 0);
	driver_close(&d);
}

/* Looks at the pool while the device is being reset, and writes into all of it. */
struct late {
	struct model *m;
	struct vscsi_mem *mem;
	uint64_t in_use;
	unsigned resets;
};

static uint64_t in_use(struct vscsi_mem *mem)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};

	assert_int_equal(vscsi_mem_get_stats(mem, &stats), 0);
	return stats.used;
}

/*
 * Within a reset this takes the pool's lock while it holds the device's, which only this test does.
 * ThreadSanitizer reports it, because other code takes them in the opposite order.
 */
#ifdef __SANITIZE_THREAD__
#define ASKED_INSIDE false
#else
#define ASKED_INSIDE true
#endif

static void write_until_reset(void *ctx, enum fake_call call, unsigned queue)
{
	struct late *late = ctx;
	unsigned i;

	if (call != FAKE_SET_STATUS || late->m->fake.status) {
		model_hook(late->m, call, queue);
		return;
	}
	late->resets++;
	if (ASKED_INSIDE)
		late->in_use = in_use(late->mem);
	for (i = 0; i < late->m->fake.nregions; i++) {
		const struct fake_region *r = &late->m->fake.regions[i];

		memset((void *)(uintptr_t)r->addr, 0xee, r->len);
	}
}

/*
 * Until the reset has ended the device may write wherever it was told to: nothing of that has been
 * given back by then, and what others get later is theirs alone.
 */
static void test_memory_stays_until_the_reset(void **state)
{
	const struct vscsi_mem_opts mem_opts = {
		.size = sizeof(mem_opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 4u << 20};
	struct vscsi_dev_opts opts = {.size = sizeof(opts)};
	uint64_t before;
	struct late late;
	struct driver d;

	(void)state;
	CONFORMS("R-RST-03");
	driver_init(&d);
	assert_int_equal(vscsi_mem_create(&mem_opts, &opts.mem), 0);
	late = (struct late){.m = d.m, .mem = opts.mem};
	assert_int_equal(vscsi_dev_open("fake:model?queues=2", &opts, &d.dev), 0);
	before = in_use(opts.mem);
	assert_true(before > 0);
	d.m->fake.hook = write_until_reset;
	d.m->fake.ctx = &late;
	assert_int_equal(vscsi_dev_close(d.dev), 0);
	d.dev = NULL;
	assert_int_equal(late.resets, 1);
	assert_int_equal(late.in_use, ASKED_INSIDE ? before : 0);
	assert_int_equal(in_use(opts.mem), 0);
	assert_int_equal(d.m->fake.nregions, 0);
	assert_int_equal(vscsi_mem_destroy(opts.mem), 0);
	driver_close(&d);
}

/* Each call fails in turn. Nothing leaks, and the device is told of the failure. */
static void test_any_call_may_fail(void **state)
{
	unsigned skip;
	int err = -1;

	(void)state;
	CONFORMS("R-STAT-02", "R-INIT-07", "R-INIT-08");
	for (skip = 0; err; skip++) {
		uint8_t statuses[16];
		unsigned count;
		struct driver d;

		driver_init(&d);
		d.m->fake.fail = FAKE_ANY;
		d.m->fake.fail_skip = skip;
		d.m->fake.fail_err = -ECONNRESET;
		err = driver_open_device(&d, "");
		/* A kick has no result: what is after it has worked. */
		if (!err) {
			assert_int_equal(vscsi_dev_close(d.dev), 0);
		} else {
			assert_int_equal(err, -ECONNRESET);
			count = fake_statuses(&d.m->fake, statuses, sizeof(statuses));
			assert_true(d.m->fake.closed);
			/* FAILED, if there was a status to add it to, and then the reset. */
			assert_int_equal(statuses[count - 1], 0);
			assert_true(skip == 0 || statuses[count - 2] & FAILED);
			assert_int_equal(fake_count(&d.m->fake, FAKE_NOTIFY), 0);
		}
		d.dev = NULL;
		driver_close(&d);
	}
	assert_true(skip > 20);
}

static int open_with(const struct vscsi_dev_opts *opts)
{
	struct vscsi_dev *dev;
	struct driver d;
	int err;

	driver_init(&d);
	err = vscsi_dev_open("fake:x?mem=4M", opts, &dev);
	if (err)
		assert_non_null(strstr(vscsi_last_error(), "vscsi_dev_open"));
	else
		assert_int_equal(vscsi_dev_close(dev), 0);
	driver_close(&d);
	return err;
}

static void test_structs_of_other_ages(void **state)
{
	struct {
		struct vscsi_dev_opts opts;
		uint64_t tail;
	} newer = {.opts = {.size = sizeof(newer)}};
	struct vscsi_dev_opts opts = {.size = sizeof(opts)};

	(void)state;
	assert_int_equal(open_with(NULL), 0);
	assert_int_equal(open_with(&opts), 0);
	assert_int_equal(open_with(&newer.opts), 0);
	newer.tail = UINT64_C(1) << 63;
	assert_int_equal(open_with(&newer.opts), -E2BIG);
	/* An older program ends with its last field. */
	opts.size = 8;
	assert_int_equal(open_with(&opts), 0);
	opts.size = 0;
	assert_int_equal(open_with(&opts), -EINVAL);
	opts.size = sizeof(opts);
	opts.reserved = 1;
	assert_int_equal(open_with(&opts), -EINVAL);
	opts.reserved = 0;
	opts.queue_size = 100;
	assert_int_equal(open_with(&opts), -EINVAL);
	opts.queue_size = 0;
	opts.hotplug = 3;
	assert_int_equal(open_with(&opts), -EINVAL);
}

/* What the device must have where it was asked for, and may lack where it wasn't. */
static void test_features_by_option(void **state)
{
	static const struct {
		const char *name;
		unsigned bit;
	} table[] = {{"indirect", VIRTIO_RING_F_INDIRECT_DESC},
		     {"event_idx", VIRTIO_RING_F_EVENT_IDX},
		     {"hotplug", VIRTIO_SCSI_F_HOTPLUG},
		     {"change", VIRTIO_SCSI_F_CHANGE},
		     {"inout", VIRTIO_SCSI_F_INOUT}};
	char options[32];
	unsigned i;
	unsigned offered;

	(void)state;
	CONFORMS("R-FEAT-08", "R-FEAT-01");
	for (i = 0; i < 2 * ARRAY_LEN(table); i++) {
		unsigned bit = table[i / 2].bit;
		struct driver d;

		offered = i & 1;
		driver_init(&d);
		if (!offered)
			d.m->fake.offer &= ~VIRTIO_BIT(bit);
		driver_open(&d, "");
		assert_int_equal(!!(d.m->fake.accepted & VIRTIO_BIT(bit)), offered);
		driver_read(&d, 1);
		assert_int_equal(driver_poll(&d).result, 0);
		driver_close(&d);

		driver_init(&d);
		if (!offered)
			d.m->fake.offer &= ~VIRTIO_BIT(bit);
		snprintf(options, sizeof(options), "%s=off", table[i / 2].name);
		driver_open(&d, options);
		assert_false(d.m->fake.accepted & VIRTIO_BIT(bit));
		driver_read(&d, 1);
		assert_int_equal(driver_poll(&d).result, 0);
		driver_close(&d);

		driver_init(&d);
		if (!offered)
			d.m->fake.offer &= ~VIRTIO_BIT(bit);
		snprintf(options, sizeof(options), "%s=on", table[i / 2].name);
		assert_int_equal(driver_open_device(&d, options), offered ? 0 : -EOPNOTSUPP);
		if (offered)
			driver_open_rest(&d);
		else
			d.dev = NULL;
		driver_close(&d);
	}
}

/* With one request queue everybody shares; a device without any is refused. */
static void test_numbers_of_virtqueues(void **state)
{
	static const struct {
		int virtqueues;
		int result;
		unsigned queues;
	} table[] = {{-ECONNRESET, -ECONNRESET, 0},
		     {0, -EPROTO, 0},
		     {2, -EPROTO, 0},
		     {3, 0, 1},
		     {4, 0, 2},
		     {5, 0, 2},
		     {65535, 0, 2}};
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-03", "R-SCSI-22");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct vscsi_dev_info info = {.size = sizeof(info)};
		struct vscsi_queue *queue;
		struct driver d;

		driver_init(&d);
		d.m->fake.queue_count = table[i].virtqueues;
		assert_int_equal(driver_open_device(&d, ""), table[i].result);
		if (!table[i].result) {
			assert_int_equal(vscsi_dev_get_info(d.dev, &info), 0);
			assert_int_equal(info.queues, table[i].queues);
			assert_int_equal(fake_count(&d.m->fake, FAKE_QUEUE_START), 2 + info.queues);
			assert_int_equal(vscsi_queue_open(d.dev, NULL, &queue), 0);
			assert_int_equal(vscsi_queue_close(queue), 0);
			assert_int_equal(vscsi_dev_close(d.dev), 0);
		}
		d.dev = NULL;
		driver_close(&d);
	}
}

static void test_sizes_of_rings(void **state)
{
	static const struct {
		int max;
		const char *options;
		int result;
		unsigned size;
	} table[] = {{0, "", -EPROTO, 0},
		     {1, "", -EPROTO, 0},
		     {3, "", -EPROTO, 0},
		     {4, "", 0, 4},
		     {100, "", 0, 64},
		     {256, "", 0, 128},
		     {256, "queue_size=256", 0, 256},
		     {65535, "queue_size=16", 0, 16},
		     {-ECONNRESET, "", -ECONNRESET, 0}};
	unsigned i;

	(void)state;
	CONFORMS("R-SPLIT-02");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct driver d;

		driver_init(&d);
		d.m->fake.queue_max = table[i].max;
		assert_int_equal(driver_open_device(&d, table[i].options), table[i].result);
		if (!table[i].result) {
			assert_int_equal(d.m->fake.queues[2].size, table[i].size);
			assert_int_equal(vscsi_dev_close(d.dev), 0);
		}
		d.dev = NULL;
		driver_close(&d);
	}
}

/* A pool that is too small for what was asked: an error that says so, and nothing left. */
static void test_pool_that_is_too_small(void **state)
{
	struct vscsi_dev *dev;
	struct driver d;

	(void)state;
	CONFORMS("R-INIT-07", "R-INIT-08");
	driver_init(&d);
	d.m->fake.queue_max = 32768;
	assert_int_equal(vscsi_dev_open("fake:x?mem=2M&queue_size=32768", NULL, &dev), -ENOMEM);
	assert_non_null(strstr(vscsi_last_error(), "larger pool"));
	assert_true(d.m->fake.closed);
	assert_int_equal(status_at(&d.m->fake, 15), -1);
	assert_true(status_at(&d.m->fake, 11 | FAILED) > 0);
	driver_close(&d);
}

int open_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_of_a_start),
		cmocka_unit_test(test_end_of_a_close),
		cmocka_unit_test(test_memory_stays_until_the_reset),
		cmocka_unit_test(test_any_call_may_fail),
		cmocka_unit_test(test_structs_of_other_ages),
		cmocka_unit_test(test_features_by_option),
		cmocka_unit_test(test_numbers_of_virtqueues),
		cmocka_unit_test(test_sizes_of_rings),
		cmocka_unit_test(test_pool_that_is_too_small),
	};

	return cmocka_run_group_tests_name("device/open", tests, NULL, NULL);
}
