/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Late requests, a broken ring and the end of a connection are found when their time has come,
 * however seldom and for how long the application polls or waits.
 */
#include "disk.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>

#define IO_TIMEOUT_MS 1000u

/* When a request must have been aborted, and within what time polls notice an end. */
#define ABORT_MS  2000u
#define NOTICE_MS 50u

static atomic_uint aborts;

/* The rig's thread: ends the command that is late, and tells. */
static bool abort_kept(struct liar *liar, const struct rig_chain *chain,
		       const struct virtio_scsi_ctrl_tmf_req *request)
{
	const struct rig_reply aborted = {.response = VIRTIO_SCSI_S_ABORTED};

	(void)chain;
	(void)request;
	if (!aborts++)
		rig_complete(liar->rig, stall.kept_queue, &stall.kept, &aborted);
	return false;
}

/* One request in flight, which is kept. */
static void start_one(struct user *user)
{
	stall.liar->kept_count = 0;
	stall.keep = true;
	user_begin(user);
	assert_int_equal(vscsi_read(user->queue, user->lun, user->buf, 0, 1, 0, 0), 0);
	user->issued = 1;
	assert_int_equal(vscsi_submit(user->queue), 0);
	liar_wait_kept(stall.liar, 1);
}

static void wait_then_poll(struct user *user)
{
	WATCHED(100, vscsi_wait(user->queue, 100));
	user_poll(user);
}

static void wait_alone(struct user *user)
{
	WATCHED(100, vscsi_wait(user->queue, 100));
}

static void wait_long(struct user *user)
{
	WATCHED(60000, vscsi_wait(user->queue, 60000));
}

static void wait_for_nothing(struct user *user)
{
	PROMPT(vscsi_wait(user->queue, 0));
	clock_skip(100);
}

static void poll_now_and_then(struct user *user)
{
	clock_skip(100);
	user_poll(user);
}

/* As an application that sleeps on many descriptors. */
static void sleep_as_told(struct user *user)
{
	int ms;

	if (PROMPT(vscsi_arm(user->queue)) == 0) {
		ms = PROMPT(vscsi_next_timeout_ms(user->queue));
		clock_skip((uint64_t)ms);
	}
	user_poll(user);
}

static const struct looper {
	const char *name;
	void (*step)(struct user *user);
} loops[] = {
	{"vscsi_wait(100) and polls", wait_then_poll},
	{"vscsi_wait(100) alone", wait_alone},
	{"vscsi_wait(60000)", wait_long},
	{"vscsi_wait(0) alone", wait_for_nothing},
	{"polls each 100 ms", poll_now_and_then},
	{"sleeps as long as it may", sleep_as_told},
};

static void abort_in_time(const struct looper *loop, struct user *user)
{
	uint64_t begin;
	uint64_t took;

	aborts = 0;
	user->result = -ETIMEDOUT;
	start_one(user);
	begin = clock_skipped();
	do {
		loop->step(user);
		rig_settle(stall.liar->rig);
		took = clock_skipped() - begin;
	} while (!aborts && took < 10 * ABORT_MS);
	if (!aborts || took > ABORT_MS)
		fail_msg("%u aborts after %u ms", (unsigned)aborts, (unsigned)took);
	assert_true(took >= IO_TIMEOUT_MS);
	stall.keep = false;
	stall_finish();
}

static void late_request(void **state)
{
	const struct looper *loop = stall.liar->ctx;

	(void)state;
	stall_up(false, "&io_timeout_ms=1000");
	stall.liar->task = abort_kept;
	abort_in_time(loop, &stall.own);
	abort_in_time(loop, &stall.other);
	blocking_expect_none();
	stall_down();
	told(loop->name, "a late request is aborted within %u ms", ABORT_MS);
}

/* -- ends that nothing announces -- */

static void move_used(struct rig *rig, unsigned queue)
{
	rig_move_used(rig, queue, 300);
}

static void put_unknown(struct rig *rig, unsigned queue)
{
	rig_put(rig, queue, 0x7777, 0);
}

static void break_events(struct rig *rig, unsigned queue)
{
	(void)queue;
	rig_put(rig, 1, 0x7777, 16);
}

