/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A back-end that is lost with requests in flight, and then stops at each message of what follows:
 * the reset, the new connection, the start sequence, and the commands by which LUNs are verified.
 * While it hangs nothing that the application calls may wait; when it goes on, each request is
 * returned once.
 */
#include "disk.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Steps of the application while the device hangs. */
#define STEPS 10u

/* Where the recovery limit is tested: how much more an attempt may take (see README). */
#define LIMIT_MS 200u
#define LATE_MS  2000u

struct row {
	const char *name;
	const char *options;
	bool packed;
	bool tracked;
	enum loss loss;
	enum hang hang;
};

static void up(const struct row *row)
{
	if (row->tracked)
		stall.liar->opts.protocol |= RIG_P_INFLIGHT;
	stall_up(row->packed, row->options);
	/* Those whose time was over, and those that were with them when the LUN was reset. */
	if (row->loss == LOSS_SILENT)
		stall.own.result = stall.other.result = -ETIMEDOUT;
}

/* A loss and a return without a hang. Return: how many messages or commands that took. */
static unsigned count_points(const struct row *row)
{
	unsigned before;
	unsigned i;

	stall_fill();
	before = rig_seen(stall.liar->rig, RIG_ANY);
	stall_lose(row->loss);
	stall_plan(HANG_COMMAND, UINT32_MAX);
	stall_return();
	/* What no request waits for goes on after that. */
	for (i = 0; i < STEPS; i++)
		stall_step(user_poll);
	if (row->hang == HANG_COMMAND)
		return stall.commands;
	return rig_seen(stall.liar->rig, RIG_ANY) - before;
}

static void hang_at(const struct row *row, unsigned number)
{
	unsigned good;
	unsigned i;

	stall_fill();
	stall_lose(row->loss);
	stall_plan(row->hang, number);
	stall_reach();
	good = stall.own.good + stall.other.good;
	for (i = 0; i < STEPS; i++)
		stall_step(user_round);
	assert_true(stall_hangs());
	assert_int_equal(stall.own.good + stall.other.good, good);
	stall_release();
	stall_return();
}

/* One device for all, which is lost again and again. */
static void hangs_at_each(void **state)
{
	const struct row *row = stall.liar->ctx;
	unsigned count;
	unsigned i;

	(void)state;
	up(row);
	count = count_points(row);
	assert_true(count > 0);
	for (i = 0; i < count; i++) {
		hang_at(row, i);
		if (blocking_count())
			print_error("at %u of %u:\n", i, count);
		blocking_expect_none();
	}
	clock_thaw();
	assert_int_equal(vscsi_queue_close(stall.other.queue), 0);
	stall.other.queue = NULL;
	told(row->name, "%u points, nothing waits, each request returned once", count);
}

/* A hang that doesn't end: the device fails, which ends every request. */
static void fails_at(const struct row *row, unsigned number)
{
	uint64_t begin = clock_skipped();

	stall.own.may_fail = stall.other.may_fail = true;
	stall.own.result = stall.other.result = -ENOTCONN;
	stall_fill();
	stall_lose(row->loss);
	stall_plan(row->hang, number);
	stall_reach();
	while (!stall.own.failed || !stall.other.failed) {
		if (clock_skipped() > begin + LIMIT_MS + LATE_MS)
			fail_msg("not failed after %u ms", LIMIT_MS + LATE_MS);
		stall_step(user_round);
	}
	stall_step(user_round);
	assert_true(user_idle(&stall.own) && user_idle(&stall.other));
	assert_false(liar_runs(stall.liar));
	stall_release();
}

static void never_goes_on(void **state)
{
	const struct row *row = stall.liar->ctx;
	unsigned count;
	unsigned i;

	(void)state;
	up(row);
	count = count_points(row);
	stall_down();
	for (i = 0; i < count; i++) {
		up(row);
		fails_at(row, i);
		blocking_expect_none();
		stall_down();
	}
	told(row->name, "%u points, failed, each request returned once", count);
}

