/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kill test: four threads write and read at random, each on a queue of its own and with 64
 * requests in flight, while the target is killed and started again at moments that nobody chose.
 * Every request comes back once and succeeds, every read finds what was acknowledged last, and so
 * does a last look at the whole disk. So it is with either policy that loses nothing; with the
 * exact one a part of the writes are commands that the other may not send again. Prints how long it
 * took until all threads went on.
 *
 * VSCSI_TEST_LONG=1 in the environment: ten times as many kills. VSCSI_TEST_SEED=N repeats a run's
 * choices.
 */
#include "disk.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define THREADS 4
#define DEPTH   64
#define BLOCKS  2048u /* of each thread */
#define BLOCK   4096u
#define LUN     "--lun=0:0,file=disk.img,block=4096"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KILLS 20u
#else
#define KILLS 100u
#endif

/* A request in flight: the block that it is for, and whether it writes. */
struct job {
	unsigned block;
	bool write;
	bool busy;
};

/**
 * struct worker - A thread, its queue and its part of the disk
 * @raw: a part of the writes are raw commands that may not be sent again
 * @done: requests that came back; read by the first thread
 * @stop: set by the first thread
 * @wrong: what went wrong, or NULL
 * @data: DEPTH blocks of DMA memory
 * @version: for each block how often it was written; a write that is in flight counts
 * @taken: blocks with a request in flight, as order is not promised between two
 */
struct worker {
	struct fixture *f;
	pthread_t thread;
	unsigned number;
	bool raw;
	uint64_t random;
	_Atomic uint64_t done;
	atomic_bool stop;
	const char *wrong;
	char *data;
	struct job jobs[DEPTH];
	unsigned inflight;
	uint32_t version[BLOCKS];
	bool taken[BLOCKS];
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

/* What a block holds that was never written: zeros. */
static bool is_right(const struct worker *w, unsigned block, const char *data)
{
	return w->version[block] ? holds(data, BLOCK, seed_of(w, block)) : is_zero(data, BLOCK);
}

/* WRITE(10) of one block, which nobody said may be repeated: replay would give it up. */
static int write_raw(struct worker *w, struct vscsi_queue *queue, char *data, uint64_t lba,
		     uint64_t user_data)
{
	const struct iovec out = {data, BLOCK};
	const struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = 10,
		.cdb = {0x2a, 0, 0, 0, (uint8_t)(lba >> 8), (uint8_t)lba, 0, 0, 1},
		.out = &out,
		.out_count = 1,
		.retries = 8, /* of what is left unexecuted: UNIT ATTENTION after each start */
	};

	return vscsi_command(queue, w->f->lun, &command, user_data);
}

static void prepare(struct worker *w, struct vscsi_queue *queue, unsigned i)
{
	struct job *job = &w->jobs[i];
	char *data = w->data + (size_t)BLOCK * i;
	uint64_t lba;
	int err;

	do {
		job->block = (unsigned)(next_random(&w->random) % BLOCKS);
	} while (w->taken[job->block]);
	job->write = next_random(&w->random) % 4 != 0;
	lba = (uint64_t)w->number * BLOCKS + job->block;
	if (job->write) {
		w->version[job->block]++;
		fill(data, BLOCK, seed_of(w, job->block));
		if (w->raw && next_random(&w->random) % 4 == 0)
			err = write_raw(w, queue, data, lba, i);
		else
			err = vscsi_write(queue, w->f->lun, data, lba, 1, 0, i);
	} else {
		memset(data, 0xdd, BLOCK);
		err = vscsi_read(queue, w->f->lun, data, lba, 1, 0, i);
	}
	if (err) {
		w->wrong = "a request was not accepted";
		return;
	}
	w->taken[job->block] = true;
	job->busy = true;
	w->inflight++;
}

static void judge(struct worker *w, const struct vscsi_completion *done)
{
	uint64_t i = done->user_data;
	struct job *job = &w->jobs[i % DEPTH];

	if (i >= DEPTH || !job->busy)
		w->wrong = "a request came back twice";
	else if (done->result == -ECONNRESET)
		w->wrong = "the outcome of a request is unknown";
	else if (done->result)
		w->wrong = "a request failed";
	else if (!job->write && !is_right(w, job->block, w->data + BLOCK * i))
		w->wrong = "a read found something else than was acknowledged";
	if (w->wrong)
		return;
	job->busy = false;
	w->taken[job->block] = false;
	w->inflight--;
	atomic_fetch_add(&w->done, 1);
}

