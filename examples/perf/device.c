/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opens devices: one per address, large enough for all jobs that use it.
 */
#include "prepare.h"

#include <errno.h>
#include <string.h>

#define DEFAULT_DEPTH 128
#define MOST_QUEUES   254
#define LEAST_BYTES   (16ull << 20) /* 8 hugepages of 2 MiB */
#define EXTRA_BYTES   (2ull << 20)
#define SLOT_BYTES    1024ull /* more than the library needs per request of a queue */

static uint32_t round_up_power(uint64_t value)
{
	uint32_t power = 1;

	while (power < value)
		power <<= 1;
	return power;
}

/* Adds a job's requirements. Options in the address take precedence. */
static void add_requirements(struct vscsi_dev_opts *opts, const struct job *job)
{
	const struct job_options *options = job->options;

	/* One queue per thread; if the device has fewer, the library shares them. */
	if (opts->queues < MOST_QUEUES)
		opts->queues++;
	/* Buffers are rounded up to pages of 4 KiB. */
	opts->mem_bytes += options->iodepth * ((job_largest(job) + 4095) & ~4095ull);
	if (options->iodepth > DEFAULT_DEPTH && options->iodepth > opts->queue_size)
		opts->queue_size = round_up_power(options->iodepth);
}

int device_open(struct job_list *list, struct job *job)
{
	/* One additional queue: the library uses one for synchronous calls. */
	struct vscsi_dev_opts opts = {.size = sizeof(opts), .queues = 1};
	const char *address = job->options->address;
	struct device *device;
	unsigned i;
	int ret;

	for (i = 0; i < list->device_count; i++) {
		if (!strcmp(list->devices[i].address, address)) {
			job->dev = list->devices[i].dev;
			return 0;
		}
	}
	for (i = 0; i < list->count; i++) {
		if (!strcmp(list->jobs[i]->options->address, address))
			add_requirements(&opts, list->jobs[i]);
	}
	opts.mem_bytes += EXTRA_BYTES + (opts.queues + 2ull) * SLOT_BYTES *
						(opts.queue_size ? opts.queue_size : DEFAULT_DEPTH);
	/* More than 8 small hugepages would need large ones, which most machines don't have. */
	if (opts.mem_bytes < LEAST_BYTES)
		opts.mem_bytes = LEAST_BYTES;
	device = &list->devices[list->device_count];
	device->address = address;
	ret = vscsi_dev_open(address, &opts, &device->dev);
	if (ret) {
		fprintf(stderr, "vscsi-perf: %s%s\n", vscsi_last_error(),
			ret == -E2BIG ? "; or reduce iodepth, bs or numjobs" : "");
		return ret;
	}
	list->device_count++;
	job->dev = device->dev;
	return 0;
}
