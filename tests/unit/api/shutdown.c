/* SPDX-License-Identifier: BSD-3-Clause */
/* vscsi_dev_shutdown(): a device is ended by force, and every request completes once. */
#include <errno.h>
#include <string.h>

#include "api.h"
#include "harness/loss.h"

#define READS 5u

/* All that is in flight, prepared and not submitted included, completes once with -ENOTCONN. */
static void collect_lost(struct driver *d)
{
	struct vscsi_completion done[READS];
	uint64_t seen = 0;
	int count;
	int i;

	while ((count = vscsi_poll(d->queue, done, 2)) >= 0) {
		for (i = 0; i < count; i++) {
			assert_int_equal(done[i].result, -ENOTCONN);
			assert_false(seen >> done[i].user_data & 1);
			seen |= UINT64_C(1) << done[i].user_data;
		}
	}
	assert_int_equal(count, -ENOTCONN);
	assert_int_equal(seen, (1u << READS) - 1);
}

static void prepare_reads(struct driver *d)
{
	unsigned i;

	d->m->held = UINT64_C(1) << DRIVER_QUEUE;
	for (i = 0; i < READS - 1; i++)
		driver_read(d, i);
	assert_int_equal(vscsi_read(d->queue, d->lun, d->buf, 0, 1, 0, i), 0);
}

static void test_requests_complete_once(void **state)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	struct vscsi_completion done[READS];
	struct vscsi_event event;
	struct driver d;

	(void)state;
	CONFORMS("R-CLN-04");
	driver_start(&d, "");
	prepare_reads(&d);
	/* Nothing is closed below a request. */
	assert_int_equal(vscsi_queue_close(d.queue), -EBUSY);
	assert_int_equal(vscsi_lun_close(d.lun), -EBUSY);
	assert_int_equal(vscsi_dev_shutdown(d.dev), 0);
	/* The device can reach nothing any more before anything completes. */
	assert_int_equal(fake_count(&d.m->fake, FAKE_DISCONNECT), 1);
	assert_int_equal(vscsi_dev_get_info(d.dev, &info), 0);
	assert_int_equal(info.state, VSCSI_DEV_FAILED);
	assert_int_equal(vscsi_submit(d.queue), -ENOTCONN);
	collect_lost(&d);
	assert_int_equal(vscsi_queue_drain(d.queue, done, READS, -1), 0);
	assert_int_equal(vscsi_dev_poll_events(d.dev, &event, 1), 1);
	assert_int_equal(event.type, VSCSI_EVENT_LOST);
	assert_int_equal(vscsi_dev_poll_events(d.dev, &event, 1), -ENOTCONN);
	assert_non_null(strstr(vscsi_last_error(), "it was shut down by the application"));
	/* A second time changes nothing. */
	assert_int_equal(vscsi_dev_shutdown(d.dev), 0);
	assert_int_equal(fake_count(&d.m->fake, FAKE_DISCONNECT), 1);
	driver_close(&d);
}

/* The same by vscsi_queue_drain(), which needs no loop. */
static void test_drained(void **state)
{
	struct vscsi_completion done[READS];
	struct driver d;
	unsigned i;

	(void)state;
	driver_start(&d, "");
	prepare_reads(&d);
	assert_int_equal(vscsi_dev_shutdown(d.dev), 0);
	assert_int_equal(vscsi_queue_drain(d.queue, done, READS, 0), READS);
	for (i = 0; i < READS; i++)
		assert_int_equal(done[i].result, -ENOTCONN);
	assert_int_equal(vscsi_queue_drain(d.queue, done, READS, 0), 0);
	driver_close(&d);
}

/* A device that could be connected to again isn't, whether it is there or away. */
static void test_not_reconnected(void **state)
{
	unsigned away;

	(void)state;
	for (away = 0; away < 2; away++) {
		struct vscsi_event event;
		unsigned attempts;
		struct driver d;

		loss_open(&d, "");
		prepare_reads(&d);
		if (away)
			loss_lose(&d);
		assert_int_equal(vscsi_dev_shutdown(d.dev), 0);
		loss_away = false;
		attempts = loss_attempts;
		clock_skip(2000);
		collect_lost(&d);
		while (vscsi_dev_poll_events(d.dev, &event, 1) > 0)
			;
		assert_int_equal(loss_attempts, attempts);
		driver_close(&d);
	}
}

/* Calls that wait end too. */
static void test_control_calls_end(void **state)
{
	char block[MODEL_BLOCK];
	struct driver d;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(vscsi_dev_shutdown(d.dev), 0);
	assert_int_equal(vscsi_pread(d.lun, block, sizeof(block), 0), -ENOTCONN);
	assert_int_equal(vscsi_dev_scan(d.dev, NULL, 0), -ENOTCONN);
	assert_int_equal(vscsi_lun_reset(d.lun), -ENOTCONN);
	driver_close(&d);
}

int shutdown_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_complete_once),
		cmocka_unit_test(test_drained),
		cmocka_unit_test(test_not_reconnected),
		cmocka_unit_test(test_control_calls_end),
	};

	return cmocka_run_group_tests_name("api/shutdown", tests, NULL, NULL);
}