static void hang_up(struct rig *rig, unsigned queue)
{
	(void)queue;
	rig_hang_up(rig);
}

static const struct end {
	const char *name;
	bool packed;
	void (*end)(struct rig *rig, unsigned queue);
	bool waits; /* whether a wait that returns 0 has checked for it */
} ends[] = {
	{"the used index jumps", false, move_used, true},
	{"an unknown request is used, split", false, put_unknown, true},
	{"an unknown request is used, packed", true, put_unknown, true},
	{"an unknown event is used", false, break_events, false},
	{"a queue's error is signalled", false, rig_err, true},
	{"the connection is closed", false, hang_up, true},
};

/* A wait may leave it to the poll that it says is worth a call. */
static void wait_for(struct user *user, int ms)
{
	if (WATCHED(ms, vscsi_wait(user->queue, ms)))
		user_poll(user);
}

static void wait_0(struct user *user)
{
	wait_for(user, 0);
}

static void wait_1(struct user *user)
{
	wait_for(user, 1);
}

static void poll_once(struct user *user)
{
	clock_skip(NOTICE_MS);
	user_poll(user);
}

static void poll_some(struct user *user)
{
	unsigned i;

	for (i = 0; i < 5; i++) {
		clock_skip(NOTICE_MS / 5);
		user_poll(user);
	}
}

/* So may those that an application sleeps by. */
static void sleep_not(struct user *user)
{
	struct pollfd pfd = {.fd = vscsi_queue_fd(user->queue), .events = POLLIN};

	clock_skip(NOTICE_MS);
	if (PROMPT(vscsi_arm(user->queue)) || !PROMPT(vscsi_next_timeout_ms(user->queue)) ||
	    poll(&pfd, 1, 0))
		user_poll(user);
}

static const struct looper looks[] = {
	{"one vscsi_wait(0)", wait_0},       {"one vscsi_wait(1)", wait_1},
	{"one poll after 50 ms", poll_once}, {"5 polls in 50 ms", poll_some},
	{"arming after 50 ms", sleep_not},
};

static unsigned virtqueue_of(const struct user *user)
{
	struct vscsi_queue_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_queue_get_info(user->queue, &info), 0);
	return info.index + 2;
}

static bool notice_with(const struct end *end, const struct looper *look, bool shared)
{
	struct user *user = shared ? &stall.other : &stall.own;
	bool noticed;

	stall_up(end->packed, "&recovery=off");
	stall.liar->spoiled = true;
	start_one(user);
	stall.own.may_fail = stall.other.may_fail = true;
	user->result = -ENOTCONN;
	/* What is looked at now and then was just looked at. */
	user_sleep(user);
	user_poll(user);
	end->end(stall.liar->rig, virtqueue_of(user));
	look->step(user);
	noticed = !liar_runs(stall.liar);
	if (!noticed)
		print_error("not noticed by %s%s\n", look->name, shared ? ", shared" : "");
	stall.keep = false;
	stall_finish();
	rig_violation(stall.liar->rig);
	stall_down();
	return noticed;
}

static void unannounced_end(void **state)
{
	const struct end *end = stall.liar->ctx;
	unsigned missed = 0;
	unsigned tried = 0;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(looks); i++) {
		if (!end->waits && (looks[i].step == wait_0 || looks[i].step == wait_1))
			continue;
		missed += !notice_with(end, &looks[i], false);
		missed += !notice_with(end, &looks[i], true);
		tried += 2;
	}
	blocking_expect_none();
	if (missed)
		fail_msg("%s: not noticed in %u of %u ways", end->name, missed, tried);
	told(end->name, "noticed in each of %u ways", tried);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(loops) + ARRAY_LEN(ends)];
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < ARRAY_LEN(loops); i++)
		tests[count++] = (struct CMUnitTest)STALL_ROW(late_request, &loops[i]);
	for (i = 0; i < ARRAY_LEN(ends); i++)
		tests[count++] = (struct CMUnitTest)STALL_ROW(unannounced_end, &ends[i]);
	return cmocka_run_group_tests_name("stall elapsed", tests, NULL, NULL);
}
