/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Disks that are removed or swapped while they are open: by the device's event, by a unit attention
 * of a command, and by a scan that finds another disk. Nothing is sent to the one that is there now
 * through a handle of the one that was, unless it turns out to be the same.
 */
#include <errno.h>
#include <string.h>

#include "device_tests.h"
#include "device/device.h"

#define RESCAN  1
#define REMOVED 2

static void post_reset(struct driver *d, unsigned target, unsigned lun, uint32_t reason)
{
	uint8_t addr[8];

	put_lun(addr, target, lun);
	assert_true(model_event(d->m, 1, addr, reason));
}

/* From now on another disk has the address; @reason is what the device says about it. */
static void post_swap(struct driver *d, uint32_t reason)
{
	d->m->serial = "SN43";
	post_reset(d, 1, 2, reason);
}

/* The next events, and then none. */
static void expect_events(struct driver *d, const struct vscsi_event *want, unsigned count)
{
	struct vscsi_event events[8];
	unsigned i;

	assert_int_equal(vscsi_dev_poll_events(d->dev, events, 8), count);
	for (i = 0; i < count; i++)
		assert_memory_equal(&events[i], &want[i], sizeof(*want));
	assert_int_equal(vscsi_dev_poll_events(d->dev, events, 8), 0);
}

/* Another disk has the address of the driver's, which was known from a scan. */
static void expect_exchange(struct driver *d)
{
	const struct vscsi_event events[] = {
		{.type = VSCSI_EVENT_UNPLUGGED, .target = 1, .lun = 2},
		{.type = VSCSI_EVENT_PLUGGED, .target = 1, .lun = 2},
	};

	d->m->held = 0;
	expect_events(d, events, ARRAY_LEN(events));
}

static void expect_gone(struct driver *d, struct vscsi_lun *lun)
{
	const struct vscsi_command ready = {.size = sizeof(ready), .cdb_len = 6};
	const unsigned before = d->m->commands;

	assert_int_equal(vscsi_read(d->queue, lun, d->buf, 0, 1, 0, 0), -ENODEV);
	assert_int_equal(vscsi_write(d->queue, lun, d->buf, 0, 1, 0, 0), -ENODEV);
	assert_int_equal(vscsi_flush(d->queue, lun, 0), -ENODEV);
	assert_int_equal(vscsi_prepare_command(d->queue, lun, &ready, 0), -ENODEV);
	assert_int_equal(vscsi_pwrite(lun, d->buf, 512, 0, 0), -ENODEV);
	assert_int_equal(vscsi_lun_reset(lun), -ENODEV);
	driver_poll_nothing(d);
	assert_int_equal(d->m->commands, before);
}

static void expect_works(struct driver *d, struct vscsi_lun *lun)
{
	d->m->held = 0;
	assert_int_equal(vscsi_read(d->queue, lun, d->buf, 0, 1, 0, 9), 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
	assert_int_equal(driver_poll(d).result, 0);
	assert_int_equal(vscsi_pread(lun, d->buf, 512, 0), 0);
}

static void open_scanned(struct driver *d)
{
	driver_init(d);
	driver_open(d, "");
	assert_int_equal(vscsi_dev_scan(d->dev, NULL, 0), 2);
}

/* An event from before a handle was opened is not about that one. */
static void test_removed_before_it_was_opened(void **state)
{
	struct vscsi_event events[8];
	struct vscsi_lun *lun;
	struct driver d;

	(void)state;
	open_scanned(&d);
	post_reset(&d, 0, 0, REMOVED);
	post_reset(&d, 0, 0, RESCAN);
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &lun), 0);
	assert_int_equal(vscsi_dev_poll_events(d.dev, events, 8), 0);
	expect_works(&d, lun);
	assert_int_equal(vscsi_lun_close(lun), 0);
	driver_close(&d);
}

/* Every kind of queue, and no scan before. A new handle is for the new disk. */
static void test_removed(void **state)
{
	static const char *const options[] = {"", "indirect=off", "packed=off"};
	const struct vscsi_event events[] = {
		{.type = VSCSI_EVENT_UNPLUGGED, .target = 1, .lun = 2},
		{.type = VSCSI_EVENT_PLUGGED},
		{.type = VSCSI_EVENT_PLUGGED, .target = 1, .lun = 2},
	};
	struct vscsi_lun *lun;
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(options); i++) {
		driver_start(&d, options[i]);
		expect_works(&d, d.lun);
		post_swap(&d, REMOVED);
		expect_events(&d, events, ARRAY_LEN(events));
		expect_gone(&d, d.lun);
		assert_int_equal(vscsi_lun_open(d.dev, 1, 2, NULL, &lun), 0);
		expect_works(&d, lun);
		expect_gone(&d, d.lun);
		assert_int_equal(vscsi_lun_close(lun), 0);
		driver_close(&d);
	}
}

