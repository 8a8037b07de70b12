/* SPDX-License-Identifier: BSD-3-Clause */
/* A device that breaks the ring, dies, or needs a reset: lost, and everything returned once. */
#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>

#include <vscsi/error.h>

#include "device_tests.h"

#define INFLIGHT 10u

/* A device with requests out on both queues; @seen counts how often each came back. */
struct busy {
	struct driver d;
	struct vscsi_queue *queues[2];
	unsigned seen[2][INFLIGHT];
};

static void open_busy(struct busy *b)
{
	unsigned i;
	unsigned q;

	memset(b, 0, sizeof(*b));
	driver_init(&b->d);
	driver_open(&b->d, "timeout_ms=20000");
	b->queues[0] = b->d.queue;
	assert_int_equal(vscsi_queue_open(b->d.dev, NULL, &b->queues[1]), 0);
	driver_hold(&b->d);
	for (q = 0; q < 2; q++) {
		for (i = 0; i < INFLIGHT; i++)
			assert_int_equal(vscsi_read(b->queues[q], b->d.lun, b->d.buf, i, 1, 0, i),
					 0);
		assert_int_equal(vscsi_submit(b->queues[q]), 0);
	}
	fake_forget(&b->d.m->fake);
}

/* Polls once: a request that is lost has to come. */
static void poll_lost(struct busy *b, unsigned q)
{
	struct vscsi_completion c;

	assert_int_equal(vscsi_poll(b->queues[q], &c, 1), 1);
	assert_int_equal(c.result, -ENOTCONN);
	assert_int_equal(c.residual, 512);
	assert_true(c.user_data < INFLIGHT);
	assert_int_equal(b->seen[q][c.user_data]++, 0);
}

static void expect_all_lost(struct busy *b, unsigned q)
{
	struct vscsi_completion c;
	unsigned i;
	unsigned k;

	for (i = 0; i < INFLIGHT; i++) {
		for (k = 0; !b->seen[q][i] && k < INFLIGHT; k++)
			poll_lost(b, q);
	}
	assert_int_equal(vscsi_poll(b->queues[q], &c, 1), -ENOTCONN);
	assert_int_equal(vscsi_poll(b->queues[q], &c, 1), -ENOTCONN);
	assert_int_equal(vscsi_submit(b->queues[q]), -ENOTCONN);
	assert_int_equal(vscsi_read(b->queues[q], b->d.lun, b->d.buf, 0, 1, 0, 1), -ENOTCONN);
}

/* What a device that is lost is like, and why it is. Ends the test. */
static void expect_lost(struct busy *b, const char *why)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	struct vscsi_event event;
	struct vscsi_queue *more;
	struct driver *d = &b->d;

	assert_int_equal(vscsi_dev_get_info(d->dev, &info), 0);
	assert_int_equal(info.state, VSCSI_DEV_FAILED);
	assert_int_equal(d->m->fake.status, 0);
	expect_all_lost(b, 0);
	expect_all_lost(b, 1);
	assert_int_equal(vscsi_pread(d->lun, d->buf, 512, 0), -ENOTCONN);
	assert_int_equal(vscsi_lun_reset(d->lun), -ENOTCONN);
	assert_int_equal(vscsi_queue_open(d->dev, NULL, &more), -ENOTCONN);
	if (!strstr(vscsi_last_error(), why))
		fail_msg("\"%s\" doesn't say \"%s\"", vscsi_last_error(), why);
	assert_int_equal(vscsi_dev_poll_events(d->dev, &event, 1), 1);
	assert_int_equal(event.type, VSCSI_EVENT_LOST);
	assert_int_equal(vscsi_dev_poll_events(d->dev, &event, 1), -ENOTCONN);
	assert_int_equal(vscsi_queue_close(b->queues[1]), 0);
	driver_close(d);
}

/* A used entry with an id made of one that is right. */
static void expect_id_breaks(uint32_t add, bool twice)
{
	struct chain chain;
	struct busy b;

	open_busy(&b);
	chain = driver_take(&b.d);
	if (twice) {
		model_serve_chain(b.d.m, &chain);
		assert_int_equal(driver_poll(&b.d).result, 0);
		b.seen[0][0]++;
	}
	device_lie(&b.d.m->rings[DRIVER_QUEUE], chain.head + add, RESPONSE_BYTES + 512);
	device_show(&b.d.m->rings[DRIVER_QUEUE]);
	poll_lost(&b, 0);
	expect_lost(&b, "a used id is not in flight");
}

static void test_used_ids_that_cannot_be(void **state)
{
	(void)state;
	CONFORMS("R-HARD-01", "R-HARD-02", "R-SPLIT-38", "R-CLN-02", "R-CLN-04");
	expect_id_breaks(INFLIGHT, false);
	expect_id_breaks(128, false);
	expect_id_breaks(65536, false);
	expect_id_breaks(UINT32_MAX, false);
	expect_id_breaks(0, true);
}

