/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When requests may be started: rates, pauses, and how many slots have to be idle. It holds job.c's
 * loop back by job.wanted, so that the loop has nothing to check if there is nothing to pace.
 */
#ifndef EXAMPLES_PERF_PACE_H
#define EXAMPLES_PERF_PACE_H

#include "job.h"

/*
 * pace_begin - Start a phase
 * @limited: whether the job's options apply, which they don't when it reads back
 */
void pace_begin(struct job *job, bool limited, uint64_t now);

/* Whether the rate lets this request start now; only if job.paced. */
bool pace_due(const struct job *job, const struct io *io, uint64_t now);

/* Records that the request has been started; only if job.paced. */
void pace_started(struct job *job, const struct io *io);

/* Sets how many slots have to be idle before the next batch, after one; only if job.paced. */
void pace_batch(struct job *job);

/*
 * pace_check - End a pause, or a window of latency_target, if it is time; only if job.paced
 *
 * During a pause it may sleep some milliseconds.
 *
 * Return: as latency_window().
 */
bool pace_check(struct job *job, uint64_t now);

/*
 * pace_depth - Change how many requests are in flight at most
 * @depth: 1 to iodepth
 * @drain: wait until none is in flight
 */
void pace_depth(struct job *job, uint32_t depth, bool drain);

#endif
