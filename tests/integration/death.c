/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A target that is killed or stopped (SIGSTOP): every request completes once and in time,
 * everything can be closed, and a restarted target can be opened.
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

static bool opens(struct fixture *f, const char *options)
{
	char address[128];

	snprintf(address, sizeof(address), "%s%s", f->target.address, options);
	f->info.size = sizeof(f->info);
	return !open_address(address, NULL, &f->dev) &&
	       !vscsi_lun_open(f->dev, 0, 0, NULL, &f->lun) &&
	       !vscsi_lun_get_info(f->lun, &f->info) && !vscsi_queue_open(f->dev, NULL, &f->queue);
}

/*
 * With a limit so short that a target on a busy machine may exceed it by itself: tries until it
 * doesn't.
 */
static void start_hurried(struct fixture *f, const char *options)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;

	START(f, "--lun=0:0,ram=16M");
	while (!opens(f, options)) {
		close_all(f);
		assert_true(now_ms() < limit);
	}
}

/* Stops the target, submits requests on @queue, and kills it. */
static void die_in_flight(struct fixture *f, struct vscsi_queue *queue, char *data)
{
	unsigned i;

	for (i = 0; i < DEPTH; i++)
		assert_int_equal(vscsi_read(queue, f->lun, data + 512 * i, i, 1, 0, i), 0);
	target_freeze(&f->target);
	/* The last one is prepared but not submitted. */
	assert_int_equal(vscsi_submit(queue), 0);
	assert_int_equal(vscsi_read(queue, f->lun, data, 0, 1, 0, DEPTH), 0);
	target_kill(&f->target);
}

/* Collects all requests of die_in_flight(), three at a time; sleeps for each batch if @sleep. */
static void collect_lost(struct vscsi_queue *queue, bool sleep)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	struct vscsi_completion done[3];
	unsigned seen = 0;
	int got = 0;
	int i;

	while (got != -ENOTCONN) {
		assert_true(now_ms() < limit);
		if (sleep)
			assert_int_equal(vscsi_wait(queue, TIMEOUT_MS), 1);
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
	assert_int_equal(vscsi_wait(f->queue, TIMEOUT_MS), 1);
	assert_int_equal(vscsi_pread(f->lun, data, 512, 0), -ENOTCONN);
	assert_error_text("vscsi_pread");
	assert_error_text("lost");
	assert_int_equal(vscsi_sync_flush(f->lun), -ENOTCONN);
	assert_int_equal(vscsi_lun_refresh(f->lun), -ENOTCONN);
	assert_int_equal(vscsi_lun_reset(f->lun), -ENOTCONN);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &lun), -ENOTCONN);
	assert_int_equal(vscsi_dev_scan(f->dev, NULL, 0), -ENOTCONN);
	assert_int_equal(vscsi_dev_get_info(f->dev, &info), 0);
	assert_int_equal(info.state, VSCSI_DEV_FAILED);
}

static void reopen(struct fixture *f)
{
	close_all(f);
	START(f, "--lun=0:0,ram=16M");
	open_disk(f, "");
	assert_works(f);
}

static void killed_while_polling(void **state)
{
	static const char *const options[] = {"", "?status=off", "?mem_slots=off",
					      "?reset_device=off"};
	struct fixture *f = *state;
	unsigned i;
	char *data;

	CONFORMS("R-VU-98");
	for (i = 0; i < ARRAY_LEN(options); i++) {
		start(f, options[i]);
		data = alloc_dma(f, DEPTH * 512);
		die_in_flight(f, f->queue, data);
		collect_lost(f->queue, false);
		assert_dead(f, data);
		reopen(f);
		close_all(f);
		assert_true(target_stop(&f->target));
	}
}

static void killed_while_sleeping(void **state)
{
	struct fixture *f = *state;
	char *data;

	start(f, "");
	data = alloc_dma(f, DEPTH * 512);
	die_in_flight(f, f->queue, data);
	collect_lost(f->queue, true);
	assert_dead(f, data);
	reopen(f);
}

/* A polling target sends no notification when it dies, and nothing kicks it. */
static void polling_target_killed(void **state)
{
	struct fixture *f = *state;
	char *data;

	START(f, "--lun=0:0,ram=16M", "--mode=poll");
	open_disk(f, "");
	data = alloc_dma(f, DEPTH * 512);
	die_in_flight(f, f->queue, data);
	collect_lost(f->queue, false);
	assert_dead(f, data);
	reopen(f);
}

