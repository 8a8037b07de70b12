/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a job of fio has open: a queue, and the logical units that its files name. The jobs of a
 * process that have the same address share one device.
 */
#ifndef EXAMPLES_FIO_JOB_H
#define EXAMPLES_FIO_JOB_H

#include <stdint.h>

#include <vscsi/vscsi.h>

#include "fio.h"

/* Options of the engine. fio keeps a pointer to the job at the start. */
struct engine_options {
	struct thread_data *td;
	char *address;
	unsigned int sleep;
};

struct device;

/* A file of fio's: files[fileno] of the job. A block has 1 << shift bytes. */
struct unit {
	struct vscsi_lun *lun;
	unsigned shift;
	struct vscsi_lun_info info;
};

/*
 * struct job - What a thread or process of fio does its I/O with
 * @device: shared by the jobs of this process
 * @next: another job with the same device
 * @queue: of this thread alone, unless the device has fewer queues
 * @units: of each file
 * @unit_count: those that are open
 * @write_flags: VSCSI_IO_*
 * @sleep: whether to sleep until completions arrive; otherwise it polls
 * @queued: requests that are prepared and not yet submitted, at most the job's iodepth
 * @queued_count: how many
 * @done: completions, at most the job's iodepth
 * @done_first, @done_count: those that fio has not taken yet
 * @events: those that fio took last
 * @ending: when the job was first seen to be terminated
 */
struct job {
	struct device *device;
	struct job *next;
	struct vscsi_queue *queue;
	struct unit *units;
	unsigned unit_count;
	uint32_t write_flags;
	bool sleep;
	struct io_u **queued;
	unsigned queued_count;
	struct vscsi_completion *done;
	unsigned done_first, done_count;
	struct vscsi_completion *events;
	struct timespec ending;
};

/*
 * job_open - Open what a job needs, and check that the logical units can do what it wants
 * @td: fio's job
 *
 * A failure has been reported.
 *
 * Return: the job, to be closed with job_close(); NULL after a failure.
 */
struct job *job_open(struct thread_data *td);

/*
 * job_close - Close everything, the device too if this was its last job
 * @job: the job, without requests in flight; NULL is allowed
 */
void job_close(struct job *job);

/* Ends the device by force, so that all requests complete, with -ENOTCONN. */
void job_abandon(struct job *job);

/* Returns the pool that the job's buffers have to come from. */
struct vscsi_mem *job_mem(const struct job *job);

#endif
