/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pacing. A pause is a number of idle slots that can't be reached.
 */
#include "pace.h"

#include <string.h>
#include <time.h>

#define PAUSE        UINT32_MAX
#define NAP_NS       10000000u /* a signal and a lost device are noticed after so long */
#define LEAST_NAP_NS 100000u   /* sleeping less would take longer */

static uint32_t depth(const struct job *job)
{
	return (uint32_t)job->options->iodepth - job->spare;
}

/* The idle slots that end the wait after all slots have been used. */
static uint32_t wanted_when_full(const struct job *job)
{
	const struct job_options *options = job->options;
	uint64_t wanted = 1;

	if (options->iodepth_low && options->iodepth_low < depth(job))
		wanted = depth(job) - options->iodepth_low;
	if (options->iodepth_batch_complete_min > wanted)
		wanted = options->iodepth_batch_complete_min;
	return job->spare + (uint32_t)(wanted < depth(job) ? wanted : depth(job));
}

void pace_begin(struct job *job, bool limited, uint64_t now)
{
	const struct job_options *options = job->options;

	job->spare = 0;
	job->wanted = 1;
	job->pausing = false;
	job->burst = 0;
	job->paced = limited && (options->rate || options->rate_iops || options->thinktime ||
				 options->iodepth_low || options->latency_target ||
				 options->iodepth_batch_complete_min > 1);
	memset(job->sent, 0, sizeof(job->sent));
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
	job->sent[io->dir] += options->bs;
	if (!options->thinktime || ++job->burst < options->thinktime_blocks)
		return;
	job->burst = 0;
	job->pausing = true;
	job->pause_end = 0;
}

void pace_batch(struct job *job)
{
	if (job->latency.draining)
		job->latency.due = 0;
	if (job->pausing)
		job->wanted = PAUSE;
	else if (job->idle_count <= job->spare)
		job->wanted = wanted_when_full(job);
	else
		job->wanted = job->spare + 1;
}

/* As in fio, it begins when everything in flight has completed. */
void pace_pause(struct job *job, uint64_t now)
{
	struct timespec nap = {0};
	uint64_t left;

	if (job->idle_count < job->options->iodepth)
		return;
	if (!job->pause_end)
		job->pause_end = now + job->options->thinktime;
	if (now >= job->pause_end) {
		job->pausing = false;
		job->wanted = job->spare + 1;
		return;
	}
	left = job->pause_end - now;
	if (left < LEAST_NAP_NS)
		return;
	nap.tv_nsec = (long)(left < NAP_NS ? left - LEAST_NAP_NS / 2 : NAP_NS);
	nanosleep(&nap, NULL);
}

void pace_depth(struct job *job, uint32_t depth, bool drain)
{
	uint32_t all = (uint32_t)job->options->iodepth;

	job->spare = all - depth;
	if (!job->pausing)
		job->wanted = drain ? all : job->spare + 1;
}
