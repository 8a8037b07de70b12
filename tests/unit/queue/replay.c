/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of requests in flight, and of what is known of their time, when a device is lost. */
#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "queue_tests.h"
#include "harness/loss.h"

/* No request was aborted; VIRTIO_SCSI_T_TMF_ABORT_TASK is 0. */
#define NO_TASK 0xff

/* Looks at the time without taking a completion. */
static void look_at_time(struct driver *d, uint64_t ms)
{
	struct vscsi_completion done;
	unsigned i;

	clock_skip(ms);
	for (i = 0; i < 100; i++)
		assert_int_equal(vscsi_poll(d->queue, &done, 0), 0);
}

/* The time of a request that is sent again starts again. */
static void test_time_starts_again(void **state)
{
	struct chain chain;
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "io_timeout_ms=4000&task_timeout_ms=60000");
	loss_read(&d, 1);
	driver_take(&d);
	look_at_time(&d, 300);
	look_at_time(&d, 3000);
	loss_lose(&d);
	loss_find(&d);
	d.m->tmf[4] = NO_TASK;
	driver_poll_nothing(&d);
	chain = driver_take(&d);
	look_at_time(&d, 300);
	look_at_time(&d, 3000);
	look_at_time(&d, 300);
	assert_int_equal(d.m->tmf[4], NO_TASK);
	look_at_time(&d, 2000);
	look_at_time(&d, 300);
	assert_int_equal(d.m->tmf[4], 0);
	loss_answer(&d, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
}

/*
 * Completions lay in the ring that was lost, at a high index. In the new one, which begins at 0, a
 * request that the device keeps is late all the same, however slowly others are polled.
 */
static void test_time_goes_on_in_a_new_ring(void **state)
{
	struct chain late;
	struct chain chain;
	struct driver d;
	unsigned i;

	(void)state;
	loss_open_stopped(&d, "io_timeout_ms=2000&task_timeout_ms=60000");
	for (i = 0; i < 100; i++) {
		loss_read(&d, 9);
		loss_serve(&d, 9);
	}
	loss_read(&d, 1);
	chain = driver_take(&d);
	loss_read(&d, 2);
	driver_take(&d);
	loss_answer(&d, &chain);
	look_at_time(&d, 300);
	loss_lose(&d);
	assert_int_equal(driver_poll(&d).user_data, 1);
	loss_find(&d);
	driver_poll_nothing(&d);
	late = driver_take(&d);
	d.m->tmf[4] = NO_TASK;
	for (i = 0; i < 40 && d.m->tmf[4] == NO_TASK; i++) {
		loss_read(&d, 3);
		chain = driver_take(&d);
		loss_answer(&d, &chain);
		look_at_time(&d, 300);
		assert_int_equal(driver_poll(&d).user_data, 3);
	}
	assert_int_equal(d.m->tmf[4], 0);
	loss_answer(&d, &late);
	assert_int_equal(driver_poll(&d).user_data, 2);
	driver_close(&d);
}

/* A raw command is sent again only if its caller says that this is harmless. */
static void test_raw_commands(void **state)
{
	struct vscsi_command command = {.size = sizeof(command), .cdb_len = 6};
	struct vscsi_completion done;
	struct chain chain;
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "recovery=replay");
	assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1), 0);
	command.flags = VSCSI_COMMAND_REPEATABLE;
	assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 2), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	loss_lose(&d);
	done = driver_poll(&d);
	assert_int_equal(done.user_data, 1);
	assert_int_equal(done.result, -ECONNRESET);
	driver_poll_nothing(&d);
	loss_find(&d);
	driver_poll_nothing(&d);
	chain = driver_take(&d);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	loss_answer(&d, &chain);
	done = driver_poll(&d);
	assert_int_equal(done.user_data, 2);
	assert_int_equal(done.result, 0);
	driver_close(&d);
}

/* A call abandoned a write that is in flight: it isn't replayed after a reconnect. */
static void test_abandoned_write(void **state)
{
	uint8_t before[MODEL_BLOCK];
	char data[MODEL_BLOCK];
	struct chain chain;
	struct driver d;

	(void)state;
	clock_stop(true);
	loss_open(&d, "timeout_ms=50");
	memset(data, 0xaa, sizeof(data));
	memset(before, 0, sizeof(before));
	d.m->held |= UINT64_C(1) << DRIVER_SHARED;
	assert_int_equal(vscsi_pwrite(d.lun, data, sizeof(data), 0, 0), -ETIMEDOUT);
	assert_true(model_take(d.m, DRIVER_SHARED, &chain));
	d.m->held &= ~(UINT64_C(1) << DRIVER_SHARED);
	loss_lose(&d);
	loss_find(&d);
	loss_look(&d);
	assert_memory_equal(d.m->disk, before, sizeof(before));
	driver_close(&d);
}

