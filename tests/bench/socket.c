/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads of 4 KiB from a device, by the least that a program needs: threads with a queue each, which
 * poll, prepare as many reads as ended, and submit. One line of JSON: reads, seconds, and CPU time
 * of the process.
 *
 *   bench-socket ADDRESS DEPTH MS poll|wait|spin [JOBS [WORK_NS [TARGET]]]
 *
 * Each of JOBS threads (1) keeps DEPTH reads in flight on LUN 0 of TARGET (0). With "poll" it
 * never sleeps; with "wait" it calls vscsi_wait() when a poll found nothing; with "spin" the same,
 * on a queue with a spin_us of 50. It works for WORK_NS (0) nanoseconds on each completion.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vscsi/vscsi.h>

#include "threads.h"
#include "work.h"

#define MAX_DEPTH 128u
#define MAX_JOBS  64u
#define BYTES     4096u
#define SPIN_US   50u

/* Rounds of the loop between two looks at the clock, which takes as long as a request. */
#define ROUNDS 64u

struct bench {
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	uint64_t blocks;
	uint32_t each;
	unsigned depth;
	unsigned rounds; /* of work() on each completion */
	double seconds;
	uint32_t spin_us;
	bool wait;
};

struct job {
	struct bench *bench;
	struct vscsi_queue *queue;
	pthread_t thread;
	char *buffers;
	int64_t done; /* reads, or a negative errno */
};

static double process_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int set_up(struct bench *bench, const char *address, unsigned target)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	int err = vscsi_dev_open(address, NULL, &bench->dev);

	if (!err)
		err = vscsi_lun_open(bench->dev, target, 0, NULL, &bench->lun);
	if (!err)
		err = vscsi_lun_get_info(bench->lun, &info);
	if (err)
		return err;
	bench->each = BYTES / info.block_size;
	bench->blocks = info.blocks / bench->each * bench->each;
	return 0;
}

static int prepare(struct job *job, unsigned count, uint64_t number)
{
	const struct bench *bench = job->bench;
	int err = 0;

	for (; !err && count; count--, number++)
		err = vscsi_read(job->queue, bench->lun, job->buffers + number % MAX_DEPTH * BYTES,
				 number * 7919 * bench->each % bench->blocks, bench->each, 0, 0);
	return err ? err : vscsi_submit(job->queue);
}

/* Completions of one look, or an error where a read failed. Waits only where it may sleep. */
static int collect(struct job *job)
{
	const struct bench *bench = job->bench;
	struct vscsi_completion done[MAX_DEPTH];
	int count = vscsi_poll(job->queue, done, bench->depth);

	for (int i = 0; i < count; i++) {
		if (done[i].result)
			return done[i].result;
		work(bench->rounds);
	}
	if (!count && bench->wait) {
		int err = vscsi_wait(job->queue, 1000);

		return err < 0 ? err : 0;
	}
	return count;
}

/* Return: reads done, or a negative errno. */
static int64_t run(struct job *job)
{
	const struct bench *bench = job->bench;
	double end = clock_seconds() + bench->seconds;
	int64_t done = 0;
	unsigned inflight = 0;
	bool over = false;

	for (unsigned round = 0;; round++) {
		int ret = 0;

		if (round % ROUNDS == 0)
			over = over || clock_seconds() >= end;
		if (over && !inflight)
			return done;
		if (!over && inflight < bench->depth) {
			ret = prepare(job, bench->depth - inflight, (uint64_t)done + inflight);
			inflight = bench->depth;
		}
		if (!ret)
			ret = collect(job);
		if (ret < 0)
			return ret;
		done += ret;
		inflight -= (unsigned)ret;
	}
}

static void *job_main(void *arg)
{
	struct job *job = arg;
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .spin_us = job->bench->spin_us};

	job->done = vscsi_queue_open(job->bench->dev, &opts, &job->queue);
	if (!job->done)
		job->done = run(job);
	if (job->done < 0)
		fprintf(stderr, "failed with %d: %s\n", (int)job->done, vscsi_last_error());
	vscsi_queue_close(job->queue);
	return NULL;
}

/* Return: reads of all jobs, 0 when one failed. */
static int64_t run_jobs(struct bench *bench, unsigned count)
{
	struct job jobs[MAX_JOBS];
	int64_t done = 0;
	bool failed = false;

	for (unsigned i = 0; i < count; i++) {
		jobs[i] = (struct job){.bench = bench};
		jobs[i].buffers =
			vscsi_mem_alloc(vscsi_dev_mem(bench->dev), MAX_DEPTH * BYTES, BYTES);
		if (!jobs[i].buffers || pthread_create(&jobs[i].thread, NULL, job_main, &jobs[i])) {
			fprintf(stderr, "no memory for %u jobs\n", count);
			exit(1);
		}
	}
	for (unsigned i = 0; i < count; i++) {
		pthread_join(jobs[i].thread, NULL);
		failed = failed || jobs[i].done < 0;
		done += jobs[i].done;
	}
	return failed ? 0 : done;
}

static unsigned argument(int argc, char **argv, int index, unsigned initial)
{
	return argc > index ? (unsigned)strtoul(argv[index], NULL, 10) : initial;
}

int main(int argc, char **argv)
{
	struct bench bench = {.depth = argument(argc, argv, 2, 0),
			      .seconds = argument(argc, argv, 3, 0) / 1e3};
	unsigned jobs = argument(argc, argv, 5, 1);
	double wall, own;
	int64_t done = 0;
	int err;

	if (argc < 5 || argc > 8 || !bench.depth || bench.depth > MAX_DEPTH || !jobs ||
	    jobs > MAX_JOBS) {
		fprintf(stderr, "usage: bench-socket ADDRESS DEPTH MS poll|wait|spin [JOBS "
				"[WORK_NS [TARGET]]]\n");
		return 2;
	}
	bench.wait = strcmp(argv[4], "poll") != 0;
	bench.spin_us = strcmp(argv[4], "spin") == 0 ? SPIN_US : 0;
	bench.rounds = work_rounds(argument(argc, argv, 6, 0));
	err = set_up(&bench, argv[1], argument(argc, argv, 7, 0));
	if (err)
		fprintf(stderr, "failed with %d: %s\n", err, vscsi_last_error());
	wall = clock_seconds();
	own = process_seconds();
	if (!err)
		done = run_jobs(&bench, jobs);
	if (done > 0)
		printf("{\"reads\": %lld, \"seconds\": %.6f, \"cpu\": %.6f}\n", (long long)done,
		       clock_seconds() - wall, process_seconds() - own);
	vscsi_lun_close(bench.lun);
	vscsi_dev_close(bench.dev);
	return done > 0 ? 0 : 1;
}