/* Requests on several queues, two of them on one ring: each handle gets its own completions. */
static void several_queues(void **state)
{
	struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};
	struct vscsi_queue *shared;
	struct vscsi_queue *second;
	struct fixture *f = *state;
	unsigned i;
	char *data;

	start(f, "?queues=3");
	data = alloc_dma(f, DEPTH * 512);
	assert_int_equal(vscsi_queue_open(f->dev, NULL, &second), 0);
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &shared), 0);
	for (i = 0; i < DEPTH; i++) {
		assert_int_equal(vscsi_read(second, f->lun, data, i, 1, 0, i), 0);
		assert_int_equal(vscsi_read(shared, f->lun, data, i, 1, 0, i), 0);
	}
	assert_int_equal(vscsi_read(second, f->lun, data, i, 1, 0, DEPTH), 0);
	assert_int_equal(vscsi_read(shared, f->lun, data, i, 1, 0, DEPTH), 0);
	die_in_flight(f, f->queue, data);
	collect_lost(shared, false);
	collect_lost(f->queue, true);
	collect_lost(second, false);
	assert_int_equal(vscsi_queue_close(shared), 0);
	assert_int_equal(vscsi_queue_close(second), 0);
	reopen(f);
}

static void one_event_per_loss(void **state)
{
	struct vscsi_event events[4];
	struct fixture *f = *state;
	uint64_t limit = now_ms() + TIMEOUT_MS;
	int count;

	start(f, "");
	target_kill(&f->target);
	while (!(count = vscsi_dev_poll_events(f->dev, events, 4)))
		assert_true(now_ms() < limit);
	assert_int_equal(count, 1);
	assert_int_equal(events[0].type, VSCSI_EVENT_LOST);
	assert_int_equal(vscsi_dev_poll_events(f->dev, events, 4), -ENOTCONN);
	assert_error_text("vscsi_dev_poll_events");
	reopen(f);
}

/* Killed at a random time while requests are running. */
static void killed_under_load(void **state)
{
	static const unsigned moments[] = {1, 2, 17, 100, 333};
	struct fixture *f = *state;
	unsigned round;

	for (round = 0; round < ARRAY_LEN(moments); round++) {
		uint64_t limit = now_ms() + TIMEOUT_MS;
		struct vscsi_completion done[DEPTH];
		uint64_t accepted = 0;
		uint64_t returned = 0;
		char *data;
		int got = 0;
		int i;

		start(f, "");
		data = alloc_dma(f, DEPTH * 512);
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

/* A synchronous call in a thread, and its results for the first thread. */
struct waiter {
	struct fixture *f;
	pthread_t thread;
	int result;
	char error_text[256];
};

static void *wait_for_read(void *arg)
{
	struct waiter *waiter = arg;
	char block[512];

	waiter->result = vscsi_pread(waiter->f->lun, block, sizeof(block), 0);
	snprintf(waiter->error_text, sizeof(waiter->error_text), "%s", vscsi_last_error());
	return NULL;
}

static void synchronous_calls_end(void **state)
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
		assert_non_null(strstr(waiters[i].error_text, "vscsi_pread"));
	}
	reopen(f);
}

/* Closes the device before the loss is noticed. */
static void close_before_loss_is_noticed(void **state)
{
	struct fixture *f = *state;

	start(f, "");
	target_kill(&f->target);
	reopen(f);
}

static void lost_device_memory(void **state)
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
	assert_int_equal(open_address(f->target.address, &opts, &f->dev), 0);
	target_kill(&f->target);
	close_all(f);
	assert_int_equal(vscsi_mem_get_stats(opts.mem, &stats), 0);
	assert_int_equal(stats.blocks, 0);
	START(f, "--lun=0:0,ram=16M");
	assert_int_equal(open_address(f->target.address, &opts, &f->dev), 0);
	close_all(f);
	assert_int_equal(vscsi_mem_destroy(opts.mem), 0);
}

static uint64_t used_bytes(struct fixture *f)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};

	assert_int_equal(vscsi_mem_get_stats(vscsi_dev_mem(f->dev), &stats), 0);
	return stats.used;
}

/* Calls until what earlier calls lent to the device is back: it may answer them in any order. */
static void await_memory(struct fixture *f, uint64_t used)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;

	do {
		assert_true(now_ms() < limit);
		assert_int_equal(vscsi_sync_flush(f->lun), 0);
	} while (used_bytes(f) != used);
}

