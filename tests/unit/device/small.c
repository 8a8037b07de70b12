/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices whose control and event rings are small: as many functions and buffers as fit. */
#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "device_tests.h"
#include "harness/late.h"
#include "harness/loss.h"
#include "virtio/device.h"

/* What the device has room for, and the size of the ring that it gets. */
static const struct {
	int max;
	unsigned size;
} rooms[] = {{2, 2}, {3, 2}, {4, 4}, {8, 8}, {15, 8}, {16, 16}, {64, 16}};

static void open_small(struct driver *d, int max, bool packed, const char *options)
{
	driver_init(d);
	if (packed)
		d->m->fake.ops.features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	d->m->fake.fixed_max = max;
	driver_open(d, options);
}

/* Every buffer can be filled, twice; one more there isn't. */
static void fill_events(struct driver *d, unsigned buffers)
{
	struct vscsi_event events[16];
	uint8_t addr[8];
	unsigned round;
	unsigned i;

	put_lun(addr, 1, 2);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < buffers; i++)
			assert_true(model_event(d->m, 3, addr, 0x092a));
		assert_false(model_event(d->m, 3, addr, 0x092a));
		assert_true(vscsi_dev_poll_events(d->dev, events, 16) > 0);
		assert_int_equal(events[0].type, VSCSI_EVENT_RESIZED);
	}
}

static void test_rings_of_each_size(void **state)
{
	struct driver d;
	unsigned row;
	unsigned packed;
	unsigned i;

	(void)state;
	for (row = 0; row < 2 * ARRAY_LEN(rooms); row++) {
		packed = row % 2;
		open_small(&d, rooms[row / 2].max, packed, packed ? "packed=on" : "");
		assert_int_equal(d.m->fake.queues[0].size, rooms[row / 2].size);
		assert_int_equal(d.m->fake.queues[1].size, rooms[row / 2].size);
		for (i = 0; i < 40; i++)
			assert_int_equal(vscsi_lun_reset(d.lun), 0);
		fill_events(&d, rooms[row / 2].size);
		driver_close(&d);
	}
}

static void test_too_small(void **state)
{
	struct driver d;

	(void)state;
	driver_init(&d);
	d.m->fake.fixed_max = 1;
	assert_int_equal(driver_open_device(&d, ""), -EPROTO);
	assert_non_null(strstr(vscsi_last_error(), "virtqueue 0 has room for 1 entries"));
	driver_close(&d);
}

/* With room for one function, a late request is still aborted first. */
static void test_abort_in_the_only_slot(void **state)
{
	struct vscsi_completion done;
	struct chain late;
	struct chain task;
	struct driver d;

	(void)state;
	open_small(&d, 2, false, OPTIONS);
	driver_hold(&d);
	late = late_read(&d);
	task = take_task(&d, ABORT_TASK);
	give_aborted(&d, &late);
	answer_task(&d, &task, COMPLETE);
	done = driver_poll(&d);
	assert_int_equal(done.user_data, 7);
	assert_int_equal(done.result, -ETIMEDOUT);
	driver_close(&d);
}

/* The ring that is kept for sharing is the smallest that is of use. */
static int first_is_small(struct transport *t, unsigned index)
{
	(void)t;
	return index == 2 ? 4 : 128;
}

/* What one ring can't hold another one can, of requests to a LUN and of segments. */
static void test_a_small_ring_among_others(void **state)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	struct driver d;

	(void)state;
	driver_init(&d);
	loss_prepare(&d);
	d.m->fake.ops.queue_max = first_is_small;
	d.m->fake.config.cmd_per_lun = htole32(100);
	driver_open(&d, "max_segs=9");
	assert_int_equal(vscsi_lun_get_info(d.lun, &info), 0);
	assert_int_equal(info.queue_limit, 100);
	loss_lose(&d);
	d.m->fake.config.seg_max = htole32(8);
	loss_away = false;
	clock_stop(true);
	clock_skip(20);
	assert_int_equal(vscsi_dev_poll_events(d.dev, NULL, 0), -ENOTCONN);
	assert_non_null(strstr(vscsi_last_error(), "came back with 8 segments"));
	driver_close(&d);
}

int small_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rings_of_each_size),
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_abort_in_the_only_slot),
		cmocka_unit_test(test_a_small_ring_among_others),
	};

	return cmocka_run_group_tests_name("device/small", tests, NULL, NULL);
}
