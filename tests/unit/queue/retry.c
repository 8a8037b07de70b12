/* SPDX-License-Identifier: BSD-3-Clause */
/* Retried requests: which errors are retried, how often, and that each completes once. */
#include <errno.h>
#include <string.h>

#include "queue_tests.h"
#include "util/clock.h"

/* What the device answers in these tests. */
enum why {
	ATTENTION,
	ABORTED, /* as SPDK says that another client's reset hit it */
	TASK_ABORTED,
	RESPONSE_RESET,
	BUSY,
	FULL,
	RESPONSE_BUSY,
	BECOMING_READY,
};

static void refuse(struct driver *d, const struct chain *chain, enum why why)
{
	struct answer a = model_good(chain);

	if (why == ATTENTION)
		a = model_sense(chain, 6, 0x29, 0);
	if (why == ABORTED)
		a = model_sense(chain, 0xb, 0, 0);
	if (why == TASK_ABORTED)
		a.status = 0x40;
	if (why == RESPONSE_RESET)
		a.response = VIRTIO_SCSI_S_RESET;
	if (why == BECOMING_READY)
		a = model_sense(chain, 2, 0x04, 1);
	if (why == BUSY)
		a.status = 0x08;
	if (why == FULL)
		a.status = 0x28;
	if (why == RESPONSE_BUSY)
		a.response = VIRTIO_SCSI_S_BUSY;
	model_answer(d->m, chain, &a);
}

/* Polls until the device has a chain again (true) or a completion comes (false). */
static bool comes_again(struct driver *d, struct chain *chain, struct vscsi_completion *c)
{
	uint64_t limit = clock_ns() + UINT64_C(20000000000);

	while (clock_ns() < limit) {
		int found = vscsi_poll(d->queue, c, 1);

		assert_true(found >= 0);
		if (model_take(d->m, DRIVER_QUEUE, chain)) {
			assert_int_equal(found, 0);
			return true;
		}
		if (found)
			return false;
	}
	fail_msg("neither sent again nor returned");
	return false;
}

/* Sends a read and refuses it for ever; how often the device saw it. */
static unsigned refuse_for_ever(struct driver *d, enum why why, int result)
{
	struct vscsi_completion c;
	uint8_t first[HEADER_BYTES];
	struct chain chain;
	unsigned seen = 1;

	driver_read(d, 77);
	chain = driver_take(d);
	memcpy(first, chain.out[0].iov_base, sizeof(first));
	refuse(d, &chain, why);
	while (comes_again(d, &chain, &c)) {
		/* The same command, number and all, and the response is fresh. */
		assert_memory_equal(chain.out[0].iov_base, first, sizeof(first));
		assert_int_equal(((uint8_t *)chain.in[0].iov_base)[11], 0xff);
		seen++;
		refuse(d, &chain, why);
	}
	assert_int_equal(c.user_data, 77);
	assert_int_equal(c.result, result);
	driver_poll_nothing(d);
	return seen;
}

static void test_retries_are_bounded(void **state)
{
	static const struct {
		enum why why;
		int result;
	} table[] = {{ATTENTION, -EBUSY},
		     {ABORTED, -EREMOTEIO},
		     {TASK_ABORTED, -ECANCELED},
		     {RESPONSE_RESET, -ECANCELED}};
	struct driver d;
	unsigned i;

	(void)state;
	driver_start(&d, "");
	driver_hold_own(&d);
	for (i = 0; i < ARRAY_LEN(table); i++)
		assert_int_equal(refuse_for_ever(&d, table[i].why, table[i].result), 6);
	driver_close(&d);
}

#define LIMIT_MS 5000u