/* Keeps all jobs busy until it is to stop, and ends when the last has come back. */
static void work(struct worker *w, struct vscsi_queue *queue)
{
	struct vscsi_completion done[DEPTH];
	unsigned i;
	int got;

	while (!w->wrong && (!atomic_load(&w->stop) || w->inflight)) {
		for (i = 0; i < DEPTH && !w->wrong && !atomic_load(&w->stop); i++) {
			if (!w->jobs[i].busy)
				prepare(w, queue, i);
		}
		vscsi_submit(queue);
		got = vscsi_poll(queue, done, DEPTH);
		if (got < 0)
			w->wrong = "a poll failed";
		for (i = 0; (int)i < got && !w->wrong; i++)
			judge(w, &done[i]);
		if (!got && vscsi_wait(queue, PATIENCE_MS) != 1)
			w->wrong = "a request did not come back in time";
	}
}

static void *worker_main(void *arg)
{
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_EXCLUSIVE};
	struct worker *w = arg;
	struct vscsi_queue *queue;

	if (vscsi_queue_open(w->f->dev, &opts, &queue)) {
		w->wrong = "no queue of its own";
		return NULL;
	}
	work(w, queue);
	if (vscsi_queue_close(queue) && !w->wrong)
		w->wrong = "a request was lost";
	return NULL;
}

/* Until each thread got so many more back. */
static void await_progress(struct worker *workers, uint64_t more)
{
	uint64_t limit = now_ms() + PATIENCE_MS;
	const struct timespec nap = {.tv_nsec = 200000};
	uint64_t goals[THREADS];
	unsigned i;

	for (i = 0; i < THREADS; i++)
		goals[i] = atomic_load(&workers[i].done) + more;
	for (i = 0; i < THREADS; i++) {
		while (atomic_load(&workers[i].done) < goals[i] && !workers[i].wrong) {
			if (now_ms() > limit)
				fail_msg("thread %u does not go on", i);
			nanosleep(&nap, NULL);
		}
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Kills and starts again; the times from the new target's readiness to progress everywhere. */
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

static void look_at_all(struct fixture *f, const struct worker *w)
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

static void start_workers(struct fixture *f, struct worker *workers, uint64_t seed, bool raw)
{
	unsigned i;

	for (i = 0; i < THREADS; i++) {
		workers[i].f = f;
		workers[i].number = i;
		workers[i].raw = raw;
		workers[i].random = seed + i * 2;
		workers[i].data = take(f, DEPTH * BLOCK);
		assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]),
				 0);
	}
}

/* Returns how many requests came back. */
static uint64_t end_workers(struct worker *workers, uint64_t seed)
{
	uint64_t done = 0;
	unsigned i;

	for (i = 0; i < THREADS; i++)
		atomic_store(&workers[i].stop, true);
	for (i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		if (workers[i].wrong)
			fail_msg("thread %u: %s (seed %llu)", i, workers[i].wrong,
				 (unsigned long long)seed);
		done += workers[i].done;
		look_at_all(workers[i].f, &workers[i]);
	}
	return done;
}

static void kill_with(struct fixture *f, const char *policy, bool raw)
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
	start_workers(f, workers, seed, raw);
	kill_often(f, workers, times, count, seed);
	done = end_workers(workers, seed);
	print_message("kill test, %s: %u kills, %llu requests, all once and right; back after "
		      "%llu ms (median), %llu ms (longest); seed %llu\n",
		      policy, count, (unsigned long long)done, (unsigned long long)times[count / 2],
		      (unsigned long long)times[count - 1], (unsigned long long)seed);
	free(times);
	free(workers);
}

static void killed_with_replay(void **state)
{
	CONFORMS("R-VU-98", "R-VU-99", "R-VU-104");
	kill_with(*state, "replay", false);
}

static void killed_with_exact(void **state)
{
	CONFORMS("R-VU-98", "R-VU-99", "R-VU-101", "R-VU-103");
	kill_with(*state, "exact", true);
}

int main(void)
{
	static const struct CMUnitTest kill[] = {
		TEST(killed_with_replay),
		TEST(killed_with_exact),
	};

	return RUN_TESTS(kill);
}
