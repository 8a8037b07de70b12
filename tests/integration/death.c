/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A target that is killed, or stands still: every request ends exactly once and in time,
 * everything can be closed, and a target that comes back can be opened.
 */
#include "disk.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#define DEPTH 16

static void start(struct fixture *f, const char *options)
{
	START(f, "--lun=0:0,ram=16M");
	open_disk(f, options);
}

/* The target stands still, has requests of @queue, and is killed. */
static void die_in_flight(struct fixture *f, struct vscsi_queue *queue, char *data)
{
	unsigned i;

	for (i = 0; i < DEPTH; i++)
		assert_int_equal(vscsi_read(queue, f->lun, data + 512 * i, i, 1, 0, i), 0);
	target_freeze(&f->target);
	/* The last one isn't even submitted: prepared counts as well. */
	assert_int_equal(vscsi_submit(queue), 0);
	assert_int_equal(vscsi_read(queue, f->lun, data, 0, 1, 0, DEPTH), 0);
	target_kill(&f->target);
}

/* Collects all that die_in_flight() left, three at a time; sleeps for each batch if asked to. */
static void collect_dead(struct vscsi_queue *queue, bool sleep)
{
	uint64_t limit = now_ms() + PATIENCE_MS;
	struct vscsi_completion done[3];
	unsigned seen = 0;
	int got = 0;
	int i;

	while (got != -ENOTCONN) {
		assert_true(now_ms() < limit);
		if (sleep)
			assert_int_equal(vscsi_wait(queue, PATIENCE_MS), 1);
		got = vscsi_poll(queue, done, 3);
		for (i = 0; i < got; i++) {
			assert_in_range(done[i].user_data, 0, DEPTH);
			assert_int_equal(seen & 1u << done[i].user_data, 0);
			seen |= 1u << done[i].user_data;
			assert_true(done[i].result == -ENOTCONN);
		}
	}
	assert_int_equal(seen, (1u << (DEPTH + 1)) - 1);
}

static void assert_dead(struct fixture *f, char *data)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	struct vscsi_completion done;
	struct vscsi_lun *lun;

	assert_int_equal(vscsi_poll(f->queue, &done, 1), -ENOTCONN);
	assert_int_equal(vscsi_submit(f->queue), -ENOTCONN);
	assert_int_equal(vscsi_read(f->queue, f->lun, data, 0, 1, 0, 0), -ENOTCONN);
	assert_int_equal(vscsi_flush(f->queue, f->lun, 0), -ENOTCONN);
	assert_int_equal(vscsi_arm(f->queue), -ENOTCONN);
	assert_int_equal(vscsi_wait(f->queue, PATIENCE_MS), 1);
	assert_int_equal(vscsi_pread(f->lun, data, 512, 0), -ENOTCONN);
	assert_sentence("vscsi_pread");
	assert_sentence("lost");
	assert_int_equal(vscsi_sync_flush(f->lun), -ENOTCONN);
	assert_int_equal(vscsi_lun_refresh(f->lun), -ENOTCONN);
	assert_int_equal(vscsi_lun_reset(f->lun), -ENOTCONN);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &lun), -ENOTCONN);
	assert_int_equal(vscsi_dev_scan(f->dev, NULL, 0), -ENOTCONN);
	assert_int_equal(vscsi_dev_get_info(f->dev, &info), 0);
	assert_int_equal(info.state, VSCSI_DEV_FAILED);
}

static void comes_back(struct fixture *f)
{
	close_all(f);
	START(f, "--lun=0:0,ram=16M");
	open_disk(f, "");
	assert_works(f);
}

static void killed_while_polled(void **state)
{
	static const char *const options[] = {"", "?status=off", "?mem_slots=off",
					      "?reset_device=off"};
	struct fixture *f = *state;
	unsigned i;
	char *data;

	CONFORMS("R-VU-98");
	for (i = 0; i < ARRAY_LEN(options); i++) {
		start(f, options[i]);
		data = take(f, DEPTH * 512);
		die_in_flight(f, f->queue, data);
		collect_dead(f->queue, false);
		assert_dead(f, data);
		comes_back(f);
		close_all(f);
		assert_true(target_stop(&f->target));
	}
}

