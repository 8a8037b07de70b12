/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The search of the number of requests in flight.
 */
#include "latency.h"

#include <errno.h>

#include "pace.h"

static uint64_t all_ios(const struct job *job)
{
	const struct dir_stats *dir = job->stats.dir;

	return dir[DIR_READ].ios + dir[DIR_WRITE].ios + dir[DIR_TRIM].ios;
}

static void begin_window(struct job *job, uint64_t now)
{
	struct latency *latency = &job->latency;

	latency->ios = all_ios(job);
	latency->missed = 0;
	latency->due = now + job->options->latency_window;
}

void latency_begin(struct job *job, bool limited, uint64_t now)
{
	uint32_t all = (uint32_t)job->options->iodepth;

	job->latency.limit = job->latency.due = UINT64_MAX;
	/* Reading back leaves the result as it is. */
	if (!limited)
		return;
	job->latency.depth = all;
	job->latency.draining = job->latency.last = false;
	if (!job->options->latency_target)
		return;
	job->latency.limit = job->options->latency_target;
	job->latency.depth = job->latency.low = 1;
	job->latency.high = all + 1;
	pace_depth(job, 1, false);
	begin_window(job, now);
}

static void reduce(struct job *job)
{
	struct latency *latency = &job->latency;

	if (latency->depth == 1) {
		job_fail(job, -ETIMEDOUT,
			 "even a single request in flight does not meet latency_target");
		job->ending = true;
		return;
	}
	latency->high = latency->depth;
	if (latency->depth == latency->low)
		latency->low--;
	latency->depth = (latency->depth + latency->low) / 2;
	/* The next window begins with the next batch. */
	latency->draining = true;
	latency->due = UINT64_MAX;
	pace_depth(job, latency->depth, true);
}

/* Return: as latency_window(). */
static bool increase(struct job *job, uint64_t now)
{
	struct latency *latency = &job->latency;
	uint32_t all = (uint32_t)job->options->iodepth, before = latency->depth;

	latency->low = latency->depth;
	latency->depth = latency->high > all ? 2 * before : (before + latency->high) / 2;
	if (latency->depth > all)
		latency->depth = all;
	pace_depth(job, latency->depth, false);
	begin_window(job, now);
	if (latency->depth != before || job->options->latency_run)
		return false;
	job->ending = latency->last;
	latency->last = true;
	latency->ios = 0;
	return !job->ending;
}

void latency_missed(struct job *job)
{
	if (job->latency.draining)
		return;
	job->latency.missed++;
	/* Then one is enough. */
	if (job->options->latency_percentile == ALL_PERCENT)
		reduce(job);
}

bool latency_window(struct job *job, uint64_t now)
{
	struct latency *latency = &job->latency;
	uint64_t ios = all_ios(job) - latency->ios;
	double met = (double)(ios - latency->missed);

	if (latency->draining) {
		latency->draining = false;
		begin_window(job, now);
		return false;
	}
	if (!ios)
		return false;
	if (met * ALL_PERCENT >= (double)job->options->latency_percentile * (double)ios)
		return increase(job, now);
	reduce(job);
	return false;
}
