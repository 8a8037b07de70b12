/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several clients of one target, each with a device of its own and two threads, at the same blocks;
 * with one thread in the target, and with several. Threads return results; only the first one
 * asserts.
 */
#include "disk.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#define CLIENTS 2
#define THREADS 2 /* of each */
#define JOBS    (CLIENTS * THREADS)
#define ROUNDS  300
#define BLOCKS  64
#define WORDS   (BLOCKS * 512 / sizeof(uint64_t))

/*
 * struct job - The work of a thread
 * @compare, @data: BLOCKS blocks of DMA memory each, one after the other
 * @good: no error occurred
 */
struct job {
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	uint64_t *compare;
	uint64_t *data;
	bool good;
};

/* Submits what was prepared. Return: the result of its completion. */
static int finish(struct job *job, int err)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	struct vscsi_completion done;
	int got = 0;

	if (!err)
		err = vscsi_submit(job->queue);
	while (!err && !got) {
		got = vscsi_poll(job->queue, &done, 1);
		if (!got)
			sched_yield();
		err = now_ms() > limit ? -ETIMEDOUT : 0;
	}
	if (err || got < 0)
		return err ? err : got;
	return done.result;
}

/* Every word of the blocks is the same number, which this counts up by one. */
static bool count_up(struct job *job)
{
	unsigned rounds = 0;
	unsigned i;
	int err;

	while (rounds < ROUNDS) {
		err = vscsi_read(job->queue, job->lun, job->compare, 0, BLOCKS, 0, 1);
		if (finish(job, err))
			return false;
		for (i = 0; i < WORDS; i++) {
			if (job->compare[i] != job->compare[0])
				return false;
			job->data[i] = job->compare[0] + 1;
		}
		err = vscsi_compare_and_write(job->queue, job->lun, job->compare, job->data, 0,
					      BLOCKS, 0, 2);
		err = finish(job, err);
		if (err && err != -EILSEQ)
			return false;
		rounds += !err;
	}
	return true;
}

static void *work(void *arg)
{
	struct job *job = arg;

	job->good = !vscsi_queue_open(job->dev, NULL, &job->queue) && count_up(job) &&
		    !vscsi_queue_close(job->queue);
	return NULL;
}

static void count_together(struct fixture *f)
{
	struct job jobs[JOBS];
	pthread_t threads[JOBS];
	uint64_t words[WORDS];
	unsigned i;

	for (i = 0; i < JOBS; i++) {
		if (i % THREADS == 0) {
			open_dev(f, "?queues=2");
			assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &f->lun), 0);
		}
		jobs[i] = (struct job){.dev = f->dev, .lun = f->lun};
		jobs[i].compare = alloc_dma(f, 2 * sizeof(words));
		jobs[i].data = jobs[i].compare + WORDS;
	}
	for (i = 0; i < JOBS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
	for (i = 0; i < JOBS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(vscsi_pread(f->lun, words, sizeof(words), 0), 0);
	for (i = 0; i < JOBS; i++) {
		assert_true(jobs[i].good);
		assert_int_equal(vscsi_mem_free(vscsi_dev_mem(jobs[i].dev), jobs[i].compare), 0);
		if (i % THREADS != THREADS - 1)
			continue;
		assert_int_equal(vscsi_lun_close(jobs[i].lun), 0);
		assert_int_equal(vscsi_dev_close(jobs[i].dev), 0);
	}
	f->lun = NULL;
	f->dev = NULL;
	for (i = 0; i < WORDS; i++)
		assert_int_equal(words[i], JOBS * ROUNDS);
}

static void one_thread(void **state)
{
	struct fixture *f = *state;

	START(f, "--lun=0:0,ram=16M");
	count_together(f);
}

static void a_thread_per_queue(void **state)
{
	struct fixture *f = *state;

	START(f, "--lun=0:0,ram=16M", "--queues-per-thread=1");
	count_together(f);
	/* All queues in one thread next to the main one. */
	assert_true(target_stop(&f->target));
	START(f, "--lun=0:0,ram=16M", "--queues-per-thread=254", "--mode=poll");
	count_together(f);
}

int main(void)
{
	static const struct CMUnitTest clients[] = {
		TEST(one_thread),
		TEST(a_thread_per_queue),
	};

	return RUN_TESTS(clients);
}
