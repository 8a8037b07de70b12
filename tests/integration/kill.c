/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kill test: four threads write and read at random, each on its own queue with 64 requests in
 * flight, while the target is killed and restarted at random times. Every request completes once.
 * Reads and writes succeed, every read returns the data acknowledged last, and so does a final read
 * of the whole disk. A compare-and-write succeeds or its outcome is unknown: one that a target
 * executed before it was killed must not be executed again by the next one, and fail there. Prints
 * how long it took until all threads continued.
 *
 * VSCSI_TEST_LONG=1 in the environment: ten times as many kills. VSCSI_TEST_SEED=N repeats the
 * choices of a run.
 */
#include "disk.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define THREADS 4
#define DEPTH   64
#define BLOCKS  2048u /* per thread */
#define BLOCK   4096u
#define LUN     "--lun=0:0,file=disk.img,block=4096"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KILLS 20u
#else
#define KILLS 100u
#endif

enum kind { READ, WRITE, COMPARE };

/* A request in flight. */
struct job {
	unsigned block;
	enum kind kind;
	bool busy;
};

/*
 * struct worker - A thread, its queue and its part of the disk
 * @done: completed requests, and @done_ms when the last one did; read by the first thread
 * @stop: set by the first thread
 * @error: error message, or NULL
 * @data: DMA memory, two blocks for each request
 * @version: for each block the number of writes, including those in flight
 * @taken: blocks with a request in flight, because the order of two would be undefined
 * @unsure: blocks whose last version may not have been written
 */
struct worker {
	struct fixture *f;
	pthread_t thread;
	unsigned number;
	uint64_t random;
	_Atomic uint64_t done;
	_Atomic uint64_t done_ms;
	atomic_bool stop;
	const char *error;
	char *data;
	struct job jobs[DEPTH];
	unsigned inflight;
	uint32_t version[BLOCKS];
	bool taken[BLOCKS];
	bool unsure[BLOCKS];
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t seed_of(const struct worker *w, unsigned block)
{
	return (uint64_t)w->number << 48 | (uint64_t)block << 32 | w->version[block];
}

/* Blocks that were never written contain zeros. */
static bool is_current(const struct worker *w, unsigned block, const char *data)
{
	return w->version[block] ? holds(data, BLOCK, seed_of(w, block)) : is_zero(data, BLOCK);
}

/* Where the outcome of the last compare-and-write is unknown, it was executed or not. */
static bool is_right(struct worker *w, unsigned block, const char *data)
{
	const bool unsure = w->unsure[block];

	w->unsure[block] = false;
	if (is_current(w, block, data))
		return true;
	if (unsure)
		w->version[block]--;
	return unsure && is_current(w, block, data);
}

/* Replaces a block that has its current version by the next one. */
static int compare_and_write(struct worker *w, struct vscsi_queue *queue, char *data, uint64_t lba,
			     unsigned i)
{
	const unsigned block = w->jobs[i].block;

	if (w->version[block])
		fill(data, BLOCK, seed_of(w, block));
	else
		memset(data, 0, BLOCK);
	w->version[block]++;
	fill(data + BLOCK, BLOCK, seed_of(w, block));
	return vscsi_compare_and_write(queue, w->f->lun, data, data + BLOCK, lba, 1, 0, i);
}

/* A read of a block whose version is not known, else any request. */
static enum kind choose_kind(struct worker *w, unsigned block)
{
	static const enum kind kinds[] = {READ, WRITE, WRITE, COMPARE};

