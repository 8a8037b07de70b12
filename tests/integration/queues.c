/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queues and threads: one queue per thread, more threads than queues, one handle for all; and what
 * can't be closed while requests are in flight. Threads return results; only the first one asserts.
 */
#include "disk.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define THREADS 6
#define SLOTS   8
#define ROUNDS  200

/*
 * struct job - The work of a thread
 * @dev, @lun, @flags: for opening its queue; if @queue is set, it is used and left open
 * @data: SLOTS blocks of DMA memory
 * @number: its part of the disk
 * @exclusive: whether its queue was exclusive
 * @good: no error occurred
 */
struct job {
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	uint32_t flags;
	char *data;
	unsigned number;
	bool exclusive;
	bool good;
};

static uint64_t seed_of(const struct job *job, unsigned round, unsigned slot)
{
	return (uint64_t)job->number << 32 | round << 8 | slot;
}

static int prepare(const struct job *job, unsigned slot, bool write, uint64_t user_data)
{
	uint64_t lba = job->number * 1000ul + slot;
	char *block = job->data + slot * 512ul;

	if (write)
		return vscsi_write(job->queue, job->lun, block, lba, 1, 0, user_data);
	return vscsi_read(job->queue, job->lun, block, lba, 1, 0, user_data);
}

/* Writes or reads all blocks; a queue that others use too can be full at any time. */
static bool move_all(const struct job *job, bool write)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	struct vscsi_completion done[SLOTS];
	unsigned prepared = 0;
	unsigned seen = 0;
	int got;
	int i;

	while (seen != (1u << SLOTS) - 1) {
		int err = prepared < SLOTS ? prepare(job, prepared, write, prepared) : -EAGAIN;

		if (!err)
			prepared++;
		if (!err && prepared < SLOTS)
			continue;
		got = err && err != -EAGAIN ? err : vscsi_submit(job->queue);
		if (!got)
			got = vscsi_poll(job->queue, done, SLOTS);
		if (got < 0 || now_ms() > limit)
			return false;
		for (i = 0; i < got; i++) {
			if (done[i].result || done[i].user_data >= SLOTS ||
			    seen & 1u << done[i].user_data)
				return false;
			seen |= 1u << done[i].user_data;
		}
		if (!got)
			sched_yield();
	}
	return true;
}

static bool write_and_read(const struct job *job, unsigned round)
{
	unsigned slot;

	for (slot = 0; slot < SLOTS; slot++)
		fill(job->data + slot * 512ul, 512, seed_of(job, round, slot));
	if (!move_all(job, true))
		return false;
	memset(job->data, 0, SLOTS * 512);
	if (!move_all(job, false))
		return false;
	for (slot = 0; slot < SLOTS; slot++) {
		if (!holds(job->data + slot * 512ul, 512, seed_of(job, round, slot)))
			return false;
	}
	return true;
}

static void *run_job(void *arg)
{
	struct vscsi_queue_info info = {.size = sizeof(info)};
	struct vscsi_queue_opts opts = {.size = sizeof(opts)};
	struct job *job = arg;
	unsigned round;

	opts.flags = job->flags;
	if (vscsi_queue_open(job->dev, &opts, &job->queue))
		return NULL;
	job->good = !vscsi_queue_get_info(job->queue, &info);
	job->exclusive = info.exclusive;
	for (round = 0; round < ROUNDS && job->good; round++)
		job->good = write_and_read(job, round);
	if (vscsi_queue_close(job->queue))
		job->good = false;
	return NULL;
}

/* Runs a job in each of @count threads; returns how many had an exclusive queue. */
static unsigned run_jobs(struct fixture *f, unsigned count, uint32_t flags, void *(*run)(void *))
{
	pthread_t threads[THREADS];
	struct job jobs[THREADS];
	unsigned exclusive = 0;
	unsigned i;

	for (i = 0; i < count; i++) {
		jobs[i] = (struct job){
			.dev = f->dev,
			.lun = f->lun,
			.queue = f->queue,
			.flags = flags,
			.data = alloc_dma(f, SLOTS * 512),
			.number = i,
		};
		assert_int_equal(pthread_create(&threads[i], NULL, run, &jobs[i]), 0);
	}
	for (i = 0; i < count; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (i = 0; i < count; i++) {
		assert_true(jobs[i].good);
		exclusive += jobs[i].exclusive;
	}
	return exclusive;
}

static void open_for_threads(struct fixture *f, const char *options)
{
	START(f, "--lun=0:0,ram=16M", "--cmd-per-lun=100000");
	open_dev(f, options);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &f->lun), 0);
}