/*
 * The disk that is there when it is revalidated is the same one, or has become smaller. Until then
 * the handle is gone.
 */
static void test_removed_and_there_again(void **state)
{
	const struct vscsi_event plugged = {.type = VSCSI_EVENT_PLUGGED, .target = 1, .lun = 2};
	static const uint64_t sizes[] = {MODEL_BLOCKS, MODEL_BLOCKS / 2};
	struct vscsi_event event;
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		open_scanned(&d);
		driver_hold(&d);
		d.m->blocks = sizes[i];
		post_reset(&d, 1, 2, REMOVED);
		assert_int_equal(vscsi_dev_poll_events(d.dev, &event, 1), 1);
		assert_int_equal(event.type, VSCSI_EVENT_UNPLUGGED);
		expect_gone(&d, d.lun);
		d.m->held = 0;
		model_release(d.m, DRIVER_SHARED);
		expect_events(&d, &plugged, 1);
		if (i == 0)
			expect_works(&d, d.lun);
		else
			expect_gone(&d, d.lun);
		driver_close(&d);
	}
}

/* LUN 0 is removed for itself alone: whether its target is meant, a scan finds out. */
static void test_neighbours_stay(void **state)
{
	const struct vscsi_event event = {.type = VSCSI_EVENT_UNPLUGGED, .target = 1};
	struct vscsi_lun *first;
	struct vscsi_lun *other;
	struct driver d;

	(void)state;
	driver_init(&d);
	d.m->present[1][0] = true;
	driver_open(&d, "");
	assert_int_equal(vscsi_dev_scan(d.dev, NULL, 0), 3);
	assert_int_equal(vscsi_lun_open(d.dev, 1, 0, NULL, &first), 0);
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &other), 0);
	d.m->present[1][0] = false;
	post_reset(&d, 1, 0, REMOVED);
	expect_events(&d, &event, 1);
	expect_gone(&d, first);
	expect_works(&d, d.lun);
	expect_works(&d, other);
	assert_int_equal(vscsi_lun_close(first), 0);
	assert_int_equal(vscsi_lun_close(other), 0);
	driver_close(&d);
}

/* A queue that is opened later has no hot path, which wouldn't look at the LUN. */
static void test_queue_opened_later(void **state)
{
	struct vscsi_queue *queue;
	struct driver d;

	(void)state;
	open_scanned(&d);
	post_swap(&d, REMOVED);
	expect_exchange(&d);
	assert_int_equal(vscsi_queue_close(d.queue), 0);
	assert_int_equal(vscsi_queue_open(d.dev, NULL, &queue), 0);
	d.queue = queue;
	expect_gone(&d, d.lun);
	driver_close(&d);
}

/* A busy disk is asked again later; by then it is another one. */
static void test_removed_while_a_request_waits(void **state)
{
	struct vscsi_completion done;
	struct answer busy;
	struct chain chain;
	struct driver d;

	(void)state;
	open_scanned(&d);
	driver_hold(&d);
	/* Or it is asked again before it is removed. */
	clock_stop(true);
	driver_read(&d, 5);
	chain = driver_take(&d);
	busy = model_good(&chain);
	busy.status = 8;
	model_answer(d.m, &chain, &busy);
	driver_poll_nothing(&d);
	post_swap(&d, REMOVED);
	expect_exchange(&d);
	driver_hold(&d);
	clock_skip(1000);
	done = driver_poll(&d);
	assert_int_equal(done.user_data, 5);
	assert_int_equal(done.result, -ENODEV);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	d.m->held = 0;
	driver_close(&d);
}

static void refuse_read(struct driver *d, struct vscsi_lun *lun, uint8_t key, uint8_t asc,
			uint8_t ascq)
{
	struct chain chain;
	struct answer a;

	driver_hold_own(d);
	assert_int_equal(vscsi_read(d->queue, lun, d->buf, 0, 1, 0, 7), 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
	chain = driver_take(d);
	a = model_sense(&chain, key, asc, ascq);
	model_answer(d->m, &chain, &a);
}

/*
 * No thread polls for events. The removal event was posted before the new disk's first unit
 * attention, or before the answer that no disk is there, and takes effect before all that follows.
 */
static void test_removed_unseen(void **state)
{
	static const uint8_t senses[][3] = {{6, 0x29, 0}, {6, 0x3f, 0x0e}, {5, 0x25, 0}};
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(senses); i++) {
		open_scanned(&d);
		refuse_read(&d, d.lun, senses[i][0], senses[i][1], senses[i][2]);
		post_swap(&d, REMOVED);
		post_reset(&d, 1, 2, RESCAN);
		assert_int_equal(driver_poll(&d).result, -ENODEV);
		assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
		/* The buffers are the device's again. */
		assert_int_equal(model_waiting(d.m, 1), 16);
		expect_gone(&d, d.lun);
		expect_exchange(&d);
		driver_close(&d);
	}
}

