/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two devices in one loop of an application: while one hangs, at whatever point, the other is kept
 * busy. And two LUNs of one device: while one of them stays away after a restart, the other goes
 * on. Nothing is measured by time: in each step of the loop so many requests have to be returned.
 */
#include "disk.h"

#include <errno.h>
#include <poll.h>

/* Requests of the other device in each step, and steps while the first one hangs. */
#define EACH  8u
#define STEPS 5u

/* The device that works. */
static struct {
	struct liar *liar;
	struct user user;
} busy;

struct row {
	const char *name;
	const char *options;
	enum loss loss;
	enum hang hang;
	bool tracked;
	bool sleep;
};

static void settle_both(void)
{
	rig_settle(stall.liar->rig);
	rig_settle(busy.liar->rig);
}

static void busy_up(void)
{
	liar_up(busy.liar);
	busy.user = (struct user){
		.dev = busy.liar->dev,
		.lun = busy.liar->lun,
		.queue = busy.liar->queue,
		.buf = busy.liar->buf,
	};
}

static int begin(void **state)
{
	void *other = NULL;
	int err = liar_begin(&other);

	busy.liar = other;
	return stall_begin(state) | err;
}

static int end(void **state)
{
	void *other = busy.liar;
	int err = stall_end(state);

	return liar_end(&other) | err;
}

/* Sleeps until one of the devices has something, or as long as both allow. */
static void sleep_on_both(void)
{
	struct pollfd fds[2] = {{.fd = vscsi_queue_fd(stall.own.queue), .events = POLLIN},
				{.fd = vscsi_queue_fd(busy.user.queue), .events = POLLIN}};
	int first;
	int second;

	if (PROMPT(vscsi_arm(stall.own.queue)) || PROMPT(vscsi_arm(busy.user.queue)))
		return;
	first = PROMPT(vscsi_next_timeout_ms(stall.own.queue));
	second = PROMPT(vscsi_next_timeout_ms(busy.user.queue));
	WATCHED(500, poll(fds, 2, first < second ? first : second));
}

static void prepare_busy(void)
{
	struct user *user = &busy.user;

	while (user->issued < user->done + EACH) {
		assert_int_equal(PROMPT(vscsi_read(user->queue, user->lun, user->buf, 0, 1, 0,
						   user->issued)),
				 0);
		user->issued++;
	}
	assert_int_equal(PROMPT(vscsi_submit(user->queue)), 0);
}

/* A step of the application's loop. */
static void loop_step(bool sleep)
{
	unsigned before;

	if (user_idle(&busy.user))
		user_begin(&busy.user);
	before = busy.user.good;
	prepare_busy();
	if (sleep)
		sleep_on_both();
	user_poll(&stall.own);
	user_poll(&stall.other);
	settle_both();
	user_poll(&busy.user);
	assert_int_equal(busy.user.good, before + EACH);
	clock_skip(stall.skip_ms);
}

static void loop_until_idle(bool sleep)
{
	unsigned steps = 0;

	while (!user_idle(&stall.own) || !user_idle(&stall.other) || !liar_runs(stall.liar)) {
		assert_true(steps++ < 3000);
		loop_step(sleep);
	}
}

static unsigned count_points(const struct row *row)
{
	unsigned before;
	unsigned i;

	stall_fill();
	before = rig_seen(stall.liar->rig, RIG_ANY);
	stall_lose(row->loss);
	stall_plan(HANG_COMMAND, UINT32_MAX);
	loop_until_idle(row->sleep);
	for (i = 0; i < STEPS; i++)
		loop_step(row->sleep);
	if (row->hang == HANG_COMMAND)
		return stall.commands;
	return rig_seen(stall.liar->rig, RIG_ANY) - before;
}

static void hang_at(const struct row *row, unsigned number)
{
	unsigned steps = 0;
	unsigned i;

	stall_fill();
	stall_lose(row->loss);
	stall_plan(row->hang, number);
	while (!stall_hangs()) {
		assert_true(steps++ < 3000);
		loop_step(row->sleep);
	}
	stall.skip_ms = 1;
	for (i = 0; i < STEPS; i++) {
		user_prepare(&stall.own);
		loop_step(row->sleep);
	}
	assert_true(stall_hangs());
	stall_release();
	loop_until_idle(row->sleep);
}