/* Connects to the listener until its backlog is full; @fds receives those. */
static unsigned fill_backlog(int *fds, unsigned room)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	unsigned count = 0;

	strcpy(addr.sun_path, stall.liar->opts.path);
	while (count < room) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		assert_true(fd >= 0);
		if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr))) {
			assert_int_equal(errno, EAGAIN);
			close(fd);
			return count;
		}
		fds[count++] = fd;
	}
	fail_msg("the backlog has no end");
	return 0;
}

/*
 * No connection is accepted, so connect() itself has to be retried. Another client has the back-end
 * meanwhile.
 */
static void backlog_is_full(void **state)
{
	const struct row *row = stall.liar->ctx;
	unsigned count;
	int fds[16];
	unsigned i;

	(void)state;
	up(row);
	stall_fill();
	count = fill_backlog(fds, 8);
	stall_lose(LOSS_CLOSED);
	/* The first of them has a connection now, which leaves room for another. */
	rig_settle(stall.liar->rig);
	count += fill_backlog(fds + count, 8);
	for (i = 0; i < STEPS; i++)
		stall_step(user_round);
	assert_int_equal(stall.own.good + stall.other.good, 0);
	for (i = 0; i < count; i++)
		close(fds[i]);
	stall_finish();
	blocking_expect_none();
	clock_thaw();
	assert_int_equal(vscsi_queue_close(stall.other.queue), 0);
	stall.other.queue = NULL;
	told(row->name, "nothing waits, each request returned once");
}

#define REPLAY "&recovery=replay&recovery_ms=600000"
#define EXACT  "&recovery=exact&recovery_ms=600000"
#define SILENT "&recovery=replay&recovery_ms=600000&io_timeout_ms=1000&task_timeout_ms=1000"
#define SHORT  "&recovery=replay&recovery_ms=200"

#define EACH_HANG(name, ...)                                                   \
	{name ", a message unread", __VA_ARGS__, HANG_UNREAD},                 \
		{name ", a message half read", __VA_ARGS__, HANG_HALF},        \
		{name ", a message unanswered", __VA_ARGS__, HANG_UNANSWERED}, \
	{                                                                      \
		name ", a command unanswered", __VA_ARGS__, HANG_COMMAND       \
	}

static const struct row hangs[] = {
	EACH_HANG("replay, split", REPLAY, false, false, LOSS_CLOSED),
	EACH_HANG("replay, packed", REPLAY, true, false, LOSS_CLOSED),
	EACH_HANG("exact, split", EXACT, false, true, LOSS_CLOSED),
	EACH_HANG("exact, packed", EXACT, true, true, LOSS_CLOSED),
	EACH_HANG("silent, split", SILENT, false, false, LOSS_SILENT),
	EACH_HANG("silent, packed", SILENT, true, false, LOSS_SILENT),
};

static const struct row ends[] = {
	{"fails, split, a message", SHORT, false, false, LOSS_CLOSED, HANG_UNANSWERED},
	{"fails, packed, a message", SHORT, true, false, LOSS_CLOSED, HANG_UNANSWERED},
};

static const struct row backlogs[] = {
	{"backlog full, replay", REPLAY, false, false, LOSS_CLOSED, HANG_UNREAD},
	{"backlog full, exact", EXACT, false, true, LOSS_CLOSED, HANG_UNREAD},
};

/* An argument is a pattern of names: those alone are run. */
int main(int argc, char **argv)
{
	struct CMUnitTest tests[ARRAY_LEN(hangs) + ARRAY_LEN(ends) + ARRAY_LEN(backlogs)];
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < ARRAY_LEN(hangs); i++)
		tests[count++] = (struct CMUnitTest)STALL_ROW(hangs_at_each, &hangs[i]);
	for (i = 0; i < ARRAY_LEN(ends); i++)
		tests[count++] = (struct CMUnitTest)STALL_ROW(never_goes_on, &ends[i]);
	for (i = 0; i < ARRAY_LEN(backlogs); i++)
		tests[count++] = (struct CMUnitTest)STALL_ROW(backlog_is_full, &backlogs[i]);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("stall hang", tests, NULL, NULL);
}