static void killed_while_asleep(void **state)
{
	struct fixture *f = *state;
	char *data;

	start(f, "");
	data = take(f, DEPTH * 512);
	die_in_flight(f, f->queue, data);
	collect_dead(f->queue, true);
	assert_dead(f, data);
	comes_back(f);
}

/* A polling target sends nothing at all when it dies; nor does anybody kick it. */
static void a_polling_target_is_killed(void **state)
{
	struct fixture *f = *state;
	char *data;

	START(f, "--lun=0:0,ram=16M", "--mode=poll");
	open_disk(f, "");
	data = take(f, DEPTH * 512);
	die_in_flight(f, f->queue, data);
	collect_dead(f->queue, false);
	assert_dead(f, data);
	comes_back(f);
}

/* Requests on several queues, two of them on one ring: each handle gets back its own. */
static void several_queues_at_once(void **state)
{
	struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};
	struct vscsi_queue *shared;
	struct vscsi_queue *second;
	struct fixture *f = *state;
	unsigned i;
	char *data;

	start(f, "?queues=3");
	data = take(f, DEPTH * 512);
	assert_int_equal(vscsi_queue_open(f->dev, NULL, &second), 0);
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &shared), 0);
	for (i = 0; i < DEPTH; i++) {
		assert_int_equal(vscsi_read(second, f->lun, data, i, 1, 0, i), 0);
		assert_int_equal(vscsi_read(shared, f->lun, data, i, 1, 0, i), 0);
	}
	assert_int_equal(vscsi_read(second, f->lun, data, i, 1, 0, DEPTH), 0);
	assert_int_equal(vscsi_read(shared, f->lun, data, i, 1, 0, DEPTH), 0);
	die_in_flight(f, f->queue, data);
	collect_dead(shared, false);
	collect_dead(f->queue, true);
	collect_dead(second, false);
	assert_int_equal(vscsi_queue_close(shared), 0);
	assert_int_equal(vscsi_queue_close(second), 0);
	comes_back(f);
}

static void events_tell_it_once(void **state)
{
	struct vscsi_event events[4];
	struct fixture *f = *state;
	uint64_t limit = now_ms() + PATIENCE_MS;
	int count;

	start(f, "");
	target_kill(&f->target);
	while (!(count = vscsi_dev_poll_events(f->dev, events, 4)))
		assert_true(now_ms() < limit);
	assert_int_equal(count, 1);
	assert_int_equal(events[0].type, VSCSI_EVENT_LOST);
	assert_int_equal(vscsi_dev_poll_events(f->dev, events, 4), -ENOTCONN);
	assert_sentence("vscsi_dev_poll_events");
	comes_back(f);
}

/* Killed at a moment that nobody chose, while requests come and go. */
static void killed_under_load(void **state)
{
	static const unsigned moments[] = {1, 2, 17, 100, 333};
	struct fixture *f = *state;
	unsigned round;

	for (round = 0; round < ARRAY_LEN(moments); round++) {
		uint64_t limit = now_ms() + PATIENCE_MS;
		struct vscsi_completion done[DEPTH];
		uint64_t accepted = 0;
		uint64_t returned = 0;
		char *data;
		int got = 0;
		int i;

		start(f, "");
		data = take(f, DEPTH * 512);
		while (got != -ENOTCONN) {
			assert_true(now_ms() < limit);
			while (accepted - returned < DEPTH &&
			       !vscsi_write(f->queue, f->lun, data, 0, 1, 0, accepted))
				accepted++;
			vscsi_submit(f->queue);
			if (f->target.pid && returned >= moments[round])
				target_kill(&f->target);
			got = vscsi_poll(f->queue, done, DEPTH);
			for (i = 0; i < got; i++, returned++)
				assert_true(!done[i].result || done[i].result == -ENOTCONN);
		}
		assert_int_equal(accepted, returned);
		close_all(f);
	}
}

