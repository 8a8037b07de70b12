/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls of an application, and its account. */
#include "user.h"

#include <errno.h>

/* Completions that are taken at once, and the longest that next_timeout() may say. */
#define BATCH   8u
#define MOST_MS 500

void user_begin(struct user *user)
{
	user->issued = user->done = user->good = user->unknown = 0;
	user->failed = false;
	memset(user->returned, 0, sizeof(user->returned));
}

/* Requests are accepted while the device is away. */
static void expect(struct user *user, const char *function, int ret)
{
	if (ret == 0) {
		user->issued++;
		assert_true(user->issued < USER_MOST);
	} else if (ret == -ENOTCONN && user->may_fail) {
		user->failed = true;
	} else if (ret != -EAGAIN) {
		fail_msg("%s() returns %d", function, ret);
	}
}

#define IO(function, ...) \
	expect(user, #function, PROMPT(function(user->queue, user->lun, __VA_ARGS__)))

void user_prepare(struct user *user)
{
	const struct iovec segments[2] = {{user->buf, 512}, {user->buf + 1024, 512}};
	const struct vscsi_range range = {.lba = 8, .blocks = 8};

	IO(vscsi_read, user->buf, 0, 1, 0, user->issued);
	IO(vscsi_write, user->buf, 0, 1, 0, user->issued);
	IO(vscsi_readv, segments, 2, 0, 2, 0, user->issued);
	IO(vscsi_writev, segments, 2, 0, 2, 0, user->issued);
	IO(vscsi_flush, user->issued);
	IO(vscsi_unmap, &range, 1, user->issued);
	IO(vscsi_write_zeroes, 0, 1, 0, user->issued);
	IO(vscsi_compare_and_write, user->buf, user->buf + 1024, 0, 1, 0, user->issued);
}

static void take(struct user *user, const struct vscsi_completion *done)
{
	assert_true(done->user_data < user->issued);
	assert_false(user->returned[done->user_data]);
	user->returned[done->user_data] = true;
	user->done++;
	if (!done->result)
		user->good++;
	else if (done->result == -ECONNRESET)
		user->unknown++;
	else if (done->result != user->result)
		fail_msg("request %u ends with %d", (unsigned)done->user_data, done->result);
}

void user_poll(struct user *user)
{
	struct vscsi_completion done[BATCH];
	int count;
	int ret;
	int i;

	ret = PROMPT(vscsi_submit(user->queue));
	if (ret)
		expect(user, "vscsi_submit", ret);
	do {
		count = PROMPT(vscsi_poll(user->queue, done, BATCH));
		for (i = 0; i < count; i++)
			take(user, &done[i]);
	} while (count > 0);
	if (count)
		expect(user, "vscsi_poll", count);
}

static void wait_for(struct user *user, int ms)
{
	int ret = WATCHED(ms, vscsi_wait(user->queue, ms));

	if (ret != 0 && ret != 1)
		fail_msg("vscsi_wait() returns %d", ret);
}

static void open_another(struct user *user)
{
	struct vscsi_queue *queue = NULL;
	int ret = PROMPT(vscsi_queue_open(user->dev, NULL, &queue));

	if (ret == -ENOTCONN && user->may_fail)
		return;
	if (ret)
		fail_msg("vscsi_queue_open() returns %d: %s", ret, vscsi_last_error());
	assert_int_equal(PROMPT(vscsi_queue_close(queue)), 0);
}

void user_sleep(struct user *user)
{
	int ret;

	assert_true(PROMPT(vscsi_queue_fd(user->queue)) >= 0);
	ret = PROMPT(vscsi_arm(user->queue));
	if (ret && ret != 1 && (ret != -ENOTCONN || !user->may_fail))
		fail_msg("vscsi_arm() returns %d", ret);
	assert_in_range(PROMPT(vscsi_next_timeout_ms(user->queue)), 0, MOST_MS);
	wait_for(user, 0);
	wait_for(user, USER_WAIT_MS);
	open_another(user);
}

void user_round(struct user *user)
{
	user_prepare(user);
	user_poll(user);
	user_sleep(user);
}
