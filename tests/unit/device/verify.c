/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that tracks its requests in flight is back: before it continues with them its LUNs are
 * verified on virtqueues of their own. On which connection that is, how long it may take, and what
 * becomes of the questions when it ends in the middle.
 */
#include <errno.h>
#include <string.h>

#include "device_tests.h"
#include "harness/loss.h"

#define BUSY  0x08
#define RINGS 4u /* control, event, and two for requests */

/* Which rings have to be started before the device serves any of them. */
static unsigned needed;

/* From now on the disk is that one when so many connections were made. */
static unsigned exchanged_at;

/* A device like DPDK's: it begins when it has all of its rings. */
static void whole_hook(void *ctx, enum fake_call call, unsigned queue)
{
	struct model *m = ctx;
	unsigned i;

	for (i = 0; i < needed; i++) {
		if (call == FAKE_NOTIFY && !m->fake.started[i])
			return;
	}
	if (exchanged_at && loss_attempts >= exchanged_at)
		m->serial = "SN43";
	model_hook(ctx, call, queue);
}

static void open_tracked(struct desk *d, const char *options)
{
	loss_open(d, options);
	d->m->account = true;
	d->m->fake.hook = whole_hook;
	needed = 0;
	exchanged_at = 0;
}

static uint32_t state_of(struct desk *d)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(d->dev, &info), 0);
	return info.state;
}

/* The device is lost; connections are counted from here. */
static void lose(struct desk *d)
{
	loss_lose(d);
	loss_attempts = 0;
}

/* One look after the pause between two attempts. */
static void look_once(struct desk *d)
{
	loss_away = false;
	clock_skip(20);
	loss_look(d);
}

/* The device is asked about its LUNs, and answers nothing. */
static void begin_to_verify(struct desk *d)
{
	lose(d);
	d->m->held = MODEL_ALL;
	look_once(d);
	assert_int_equal(state_of(d), VSCSI_DEV_RECONNECTING);
	assert_int_equal(model_waiting(d->m, DESK_SHARED), 1);
}

/* Answers all questions, that which waits too. */
static void answer_questions(struct desk *d)
{
	d->m->held = UINT64_C(1) << DESK_QUEUE;
	model_release(d->m, DESK_SHARED);
}

/* The requests in flight stay where they are, in the ring that they were in. */
static void expect_continued(struct desk *d, uint64_t lba)
{
	assert_int_equal(state_of(d), VSCSI_DEV_RUNNING);
	desk_poll_nothing(d);
	assert_int_equal(model_waiting(d->m, DESK_QUEUE), 1);
	loss_serve(d, lba);
}

static void test_all_rings_are_started(void **state)
{
	static const char *const options[] = {"", "recovery_ms=200"};
	struct desk d;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(options); i++) {
		open_tracked(&d, options[i]);
		needed = RINGS;
		loss_read(&d, 1);
		lose(&d);
		look_once(&d);
		expect_continued(&d, 1);
		assert_int_equal(loss_attempts, 1);
		loss_read(&d, 2);
		loss_serve(&d, 2);
		desk_close(&d);
	}
}

/* Whoever has the address next would be another one: what was verified is what continues. */
static void test_the_same_connection(void **state)
{
	struct desk d;

	(void)state;
	open_tracked(&d, "");
	exchanged_at = 2;
	loss_read(&d, 1);
	lose(&d);
	look_once(&d);
	expect_continued(&d, 1);
	assert_int_equal(loss_attempts, 1);
	desk_close(&d);
}