/* A call that waits, in a thread of its own, and what it left for the first thread to see. */
struct waiter {
	struct fixture *f;
	pthread_t thread;
	int result;
	char sentence[256];
};

static void *wait_for_read(void *arg)
{
	struct waiter *waiter = arg;
	char block[512];

	waiter->result = vscsi_pread(waiter->f->lun, block, sizeof(block), 0);
	snprintf(waiter->sentence, sizeof(waiter->sentence), "%s", vscsi_last_error());
	return NULL;
}

static void waiting_calls_end(void **state)
{
	struct waiter waiters[4];
	struct fixture *f = *state;
	unsigned i;

	start(f, "");
	target_freeze(&f->target);
	for (i = 0; i < ARRAY_LEN(waiters); i++) {
		waiters[i].f = f;
		assert_int_equal(
			pthread_create(&waiters[i].thread, NULL, wait_for_read, &waiters[i]), 0);
	}
	target_kill(&f->target);
	for (i = 0; i < ARRAY_LEN(waiters); i++) {
		assert_int_equal(pthread_join(waiters[i].thread, NULL), 0);
		assert_int_equal(waiters[i].result, -ENOTCONN);
		assert_non_null(strstr(waiters[i].sentence, "vscsi_pread"));
	}
	comes_back(f);
}

/* Closing without ever having noticed. */
static void closed_unaware(void **state)
{
	struct fixture *f = *state;

	start(f, "");
	target_kill(&f->target);
	comes_back(f);
}

static void memory_of_a_lost_device(void **state)
{
	struct vscsi_mem_opts mem_opts = {
		.size = sizeof(mem_opts),
		.flags = VSCSI_MEM_ORDINARY,
		.bytes = 4 * MIB,
	};
	struct vscsi_dev_opts opts = {.size = sizeof(opts), .queues = 2};
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};
	struct fixture *f = *state;

	START(f, "--lun=0:0,ram=16M");
	assert_int_equal(vscsi_mem_create(&mem_opts, &opts.mem), 0);
	assert_int_equal(vscsi_dev_open(f->target.address, &opts, &f->dev), 0);
	target_kill(&f->target);
	close_all(f);
	assert_int_equal(vscsi_mem_get_stats(opts.mem, &stats), 0);
	assert_int_equal(stats.blocks, 0);
	START(f, "--lun=0:0,ram=16M");
	assert_int_equal(vscsi_dev_open(f->target.address, &opts, &f->dev), 0);
	close_all(f);
	assert_int_equal(vscsi_mem_destroy(opts.mem), 0);
}

static uint64_t used_bytes(struct fixture *f)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};

	assert_int_equal(vscsi_mem_get_stats(vscsi_dev_mem(f->dev), &stats), 0);
	return stats.used;
}

/* What timed out stays the device's, and comes back when it answers after all. */
static void answer_after_the_time_limit(void **state)
{
	char block[512];
	char expect[512];
	struct fixture *f = *state;
	uint64_t begin;
	uint64_t used;

	CONFORMS("R-CLN-03");
	start(f, "?timeout_ms=300");
	fill(expect, sizeof(expect), 1);
	assert_int_equal(vscsi_pwrite(f->lun, expect, sizeof(expect), 0, 0), 0);
	memset(block, 0xee, sizeof(block));
	memset(expect, 0xee, sizeof(expect));
	used = used_bytes(f);
	target_freeze(&f->target);
	begin = now_ms();
	assert_int_equal(vscsi_pread(f->lun, block, sizeof(block), 0), -ETIMEDOUT);
	assert_in_range(now_ms() - begin, 299, PATIENCE_MS);
	assert_sentence("vscsi_pread");
	assert_sentence("300 ms");
	assert_true(used_bytes(f) > used);
	target_thaw(&f->target);
	/* The later call's answer comes after the one that nobody waits for any more. */
	assert_int_equal(vscsi_sync_flush(f->lun), 0);
	assert_memory_equal(block, expect, sizeof(block));
	assert_int_equal(used_bytes(f), used);
	assert_works(f);
}

