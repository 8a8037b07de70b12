/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * After each reconnect the LUNs are revalidated before requests are sent to them again. What
 * happens to the probe commands when the connection is lost in the middle.
 */
#include <errno.h>
#include <string.h>

#include "device_tests.h"
#include "harness/loss.h"

#define BUSY 0x08

static uint32_t state_of(struct driver *d)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(d->dev, &info), 0);
	return info.state;
}

/* Tries once, when the pause between two attempts is over, however many there were. */
static void look_once(struct driver *d)
{
	loss_away = false;
	clock_skip(2000);
	loss_look(d);
}

/* The device is back and answers no probe command. */
static void begin_to_verify(struct driver *d, unsigned probes)
{
	loss_lose(d);
	d->m->held = MODEL_ALL;
	look_once(d);
	assert_int_equal(state_of(d), VSCSI_DEV_RUNNING);
	assert_in_range(model_waiting(d->m, DRIVER_SHARED), probes, probes + 1);
	/* Nothing is sent to a LUN in doubt. */
	driver_poll_nothing(d);
	assert_int_equal(model_waiting(d->m, DRIVER_QUEUE), 0);
}

/* Answers all probe commands, including the one that waits. */
static void answer_probes(struct driver *d)
{
	d->m->held = UINT64_C(1) << DRIVER_QUEUE;
	model_release(d->m, DRIVER_SHARED);
	loss_look(d);
}

/* LUNs were revalidated, and the connection ends. Then there is another disk. */
static void test_each_connection_is_verified(void **state)
{
	uint8_t before[MODEL_BLOCK];
	struct vscsi_completion done;
	struct driver d;

	(void)state;
	loss_open(&d, "");
	memset(d.m->disk, 0x55, sizeof(before));
	memcpy(before, d.m->disk, sizeof(before));
	assert_int_equal(vscsi_write(d.queue, d.lun, d.buf, 0, 1, 0, 7), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	begin_to_verify(&d, 1);
	answer_probes(&d);
	loss_lose(&d);
	d.m->serial = "SN43";
	d.m->held = 0;
	loss_find(&d);
	while (!vscsi_poll(d.queue, &done, 1))
		loss_look(&d);
	assert_int_equal(done.user_data, 7);
	assert_int_equal(done.result, -ENODEV);
	assert_memory_equal(d.m->disk, before, sizeof(before));
	driver_close(&d);
}

/* From now on the disk is busy, whatever it is asked. */
static void answer_busy(struct driver *d)
{
	struct answer busy;
	struct chain chain;

	while (model_take(d->m, DRIVER_SHARED, &chain)) {
		busy = model_good(&chain);
		busy.status = BUSY;
		model_answer(d->m, &chain, &busy);
	}
}

/* The disk is busy: the probe waits for its retry, and ends with its connection. */
static void test_probes_in_backoff(void **state)
{
	struct driver d;
	unsigned i;

	(void)state;
	loss_open(&d, "");
	loss_read(&d, 1);
	for (i = 0; i < 3; i++) {
		begin_to_verify(&d, 1);
		answer_busy(&d);
		loss_look(&d);
	}
	begin_to_verify(&d, 1);
	answer_probes(&d);
	driver_poll_nothing(&d);
	loss_serve(&d, 1);
	driver_close(&d);
}

/* A handle is closed while its LUN is asked; what is for others is sent. */
static void test_lun_closed_meanwhile(void **state)
{
	struct vscsi_lun *other;
	struct driver d;

	(void)state;
	loss_open(&d, "");
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &other), 0);
	loss_read(&d, 1);
	begin_to_verify(&d, 2);
	assert_int_equal(vscsi_lun_close(other), 0);
	answer_probes(&d);
	driver_poll_nothing(&d);
	loss_serve(&d, 1);
	driver_close(&d);
}

/* No thread waits for the probes any more. What they wrote to is freed, as the checkers see. */
static void test_ended_meanwhile(void **state)
{
	struct vscsi_completion done;
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		loss_open(&d, "");
		loss_read(&d, 1);
		if (i == 1)
			loss_serve(&d, 1);
		begin_to_verify(&d, 1);
		if (i == 0) {
			vscsi_dev_shutdown(d.dev);
			assert_int_equal(vscsi_poll(d.queue, &done, 1), 1);
			assert_int_equal(done.result, -ENOTCONN);
		}
		driver_close(&d);
	}
}

/* Rings that have become too small are none; larger ones do as well. */
static void test_sizes_of_rings_when_it_is_back(void **state)
{
	static const char *const options[] = {"", "recovery=replay", "recovery=report"};
	static const int sizes[] = {0, 4, 127, 128, 256};
	struct vscsi_completion done;
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(options) * ARRAY_LEN(sizes); i++) {
		const int size = sizes[i % ARRAY_LEN(sizes)];

		loss_open(&d, options[i / ARRAY_LEN(sizes)]);
		loss_lose(&d);
		d.m->fake.queue_max = size;
		loss_away = false;
		clock_skip(20);
		if (size < 128) {
			assert_int_equal(vscsi_dev_poll_events(d.dev, NULL, 0), -ENOTCONN);
			assert_non_null(
				strstr(vscsi_last_error(), "lacks what is in use: it came"));
			assert_int_equal(vscsi_poll(d.queue, &done, 1), -ENOTCONN);
		} else {
			loss_look(&d);
			assert_int_equal(state_of(&d), VSCSI_DEV_RUNNING);
			driver_poll_nothing(&d);
			loss_read(&d, 1);
			loss_serve(&d, 1);
		}
		driver_close(&d);
	}
}

int verify_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_connection_is_verified),
		cmocka_unit_test(test_probes_in_backoff),
		cmocka_unit_test(test_lun_closed_meanwhile),
		cmocka_unit_test(test_ended_meanwhile),
		cmocka_unit_test(test_sizes_of_rings_when_it_is_back),
	};

	return cmocka_run_group_tests_name("device/verify", tests, NULL, NULL);
}