	return w->unsure[block] ? READ : kinds[next_random(&w->random) % ARRAY_LEN(kinds)];
}

static void prepare(struct worker *w, struct vscsi_queue *queue, unsigned i)
{
	struct job *job = &w->jobs[i];
	char *data = w->data + (size_t)2 * BLOCK * i;
	uint64_t lba;
	int err;

	do {
		job->block = (unsigned)(next_random(&w->random) % BLOCKS);
	} while (w->taken[job->block]);
	job->kind = choose_kind(w, job->block);
	lba = (uint64_t)w->number * BLOCKS + job->block;
	if (job->kind == WRITE) {
		w->version[job->block]++;
		fill(data, BLOCK, seed_of(w, job->block));
		err = vscsi_write(queue, w->f->lun, data, lba, 1, 0, i);
	} else if (job->kind == COMPARE) {
		err = compare_and_write(w, queue, data, lba, i);
	} else {
		memset(data, 0xdd, BLOCK);
		err = vscsi_read(queue, w->f->lun, data, lba, 1, 0, i);
	}
	if (err) {
		w->error = "a request was not accepted";
		return;
	}
	w->taken[job->block] = true;
	job->busy = true;
	w->inflight++;
}

static void check_completion(struct worker *w, const struct vscsi_completion *done)
{
	uint64_t i = done->user_data;
	struct job *job = &w->jobs[i % DEPTH];

	if (i >= DEPTH || !job->busy)
		w->error = "a request completed twice";
	else if (done->result == -ECONNRESET && job->kind == COMPARE)
		w->unsure[job->block] = true;
	else if (done->result == -ECONNRESET)
		w->error = "the outcome of a request is unknown";
	else if (done->result == -EILSEQ)
		w->error = "a block that only this thread writes did not compare";
	else if (done->result)
		w->error = "a request failed";
	else if (job->kind == READ && !is_right(w, job->block, w->data + 2 * BLOCK * i))
		w->error = "a read did not return the acknowledged data";
	if (w->error)
		return;
	job->busy = false;
	w->taken[job->block] = false;
	w->inflight--;
	atomic_fetch_add(&w->done, 1);
	atomic_store(&w->done_ms, now_ms());
}

/* Keeps all jobs busy until stopped, and ends when the last one has completed. */
static void work(struct worker *w, struct vscsi_queue *queue)
{
	struct vscsi_completion done[DEPTH];
	unsigned i;
	int got;

	while (!w->error && (!atomic_load(&w->stop) || w->inflight)) {
		for (i = 0; i < DEPTH && !w->error && !atomic_load(&w->stop); i++) {
			if (!w->jobs[i].busy)
				prepare(w, queue, i);
		}
		vscsi_submit(queue);
		got = vscsi_poll(queue, done, DEPTH);
		if (got < 0)
			w->error = "a poll failed";
		for (i = 0; (int)i < got && !w->error; i++)
			check_completion(w, &done[i]);
		if (!got && vscsi_wait(queue, TIMEOUT_MS) != 1)
			w->error = "a request did not complete in time";
	}
}

static void *worker_main(void *arg)
{
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_EXCLUSIVE};
	struct worker *w = arg;
	struct vscsi_queue *queue;

	if (vscsi_queue_open(w->f->dev, &opts, &queue)) {
		w->error = "no exclusive queue";
		return NULL;
	}
	work(w, queue);
	if (vscsi_queue_close(queue) && !w->error)
		w->error = "a request was lost";
	return NULL;
}

/* Waits until each thread has this many more completions. */
static void await_progress(struct worker *workers, uint64_t more)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	const struct timespec pause = {.tv_nsec = 200000};
	uint64_t goals[THREADS];
	unsigned i;

	for (i = 0; i < THREADS; i++)
		goals[i] = atomic_load(&workers[i].done) + more;
	for (i = 0; i < THREADS; i++) {
		while (atomic_load(&workers[i].done) < goals[i] && !workers[i].error) {
			if (now_ms() > limit)
				fail_msg("thread %u does not continue: %llu ms since its last "
					 "completion, number %llu",
					 i,
					 (unsigned long long)(now_ms() -
							      atomic_load(&workers[i].done_ms)),
					 (unsigned long long)atomic_load(&workers[i].done));
			nanosleep(&pause, NULL);
		}
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Kills and restarts; @times: from the new target's readiness to progress in all threads. */
static void kill_often(struct fixture *f, struct worker *workers, uint64_t *times, unsigned count,
		       uint64_t random)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		uint64_t begin;

		await_progress(workers, next_random(&random) % 200);
		target_kill(&f->target);
		START(f, LUN, "--cmd-per-lun=1024");
		begin = now_ms();
		await_progress(workers, 1);
		times[i] = now_ms() - begin;
	}
	qsort(times, count, sizeof(*times), compare);
}

