/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From options to threads that only need to be started: devices and logical units are open, buffers
 * and tables are there, and what was asked for is known to fit the disk.
 */
#ifndef EXAMPLES_PERF_PREPARE_H
#define EXAMPLES_PERF_PREPARE_H

#include "job.h"
#include "options.h"

/* A device, shared by all jobs that name the same address. */
struct device {
	const char *address;
	struct vscsi_dev *dev;
};

/* Everything that a run has; the jobs are in the order of their sections and threads. */
struct job_list {
	struct job *jobs[MAX_JOBS];
	unsigned count;
	struct device devices[MAX_JOBS];
	unsigned device_count;
};

/**
 * list_prepare - Make everything ready
 * @list: zeroed; filled in, also on failure: list_release()
 * @settings: what was asked for; must outlive the list. A randseed of 0 is replaced by a new one
 *
 * Return: 0; -EINVAL when the options don't fit the disk; else what failed. With a sentence on
 * stderr in all cases.
 */
int list_prepare(struct job_list *list, struct settings *settings);

/**
 * job_fit - Find a job's region on its disk
 * @job: with options, clone and info set; the region is filled in
 *
 * Return: 0, or -EINVAL with a sentence on stderr that says what doesn't fit what.
 */
int job_fit(struct job *job);

/**
 * device_open - Open what a job needs, or find that it is open
 * @list: where devices are kept
 * @job: with options set; receives its device
 *
 * The device gets memory and queues for all jobs of the list that name it.
 *
 * Return: 0, or a negative errno with a sentence on stderr.
 */
int device_open(struct job_list *list, struct job *job);

/**
 * list_release - Close and free everything
 *
 * What a device still has in its hands stays: a request that never came back keeps its buffer.
 */
void list_release(struct job_list *list);

#endif
