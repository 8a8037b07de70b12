/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop of a job: prepare as many requests as fit, submit, poll, account. workload.c selects the
 * requests, account.c processes completions.
 */
#include "job.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "common/interrupt.h"
#include "pace.h"
#include "workload.h"

/* The time is checked after this many polls without completions. */
#define POLLS_PER_CHECK 256

/* Every slot is either idle or in flight. */
static uint32_t in_flight(const struct job *job)
{
	return (uint32_t)job->options->iodepth - job->idle_count;
}

/* The element of an array that counts by this number. */
static uint32_t counted(uint32_t number)
{
	return number < MOST_COUNTED ? number : MOST_COUNTED;
}

static int prepare(struct job *job, const struct io *io, void *buf, uint32_t number)
{
	uint64_t lba = job->first_lba + io->piece * job->blocks;
	uint32_t blocks = io->length * job->blocks;
	struct vscsi_range range = {.lba = lba, .blocks = blocks};

	switch (io->dir) {
	case DIR_READ:
		return vscsi_read(job->queue, job->lun, buf, lba, blocks, 0, number);
	case DIR_WRITE:
		return vscsi_write(job->queue, job->lun, buf, lba, blocks, 0, number);
	case DIR_TRIM:
		return vscsi_unmap(job->queue, job->lun, &range, 1, number);
	default:
		return vscsi_flush(job->queue, job->lun, number);
	}
}

/* Return: whether a request was prepared. One that can't start now stays in job->next_io. */
static bool start_one(struct job *job, uint64_t now)
{
	uint32_t number = job->idle[job->idle_count - 1];
	struct slot *slot = &job->slots[number];
	struct io *io = &job->next_io;
	int ret;

	if (!job->have_ahead && !job->source(job, io)) {
		job->exhausted = true;
		return false;
	}
	job->have_ahead = true;
	/* Keep the selected request, so that waiting does not change what is written where. */
	if ((job->paced && !pace_due(job, io, now)) || !workload_ready(job, io))
		return false;
	if (io->dir == DIR_WRITE && io->generation)
		verify_fill(&job->verifier, slot->buf, job->first_lba + io->piece * job->blocks,
			    job->blocks, io->generation);
	else if (io->dir == DIR_WRITE && job->options->refill_buffers)
		random_fill(&job->contents, slot->buf, io->length * job->options->bs);
	ret = prepare(job, io, slot->buf, number);
	/* The ring is full, or the disk's limit is reached, to which other threads count too. */
	if (ret == -EAGAIN)
		return false;
	job->have_ahead = false;
	/* This will not succeed later either, so the job ends even with continue_on_error. */
	if (ret) {
		job_fail(job, ret, "preparing a request: %s", strerror(-ret));
		job->ending = true;
		return false;
	}
	workload_started(job, io);
	slot->io = *io;
	slot->begun = now;
	if (!job->stats.dir[io->dir].start)
		job->stats.dir[io->dir].start = now;
	if (job->paced)
		pace_started(job, io);
	job->idle_count--;
	job->batch[job->batch_count++] = number;
	return true;
}

static bool may_start(const struct job *job)
{
	return !job->ending && !job->exhausted && job->idle_count > job->unused;
}

/*
 * @now: when the completions that made room were received; 0: there were none, or long ago.
 * Return: whether there is room for another batch.
 */
static bool start_batch(struct job *job, uint64_t now)
{
	uint64_t most = job->options->iodepth_batch;
	uint32_t i;

	if (job->idle_count < job->wanted || !may_start(job))
		return false;
	/* Taking the time costs as much as preparing a request: at most once for a batch. */
	if (!now)
		now = clock_now();
	job->batch_count = 0;
	while ((!most || job->batch_count < most) && may_start(job) && start_one(job, now))
		;
	if (!job->batch_count)
		return false;
	if (job->paced)
		pace_batch(job);
	job->stats.submits[counted(job->batch_count)]++;
	job->stats.depths[counted(in_flight(job))] += job->batch_count;
	/* Taken before, because requests may complete before the call returns. */
	now = clock_now();
	for (i = 0; i < job->batch_count; i++)
		job->slots[job->batch[i]].published = now;
	/* Ignore errors: a lost device is reported by the completions. */
	vscsi_submit(job->queue);
	return job->batch_count == most;
}

/* Whether the device is reconnecting, which takes up to recovery_ms. */
static bool is_reconnecting(const struct job *job)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	return !vscsi_dev_get_info(job->dev, &info) && info.state == VSCSI_DEV_RECONNECTING;
}

/* Whether to keep waiting: the last completion is recent, or the device is reconnecting. */
static bool keep_waiting(const struct job *job, uint64_t now, uint64_t *last)
{
	if (!in_flight(job) || now - *last < JOB_TIMEOUT_NS)
		return true;
	if (!is_reconnecting(job))
		return false;
	*last = now;
	return true;
}

/* @last: time of the last completion. Return: false if the job has timed out. */
static bool check_time(struct job *job, uint64_t now, uint64_t *last)
{
	const struct job_options *options = job->options;

	if (interrupted)
		job->ending = true;
	if (!job->counting && now - job->began >= options->ramp_time) {
		job_count_from(job, now);
		latency_begin(job, true, now);
	}
	if (job->source == workload_next && job->counting && options->runtime &&
	    now - job->began >= options->runtime)
		job->ending = true;
	if (now >= job->series.due)
		series_interval(&job->series, &job->stats, now);
	if (job->paced && pace_check(job, now))
		job_count_from(job, now);
	job_snapshot(job);
	if (keep_waiting(job, now, last))
		return true;
	job_fail(job, -ETIMEDOUT, "%u requests have not completed for %llu seconds", in_flight(job),
		 JOB_TIMEOUT_NS / 1000000000);
	return false;
}