static void queue_per_thread(void **state)
{
	struct fixture *f = *state;

	open_for_threads(f, "?queues=5");
	assert_int_equal(run_jobs(f, 4, VSCSI_QUEUE_EXCLUSIVE, run_job), 4);
}

/* Opening never fails: if no queue is left, it is shared. Small rings, so that they get full. */
static void more_threads_than_queues(void **state)
{
	struct fixture *f = *state;

	CONFORMS("R-MB-22");
	open_for_threads(f, "?queues=3&queue_size=16");
	assert_in_range(run_jobs(f, THREADS, 0, run_job), 1, THREADS);
	close_all(f);
	assert_true(target_stop(&f->target));
	open_for_threads(f, "?queues=1&queue_size=16");
	assert_int_equal(run_jobs(f, THREADS, 0, run_job), 0);
}

/* How often each request of the shared handle has completed, in any thread. */
static atomic_uint returned[THREADS * SLOTS];

static bool all_completed(const struct job *job, unsigned times)
{
	unsigned slot;

	for (slot = 0; slot < SLOTS; slot++) {
		if (atomic_load(&returned[job->number * SLOTS + slot]) < times)
			return false;
	}
	return true;
}

/* Polls for all threads until the thread's own requests have completed this often. */
static bool collect_shared(const struct job *job, unsigned times)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	struct vscsi_completion done[SLOTS];
	int got;
	int i;

	while (!all_completed(job, times)) {
		got = vscsi_poll(job->queue, done, SLOTS);
		if (got < 0 || now_ms() > limit)
			return false;
		for (i = 0; i < got; i++) {
			if (done[i].result || done[i].user_data >= THREADS * SLOTS)
				return false;
			atomic_fetch_add(&returned[done[i].user_data], 1);
		}
		if (!got)
			sched_yield();
	}
	return true;
}

static void *run_shared_job(void *arg)
{
	struct job *job = arg;
	unsigned pass;
	unsigned slot;
	int err;

	job->good = true;
	for (pass = 0; pass < 2 * ROUNDS && job->good; pass++) {
		for (slot = 0; slot < SLOTS; slot++) {
			if (pass % 2 == 0)
				fill(job->data + slot * 512ul, 512, seed_of(job, pass, slot));
			err = prepare(job, slot, pass % 2 == 0, job->number * SLOTS + slot);
			job->good = job->good && !err;
		}
		job->good = job->good && !vscsi_submit(job->queue) && collect_shared(job, pass + 1);
		for (slot = 0; slot < SLOTS && pass % 2; slot++)
			job->good = job->good && holds(job->data + slot * 512ul, 512,
						       seed_of(job, pass - 1, slot));
		if (pass % 2)
			memset(job->data, 0, SLOTS * 512);
	}
	return NULL;
}

static void shared_handle(void **state)
{
	struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};
	struct fixture *f = *state;
	unsigned i;

	CONFORMS("R-MB-22");
	open_for_threads(f, "?queues=2");
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &f->queue), 0);
	for (i = 0; i < ARRAY_LEN(returned); i++)
		atomic_store(&returned[i], 0);
	run_jobs(f, 4, 0, run_shared_job);
	for (i = 0; i < 4 * SLOTS; i++)
		assert_int_equal(atomic_load(&returned[i]), 2 * ROUNDS);
}

static void exclusive_queues_exhausted(void **state)
{
	struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_EXCLUSIVE};
	struct vscsi_queue_info info = {.size = sizeof(info)};
	struct vscsi_queue *third = NULL;
	struct vscsi_queue *second;
	struct fixture *f = *state;

	open_for_threads(f, "?queues=3");
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &f->queue), 0);
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &second), 0);
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &third), -EBUSY);
	assert_error_text("vscsi_queue_open");
	assert_error_text("VSCSI_QUEUE_EXCLUSIVE");
	assert_null(third);
	assert_int_equal(vscsi_queue_open(f->dev, NULL, &third), 0);
	assert_int_equal(vscsi_queue_get_info(third, &info), 0);
	assert_int_equal(info.exclusive, 0);
	assert_int_equal(info.index, 0);
	assert_int_equal(vscsi_queue_close(third), 0);
	/* A queue that was closed can be opened again. */
	assert_int_equal(vscsi_queue_close(second), 0);
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &second), 0);
	assert_int_equal(vscsi_queue_get_info(second, &info), 0);
	assert_int_equal(info.exclusive, 1);
	assert_int_equal(vscsi_queue_close(second), 0);
}

