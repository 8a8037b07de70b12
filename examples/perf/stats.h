/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was measured: figures of one thread or, added up, of a group of them. Adding happens in the
 * thread that does the I/O; nothing here takes a lock.
 */
#ifndef EXAMPLES_PERF_STATS_H
#define EXAMPLES_PERF_STATS_H

#include <stdint.h>

#include "hist.h"

/* Kinds of requests. */
#define DIR_READ  0u
#define DIR_WRITE 1u
#define DIR_TRIM  2u
#define DIR_SYNC  3u
#define DIR_COUNT 4u

/* Least, largest, mean and deviation of a set of times in nanoseconds. */
struct moments {
	uint64_t count;
	uint64_t min;
	uint64_t max;
	double sum;
	double squares;
};

/*
 * All requests of one kind. @slat is the time from the beginning of a batch until just before it
 * was published, @clat from then, and thus with the kick, to the completion, @lat both.
 */
struct dir_stats {
	uint64_t ios;
	uint64_t bytes;
	uint64_t errors;
	uint64_t shorts; /* completed without error and without all bytes */
	uint64_t start;  /* time of the first request, 0 before it */
	uint64_t end;    /* time of the last completion */
	struct moments slat;
	struct moments clat;
	struct moments lat;
	struct hist hist; /* of clat */
};

/* Zeroed memory has seen nothing. Times are those of clock_now(), others nanoseconds. */
struct stats {
	struct dir_stats dir[DIR_COUNT];
	uint64_t start;
	uint64_t end;
	uint64_t user_ns; /* processor time */
	uint64_t system_ns;
	uint64_t switches; /* context switches of both kinds */
	uint64_t major_faults;
	uint64_t minor_faults;
	uint64_t notifications;  /* sent to the device */
	uint64_t verify_checked; /* blocks */
	uint64_t verify_bad;
};

/* Return: nanoseconds of the monotonic clock. */
uint64_t clock_now(void);

/* Counts one time. */
void moments_add(struct moments *moments, uint64_t ns);

/* Return: the mean, 0 where there is nothing. */
double moments_mean(const struct moments *moments);

/* Return: the standard deviation, 0 for fewer than two. */
double moments_deviation(const struct moments *moments);

/**
 * stats_merge - Add one thread's figures to a group's
 * @to: the group; its time reaches from the first start to the last end
 * @from: the thread
 */
void stats_merge(struct stats *to, const struct stats *from);

/**
 * stats_restart - Forget everything measured, as after the ramp
 * @now: the time from which on it counts; kinds that had begun begin here again
 */
void stats_restart(struct stats *stats, uint64_t now);

/* Return: seconds that requests of this kind took, measured; never 0 where there were some. */
double dir_seconds(const struct dir_stats *dir);

#endif