static void test_used_index_that_jumps(void **state)
{
	static const uint16_t jumps[] = {INFLIGHT + 1, 129, UINT16_MAX};
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-03", "R-CLN-02", "R-CLN-04");
	for (i = 0; i < ARRAY_LEN(jumps); i++) {
		struct ring_device *ring;
		struct busy b;

		open_busy(&b);
		ring = &b.d.m->rings[DRIVER_QUEUE];
		device_show_idx(ring, (uint16_t)(ring->used_idx + jumps[i]));
		poll_lost(&b, 0);
		expect_lost(&b, "the used index exceeds the available index");
	}
}

/* Ids in the middle of a direct chain, with an answer that looks good and without one. */
static void test_ids_inside_a_chain(void **state)
{
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-02");
	for (i = 0; i < 2; i++) {
		struct vscsi_completion c;
		struct chain chain;
		struct driver d;

		driver_init(&d);
		d.m->fake.config.cmd_per_lun = htole32(UINT32_MAX);
		driver_open(&d, "indirect=off");
		driver_hold(&d);
		driver_read(&d, 1);
		chain = driver_take(&d);
		if (i)
			memset(chain.in[0].iov_base, 0, 12);
		device_lie(&d.m->rings[DRIVER_QUEUE], chain.head + 1u, RESPONSE_BYTES + 512);
		device_show(&d.m->rings[DRIVER_QUEUE]);
		c = driver_poll(&d);
		assert_int_equal(c.user_data, 1);
		assert_int_equal(c.result, -ENOTCONN);
		driver_close(&d);
	}
}

/* A request that was prepared and never submitted is answered, and answered well. */
static void test_completion_of_what_was_not_submitted(void **state)
{
	static const char *const layouts[] = {"", "indirect=off"};
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-03");
	for (i = 0; i < ARRAY_LEN(layouts); i++) {
		struct vscsi_completion c;
		struct chain chain;
		struct driver d;

		driver_init(&d);
		/* Not counted, so that the shortest path is taken. */
		d.m->fake.config.cmd_per_lun = htole32(UINT32_MAX);
		driver_open(&d, layouts[i]);
		driver_hold(&d);
		driver_read(&d, 1);
		chain = driver_take(&d);
		model_serve_chain(d.m, &chain);
		driver_poll(&d);
		/* The slot freed last is used first. */
		assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 2), 0);
		memset(chain.in[0].iov_base, 0, 12);
		device_lie(&d.m->rings[DRIVER_QUEUE], chain.head, RESPONSE_BYTES + 512);
		device_show(&d.m->rings[DRIVER_QUEUE]);
		c = driver_poll(&d);
		assert_int_equal(c.user_data, 2);
		assert_int_equal(c.result, -ENOTCONN);
		driver_close(&d);
	}
}

/* A request comes back on the queue that it went out on, or the ring is broken. */
static void test_completion_on_another_queue(void **state)
{
	struct chain chain;
	struct busy b;

	(void)state;
	CONFORMS("R-SCSI-29");
	open_busy(&b);
	/* The other queue's first requests went to the heads that this one has, so a later one. */
	assert_int_equal(vscsi_flush(b.queues[1], b.d.lun, 99), 0);
	assert_int_equal(vscsi_submit(b.queues[1]), 0);
	while (model_take(b.d.m, 2, &chain))
		;
	device_lie(&b.d.m->rings[DRIVER_QUEUE], INFLIGHT, RESPONSE_BYTES);
	device_show(&b.d.m->rings[DRIVER_QUEUE]);
	poll_lost(&b, 0);
	{
		struct vscsi_completion c[INFLIGHT + 1];

		assert_int_equal(vscsi_poll(b.queues[1], c, INFLIGHT + 1), INFLIGHT + 1);
		memset(b.seen[1], 1, sizeof(b.seen[1]));
	}
	expect_lost(&b, "a used id is not in flight");
}

/* What came before the broken entry is returned as it is. */
static void test_good_completions_before_the_bad_one(void **state)
{
	struct vscsi_completion c[INFLIGHT];
	struct busy b;
	unsigned i;

	(void)state;
	open_busy(&b);
	for (i = 0; i < 3; i++) {
		struct chain chain = driver_take(&b.d);

		model_serve_chain(b.d.m, &chain);
	}
	device_lie(&b.d.m->rings[DRIVER_QUEUE], 999, 0);
	device_show(&b.d.m->rings[DRIVER_QUEUE]);
	assert_int_equal(vscsi_poll(b.queues[0], c, INFLIGHT), 3);
	for (i = 0; i < 3; i++) {
		assert_int_equal(c[i].result, 0);
		b.seen[0][c[i].user_data]++;
	}
	poll_lost(&b, 0);
	expect_lost(&b, "a used id is not in flight");
}