/* Handles may go at once after a time-out: what the device still has doesn't lean on them. */
static void handles_go_before_the_answer(void **state)
{
	struct fixture *f = *state;
	struct vscsi_lun *second;
	char block[512] = "";
	uint64_t used;

	start(f, "?timeout_ms=100");
	used = used_bytes(f);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &second), 0);
	target_command(&f->target, NULL, 0, "resize 0:0 17M");
	target_freeze(&f->target);
	/* The first of them meets a unit attention, which names the unit in an event. */
	assert_int_equal(vscsi_pread(second, block, sizeof(block), 0), -ETIMEDOUT);
	assert_int_equal(vscsi_pwrite(second, block, sizeof(block), 512, 0), -ETIMEDOUT);
	assert_int_equal(vscsi_lun_close(second), 0);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &second), -ETIMEDOUT);
	assert_int_equal(vscsi_dev_scan(f->dev, NULL, 0), -ETIMEDOUT);
	target_thaw(&f->target);
	assert_int_equal(vscsi_sync_flush(f->lun), 0);
	assert_int_equal(used_bytes(f), used);
	assert_works(f);
}

/* As many as the control queue has places, and one more; all places are there again afterwards. */
static void functions_without_an_answer(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	CONFORMS("R-SCSI-73");
	start(f, "?timeout_ms=50");
	target_freeze(&f->target);
	for (i = 0; i < 8; i++) {
		assert_int_equal(vscsi_lun_reset(f->lun), -ETIMEDOUT);
		assert_sentence("50 ms");
	}
	assert_int_equal(vscsi_lun_reset(f->lun), -EBUSY);
	target_thaw(&f->target);
	for (i = 0; i < 20; i++) {
		uint64_t limit = now_ms() + PATIENCE_MS;
		int err;

		while ((err = vscsi_lun_reset(f->lun)))
			assert_true((err == -ETIMEDOUT || err == -EBUSY) && now_ms() < limit);
	}
}

/* The device doesn't answer when it is closed: that takes a while, and ends. */
static void closed_while_it_stands_still(void **state)
{
	struct fixture *f = *state;
	char block[512];
	uint64_t begin;

	CONFORMS("R-VU-110");
	start(f, "?timeout_ms=200");
	target_freeze(&f->target);
	assert_int_equal(vscsi_pread(f->lun, block, sizeof(block), 0), -ETIMEDOUT);
	assert_int_equal(vscsi_pwrite(f->lun, block, sizeof(block), 0, 0), -ETIMEDOUT);
	begin = now_ms();
	close_all(f);
	assert_true(now_ms() - begin < PATIENCE_MS);
	target_thaw(&f->target);
	open_disk(f, "");
	assert_works(f);
}

/* Nobody answers at all: opening ends too, and leaves nothing. */
static void opened_while_it_stands_still(void **state)
{
	struct fixture *f = *state;
	char address[128];

	START(f, "--lun=0:0,ram=16M");
	target_freeze(&f->target);
	snprintf(address, sizeof(address), "%s?timeout_ms=100", f->target.address);
	assert_int_equal(vscsi_dev_open(address, NULL, &f->dev), -ETIMEDOUT);
	assert_sentence("vscsi_dev_open");
	assert_null(f->dev);
	target_thaw(&f->target);
	open_disk(f, "");
	assert_works(f);
}

int main(void)
{
	static const struct CMUnitTest death[] = {
		TEST(killed_while_polled),
		TEST(killed_while_asleep),
		TEST(a_polling_target_is_killed),
		TEST(several_queues_at_once),
		TEST(events_tell_it_once),
		TEST(killed_under_load),
		TEST(waiting_calls_end),
		TEST(closed_unaware),
		TEST(memory_of_a_lost_device),
		TEST(answer_after_the_time_limit),
		TEST(handles_go_before_the_answer),
		TEST(functions_without_an_answer),
		TEST(closed_while_it_stands_still),
		TEST(opened_while_it_stands_still),
	};

	return RUN_TESTS(death);
}
