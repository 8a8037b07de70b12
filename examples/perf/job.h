/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One thread of a job: its LUN, its queue, its buffers, and what it measured. prepare.c makes
 * everything before the run, so that the loop in job.c allocates nothing.
 */
#ifndef EXAMPLES_PERF_JOB_H
#define EXAMPLES_PERF_JOB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <vscsi/vscsi.h>

#include "options.h"
#include "pattern.h"
#include "stats.h"
#include "verify.h"

/* How long a job waits for a completion before it gives the device up. */
#define JOB_PATIENCE_NS 30000000000ull

/* A request, not yet bound to a buffer. */
struct io {
	unsigned dir;        /* DIR_* */
	uint64_t place;      /* which piece of the region, each of job_options.bs */
	uint32_t generation; /* written, or expected by a read; 0: not to be checked */
};

/* A request with its buffer. Its number is the user data of the completion. */
struct slot {
	struct io io;
	unsigned char *buf;
	uint64_t begun; /* when its batch was begun and published */
	uint64_t published;
};

/* What the threads of a run share; guarded by @lock where it isn't atomic. */
struct run {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* anything below, or a job's snapshot */
	unsigned ready;         /* threads that wait for @go */
	unsigned running;       /* threads that have not ended */
	bool go;
};

/* One thread. What is not marked otherwise belongs to the thread while it runs. */
struct job {
	const struct job_options *options;
	struct run *run;
	pthread_t thread;
	unsigned group; /* stonewalls before it */
	unsigned clone; /* which thread of its section, from 0 */

	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_lun_info info;
	struct vscsi_queue *queue;

	uint64_t first_lba; /* region: @places pieces of @blocks blocks */
	uint64_t places;
	uint32_t blocks;
	uint64_t seed;
	unsigned char *buffers; /* DMA memory */
	struct slot *slots;
	uint32_t *idle;  /* numbers of slots that are not in flight */
	uint32_t *batch; /* those prepared and not yet published */
	struct vscsi_completion *done;
	uint32_t idle_count;
	uint32_t batch_count;

	int (*source)(struct job *job, struct io *io); /* what to do next: workload.h */
	struct io ahead;                               /* from @source, not yet started */
	bool have_ahead;
	bool exhausted; /* @source has no more */
	bool ending;    /* start no more, whatever @source has */
	bool counting;  /* the ramp is over */
	struct pattern order[DIR_COUNT];
	uint64_t dice;
	uint64_t issued;
	uint64_t limit;
	uint64_t paced; /* requests since @began, for rate_iops */
	uint64_t writes_since_flush;
	uint64_t began;  /* when this phase did, without the ramp once that is over */
	uint32_t *marks; /* with verify, one for each place: see workload.c */
	struct verifier verifier;

	struct stats stats;
	uint64_t usage_user; /* processor time when counting began */
	uint64_t usage_system;
	uint64_t usage_switches;
	uint64_t usage_major;
	uint64_t usage_minor;
	uint64_t usage_notifications;
	int error;
	char sentence[384]; /* about the first error, "" without one */

	_Atomic uint64_t live_ios[DIR_COUNT]; /* written by the thread, read by the progress line */
	_Atomic uint64_t live_bytes[DIR_COUNT];
	atomic_bool snapshot_wanted; /* set by the main thread, cleared by this one */
	struct stats snapshot;       /* under run.lock */
	bool started;                /* its thread exists; the main thread's */
	bool finished;               /* under run.lock */
};

/* The signal that asks everything to end, or 0. */
extern atomic_int caught_signal;

/**
 * job_main - Run one thread of a job
 * @arg: the struct job, prepared
 *
 * Opens a queue, waits for the others of the group, does its work, reads back where that was asked
 * for, and says so under run.lock. Errors are left in the job.
 *
 * Return: NULL.
 */
void *job_main(void *arg);

/**
 * job_fail - Note an error
 * @error: negative errno; only the first one is kept
 * @format: a sentence about it
 *
 * Ends the job unless it is to continue.
 */
void job_fail(struct job *job, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * job_account - Take a completion in
 * @now: when it was seen
 *
 * Checks result, residual and, where that was asked for, the data; counts; frees the slot.
 */
void job_account(struct job *job, const struct vscsi_completion *done, uint64_t now);

/* Begins to count, forgetting what was before. */
void job_count_from(struct job *job, uint64_t now);

/* Brings processor time and the end of the figures up to date. */
void job_usage(struct job *job, uint64_t now);

/* Answers a wish for a snapshot, if there is one. */
void job_snapshot(struct job *job);

#endif
