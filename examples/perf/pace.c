/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pacing. During a pause all slots are unused.
 */
#include "pace.h"

#include <string.h>
#include <time.h>

#define MOST_SLEEP_NS  10000000u /* a signal and a lost device are noticed after so long */
#define LEAST_SLEEP_NS 100000u   /* sleeping less would take longer */

/* The idle slots that end the wait after all slots have been used. */
static uint32_t wanted_when_full(const struct job *job)
{
	const struct job_options *options = job->options;
	uint32_t depth = job->latency.depth;
	uint64_t wanted = 1;

	if (options->iodepth_low && options->iodepth_low < depth)
		wanted = depth - options->iodepth_low;
	if (options->iodepth_batch_complete_min > wanted)
		wanted = options->iodepth_batch_complete_min;
	return job->unused + (uint32_t)(wanted < depth ? wanted : depth);
}

void pace_begin(struct job *job, bool limited, uint64_t now)
{
	const struct job_options *options = job->options;

	job->unused = 0;
	job->wanted = 1;
	job->pausing = false;
	job->burst = 0;
	job->paced = limited && (options->rate || options->rate_iops || options->thinktime ||
				 options->iodepth_low || options->latency_target ||
				 options->iodepth_batch_complete_min > 1);
	memset(job->sent, 0, sizeof(job->sent));
	job->watched = options->latency_target || job->series.each;
	latency_begin(job, limited, now);
}

bool pace_due(const struct job *job, const struct io *io, uint64_t now)
{
	const struct job_options *options = job->options;
	double rate = (double)options->rate;

	if (!options->rate)
		rate = (double)options->rate_iops * (double)options->bs;
	if (rate <= 0 || io->dir == DIR_SYNC)
		return true;
	return (double)job->sent[io->dir] < rate * (double)(now - job->began) / 1e9;
}

void pace_started(struct job *job, const struct io *io)
{
	const struct job_options *options = job->options;

	if (io->dir == DIR_SYNC)
		return;
	job->sent[io->dir] += io->length * options->bs;
	if (!options->thinktime || ++job->burst < options->thinktime_blocks)
		return;
	job->burst = 0;
	job->pausing = true;
	job->pause_end = 0;
	job->unused = (uint32_t)options->iodepth;
}

void pace_batch(struct job *job)
{
	if (job->latency.draining)
		job->latency.due = 0;
	if (job->pausing)
		return;
	job->wanted = job->idle_count <= job->unused ? wanted_when_full(job) : job->unused + 1;
}

/* As in fio, a pause begins when everything in flight has completed. */
static void pause(struct job *job, uint64_t now)
{
	struct timespec span = {0};
	uint64_t rest;

	if (job->idle_count < job->options->iodepth)
		return;
	if (!job->pause_end)
		job->pause_end = now + job->options->thinktime;
	if (now >= job->pause_end) {
		job->pausing = false;
		pace_depth(job, job->latency.depth, false);
		return;
	}
	rest = job->pause_end - now;
	if (rest < LEAST_SLEEP_NS)
		return;
	span.tv_nsec = (long)(rest < MOST_SLEEP_NS ? rest - LEAST_SLEEP_NS / 2 : MOST_SLEEP_NS);
	nanosleep(&span, NULL);
}

bool pace_check(struct job *job, uint64_t now)
{
	if (job->pausing)
		pause(job, now);
	return now >= job->latency.due && latency_window(job, now);
}

void pace_depth(struct job *job, uint32_t depth, bool drain)
{
	uint32_t all = (uint32_t)job->options->iodepth;

	if (job->pausing)
		return;
	job->unused = all - depth;
	job->wanted = drain ? all : job->unused + 1;
}
