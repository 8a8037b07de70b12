/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Searches the highest number of requests in flight whose latencies meet a target, in windows of
 * time: doubling while they do, then bisecting, as fio does.
 */
#ifndef EXAMPLES_PERF_LATENCY_H
#define EXAMPLES_PERF_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

struct job;

/* If there is no search, @limit and @due are UINT64_MAX. */
struct latency {
	uint64_t limit; /* of a request that meets the target */
	uint64_t due;   /* when this window ends */
	uint64_t ios;   /* completed before this window */
	uint64_t missed;
	uint32_t depth;
	uint32_t low;  /* met the target */
	uint32_t high; /* missed it, or more than iodepth */
	bool draining; /* until those of a higher depth have completed, which don't count */
	bool last;     /* this window is the one that is reported */
};

/* Starts the search, if there is a latency_target and @limited. */
void latency_begin(struct job *job, bool limited, uint64_t now);

/* A request took longer than @limit. */
void latency_missed(struct job *job);

/*
 * latency_window - End a window: @due has come
 *
 * May end the job.
 *
 * Return: whether the number has been found, and the caller has to start the statistics again, so
 * that they are of the last window alone, as in fio.
 */
bool latency_window(struct job *job, uint64_t now);

#endif