static void test_broken_event_queue(void **state)
{
	struct vscsi_event event;
	struct chain chain;
	struct busy b;

	(void)state;
	CONFORMS("R-HARD-01");
	open_busy(&b);
	assert_true(model_take(b.d.m, 1, &chain));
	device_lie(&b.d.m->rings[1], 16, 16);
	device_show(&b.d.m->rings[1]);
	assert_int_equal(vscsi_dev_poll_events(b.d.dev, &event, 0), -ENOTCONN);
	expect_lost(&b, "a used id is not in flight");
}

static void test_broken_control_queue(void **state)
{
	struct busy b;

	(void)state;
	CONFORMS("R-HARD-03");
	open_busy(&b);
	device_show_idx(&b.d.m->rings[0], 2);
	assert_int_equal(vscsi_lun_reset(b.d.lun), -EPROTO);
	expect_lost(&b, "the used index exceeds the available index");
}

/* The device asks for a reset: it is not waited for. */
static void test_needs_reset(void **state)
{
	struct vscsi_event event[2];
	struct busy b;

	(void)state;
	CONFORMS("R-STAT-04", "R-STAT-07", "R-NOTIF-03");
	open_busy(&b);
	b.d.m->fake.insist = VIRTIO_CONFIG_S_NEEDS_RESET;
	b.d.m->fake.events = TRANSPORT_CONFIG;
	assert_int_equal(vscsi_dev_poll_events(b.d.dev, event, 1), 1);
	assert_int_equal(event[0].type, VSCSI_EVENT_CONFIG);
	expect_lost(&b, "needs a reset");
}

static void test_transport_says_broken(void **state)
{
	struct busy b;
	unsigned i;

	(void)state;
	open_busy(&b);
	b.d.m->fake.events = TRANSPORT_BROKEN;
	/* Found by polling alone, by the time that passes and not by the number of polls. */
	for (i = 0; i < 50; i++) {
		struct vscsi_completion c;

		clock_skip(1);
		if (vscsi_poll(b.queues[0], &c, 1) == 1) {
			assert_int_equal(c.result, -ENOTCONN);
			b.seen[0][c.user_data]++;
			break;
		}
	}
	assert_true(i < 50);
	expect_lost(&b, "a queue is broken");
}

static void test_connection_is_gone(void **state)
{
	struct busy b;

	(void)state;
	CONFORMS("R-CLN-04");
	open_busy(&b);
	b.d.m->fake.fail = FAKE_CHECK;
	b.d.m->fake.fail_err = -ENOTCONN;
	assert_int_equal(vscsi_dev_poll_events(b.d.dev, NULL, 0), -ENOTCONN);
	expect_lost(&b, "was told to fail");
}

/* Completions that were there for another handle, and requests that wait to be sent again. */
static void test_lost_with_work_half_done(void **state)
{
	struct vscsi_queue *third;
	struct vscsi_completion c;
	struct chain chain;
	struct busy b;

	(void)state;
	CONFORMS("R-CLN-04");
	open_busy(&b);
	assert_int_equal(vscsi_queue_open(b.d.dev, NULL, &third), 0);
	/* The third handle polls and finds the second one's first three. */
	assert_true(model_take(b.d.m, 2, &chain));
	model_serve_chain(b.d.m, &chain);
	assert_true(model_take(b.d.m, 2, &chain));
	{
		struct answer busy = {.status = 0x08, .used_len = RESPONSE_BYTES};

		model_answer(b.d.m, &chain, &busy);
	}
	assert_int_equal(vscsi_poll(third, &c, 1), 0);
	/* On the other queue one waits to be sent again. */
	chain = driver_take(&b.d);
	{
		struct answer busy = {.status = 0x08, .used_len = RESPONSE_BYTES};

		model_answer(b.d.m, &chain, &busy);
	}
	driver_poll_nothing(&b.d);
	b.d.m->fake.events = TRANSPORT_BROKEN;
	assert_int_equal(vscsi_dev_poll_events(b.d.dev, NULL, 0), -ENOTCONN);
	/* The one that was good stays good. */
	assert_int_equal(vscsi_poll(b.queues[1], &c, 1), 1);
	assert_int_equal(c.result, 0);
	b.seen[1][c.user_data]++;
	assert_int_equal(vscsi_poll(third, &c, 1), -ENOTCONN);
	assert_int_equal(vscsi_queue_close(third), 0);
	expect_lost(&b, "a queue is broken");
}

int hostile_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_used_ids_that_cannot_be),
		cmocka_unit_test(test_used_index_that_jumps),
		cmocka_unit_test(test_ids_inside_a_chain),
		cmocka_unit_test(test_completion_of_what_was_not_submitted),
		cmocka_unit_test(test_completion_on_another_queue),
		cmocka_unit_test(test_good_completions_before_the_bad_one),
		cmocka_unit_test(test_broken_event_queue),
		cmocka_unit_test(test_broken_control_queue),
		cmocka_unit_test(test_needs_reset),
		cmocka_unit_test(test_transport_says_broken),
		cmocka_unit_test(test_connection_is_gone),
		cmocka_unit_test(test_lost_with_work_half_done),
	};

	return cmocka_run_group_tests_name("device/hostile", tests, NULL, NULL);
}