/*
 * Whether what has completed, all that was in flight, counts only after the next requests have been
 * submitted, so that the device doesn't wait for it. Not if it decides on these, as a failure does,
 * or if the data is to be looked at.
 */
static bool accounts_later(const struct job *job, uint32_t count)
{
	uint32_t i;

	if (in_flight(job) != count || job->marks || job->paced)
		return false;
	for (i = 0; i < count; i++) {
		if (job->done[i].result)
			return false;
	}
	return true;
}

static void account_rest(struct job *job, uint64_t now)
{
	uint32_t i;

	for (i = 0; i < job->ended_count; i++)
		job_account(job, &job->ended[i], &job->done[i], now);
	job->ended_count = 0;
}

/* Return: number of completions, or negative if the device is lost. */
static int collect(struct job *job, uint64_t *now)
{
	uint64_t most = job->options->iodepth_batch_complete_max;
	int count, i;
	bool later;

	/* As many as can be pending: with fewer, completions would wait. */
	count = vscsi_poll(job->queue, job->done, (unsigned)(most ? most : job->options->iodepth));
	if (count <= 0)
		return count;
	*now = clock_now();
	later = accounts_later(job, (uint32_t)count);
	job->stats.completes[counted((uint32_t)count)]++;
	for (i = 0; i < count; i++) {
		uint32_t number = (uint32_t)job->done[i].user_data;

		if (later)
			job->ended[job->ended_count++] = job->slots[number];
		else
			job_account(job, &job->slots[number], &job->done[i], *now);
		job->idle[job->idle_count++] = number;
	}
	return count;
}

static void run_phase(struct job *job, int (*source)(struct job *job, struct io *io))
{
	uint64_t now = clock_now(), last = now;
	unsigned nothing = 0;
	int count = 0;
	bool more;

	job->source = source;
	job->have_ahead = job->exhausted = job->ending = false;
	job->issued = job->requests = 0;
	pace_begin(job, source == workload_next, now);
	for (;;) {
		/* Checking data takes longer than taking the time. */
		more = start_batch(job, count > 0 && !job->marks ? now : 0);
		account_rest(job, now);
		/* As in fio: all that may be in flight, before the next look at the completions. */
		while (more)
			more = start_batch(job, 0);
		if (!in_flight(job) && (job->ending || job->exhausted))
			break;
		count = collect(job, &now);
		if (count < 0) {
			job_fail(job, count, "the device is lost");
			break;
		}
		if (count > 0) {
			last = now;
			nothing = 0;
		} else if (++nothing % POLLS_PER_CHECK == 0) {
			now = clock_now();
			/* If there are fewer CPUs than pollers, the device may need this one. */
			sched_yield();
		} else {
			continue;
		}
		if (!check_time(job, now, &last))
			break;
	}
	account_rest(job, now);
}

/* Bad blocks do not prevent checking the others; other errors do. */
static bool readback_wanted(const struct job *job)
{
	const struct job_options *options = job->options;

	if (!options->verify || !(options->do_verify || options->verify_only) || interrupted)
		return false;
	return !job->error || (job->error == -EILSEQ && !options->verify_fatal);
}

static void run_job(struct job *job)
{
	const struct job_options *options = job->options;

	job->began = clock_now();
	series_begin(&job->series, job->began);
	/* With a ramp, check_time() starts measuring later. */
	if (!options->ramp_time)
		job_count_from(job, job->began);
	if (!options->verify_only)
		run_phase(job, workload_next);
	/* The job was shorter than its ramp: report nothing. */
	if (!job->counting)
		job_count_from(job, clock_now());
	if (readback_wanted(job))
		run_phase(job, readback_next);
	series_end(&job->series, &job->stats, clock_now());
	job_usage(job, clock_now());
}

/* All threads start together. Those that failed also wait, because the main thread counts them. */
static void wait_for_go(struct run *run)
{
	pthread_mutex_lock(&run->lock);
	run->ready++;
	pthread_cond_broadcast(&run->changed);
	while (!run->go)
		pthread_cond_wait(&run->changed, &run->lock);
	pthread_mutex_unlock(&run->lock);
}

static void report_end(struct job *job)
{
	pthread_mutex_lock(&job->run->lock);
	job->finished = true;
	job->run->running--;
	pthread_cond_broadcast(&job->run->changed);
	pthread_mutex_unlock(&job->run->lock);
}

/* Restricts the calling thread to cpus_allowed, which the kernel would do partially. */
static int choose_cpus(struct job *job)
{
	const char *text = job->options->cpus_allowed;
	cpu_set_t wanted, allowed;
	int ret;

	if (!text[0])
		return 0;
	cpus_parse(text, &wanted);
	ret = pthread_setaffinity_np(pthread_self(), sizeof(wanted), &wanted);
	if (!ret)
		ret = pthread_getaffinity_np(pthread_self(), sizeof(allowed), &allowed);
	if (!ret && !CPU_EQUAL(&wanted, &allowed))
		ret = EINVAL;
	if (ret)
		job_fail(job, -ret,
			 "cpus_allowed=%s: not all of these CPUs are available to this process",
			 text);
	return ret;
}

void *job_main(void *arg)
{
	struct job *job = arg;
	int ret = choose_cpus(job);

	if (!ret) {
		ret = vscsi_queue_open(job->dev, NULL, &job->queue);
		if (ret)
			job_fail(job, ret, "%s", vscsi_last_error());
	}
	wait_for_go(job->run);
	if (!ret)
		run_job(job);
	/*
	 * Must be called by the thread that opened it. Fails if requests are in flight.
	 */
	vscsi_queue_close(job->queue);
	report_end(job);
	return NULL;
}