/* A device writes over the available ring before it dies: all that is lost is the order. */
static void test_ring_written_over(void **state)
{
	struct vring_avail *avail;
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-06");
	loss_open_stopped(&d, "");
	for (i = 1; i < 4; i++) {
		loss_read(&d, i);
		driver_take(&d);
	}
	avail = d.m->fake.queues[DRIVER_QUEUE].driver;
	memset(avail->ring, 0xfe, 128 * sizeof(avail->ring[0]));
	loss_lose(&d);
	loss_find(&d);
	driver_poll_nothing(&d);
	for (i = 1; i < 4; i++) {
		struct chain chain = driver_take(&d);

		loss_answer(&d, &chain);
		assert_int_equal(driver_poll(&d).result, 0);
	}
	driver_close(&d);
}

static bool outlives;

static bool outlived(struct transport *t)
{
	(void)t;
	return outlives;
}

/* Only when the next process is there it turns out that the one before still runs. */
static void test_process_that_turns_up_later(void **state)
{
	struct vscsi_completion done;
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "recovery=replay");
	d.m->fake.ops.outlived = outlived;
	assert_int_equal(vscsi_write(d.queue, d.lun, d.buf, 1, 1, 0, 1), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	driver_take(&d);
	loss_lose(&d);
	driver_poll_nothing(&d);
	outlives = true;
	loss_find(&d);
	outlives = false;
	/* It is looked at again, and ends with the next poll. */
	driver_poll_nothing(&d);
	done = driver_poll(&d);
	assert_int_equal(done.user_data, 1);
	assert_int_equal(done.result, -ECONNRESET);
	driver_close(&d);
}

/* Without tracking every ring starts from zero, wherever the one before it was. */
static void run_fresh_rings(bool packed)
{
	const uint32_t base = packed ? 0x80008000 : 0;
	struct vscsi_completion done;
	struct chain chain;
	struct driver d;
	unsigned i;

	driver_init(&d);
	if (packed)
		d.m->fake.ops.features |= BIT(VIRTIO_F_RING_PACKED);
	loss_prepare(&d);
	driver_open(&d, "recovery=report");
	clock_stop(true);
	d.m->held = UINT64_C(1) << DRIVER_QUEUE;
	for (i = 0; i < 5; i++) {
		loss_read(&d, i);
		loss_serve(&d, i);
	}
	loss_read(&d, 7);
	driver_take(&d);
	/* What is left there would be seen. */
	for (i = 0; i < FAKE_QUEUES; i++)
		d.m->fake.queues[i].base = 0x1234;
	loss_lose(&d);
	done = driver_poll(&d);
	assert_int_equal(done.user_data, 7);
	assert_int_equal(done.result, -ECONNRESET);
	loss_find(&d);
	driver_poll_nothing(&d);
	for (i = 0; i < FAKE_QUEUES; i++) {
		if (d.m->fake.started[i])
			assert_int_equal(d.m->fake.queues[i].base, base);
	}
	assert_true(d.m->fake.started[DRIVER_QUEUE]);
	loss_read(&d, 8);
	chain = driver_take(&d);
	loss_answer(&d, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
}

static void test_fresh_rings(void **state)
{
	(void)state;
	CONFORMS("R-VU-102");
	run_fresh_rings(false);
	run_fresh_rings(true);
}

/*
 * The device is to stop and doesn't answer: what it has stays its own until the connection was
 * ended.
 */
static void test_stop_without_an_answer(void **state)
{
	struct vscsi_completion done;
	struct vscsi_event event;
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-VU-68");
	loss_open_stopped(&d, "recovery=report");
	loss_read(&d, 1);
	driver_take(&d);
	d.m->fake.pending = FAKE_SET_STATUS;
	d.m->fake.pending_times = 5;
	d.m->fake.fail = FAKE_SET_STATUS;
	d.m->fake.fail_skip = 0;
	d.m->fake.fail_err = -ETIMEDOUT;
	d.m->fake.events = TRANSPORT_BROKEN;
	assert_int_equal(vscsi_dev_poll_events(d.dev, &event, 1), 1);
	assert_int_equal(event.type, VSCSI_EVENT_LOST);
	for (i = 0; i < 50; i++) {
		int count = vscsi_poll(d.queue, &done, 1);

		if (count)
			break;
		clock_skip(10);
	}
	assert_true(i > 2 && i < 50);
	assert_true(fake_count(&d.m->fake, FAKE_DISCONNECT) > 0);
	assert_int_equal(done.user_data, 1);
	assert_int_equal(done.result, -ECONNRESET);
	loss_find(&d);
	driver_poll_nothing(&d);
	loss_read(&d, 2);
	loss_serve(&d, 2);
	driver_close(&d);
}

int replay_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time_starts_again),
		cmocka_unit_test(test_time_goes_on_in_a_new_ring),
		cmocka_unit_test(test_raw_commands),
		cmocka_unit_test(test_abandoned_write),
		cmocka_unit_test(test_ring_written_over),
		cmocka_unit_test(test_process_that_turns_up_later),
		cmocka_unit_test(test_fresh_rings),
		cmocka_unit_test(test_stop_without_an_answer),
	};

	return cmocka_run_group_tests_name("queue/replay", tests, NULL, NULL);
}
