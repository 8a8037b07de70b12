/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Statistics of a thread, or merged from a group of threads. The thread that does the I/O updates
 * them; nothing here takes a lock.
 */
#ifndef EXAMPLES_PERF_STATS_H
#define EXAMPLES_PERF_STATS_H

#include <stdint.h>

#include "common/clock.h"
#include "hist.h"

/* Kinds of requests. */
#define DIR_READ  0u
#define DIR_WRITE 1u
#define DIR_TRIM  2u
#define DIR_SYNC  3u
#define DIR_COUNT 4u

/* Minimum, maximum, mean and standard deviation of times in nanoseconds. */
struct moments {
	uint64_t count;
	uint64_t min;
	uint64_t max;
	double sum;
	double squares;
};

/* The last element of an array that counts requests by their number: so many, or more. */
#define MOST_COUNTED 65u

/* Rates of successive intervals. Those of a group are added up, as fio does. */
struct rates {
	uint64_t samples;
	uint64_t min;
	uint64_t max;
	double mean;
	double squares; /* sum of the squared deviations from the mean */
};

/*
 * All requests of one kind. @slat is the time from the start of a batch until just before it is
 * submitted, @clat from then (including the kick) to the completion, @lat the sum.
 */
struct dir_stats {
	uint64_t ios;
	uint64_t bytes;
	uint64_t errors;
	uint64_t shorts; /* completed without error but not completely */
	uint64_t start;  /* time of the first request, 0 if none */
	uint64_t end;    /* time of the last completion */
	struct moments slat;
	struct moments clat;
	struct moments lat;
	struct hist hist; /* of clat */
	struct rates bw;  /* KiB per second */
	struct rates iops;
};

/*
 * All zeros means nothing measured. Points in time are from clock_now(), the rest in nanoseconds.
 */
struct stats {
	struct dir_stats dir[DIR_COUNT];
	uint64_t start;
	uint64_t end;
	uint64_t user_ns; /* CPU time */
	uint64_t system_ns;
	uint64_t switches; /* context switches, voluntary and involuntary */
	uint64_t major_faults;
	uint64_t minor_faults;
	uint64_t notifications; /* kicks */
	uint64_t latency_depth; /* iodepth, or what latency_target allows */
	/* Requests by the number in flight, then submits and polls by their number of requests. */
	uint64_t depths[MOST_COUNTED + 1];
	uint64_t submits[MOST_COUNTED + 1];
	uint64_t completes[MOST_COUNTED + 1];
	uint64_t verify_checked; /* blocks */
	uint64_t verify_bad;
};

/* Adds a time. Here, because each request adds three. */
static inline void moments_add(struct moments *moments, uint64_t ns)
{
	/* Converting a signed number takes one instruction, an unsigned one five and a branch. */
	double value = (double)(int64_t)ns;

	if (!moments->count || ns < moments->min)
		moments->min = ns;
	if (ns > moments->max)
		moments->max = ns;
	moments->count++;
	moments->sum += value;
	moments->squares += value * value;
}

/* Return: the mean, 0 if empty. */
double moments_mean(const struct moments *moments);

/* Return: the standard deviation, 0 for fewer than two. */
double moments_deviation(const struct moments *moments);

/* Adds the rate of an interval. */
void rates_add(struct rates *rates, uint64_t value);

/* Return: the standard deviation, 0 for fewer than two. */
double rates_deviation(const struct rates *rates);

/*
 * stats_merge - Add the statistics of a thread to those of a group
 * @to: the group; its time is from the first start to the last end
 * @from: the thread
 */
void stats_merge(struct stats *to, const struct stats *from);

/*
 * stats_restart - Reset the statistics, as after the ramp
 * @now: the new start time of kinds that were active
 */
void stats_restart(struct stats *stats, uint64_t now);

/* Return: measured duration of requests of this kind in seconds; never 0 if there were any. */
double dir_seconds(const struct dir_stats *dir);

#endif