/* Nothing tells of it but the answer that no disk is there: it is gone, until a scan finds it. */
static void test_absent(void **state)
{
	const struct vscsi_event unplugged = {.type = VSCSI_EVENT_UNPLUGGED, .target = 1, .lun = 2};
	const struct vscsi_event plugged = {.type = VSCSI_EVENT_PLUGGED, .target = 1, .lun = 2};
	struct driver d;

	(void)state;
	open_scanned(&d);
	d.m->present[1][2] = false;
	refuse_read(&d, d.lun, 5, 0x25, 0);
	assert_int_equal(driver_poll(&d).result, -ENODEV);
	expect_gone(&d, d.lun);
	model_release(d.m, DRIVER_QUEUE);
	d.m->held = 0;
	expect_events(&d, &unplugged, 1);
	d.m->present[1][2] = true;
	post_reset(&d, 1, 2, RESCAN);
	expect_events(&d, &plugged, 1);
	expect_works(&d, d.lun);
	driver_close(&d);
}

/* The device is notified of buffers that are posted again, once. */
static void test_notified_of_the_buffers(void **state)
{
	struct vscsi_event event;
	unsigned kicks;
	struct driver d;

	(void)state;
	driver_start(&d, "event_idx=off");
	kicks = d.m->fake.notified[1];
	refuse_read(&d, d.lun, 6, 0x29, 0);
	post_swap(&d, REMOVED);
	assert_int_equal(driver_poll(&d).result, -ENODEV);
	assert_int_equal(d.m->fake.notified[1], kicks + 1);
	d.m->held = 0;
	assert_int_equal(vscsi_dev_poll_events(d.dev, &event, 1), 1);
	assert_int_equal(vscsi_dev_poll_events(d.dev, &event, 1), 1);
	assert_int_equal(d.m->fake.notified[1], kicks + 1);
	driver_close(&d);
}

/* While another thread has the device its events can't be looked at: so long nothing is sent. */
static void test_another_thread_has_the_device(void **state)
{
	struct chain chain;
	struct driver d;

	(void)state;
	open_scanned(&d);
	refuse_read(&d, d.lun, 6, 0x29, 0);
	pthread_mutex_lock(&d.dev->lock);
	driver_poll_nothing(&d);
	driver_poll_nothing(&d);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	pthread_mutex_unlock(&d.dev->lock);
	driver_poll_nothing(&d);
	chain = driver_take(&d);
	model_serve_chain(d.m, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	refuse_read(&d, d.lun, 6, 0x29, 0);
	pthread_mutex_lock(&d.dev->lock);
	driver_poll_nothing(&d);
	pthread_mutex_unlock(&d.dev->lock);
	post_swap(&d, REMOVED);
	assert_int_equal(driver_poll(&d).result, -ENODEV);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	d.m->held = 0;
	driver_close(&d);
}

/* A device that broke its event ring says nothing any more: nothing is sent until it has failed. */
static void test_broken_event_ring(void **state)
{
	struct vscsi_completion done;
	struct driver d;
	unsigned i;

	(void)state;
	open_scanned(&d);
	device_lie(&d.m->rings[1], 16, 16);
	device_show(&d.m->rings[1]);
	refuse_read(&d, d.lun, 6, 0x29, 0);
	for (i = 0; i < 100000 && !vscsi_poll(d.queue, &done, 1); i++)
		assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	assert_int_equal(done.result, -ENOTCONN);
	driver_close(&d);
}

/*
 * Sense that says so itself. It counts for all handles of the LUN. A request that may not be sent
 * again is returned with it.
 */
static void test_another_disk_by_sense(void **state)
{
	static const uint8_t qualifiers[] = {0x03, 0x05};
	const struct vscsi_lun_opts opts = {.size = sizeof(opts), .retries = VSCSI_NO_RETRIES};
	struct vscsi_completion done;
	struct vscsi_lun *lun;
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-92");
	for (i = 0; i < 2 * ARRAY_LEN(qualifiers); i++) {
		open_scanned(&d);
		assert_int_equal(vscsi_lun_open(d.dev, 1, 2, i & 1 ? &opts : NULL, &lun), 0);
		d.m->serial = "SN43";
		refuse_read(&d, lun, 6, 0x3f, qualifiers[i / 2]);
		done = driver_poll(&d);
		assert_int_equal(done.result, i & 1 ? -EBUSY : -ENODEV);
		assert_int_equal(done.ascq, i & 1 ? qualifiers[i / 2] : 0);
		assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
		expect_gone(&d, lun);
		expect_gone(&d, d.lun);
		expect_exchange(&d);
		assert_int_equal(vscsi_lun_close(lun), 0);
		driver_close(&d);
	}
}

/* Sense that only may mean so: until the disk has been asked nothing is sent, then the request. */
static void test_the_same_disk_by_sense(void **state)
{
	static const uint8_t senses[][2] = {{0x29, 0}, {0x3f, 0x03}, {0x3f, 0x05}, {0x3f, 0x0e}};
	struct chain chain;
	struct driver d;
	unsigned i;

	(void)state;
	open_scanned(&d);
	for (i = 0; i < ARRAY_LEN(senses); i++) {
		refuse_read(&d, d.lun, 6, senses[i][0], senses[i][1]);
		driver_hold(&d);
		driver_poll_nothing(&d);
		driver_read(&d, 8);
		driver_poll_nothing(&d);
		assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
		model_release(d.m, DRIVER_SHARED);
		clock_skip(10);
		driver_poll_nothing(&d);
		assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 2);
		chain = driver_take(&d);
		model_serve_chain(d.m, &chain);
		assert_int_equal(driver_poll(&d).user_data, 7);
		chain = driver_take(&d);
		model_serve_chain(d.m, &chain);
		assert_int_equal(driver_poll(&d).user_data, 8);
		d.m->held = 0;
		expect_events(&d, NULL, 0);
	}
	driver_close(&d);
}

