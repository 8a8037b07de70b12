/* SPDX-License-Identifier: BSD-3-Clause */
/* vscsi_queue_drain(): what it collects, and when it stops. */
#include <errno.h>

#include "api.h"

#define READS 5u

static void prepare_reads(struct driver *d)
{
	unsigned i;

	for (i = 0; i < READS; i++)
		assert_int_equal(vscsi_read(d->queue, d->lun, d->buf, 0, 1, 0, i), 0);
}

/* It submits what is prepared, returns each completion once, and 0 when nothing is left. */
static void test_everything_is_collected(void **state)
{
	struct vscsi_completion done[READS + 1];
	uint64_t seen = 0;
	struct driver d;
	unsigned i;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(vscsi_queue_drain(d.queue, done, READS, -1), 0);
	prepare_reads(&d);
	assert_int_equal(vscsi_queue_drain(d.queue, done, READS + 1, -1), READS);
	for (i = 0; i < READS; i++) {
		assert_int_equal(done[i].result, 0);
		seen |= UINT64_C(1) << done[i].user_data;
	}
	assert_int_equal(seen, (1u << READS) - 1);
	assert_int_equal(vscsi_queue_drain(d.queue, done, READS, -1), 0);
	driver_close(&d);
}

/* It stops when the array is full; the rest comes with the next call. */
static void test_no_more_than_asked_for(void **state)
{
	struct vscsi_completion done[READS];
	struct driver d;

	(void)state;
	driver_start(&d, "");
	prepare_reads(&d);
	assert_int_equal(vscsi_queue_drain(d.queue, done, 2, -1), 2);
	assert_int_equal(vscsi_queue_drain(d.queue, done, READS, -1), READS - 2);
	assert_int_equal(vscsi_queue_drain(d.queue, done, 0, -1), -EINVAL);
	driver_close(&d);
}

/* A device that doesn't answer: the time is over, with what there is or with -ETIMEDOUT. */
static void test_time_is_limited(void **state)
{
	struct vscsi_completion done[READS];
	struct answer good;
	struct chain chain;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	d.m->held = UINT64_C(1) << DRIVER_QUEUE;
	prepare_reads(&d);
	assert_int_equal(vscsi_queue_drain(d.queue, done, READS, 0), -ETIMEDOUT);
	assert_int_equal(vscsi_queue_drain(d.queue, done, READS, 20), -ETIMEDOUT);
	chain = driver_take(&d);
	good = model_good(&chain);
	model_answer(d.m, &chain, &good);
	assert_int_equal(vscsi_queue_drain(d.queue, done, READS, 20), 1);
	model_release(d.m, DRIVER_QUEUE);
	assert_int_equal(vscsi_queue_drain(d.queue, done, READS, -1), READS - 1);
	driver_close(&d);
}

int drain_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_is_collected),
		cmocka_unit_test(test_no_more_than_asked_for),
		cmocka_unit_test(test_time_is_limited),
	};

	return cmocka_run_group_tests_name("api/drain", tests, NULL, NULL);
}