static void one_hangs(void **state)
{
	const struct row *row = stall.liar->ctx;
	unsigned count;
	unsigned i;

	(void)state;
	busy_up();
	if (row->tracked)
		stall.liar->opts.protocol |= RIG_P_INFLIGHT;
	stall_up(false, row->options);
	if (row->loss == LOSS_SILENT)
		stall.own.result = stall.other.result = -ETIMEDOUT;
	blocking_settle = settle_both;
	count = count_points(row);
	assert_true(count > 0);
	for (i = 0; i < count; i++) {
		hang_at(row, i);
		blocking_expect_none();
	}
	clock_thaw();
	assert_int_equal(vscsi_queue_close(stall.other.queue), 0);
	stall.other.queue = NULL;
	told(row->name, "%u points, %u requests of the other in each step", count, EACH);
}

/* -- a LUN that stays away -- */

/* The second user's is the one that is missing. */
static void miss_one(const struct row *row)
{
	unsigned steps = 0;
	unsigned i;

	stall_fill();
	stall_lose(LOSS_CLOSED);
	stall.liar->luns = 1;
	stall.other.result = -ENODEV;
	while (!user_idle(&stall.own)) {
		assert_true(steps++ < 3000);
		assert_false(user_idle(&stall.other));
		stall_step(user_poll);
	}
	/* And what is new. */
	for (i = 0; i < STEPS; i++) {
		unsigned good = stall.own.good;

		user_prepare(&stall.own);
		stall_step(user_poll);
		user_poll(&stall.own);
		assert_int_equal(stall.own.good, good + 8);
		assert_false(user_idle(&stall.other));
	}
	stall.skip_ms = 100;
	stall_finish();
	assert_int_equal(stall.other.good, 0);
	told(row->name, "the other LUN returned %u requests meanwhile", stall.own.good);
}

static void lun_stays_away(void **state)
{
	const struct row *row = stall.liar->ctx;
	struct vscsi_lun *missing;

	(void)state;
	if (row->tracked)
		stall.liar->opts.protocol |= RIG_P_INFLIGHT;
	stall.liar->luns = 2;
	stall_up(false, row->options);
	clock_thaw();
	assert_int_equal(vscsi_lun_open(stall.liar->dev, 0, 1, NULL, &missing), 0);
	clock_freeze();
	stall.other.lun = missing;
	miss_one(row);
	blocking_expect_none();
	clock_thaw();
	assert_int_equal(vscsi_lun_close(missing), 0);
	assert_int_equal(vscsi_queue_close(stall.other.queue), 0);
	stall.other.queue = NULL;
}

#define REPLAY "&recovery=replay&recovery_ms=600000"
#define EXACT  "&recovery=exact&recovery_ms=600000"
#define SILENT "&recovery=replay&recovery_ms=600000&io_timeout_ms=1000&task_timeout_ms=1000"

static const struct row hangs[] = {
	{"message, polled", REPLAY, LOSS_CLOSED, HANG_UNANSWERED, false, false},
	{"message, slept on", REPLAY, LOSS_CLOSED, HANG_UNANSWERED, false, true},
	{"message unread, slept on", REPLAY, LOSS_CLOSED, HANG_UNREAD, false, true},
	{"command, polled", REPLAY, LOSS_CLOSED, HANG_COMMAND, false, false},
	{"command, slept on", REPLAY, LOSS_CLOSED, HANG_COMMAND, false, true},
	{"exact, polled", EXACT, LOSS_CLOSED, HANG_UNANSWERED, true, false},
	{"exact, slept on", EXACT, LOSS_CLOSED, HANG_UNANSWERED, true, true},
	{"silent, polled", SILENT, LOSS_SILENT, HANG_UNANSWERED, false, false},
	{"silent, slept on", SILENT, LOSS_SILENT, HANG_UNANSWERED, false, true},
};

static const struct row missing[] = {
	{"a LUN stays away, replay", REPLAY, LOSS_CLOSED, HANG_UNREAD, false, false},
	{"a LUN stays away, exact", EXACT, LOSS_CLOSED, HANG_UNREAD, true, false},
};

/* An argument is a pattern of names: those alone are run. */
int main(int argc, char **argv)
{
	struct CMUnitTest tests[ARRAY_LEN(hangs) + ARRAY_LEN(missing)];
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < ARRAY_LEN(hangs); i++)
		tests[count++] = (struct CMUnitTest){hangs[i].name, one_hangs, begin, end,
						     (void *)(uintptr_t)&hangs[i]};
	for (i = 0; i < ARRAY_LEN(missing); i++)
		tests[count++] = (struct CMUnitTest)STALL_ROW(lun_stays_away, &missing[i]);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("stall two", tests, NULL, NULL);
}