/* A request that timed out stays with the device, and completes when the device responds. */
static void response_after_timeout(void **state)
{
	char block[512];
	char expect[512];
	struct fixture *f = *state;
	uint64_t begin;
	uint64_t used;

	CONFORMS("R-CLN-03");
	start_hurried(f, "?timeout_ms=1500");
	fill(expect, sizeof(expect), 1);
	assert_int_equal(vscsi_pwrite(f->lun, expect, sizeof(expect), 0, 0), 0);
	memset(block, 0xee, sizeof(block));
	memset(expect, 0xee, sizeof(expect));
	used = used_bytes(f);
	target_freeze(&f->target);
	begin = now_ms();
	assert_int_equal(vscsi_pread(f->lun, block, sizeof(block), 0), -ETIMEDOUT);
	assert_in_range(now_ms() - begin, 1499, TIMEOUT_MS);
	assert_error_text("vscsi_pread");
	assert_error_text("1500 ms");
	assert_true(used_bytes(f) > used);
	target_thaw(&f->target);
	await_memory(f, used);
	assert_memory_equal(block, expect, sizeof(block));
	assert_works(f);
}

/* Handles can be closed after a timeout: requests still with the device don't refer to them. */
static void close_handles_before_response(void **state)
{
	struct fixture *f = *state;
	struct vscsi_lun *second;
	char block[512] = "";
	uint64_t used;

	start_hurried(f, "?timeout_ms=1500");
	used = used_bytes(f);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &second), 0);
	target_command(&f->target, NULL, 0, "resize 0:0 17M");
	target_freeze(&f->target);
	/* The first one gets a unit attention, which is reported as an event of this unit. */
	assert_int_equal(vscsi_pread(second, block, sizeof(block), 0), -ETIMEDOUT);
	assert_int_equal(vscsi_pwrite(second, block, sizeof(block), 512, 0), -ETIMEDOUT);
	assert_int_equal(vscsi_lun_close(second), 0);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &second), -ETIMEDOUT);
	assert_int_equal(vscsi_dev_scan(f->dev, NULL, 0), -ETIMEDOUT);
	target_thaw(&f->target);
	await_memory(f, used);
	assert_works(f);
}

/* As many functions as the control queue has slots, and one more; then all slots are free again. */
static void task_management_timeout(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	CONFORMS("R-SCSI-73");
	start_hurried(f, "?timeout_ms=50");
	target_freeze(&f->target);
	for (i = 0; i < 8; i++) {
		assert_int_equal(vscsi_lun_reset(f->lun), -ETIMEDOUT);
		assert_error_text("50 ms");
	}
	assert_int_equal(vscsi_lun_reset(f->lun), -EBUSY);
	target_thaw(&f->target);
	for (i = 0; i < 20; i++) {
		uint64_t limit = now_ms() + TIMEOUT_MS;
		int err;

		while ((err = vscsi_lun_reset(f->lun)))
			assert_true((err == -ETIMEDOUT || err == -EBUSY) && now_ms() < limit);
	}
}

/* The device does not respond to the close: it takes a while, but ends. */
static void close_while_stopped(void **state)
{
	struct fixture *f = *state;
	char block[512];
	uint64_t begin;

	CONFORMS("R-VU-110");
	start_hurried(f, "?timeout_ms=200");
	target_freeze(&f->target);
	assert_int_equal(vscsi_pread(f->lun, block, sizeof(block), 0), -ETIMEDOUT);
	assert_int_equal(vscsi_pwrite(f->lun, block, sizeof(block), 0, 0), -ETIMEDOUT);
	begin = now_ms();
	close_all(f);
	assert_true(now_ms() - begin < TIMEOUT_MS);
	target_thaw(&f->target);
	open_disk(f, "");
	assert_works(f);
}

/* The device never responds: open fails in time, and leaks nothing. */
static void open_while_stopped(void **state)
{
	struct fixture *f = *state;
	char address[128];

	START(f, "--lun=0:0,ram=16M");
	target_freeze(&f->target);
	snprintf(address, sizeof(address), "%s?timeout_ms=100", f->target.address);
	assert_int_equal(vscsi_dev_open(address, NULL, &f->dev), -ETIMEDOUT);
	assert_error_text("vscsi_dev_open");
	assert_null(f->dev);
	target_thaw(&f->target);
	open_disk(f, "");
	assert_works(f);
}

int main(void)
{
	static const struct CMUnitTest death[] = {
		TEST(killed_while_polling),
		TEST(killed_while_sleeping),
		TEST(polling_target_killed),
		TEST(several_queues),
		TEST(one_event_per_loss),
		TEST(killed_under_load),
		TEST(synchronous_calls_end),
		TEST(close_before_loss_is_noticed),
		TEST(lost_device_memory),
		TEST(response_after_timeout),
		TEST(close_handles_before_response),
		TEST(task_management_timeout),
		TEST(close_while_stopped),
		TEST(open_while_stopped),
	};

	return RUN_TESTS(death);
}
