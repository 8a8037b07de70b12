/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A thread of a job: its LUN, queue, buffers and statistics. prepare.c allocates everything before
 * the run, so that the loop in job.c allocates nothing.
 */
#ifndef EXAMPLES_PERF_JOB_H
#define EXAMPLES_PERF_JOB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <vscsi/vscsi.h>

#include "latency.h"
#include "options.h"
#include "pattern.h"
#include "series.h"
#include "skew.h"
#include "split.h"
#include "stats.h"
#include "verify.h"

/* A job fails if no request completes for this long. */
#define JOB_TIMEOUT_NS 30000000000ull

/* A request without a buffer. */
struct io {
	unsigned dir;        /* DIR_* */
	uint32_t length;     /* in units of job_options.bs; 1 without bssplit, 0 for a flush */
	uint64_t piece;      /* index in the region, in the same units */
	uint32_t generation; /* written, or expected by a read; 0: not verified */
};

/* A request with its buffer. Its index is the user data of the completion. */
struct slot {
	struct io io;
	unsigned char *buf;
	uint64_t begun; /* when its batch was started and submitted */
	uint64_t published;
};

/* Shared by the threads of a run; fields that are not atomic are protected by @lock. */
struct run {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* signals changes of the fields below, and snapshots */
	unsigned ready;         /* threads waiting for @go */
	unsigned running;       /* threads that have not finished */
	bool go;
};

/* One thread. Unless marked otherwise, fields belong to the thread while it runs. */
struct job {
	const struct job_options *options;
	struct run *run;
	pthread_t thread;
	unsigned group; /* number of stonewalls before it */
	unsigned clone; /* index of the thread in its section */

	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_lun_info info;
	struct vscsi_queue *queue;

	uint64_t first_lba; /* region: @pieces pieces of @blocks blocks */
	uint64_t pieces;
	uint64_t amount; /* pieces to transfer unless time_based, also more than there are */
	uint32_t blocks;
	uint64_t seed;
	unsigned char *buffers; /* DMA memory */
	struct slot *slots;
	uint32_t *idle;  /* indices of slots that are not in flight */
	uint32_t *batch; /* those prepared and not submitted */
	struct vscsi_completion *done;
	struct slot *ended; /* copies of their slots, of those that are not accounted yet */
	uint32_t idle_count;
	uint32_t batch_count;
	uint32_t ended_count;

	int (*source)(struct job *job, struct io *io); /* selects the next request: workload.h */
	struct io next_io;                             /* from @source, not started yet */
	bool have_ahead;
	bool exhausted; /* @source has no more requests */
	bool ending;    /* start no more requests */
	bool counting;  /* the ramp is over */
	struct pattern order[DIR_COUNT];
	struct split split;
	struct skew skew; /* for random_distribution, instead of @order */
	uint64_t dice;
	uint64_t contents; /* random, of what is written without verification */
	uint64_t issued;   /* pieces, and how many to issue */
	uint64_t limit;
	uint64_t requests; /* the same for number_ios */
	uint64_t request_limit;
	uint64_t writes_since_flush;
	uint64_t began;     /* start of this phase, the ramp excluded */
	uint32_t wanted;    /* how many slots have to be idle before requests are started: pace.h */
	uint32_t unused;    /* slots that are not used: latency_target, and all during a pause */
	bool paced;         /* by the following; while it is false, @wanted doesn't change */
	bool pausing;       /* thinktime */
	bool watched;       /* requests count one by one, for latency_target or a log */
	uint64_t pause_end; /* 0: it has not begun */
	uint64_t burst;     /* requests since the last pause */
	uint64_t sent[DIR_COUNT]; /* bytes since @began, for rate and rate_iops */
	struct latency latency;
	uint32_t *marks; /* with verify, one per piece: see workload.c */
	struct verifier verifier;

	struct stats stats;
	struct series series;
	uint64_t usage_user; /* CPU time when measuring started */
	uint64_t usage_system;
	uint64_t usage_switches;
	uint64_t usage_major;
	uint64_t usage_minor;
	uint64_t usage_notifications;
	int error;
	char error_text[384]; /* of the first error; "" if none */

	_Atomic uint64_t
		live_ios[DIR_COUNT]; /* written by the thread, read for the progress line */
	_Atomic uint64_t live_bytes[DIR_COUNT];
	atomic_bool snapshot_requested; /* set by the main thread, cleared by this one */
	struct stats snapshot;          /* protected by run.lock */
	bool started;                   /* the thread exists; used by the main thread */
	bool finished;                  /* protected by run.lock */
};

/*
 * job_main - Run a thread of a job
 * @arg: the prepared struct job
 *
 * Opens a queue, waits for the other threads of the group, runs the workload, reads back if
 * requested, and sets @finished. Errors are recorded in the job.
 *
 * Return: NULL.
 */
void *job_main(void *arg);

/*
 * job_fail - Record an error
 * @error: negative errno; only the first one is kept
 * @format: the error text
 *
 * Ends the job, unless continue_on_error is set.
 */
void job_fail(struct job *job, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * job_account - Process a completion
 * @slot: the request, or a copy
 * @now: when it was received
 *
 * Checks result, residual and, with verify, the data; updates the statistics.
 */
void job_account(struct job *job, const struct slot *slot, const struct vscsi_completion *done,
		 uint64_t now);

/* Return: bytes of the largest request. */
static inline uint64_t job_largest(const struct job *job)
{
	return job->split.count[0] ? split_largest(&job->split) : job->options->bs;
}

/* Restarts the statistics. */
void job_count_from(struct job *job, uint64_t now);

/* Updates CPU time and the end time of the statistics. */
void job_usage(struct job *job, uint64_t now);

/* Takes a snapshot of the statistics, if requested. */
void job_snapshot(struct job *job);

#endif