/* By an event, which a device may send as well. The disk is revalidated here too. */
static void test_another_disk_by_event(void **state)
{
	static const uint32_t reasons[] = {0x033f, 0x053f};
	uint8_t addr[8];
	struct driver d;
	unsigned i;

	(void)state;
	put_lun(addr, 1, 2);
	for (i = 0; i < ARRAY_LEN(reasons); i++) {
		open_scanned(&d);
		assert_true(model_event(d.m, 3, addr, reasons[i]));
		expect_events(&d, NULL, 0);
		expect_works(&d, d.lun);
		d.m->serial = "SN43";
		assert_true(model_event(d.m, 3, addr, reasons[i]));
		expect_exchange(&d);
		expect_gone(&d, d.lun);
		driver_close(&d);
	}
}

/*
 * A disk that is asked for its serial number is the same one; or doesn't report it, which holds
 * requests back until it does; or is another one.
 */
static void test_another_disk_by_scan(void **state)
{
	static const struct said silent = {{0x12, 1, 0x80}, NULL, 0, MODEL_SENSE(5, 0x24)};
	struct chain chain;
	struct driver d;

	(void)state;
	open_scanned(&d);
	post_reset(&d, 1, 2, RESCAN);
	expect_events(&d, NULL, 0);
	expect_works(&d, d.lun);
	d.m->said = &silent;
	d.m->nsaid = 1;
	post_reset(&d, 1, 2, RESCAN);
	expect_events(&d, NULL, 0);
	driver_hold_own(&d);
	driver_read(&d, 5);
	driver_poll_nothing(&d);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	d.m->nsaid = 0;
	clock_skip(100);
	driver_poll_nothing(&d);
	chain = driver_take(&d);
	model_serve_chain(d.m, &chain);
	assert_int_equal(driver_poll(&d).user_data, 5);
	post_swap(&d, RESCAN);
	expect_exchange(&d);
	expect_gone(&d, d.lun);
	driver_close(&d);
}

int swap_tests(void)
{
	const struct CMUnitTest swap[] = {
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_removed_before_it_was_opened),
		cmocka_unit_test(test_removed_and_there_again),
		cmocka_unit_test(test_neighbours_stay),
		cmocka_unit_test(test_queue_opened_later),
		cmocka_unit_test(test_removed_while_a_request_waits),
		cmocka_unit_test(test_removed_unseen),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_notified_of_the_buffers),
		cmocka_unit_test(test_another_thread_has_the_device),
		cmocka_unit_test(test_broken_event_ring),
		cmocka_unit_test(test_another_disk_by_sense),
		cmocka_unit_test(test_the_same_disk_by_sense),
		cmocka_unit_test(test_another_disk_by_event),
		cmocka_unit_test(test_another_disk_by_scan),
	};

	return cmocka_run_group_tests(swap, NULL, NULL);
}