static void bad_options(void **state)
{
	struct vscsi_queue_opts opts = {.size = sizeof(opts),
					.flags = VSCSI_QUEUE_EXCLUSIVE | VSCSI_QUEUE_SHARED};
	struct fixture *f = *state;

	open_for_threads(f, "");
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &f->queue), -EINVAL);
	opts.flags = 1u << 31;
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &f->queue), -EINVAL);
	assert_null(f->queue);
}

/* Two handles of one ring: each gets its own completions, whichever polls first. */
static void handles_get_their_own_completions(void **state)
{
	struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};
	struct vscsi_queue_info info = {.size = sizeof(info)};
	struct vscsi_completion done[8];
	struct vscsi_queue *other;
	struct fixture *f = *state;
	unsigned i;
	char *data;

	open_for_threads(f, "?queues=1");
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &f->queue), 0);
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &other), 0);
	data = alloc_dma(f, 4096);
	for (i = 0; i < 4; i++) {
		assert_int_equal(vscsi_read(f->queue, f->lun, data, i, 1, 0, i), 0);
		assert_int_equal(vscsi_read(other, f->lun, data + 512, i, 1, 0, 100 + i), 0);
	}
	/* One submit is for both; this handle's polls deliver to the other. */
	collect(f->queue, done, 4);
	for (i = 0; i < 4; i++)
		assert_in_range(done[i].user_data, 0, 3);
	assert_int_equal(vscsi_queue_get_info(other, &info), 0);
	assert_int_equal(info.inflight, 4);
	assert_int_equal(vscsi_queue_close(other), -EBUSY);
	collect(other, done, 4);
	for (i = 0; i < 4; i++)
		assert_in_range(done[i].user_data, 100, 103);
	assert_int_equal(vscsi_queue_close(other), 0);
}

/* Objects that requests in flight depend on can't be closed. */
static void close_busy_handles(void **state)
{
	struct vscsi_queue_info info = {.size = sizeof(info)};
	struct vscsi_completion done[2];
	struct fixture *f = *state;
	char *data;

	START(f, "--lun=0:0,ram=16M");
	open_disk(f, "");
	data = alloc_dma(f, 1024);
	assert_int_equal(vscsi_read(f->queue, f->lun, data, 0, 1, 0, 0), 0);
	assert_int_equal(vscsi_read(f->queue, f->lun, data + 512, 0, 1, 0, 0), 0);
	assert_int_equal(vscsi_queue_get_info(f->queue, &info), 0);
	assert_int_equal(info.inflight, 2);
	assert_int_equal(vscsi_queue_close(f->queue), -EBUSY);
	assert_error_text("vscsi_queue_close");
	assert_int_equal(vscsi_lun_close(f->lun), -EBUSY);
	assert_error_text("0:0");
	assert_int_equal(vscsi_dev_close(f->dev), -EBUSY);
	assert_error_text("vscsi_dev_close");
	collect(f->queue, done, 2);
}

static void busy_until_last_completion(void **state)
{
	struct vscsi_completion done;
	struct fixture *f = *state;
	char *data;

	START(f, "--lun=0:0,ram=16M");
	open_disk(f, "");
	data = alloc_dma(f, 1024);
	assert_int_equal(vscsi_read(f->queue, f->lun, data, 0, 1, 0, 0), 0);
	assert_int_equal(vscsi_read(f->queue, f->lun, data + 512, 0, 1, 0, 0), 0);
	assert_int_equal(vscsi_submit(f->queue), 0);
	while (vscsi_poll(f->queue, &done, 1) == 0)
		sched_yield();
	assert_int_equal(vscsi_queue_close(f->queue), -EBUSY);
	while (vscsi_poll(f->queue, &done, 1) == 0)
		sched_yield();
	assert_int_equal(vscsi_queue_close(f->queue), 0);
	f->queue = NULL;
	assert_int_equal(vscsi_dev_close(f->dev), -EBUSY);
	assert_int_equal(vscsi_lun_close(f->lun), 0);
	f->lun = NULL;
}

int main(void)
{
	static const struct CMUnitTest queues[] = {
		TEST(queue_per_thread),   TEST(more_threads_than_queues),
		TEST(shared_handle),      TEST(exclusive_queues_exhausted),
		TEST(bad_options),        TEST(handles_get_their_own_completions),
		TEST(close_busy_handles), TEST(busy_until_last_completion),
	};

	return RUN_TESTS(queues);
}