/* Refuses a read until it is returned; how often the device saw it. */
static unsigned refuse_until_late(struct driver *d, enum why why)
{
	uint64_t began = clock_ns();
	struct vscsi_completion c;
	struct chain chain;
	int longest = 0;
	unsigned seen = 0;
	int found;

	driver_read(d, 77);
	chain = driver_take(d);
	do {
		int pause;

		seen++;
		refuse(d, &chain, why);
		found = vscsi_poll(d->queue, &c, 1);
		pause = vscsi_next_timeout_ms(d->queue);
		longest = pause > longest ? pause : longest;
		while (!found && !model_take(d->m, DRIVER_QUEUE, &chain)) {
			clock_skip(1);
			found = vscsi_poll(d->queue, &c, 1);
		}
	} while (!found);
	assert_int_equal(c.user_data, 77);
	assert_int_equal(c.result, -EBUSY);
	/* The last answer is there to be seen, and not before its time. */
	assert_int_equal(c.status, why == BUSY ? 0x08 : why == FULL ? 0x28 : c.status);
	assert_true(clock_ns() - began >= (LIMIT_MS - 200) * UINT64_C(1000000));
	/* A thread can sleep in between. */
	assert_true(longest > 1);
	return seen;
}

/* A busy LUN is asked again for as long as the request may take, less often each time. */
static void test_busy_for_ever(void **state)
{
	struct vscsi_lun *other;
	struct driver d;
	enum why why;

	(void)state;
	CONFORMS("R-SCSI-47");
	driver_start(&d, "io_timeout_ms=5000");
	clock_stop(true);
	driver_hold_own(&d);
	for (why = BUSY; why <= BECOMING_READY; why++) {
		unsigned seen = refuse_until_late(&d, why);

		/* At 1, 2, 4, ... 128 ms, and then every 128 ms. */
		if (seen < 10 || seen > 50)
			fail_msg("reason %u: sent %u times", why, seen);
	}
	/* Requests to other LUNs go on meanwhile. */
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &other), 0);
	driver_read(&d, 1);
	for (why = 0; why < 10; why++) {
		struct vscsi_completion c;
		struct chain chain;
		int count;

		assert_int_equal(vscsi_read(d.queue, other, d.buf, 0, 1, 0, 2), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		while (model_take(d.m, DRIVER_QUEUE, &chain)) {
			if (((uint8_t *)chain.out[0].iov_base)[1] == 1)
				refuse(&d, &chain, BUSY);
			else
				model_serve_chain(d.m, &chain);
		}
		while (!(count = vscsi_poll(d.queue, &c, 1)))
			;
		assert_int_equal(count, 1);
		assert_int_equal(c.user_data, 2);
		assert_int_equal(c.result, 0);
	}
	model_release(d.m, DRIVER_QUEUE);
	clock_skip(200);
	assert_int_equal(driver_poll(&d).user_data, 1);
	assert_int_equal(vscsi_lun_close(other), 0);
	driver_close(&d);
}

/* What comes in between doesn't use up the number of the others. */
static void test_busy_is_not_counted(void **state)
{
	struct vscsi_completion c;
	struct chain chain;
	struct driver d;
	unsigned i;

	(void)state;
	driver_start(&d, "");
	driver_hold_own(&d);
	driver_read(&d, 9);
	chain = driver_take(&d);
	for (i = 0; i < 20; i++) {
		refuse(&d, &chain, i % 4 ? BUSY : ATTENTION);
		clock_skip(200);
		assert_true(comes_again(&d, &chain, &c));
	}
	model_serve_chain(d.m, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
}

/*
 * What may have been executed and must not be executed twice: it ends with its outcome unknown.
 * What was not executed is sent again.
 */
static void test_once_only(void **state)
{
	static const struct vscsi_command raw = {.size = sizeof(raw), .cdb_len = 6, .retries = 5};
	struct vscsi_completion c;
	struct chain chain;
	struct driver d;
	enum why why;

	(void)state;
	driver_start(&d, "");
	driver_hold_own(&d);
	for (why = ATTENTION; why <= BECOMING_READY; why++) {
		bool cut_short = why >= ABORTED && why <= RESPONSE_RESET;

		assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &raw, 3), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		chain = driver_take(&d);
		refuse(&d, &chain, why);
		if (comes_again(&d, &chain, &c) == cut_short)
			fail_msg("reason %u", why);
		if (!cut_short) {
			model_serve_chain(d.m, &chain);
			c = driver_poll(&d);
		}
		assert_int_equal(c.result, cut_short ? -ECONNRESET : 0);
	}
	driver_close(&d);
}

