/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prepares the threads of a run: opens devices and logical units, allocates buffers and tables, and
 * checks that the options fit the disk.
 */
#ifndef EXAMPLES_PERF_PREPARE_H
#define EXAMPLES_PERF_PREPARE_H

#include "job.h"
#include "options.h"

/* A device, shared by all jobs with the same address. */
struct device {
	const char *address;
	struct vscsi_dev *dev;
};

/* All threads of a run, ordered by section and thread. */
struct job_list {
	struct job *jobs[MAX_JOBS];
	unsigned count;
	struct device devices[MAX_JOBS];
	unsigned device_count;
};

/*
 * list_prepare - Prepare all threads
 * @list: zeroed; filled in, also on failure: list_release()
 * @settings: the options; must outlive the list. A randseed of 0 is replaced by a new one
 *
 * Return: 0; -EINVAL if the options don't fit the disk; or another error; with a message on stderr.
 */
int list_prepare(struct job_list *list, struct settings *settings);

/*
 * job_fit - Compute a job's region on its disk, and how much of it is transferred
 * @job: with options, clone and info set; the rest is filled in
 *
 * Return: 0, or -EINVAL with a message on stderr.
 */
int job_fit(struct job *job);

/*
 * list_fit - Check that no job writes to a region that another one verifies at the same time
 * @list: its jobs' regions are known
 *
 * Return: 0, or -EINVAL with a message on stderr.
 */
int list_fit(const struct job_list *list);

/*
 * device_open - Open the device of a job, or find it among those open
 * @list: the list of devices
 * @job: with options set; receives its device
 *
 * The device gets memory and queues for all jobs of the list that use it.
 *
 * Return: 0, or a negative errno with a message on stderr.
 */
int device_open(struct job_list *list, struct job *job);

/*
 * list_release - Close and free everything
 *
 * Except the buffers of requests that never completed: the device may still access them.
 */
void list_release(struct job_list *list);

#endif
