/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two targets, processes of their own, and one loop of an application over both. One of them is
 * stopped by SIGSTOP: with requests in flight, or as soon as it listens again after it was killed.
 * Until it goes on the other one returns so many requests in each step of the loop.
 */
#include "../loss.h"

#include <errno.h>
#include <poll.h>

#include "blocking.h"
#include "clock.h"

/* Requests in flight, and steps while a target is stopped. */
#define EACH  8u
#define STEPS 60u

/* More than any limit in use: see OPTIONS. */
#define SKIP_MS 100u

#define OPTIONS "?queues=2&recovery_ms=600000&io_timeout_ms=1000&task_timeout_ms=1000"

/* A device of the loop, and its requests. */
struct user {
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	char *buf;
	unsigned issued;
	unsigned done;
	unsigned bad;
};

static struct user stopped;
static struct user busy;

static void open_user(struct user *user, const struct target *target, const char *recovery)
{
	char address[160];

	*user = (struct user){.issued = 0};
	snprintf(address, sizeof(address), "%s%s%s", target->address, OPTIONS, recovery);
	assert_int_equal(vscsi_dev_open(address, NULL, &user->dev), 0);
	assert_int_equal(vscsi_lun_open(user->dev, 0, 0, NULL, &user->lun), 0);
	assert_int_equal(vscsi_queue_open(user->dev, NULL, &user->queue), 0);
	user->buf = vscsi_mem_alloc(vscsi_dev_mem(user->dev), 4096, 0);
	assert_non_null(user->buf);
}

static void close_user(const struct user *user)
{
	assert_int_equal(vscsi_queue_close(user->queue), 0);
	assert_int_equal(vscsi_lun_close(user->lun), 0);
	assert_int_equal(vscsi_dev_close(user->dev), 0);
}

static void submit(struct user *user)
{
	while (user->issued < user->done + EACH) {
		assert_int_equal(PROMPT(vscsi_read(user->queue, user->lun, user->buf, 0, 1, 0,
						   user->issued)),
				 0);
		user->issued++;
	}
	assert_int_equal(PROMPT(vscsi_submit(user->queue)), 0);
}

static void collect_some(struct user *user)
{
	struct vscsi_completion done[EACH];
	int count = PROMPT(vscsi_poll(user->queue, done, EACH));
	int i;

	assert_true(count >= 0);
	for (i = 0; i < count; i++) {
		user->done++;
		user->bad += done[i].result && done[i].result != -ETIMEDOUT &&
			     done[i].result != -ECANCELED;
	}
}

static void sleep_on_both(void)
{
	struct pollfd fds[2] = {{.fd = vscsi_queue_fd(stopped.queue), .events = POLLIN},
				{.fd = vscsi_queue_fd(busy.queue), .events = POLLIN}};
	int first;
	int second;

	if (PROMPT(vscsi_arm(stopped.queue)) || PROMPT(vscsi_arm(busy.queue)))
		return;
	first = PROMPT(vscsi_next_timeout_ms(stopped.queue));
	second = PROMPT(vscsi_next_timeout_ms(busy.queue));
	poll(fds, 2, first < second ? first : second);
}

/* A target that works answers in the end, however long that takes. */
static void loop_step(bool sleep)
{
	unsigned before = busy.done;
	struct vscsi_queue *queue;

	submit(&busy);
	while (busy.done < before + EACH) {
		if (sleep)
			sleep_on_both();
		collect_some(&stopped);
		collect_some(&busy);
	}
	WATCHED(1, vscsi_wait(stopped.queue, 1));
	assert_int_equal(PROMPT(vscsi_queue_open(stopped.dev, NULL, &queue)), 0);
	assert_int_equal(PROMPT(vscsi_queue_close(queue)), 0);
}

static void begin(struct fixture *f, const char *recovery)
{
	static const char *const args[] = {"--lun=0:0,file=other.img", NULL};

	make_file("disk.img", 16 * MIB);
	make_file("other.img", 16 * MIB);
	START(f, FILE_LUN);
	target_start(&f->second, "second", args);
	open_user(&stopped, &f->target, recovery);
	open_user(&busy, &f->second, "");
	blocking_forget();
}

static void finish(struct fixture *f, bool sleep)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	uint64_t limit = now_ms() + TIMEOUT_MS;

	assert_int_equal(vscsi_dev_get_info(stopped.dev, &info), 0);
	assert_int_equal(info.state, VSCSI_DEV_RECONNECTING);
	target_thaw(&f->target);
	while (stopped.done < stopped.issued) {
		assert_true(now_ms() < limit);
		loop_step(sleep);
	}
	assert_int_equal(stopped.bad + busy.bad, 0);
	close_user(&stopped);
	close_user(&busy);
	blocking_expect_none();
	assert_true(target_stop(&f->target));
	assert_true(target_stop(&f->second));
}

/* Time passes until the device is reset, which it doesn't answer either. */
static void stopped_at_work(struct fixture *f, bool sleep)
{
	unsigned i;

	begin(f, "");
	target_freeze(&f->target);
	submit(&stopped);
	for (i = 0; i < STEPS; i++) {
		loop_step(sleep);
		clock_skip(SKIP_MS);
	}
	finish(f, sleep);
}

static void stopped_at_its_start(struct fixture *f, const char *recovery, bool sleep)
{
	unsigned i;

	begin(f, recovery);
	target_freeze(&f->target);
	submit(&stopped);
	target_kill(&f->target);
	START(f, FILE_LUN);
	target_freeze(&f->target);
	for (i = 0; i < STEPS; i++) {
		loop_step(sleep);
		clock_skip(SKIP_MS);
	}
	assert_int_equal(stopped.done, 0);
	finish(f, sleep);
}

static void at_work_polled(void **state)
{
	stopped_at_work(*state, false);
}

static void at_work_slept_on(void **state)
{
	stopped_at_work(*state, true);
}

static void replay_polled(void **state)
{
	stopped_at_its_start(*state, "&recovery=replay", false);
}

static void replay_slept_on(void **state)
{
	stopped_at_its_start(*state, "&recovery=replay", true);
}

static void exact_polled(void **state)
{
	stopped_at_its_start(*state, "&recovery=exact", false);
}

static void exact_slept_on(void **state)
{
	stopped_at_its_start(*state, "&recovery=exact", true);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(at_work_polled),  TEST(at_work_slept_on), TEST(replay_polled),
		TEST(replay_slept_on), TEST(exact_polled),     TEST(exact_slept_on),
	};

	return RUN_TESTS(tests);
}