/* The connection ends before it could continue, and the next one leads to another disk. */
static void test_each_connection_is_verified(void **state)
{
	uint8_t before[MODEL_BLOCK];
	struct vscsi_completion done;
	struct desk d;

	(void)state;
	open_tracked(&d, "");
	memset(d.m->disk, 0x55, sizeof(before));
	memcpy(before, d.m->disk, sizeof(before));
	assert_int_equal(vscsi_write(d.queue, d.lun, d.buf, 0, 1, 0, 7), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	lose(&d);
	/* At the first ring of those that it would continue with. */
	d.m->fake.fail = FAKE_QUEUE_START;
	d.m->fake.fail_skip = RINGS;
	d.m->fake.fail_err = -ENOTCONN;
	look_once(&d);
	assert_int_equal(loss_attempts, 1);
	assert_int_equal(state_of(&d), VSCSI_DEV_RECONNECTING);
	d.m->held = 0;
	d.m->serial = "SN43";
	loss_find(&d);
	assert_true(loss_attempts > 1);
	desk_poll_nothing(&d);
	done = desk_poll(&d);
	assert_int_equal(done.user_data, 7);
	assert_int_equal(done.result, -ENODEV);
	assert_memory_equal(d.m->disk, before, sizeof(before));
	desk_close(&d);
}

/* From now on the disk is busy, whatever it is asked. */
static void answer_busy(struct desk *d)
{
	struct answer busy;
	struct chain chain;

	while (model_take(d->m, DESK_SHARED, &chain)) {
		busy = model_good(&chain);
		busy.status = BUSY;
		model_answer(d->m, &chain, &busy);
	}
}

/* Steps of 10 ms until requests are replayed instead, which begins with another connection. */
static unsigned time_to_replay(struct desk *d, void (*meanwhile)(struct desk *d))
{
	const unsigned before = loss_attempts;
	unsigned ms;

	for (ms = 0; ms < 60000 && loss_attempts == before; ms += 10) {
		if (meanwhile)
			meanwhile(d);
		clock_skip(10);
		loss_look(d);
	}
	return ms;
}

/* A device that says nothing more of its LUNs, or of anything, is replayed to in good time. */
static void test_no_answer(void **state)
{
	static const struct {
		const char *options;
		bool mute;
		unsigned least;
		unsigned most;
	} table[] = {
		{"", false, 900, 1100},
		{"recovery_ms=1000", false, 400, 550},
		{"recovery_ms=4294967295", false, 900, 1100},
		{"recovery_ms=2000", true, 900, 1100},
		{"", true, 9000, 11000},
		{"recovery_ms=4294967295", true, 9000, 11000},
	};
	struct desk d;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		open_tracked(&d, table[i].options);
		loss_read(&d, 1);
		begin_to_verify(&d);
		if (table[i].mute) {
			d.m->fake.pending = FAKE_READ_CONFIG;
			d.m->fake.pending_times = UINT32_MAX;
			answer_questions(&d);
			loss_look(&d);
			assert_int_equal(state_of(&d), VSCSI_DEV_RECONNECTING);
		}
		assert_in_range(time_to_replay(&d, NULL), table[i].least, table[i].most);
		answer_questions(&d);
		loss_find(&d);
		desk_poll_nothing(&d);
		loss_serve(&d, 1);
		desk_close(&d);
	}
}

/* The disk is busy: the question waits to be asked again, and is ended with its connection. */
static void test_questions_in_backoff(void **state)
{
	struct desk d;
	unsigned i;

	(void)state;
	open_tracked(&d, "");
	loss_read(&d, 1);
	for (i = 0; i < 3; i++) {
		/* There is one question: none is left of the time before. */
		begin_to_verify(&d);
		assert_in_range(time_to_replay(&d, answer_busy), 900, 1100);
		/* It is asked anew, once, beside a scan. */
		assert_int_equal(model_waiting(d.m, DESK_SHARED), 2);
		answer_questions(&d);
		loss_find(&d);
		desk_poll_nothing(&d);
		loss_serve(&d, 1);
		loss_read(&d, 1);
	}
	loss_serve(&d, 1);
	desk_close(&d);
}

/* A handle is closed while its LUN is asked; the device continues with what is for others. */
static void test_lun_closed_meanwhile(void **state)
{
	struct vscsi_lun *other;
	struct desk d;

	(void)state;
	open_tracked(&d, "");
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &other), 0);
	loss_read(&d, 1);
	lose(&d);
	d.m->held = MODEL_ALL;
	look_once(&d);
	assert_int_equal(model_waiting(d.m, DESK_SHARED), 2);
	assert_int_equal(vscsi_lun_close(other), 0);
	answer_questions(&d);
	loss_look(&d);
	expect_continued(&d, 1);
	desk_close(&d);
}

/* Nobody waits for the questions any more. What they wrote to is freed, as the checkers see. */
static void test_ended_meanwhile(void **state)
{
	struct vscsi_completion done;
	struct desk d;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		open_tracked(&d, "");
		loss_read(&d, 1);
		if (i == 1) {
			loss_serve(&d, 1);
		}
		begin_to_verify(&d);
		if (i == 0) {
			vscsi_dev_shutdown(d.dev);
			assert_int_equal(vscsi_poll(d.queue, &done, 1), 1);
			assert_int_equal(done.result, -ENOTCONN);
		}
		desk_close(&d);
	}
}

/* Rings that have become too small are none; larger ones do as well. */
static void test_sizes_of_rings_when_it_is_back(void **state)
{
	static const char *const options[] = {"", "recovery=replay", "recovery=report"};
	static const int sizes[] = {0, 4, 127, 128, 256};
	struct vscsi_completion done;
	struct desk d;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(options) * ARRAY_LEN(sizes); i++) {
		const int size = sizes[i % ARRAY_LEN(sizes)];

		open_tracked(&d, options[i / ARRAY_LEN(sizes)]);
		lose(&d);
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
			desk_poll_nothing(&d);
			loss_read(&d, 1);
			loss_serve(&d, 1);
		}
		desk_close(&d);
	}
}

int verify_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_rings_are_started),
		cmocka_unit_test(test_the_same_connection),
		cmocka_unit_test(test_each_connection_is_verified),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_questions_in_backoff),
		cmocka_unit_test(test_lun_closed_meanwhile),
		cmocka_unit_test(test_ended_meanwhile),
		cmocka_unit_test(test_sizes_of_rings_when_it_is_back),
	};

	return cmocka_run_group_tests_name("device/verify", tests, NULL, NULL);
}