/* Wrong protection information stays wrong. */
static void test_protection_is_not_retried(void **state)
{
	struct vscsi_completion c;
	struct chain chain;
	struct answer a;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	driver_hold_own(&d);
	driver_read(&d, 1);
	chain = driver_take(&d);
	a = model_sense(&chain, 0xb, 0x10, 1);
	model_answer(d.m, &chain, &a);
	assert_false(comes_again(&d, &chain, &c));
	assert_int_equal(c.result, -EILSEQ);
	driver_close(&d);
}

static void test_number_of_retries_is_an_option(void **state)
{
	static const struct {
		uint32_t opts;
		unsigned seen;
	} table[] = {{1, 2}, {3, 4}, {VSCSI_NO_RETRIES, 1}, {0, 6}};
	struct driver d;
	unsigned i;

	(void)state;
	driver_start(&d, "");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct vscsi_lun_opts opts = {.size = sizeof(opts), .retries = table[i].opts};

		assert_int_equal(vscsi_lun_close(d.lun), 0);
		assert_int_equal(vscsi_lun_open(d.dev, 1, 2, &opts, &d.lun), 0);
		driver_hold_own(&d);
		assert_int_equal(refuse_for_ever(&d, ATTENTION, -EBUSY), table[i].seen);
		if (table[i].opts == VSCSI_NO_RETRIES)
			assert_int_equal(refuse_for_ever(&d, BUSY, -EBUSY), 1);
		model_release(d.m, DRIVER_QUEUE);
		d.m->held = 0;
	}
	driver_close(&d);
}

static void test_raw_commands_say_themselves(void **state)
{
	struct vscsi_command command = {.size = sizeof(command), .cdb_len = 6};
	struct driver d;
	unsigned retries;

	(void)state;
	driver_start(&d, "");
	driver_hold_own(&d);
	for (retries = 0; retries < 3; retries++) {
		struct vscsi_completion c;
		struct chain chain;
		unsigned seen = 0;

		command.retries = retries;
		assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		chain = driver_take(&d);
		do {
			seen++;
			refuse(&d, &chain, ATTENTION);
		} while (comes_again(&d, &chain, &c));
		assert_int_equal(seen, retries + 1);
		assert_int_equal(c.result, -EBUSY);
	}
	driver_close(&d);
}

/* It ends well when the reason is gone, and the caller never knew. */
static void test_success_after_a_retry(void **state)
{
	enum why why;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	driver_hold_own(&d);
	for (why = ATTENTION; why <= BECOMING_READY; why++) {
		struct vscsi_completion c;
		struct chain chain;

		driver_read(&d, 9);
		chain = driver_take(&d);
		refuse(&d, &chain, why);
		assert_true(comes_again(&d, &chain, &c));
		model_serve_chain(d.m, &chain);
		c = driver_poll(&d);
		assert_int_equal(c.result, 0);
		assert_int_equal(c.user_data, 9);
		driver_poll_nothing(&d);
	}
	driver_close(&d);
}

/* Other errors aren't retried: the device has executed the command, or never will. */
static void test_nothing_else_is_sent_again(void **state)
{
	static const uint8_t responses[] = {1, 3, 6, 7, 8, 9, 10, 12};
	struct vscsi_completion c;
	struct chain chain;
	struct driver d;
	unsigned i;

	(void)state;
	driver_start(&d, "");
	driver_hold_own(&d);
	for (i = 0; i < ARRAY_LEN(responses); i++) {
		struct answer a = {.response = responses[i], .used_len = RESPONSE_BYTES};

		c = driver_answer_read(&d, &a);
		assert_int_not_equal(c.result, 0);
		assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	}
	driver_read(&d, 1);
	chain = driver_take(&d);
	{
		struct answer a = model_sense(&chain, 3, 0x11, 0);

		model_answer(d.m, &chain, &a);
	}
	assert_int_equal(driver_poll(&d).result, -EIO);
	driver_close(&d);
}