static void verify_disk(struct fixture *f, struct worker *w)
{
	char *data = malloc(BLOCK);
	unsigned i;

	assert_non_null(data);
	for (i = 0; i < BLOCKS; i++) {
		uint64_t at = ((uint64_t)w->number * BLOCKS + i) * BLOCK;

		assert_int_equal(vscsi_pread(f->lun, data, BLOCK, at), 0);
		assert_true(is_right(w, i, data));
	}
	free(data);
}

static uint64_t choose_seed(void)
{
	const char *given = getenv("VSCSI_TEST_SEED");

	return given ? strtoull(given, NULL, 0) | 1 : now_ms() | 1;
}

static void start_workers(struct fixture *f, struct worker *workers, uint64_t seed)
{
	unsigned i;

	for (i = 0; i < THREADS; i++) {
		workers[i].f = f;
		workers[i].number = i;
		workers[i].random = seed + i * 2;
		workers[i].done_ms = now_ms();
		workers[i].data = alloc_dma(f, 2 * DEPTH * BLOCK);
		assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]),
				 0);
	}
}

/* Returns the number of completed requests. */
static uint64_t end_workers(struct worker *workers, uint64_t seed)
{
	uint64_t done = 0;
	unsigned i;

	for (i = 0; i < THREADS; i++)
		atomic_store(&workers[i].stop, true);
	for (i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		if (workers[i].error)
			fail_msg("thread %u: %s (seed %llu)", i, workers[i].error,
				 (unsigned long long)seed);
		done += workers[i].done;
		verify_disk(workers[i].f, &workers[i]);
	}
	return done;
}

static void run_kill_test(struct fixture *f, const char *policy)
{
	unsigned count = getenv("VSCSI_TEST_LONG") ? 10 * KILLS : KILLS;
	struct worker *workers = calloc(THREADS, sizeof(*workers));
	uint64_t *times = calloc(count, sizeof(*times));
	uint64_t seed = choose_seed();
	char options[64];
	uint64_t done;

	assert_true(workers && times);
	make_file("disk.img", (uint64_t)THREADS * BLOCKS * BLOCK);
	START(f, LUN, "--cmd-per-lun=1024");
	snprintf(options, sizeof(options), "?queues=5&recovery=%s", policy);
	open_dev(f, options);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &f->lun), 0);
	start_workers(f, workers, seed);
	kill_often(f, workers, times, count, seed);
	done = end_workers(workers, seed);
	print_message("kill test, %s: %u kills, %llu requests, all completed once; continued after "
		      "%llu ms (median), %llu ms (longest); seed %llu\n",
		      policy, count, (unsigned long long)done, (unsigned long long)times[count / 2],
		      (unsigned long long)times[count - 1], (unsigned long long)seed);
	free(times);
	free(workers);
}

static void killed_with_replay(void **state)
{
	CONFORMS("R-VU-98", "R-VU-99", "R-VU-104");
	run_kill_test(*state, "replay");
}

static void killed_with_exact(void **state)
{
	CONFORMS("R-VU-98", "R-VU-99", "R-VU-101", "R-VU-103");
	run_kill_test(*state, "exact");
}

int main(void)
{
	static const struct CMUnitTest kill[] = {
		TEST(killed_with_replay),
		TEST(killed_with_exact),
	};

	return RUN_TESTS(kill);
}
