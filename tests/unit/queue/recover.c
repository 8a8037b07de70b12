/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that is lost and comes back: in which order requests are sent again, which are not, and
 * what it had given back before.
 */
#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "queue_tests.h"

static bool can_reopen(struct transport *t)
{
	(void)t;
	return true;
}

/* The same device in its first state; the library's regions are mapped as ever. */
static int reopen(struct transport *t)
{
	struct fake *fake = (struct fake *)t;

	memset(fake->started, 0, sizeof(fake->started));
	fake->insist = 0;
	return 0;
}

static void open_recoverable(struct driver *d, const char *options)
{
	driver_init(d);
	d->m->fake.ops.can_reopen = can_reopen;
	d->m->fake.ops.reopen = reopen;
	driver_open(d, options);
	/* The first queue answers, as the LUNs are recognized on it. */
	d->m->held = UINT64_C(1) << DRIVER_QUEUE;
}

static void read_block(struct driver *d, uint64_t lba)
{
	assert_int_equal(vscsi_read(d->queue, d->lun, d->buf, lba, 1, 0, lba), 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
}

static uint64_t lba_of(const struct chain *chain)
{
	return chain_cdb(chain)[5];
}

/* The connection is found broken; the next attempt brings it back. */
static void lose(struct driver *d)
{
	struct vscsi_event events[2];

	d->m->fake.fail = FAKE_CHECK;
	d->m->fake.fail_skip = 0;
	d->m->fake.fail_err = -ENOTCONN;
	assert_int_equal(vscsi_dev_poll_events(d->dev, events, 2), 2);
	assert_int_equal(events[0].type, VSCSI_EVENT_LOST);
	assert_int_equal(events[1].type, VSCSI_EVENT_BACK);
}

static void answer_good(struct driver *d, const struct chain *chain)
{
	struct answer good = model_good(chain);

	model_answer(d->m, chain, &good);
}

/* Slots are used again in another order than requests are made: theirs is what counts. */
static void test_order(void **state)
{
	static const char *const options[] = {"", "indirect=off", "event_idx=off"};
	struct chain chains[8];
	struct driver d;
	unsigned round;
	unsigned i;

	(void)state;
	CONFORMS("R-VU-104");
	for (round = 0; round < ARRAY_LEN(options); round++) {
		open_recoverable(&d, options[round]);
		for (i = 0; i < 8; i++)
			read_block(&d, i);
		for (i = 0; i < 8; i++)
			chains[i] = driver_take(&d);
		for (i = 6; i > 2; i--) {
			answer_good(&d, &chains[i]);
			assert_int_equal(driver_poll(&d).user_data, i);
		}
		for (i = 8; i < 12; i++)
			read_block(&d, i);
		/* Nothing tells that the first ones were carried out: they are once more. */
		lose(&d);
		driver_poll_nothing(&d);
		for (i = 0; i < 12; i++) {
			struct chain chain;

			if (i > 2 && i < 7)
				continue;
			chain = driver_take(&d);
			assert_int_equal(lba_of(&chain), i);
			answer_good(&d, &chain);
			assert_int_equal(driver_poll(&d).user_data, i);
		}
		assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
		driver_close(&d);
	}
}

/* More requests than the ring shows the last of: the oldest one comes first all the same. */
static void test_the_oldest_is_first(void **state)
{
	struct chain oldest;
	struct chain chain;
	struct driver d;
	unsigned i;

	(void)state;
	open_recoverable(&d, "queue_size=8");
	read_block(&d, 1);
	oldest = driver_take(&d);
	assert_int_equal(lba_of(&oldest), 1);
	for (i = 0; i < 20; i++) {
		read_block(&d, 2);
		chain = driver_take(&d);
		answer_good(&d, &chain);
		assert_int_equal(driver_poll(&d).user_data, 2);
	}
	read_block(&d, 3);
	lose(&d);
	driver_poll_nothing(&d);
	for (i = 1; i <= 3; i += 2) {
		chain = driver_take(&d);
		assert_int_equal(lba_of(&chain), i);
		answer_good(&d, &chain);
		assert_int_equal(driver_poll(&d).user_data, i);
	}
	driver_close(&d);
}

/* As transport.h has it, once. */
static bool outlives;

static bool outlived(struct transport *t)
{
	bool lives = outlives;

	(void)t;
	outlives = false;
	return lives;
}

/*
 * Another process may still carry out what was in flight: writes among that end with their outcome
 * unknown, whether the loss was noticed by a poll before or not. Reads and flushes go on, and so
 * does what comes later.
 */
static void test_process_that_lives_on(void **state)
{
	const struct vscsi_range range = {.lba = 4, .blocks = 1};
	unsigned how;

	(void)state;
	for (how = 0; how < 4; how++) {
		struct vscsi_completion c;
		struct vscsi_event event;
		unsigned good = 0;
		unsigned ends = 0;
		struct chain chain;
		struct driver d;

		open_recoverable(&d, how & 2 ? "packed=off" : "recovery=replay");
		d.m->fake.ops.outlived = outlived;
		assert_int_equal(vscsi_write(d.queue, d.lun, d.buf, 1, 1, 0, 1), 0);
		assert_int_equal(vscsi_unmap(d.queue, d.lun, &range, 1, 1), 0);
		assert_int_equal(vscsi_write_zeroes(d.queue, d.lun, 5, 1, 0, 1), 0);
		assert_int_equal(vscsi_flush(d.queue, d.lun, 2), 0);
		read_block(&d, 2);
		outlives = true;
		d.m->fake.fail = FAKE_CHECK;
		d.m->fake.fail_skip = 0;
		d.m->fake.fail_err = -ENOTCONN;
		/* The poll that notices the loss, or one after the device is back. */
		if (how & 1)
			clock_skip(10);
		else
			lose(&d);
		while (good < 2 || ends < 3) {
			if (vscsi_poll(d.queue, &c, 1)) {
				assert_int_equal(c.result, c.user_data == 1 ? -ECONNRESET : 0);
				good += c.user_data == 2;
				ends += c.user_data == 1;
			} else if (model_take(d.m, DRIVER_QUEUE, &chain)) {
				assert_true(lba_of(&chain) == 2 || chain_cdb(&chain)[0] == 0x35);
				answer_good(&d, &chain);
			}
		}
		while (vscsi_dev_poll_events(d.dev, &event, 1) > 0)
			;
		/* The next loss has nothing to do with it. */
		assert_int_equal(vscsi_write(d.queue, d.lun, d.buf, 1, 1, 0, 3), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		lose(&d);
		driver_poll_nothing(&d);
		chain = driver_take(&d);
		answer_good(&d, &chain);
		assert_int_equal(driver_poll(&d).result, 0);
		driver_close(&d);
	}
}

/* It asks for a reset with one request done and one not: which is which can't be known. */
static void test_needs_reset(void **state)
{
	struct vscsi_event events[2];
	struct vscsi_completion done;
	struct chain chain;
	struct driver d;

	(void)state;
	CONFORMS("R-STAT-04", "R-STAT-05", "R-STAT-06");
	open_recoverable(&d, "recovery=report");
	read_block(&d, 1);
	read_block(&d, 2);
	chain = driver_take(&d);
	d.m->fake.insist = VIRTIO_CONFIG_S_NEEDS_RESET;
	d.m->fake.events = TRANSPORT_CONFIG;
	while (vscsi_dev_poll_events(d.dev, events, 1) != 1 || events[0].type != VSCSI_EVENT_BACK)
		assert_int_not_equal(events[0].type, VSCSI_EVENT_UNPLUGGED);
	done = driver_poll(&d);
	assert_int_equal(done.user_data, 1);
	assert_int_equal(done.result, -ECONNRESET);
	done = driver_poll(&d);
	assert_int_equal(done.user_data, 2);
	assert_int_equal(done.result, -ECONNRESET);
	driver_poll_nothing(&d);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	read_block(&d, 3);
	chain = driver_take(&d);
	assert_int_equal(lba_of(&chain), 3);
	answer_good(&d, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
}

/* Answers that were not polled yet when it went are as good as others. */
static void test_answers_from_before(void **state)
{
	struct vscsi_completion done;
	struct chain chains[3];
	struct answer bad;
	struct driver d;
	unsigned i;

	(void)state;
	open_recoverable(&d, "recovery=report");
	for (i = 0; i < 3; i++)
		read_block(&d, i);
	for (i = 0; i < 3; i++)
		chains[i] = driver_take(&d);
	answer_good(&d, &chains[2]);
	bad = model_sense(&chains[0], 3, 0x11, 0); /* MEDIUM ERROR */
	model_answer(d.m, &chains[0], &bad);
	lose(&d);
	done = driver_poll(&d);
	assert_int_equal(done.user_data, 2);
	assert_int_equal(done.result, 0);
	done = driver_poll(&d);
	assert_int_equal(done.user_data, 0);
	assert_int_equal(done.sense_key, 3);
	done = driver_poll(&d);
	assert_int_equal(done.user_data, 1);
	assert_int_equal(done.result, -ECONNRESET);
	driver_close(&d);
}

/* What is left of a ring may be anything: no response, one that is too short, or one too long. */
static void test_answers_that_are_none(void **state)
{
	struct vscsi_completion done;
	struct chain chains[3];
	struct answer good;
	struct driver d;
	unsigned i;

	(void)state;
	open_recoverable(&d, "recovery=report");
	for (i = 0; i < 3; i++)
		read_block(&d, i);
	for (i = 0; i < 3; i++)
		chains[i] = driver_take(&d);
	good = model_good(&chains[0]);
	model_give(d.m, &chains[0], good.used_len);
	good.used_len++;
	model_answer(d.m, &chains[1], &good);
	good.used_len = 1;
	model_answer(d.m, &chains[2], &good);
	lose(&d);
	for (i = 0; i < 3; i++) {
		done = driver_poll(&d);
		assert_int_equal(done.user_data, i);
		assert_int_equal(done.result, -ECONNRESET);
	}
	driver_close(&d);
}

/* Every ring that runs is kicked: a device may have missed what came before. */
static void test_all_are_kicked(void **state)
{
	unsigned before[FAKE_QUEUES];
	unsigned running = 0;
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-VU-105");
	open_recoverable(&d, "");
	for (i = 0; i < FAKE_QUEUES; i++)
		before[i] = d.m->fake.notified[i];
	lose(&d);
	for (i = 0; i < FAKE_QUEUES; i++) {
		assert_int_equal(d.m->fake.notified[i] > before[i], d.m->fake.started[i]);
		running += d.m->fake.started[i];
	}
	assert_true(running > 3);
	driver_close(&d);
}

static void break_ring(struct driver *d)
{
	open_recoverable(d, "");
	clock_stop(true);
	read_block(d, 1);
	driver_take(d);
	device_lie(&d->m->rings[DRIVER_QUEUE], 99, 0);
	device_show(&d->m->rings[DRIVER_QUEUE]);
	driver_poll_nothing(d);
	clock_skip(999);
	driver_poll_nothing(d);
}

/* One that broke a rule and lives on isn't given another chance. */
static void test_liars_are_not_looked_for(void **state)
{
	struct vscsi_completion done;
	struct driver d;

	(void)state;
	break_ring(&d);
	clock_skip(1);
	done = driver_poll(&d);
	assert_int_equal(done.result, -ENOTCONN);
	assert_int_equal(vscsi_poll(d.queue, &done, 1), -ENOTCONN);
	driver_close(&d);
}

/* One that did so as it died is lost like any other. */
static void test_broken_by_one_that_dies(void **state)
{
	struct answer good;
	struct chain chain;
	struct driver d;

	(void)state;
	break_ring(&d);
	lose(&d);
	driver_poll_nothing(&d);
	chain = driver_take(&d);
	assert_int_equal(lba_of(&chain), 1);
	good = model_good(&chain);
	model_answer(d.m, &chain, &good);
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
}

int recover_tests(void)
{
	const struct CMUnitTest recover[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_the_oldest_is_first),
		cmocka_unit_test(test_process_that_lives_on),
		cmocka_unit_test(test_needs_reset),
		cmocka_unit_test(test_answers_from_before),
		cmocka_unit_test(test_answers_that_are_none),
		cmocka_unit_test(test_all_are_kicked),
		cmocka_unit_test(test_liars_are_not_looked_for),
		cmocka_unit_test(test_broken_by_one_that_dies),
	};

	return cmocka_run_group_tests(recover, NULL, NULL);
}