/* While it waits it is in flight: neither queue nor LUN can go. */
static void test_waiting_is_in_flight(void **state)
{
	struct vscsi_completion c;
	struct chain chain;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	driver_hold_own(&d);
	driver_read(&d, 1);
	chain = driver_take(&d);
	refuse(&d, &chain, BUSY);
	assert_int_equal(vscsi_queue_close(d.queue), -EBUSY);
	assert_int_equal(vscsi_lun_close(d.lun), -EBUSY);
	assert_true(comes_again(&d, &chain, &c));
	assert_int_equal(vscsi_queue_close(d.queue), -EBUSY);
	assert_int_equal(vscsi_lun_close(d.lun), -EBUSY);
	model_serve_chain(d.m, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
}

/* Many at once, each refused a random number of times. */
static void test_many_are_sent_again(void **state)
{
	unsigned refused[64] = {0};
	bool done[64] = {false};
	uint64_t limit = clock_ns() + UINT64_C(20000000000);
	unsigned left = 64;
	struct driver d;
	unsigned i;

	(void)state;
	driver_start(&d, "");
	driver_hold_own(&d);
	for (i = 0; i < 64; i++)
		assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, i, 1, 0, i), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	while (left && clock_ns() < limit) {
		struct vscsi_completion c;
		struct chain chain;

		while (model_take(d.m, DRIVER_QUEUE, &chain)) {
			unsigned lba = chain_cdb(&chain)[5];

			if (refused[lba] < lba % 5 && ++refused[lba])
				refuse(&d, &chain, lba & 1 ? ATTENTION : BUSY);
			else
				model_serve_chain(d.m, &chain);
		}
		if (!vscsi_poll(d.queue, &c, 1))
			continue;
		assert_int_equal(c.result, 0);
		assert_true(c.user_data < 64 && !done[c.user_data]);
		done[c.user_data] = true;
		left--;
	}
	assert_int_equal(left, 0);
	driver_close(&d);
}

/* A busy LUN is asked again after 1, 2, 4 ... milliseconds, and no sooner. */
static void test_pauses_grow(void **state)
{
	struct chain chain;
	unsigned pause;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	driver_hold_own(&d);
	clock_stop(true);
	driver_read(&d, 1);
	for (pause = 1; pause <= 8; pause *= 2) {
		chain = driver_take(&d);
		refuse(&d, &chain, BUSY);
		driver_poll_nothing(&d);
		clock_skip(pause - 1);
		driver_poll_nothing(&d);
		assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
		clock_skip(1);
		driver_poll_nothing(&d);
	}
	chain = driver_take(&d);
	model_serve_chain(d.m, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
}

int retry_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pauses_grow),
		cmocka_unit_test(test_retries_are_bounded),
		cmocka_unit_test(test_busy_for_ever),
		cmocka_unit_test(test_busy_is_not_counted),
		cmocka_unit_test(test_once_only),
		cmocka_unit_test(test_protection_is_not_retried),
		cmocka_unit_test(test_number_of_retries_is_an_option),
		cmocka_unit_test(test_raw_commands_say_themselves),
		cmocka_unit_test(test_success_after_a_retry),
		cmocka_unit_test(test_nothing_else_is_sent_again),
		cmocka_unit_test(test_waiting_is_in_flight),
		cmocka_unit_test(test_many_are_sent_again),
	};

	return cmocka_run_group_tests_name("queue/retry", tests, NULL, NULL);
}
