/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Allocates the threads' structures and everything that their loops use.
 */
#include "prepare.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/unit.h"
#include "workload.h"

#define SAMPLE_NS     500000000u /* as in fio */
#define REPEATED_SEED 0x5eed     /* with randrepeat */

static int no_memory(const struct job *job)
{
	fprintf(stderr,
		"vscsi-perf: job '%s': no memory for iodepth=%" PRIu64 " and %" PRIu64 " pieces\n",
		job->options->name, job->options->iodepth, job->pieces);
	return -ENOMEM;
}

static int add_job(struct job_list *list, const struct job_options *options, unsigned group,
		   unsigned clone)
{
	/* Allocated one by one: a job is large because of its histograms. */
	struct job *job = calloc(1, sizeof(*job));
	uint64_t seed = options->randseed + clone;

	if (!job) {
		fprintf(stderr, "vscsi-perf: no memory for %u threads\n", list->count + 1);
		return -ENOMEM;
	}
	job->options = options;
	split_parse(options->bssplit, &job->split);
	job->group = group;
	job->clone = clone;
	/* Hashed, so that the orders of different threads are unrelated. */
	job->seed = random_next(&seed);
	list->jobs[list->count++] = job;
	return 0;
}

static uint64_t smallest_size(const struct job_options *options)
{
	struct split split;

	split_parse(options->bssplit, &split);
	return split_smallest(&split);
}

static int add_jobs(struct job_list *list, struct settings *settings)
{
	unsigned i, clone, group = 0;
	uint32_t seed = 0;
	int ret = 0;

	/* 32 bits, so that it can be copied from a report by hand. */
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed) || !seed)
		seed = 1;
	for (i = 0; !ret && i < settings->count; i++) {
		struct job_options *options = &settings->jobs[i];

		if (options->bssplit[0])
			options->bs = smallest_size(options);
		if (!options->randseed)
			options->randseed = options->randrepeat ? REPEATED_SEED : seed;
		group += i && options->stonewall;
		for (clone = 0; !ret && clone < options->numjobs; clone++)
			ret = add_job(list, options, group, clone);
	}
	return ret;
}

static int open_unit(struct job *job)
{
	unsigned target = (unsigned)(job->options->lun >> 16);
	unsigned lun = (unsigned)(job->options->lun & 0xffff);
	struct vscsi_lun_opts opts = {
		.size = sizeof(opts),
		/* Round up: 0 would mean the default. */
		.timeout_ms = (uint32_t)((job->options->request_timeout + 999999) / 1000000),
	};
	int ret = unit_open_named(job->dev, target, lun, &opts, &job->lun);

	if (ret) {
		fprintf(stderr, "vscsi-perf: job '%s': %s\n", job->options->name,
			vscsi_last_error());
		if (ret == -ENODEV)
			fprintf(stderr, "vscsi-perf: 'vscsi-info %.*s' lists the logical units\n",
				(int)strcspn(job->options->address, "?"), job->options->address);
		/* Not a usage error, whatever the errno. */
		return ret == -EINVAL ? -ENODEV : ret;
	}
	job->info.size = sizeof(job->info);
	return vscsi_lun_get_info(job->lun, &job->info);
}

/* Allocates the buffers in one block, which needs the fewest segments. */
static int allocate_buffers(struct job *job)
{
	size_t depth = job->options->iodepth, largest = job_largest(job);
	size_t bytes = depth * largest, i;

	if (job->options->rw & RW_TRIM)
		return 0;
	job->buffers = vscsi_mem_alloc(vscsi_dev_mem(job->dev), bytes, 4096);
	if (!job->buffers) {
		fprintf(stderr,
			"vscsi-perf: job '%s': no DMA memory for iodepth=%zu buffers of "
			"%zu bytes; reduce iodepth or bs, or reserve more with "
			"the address option mem=\n",
			job->options->name, depth, largest);
		return -ENOMEM;
	}
	job->contents = job->seed;
	random_fill(&job->contents, job->buffers, bytes);
	for (i = 0; i < depth; i++)
		job->slots[i].buf = job->buffers + i * largest;
	return 0;
}

/* @plot: intervals are needed for it. */
static void begin_series(struct job *job, bool plot)
{
	const struct job_options *options = job->options;

	job->series.keeps = plot || options->write_bw_log[0] || options->write_iops_log[0] ||
			    options->write_lat_log[0];
	job->series.each = !plot && job->series.keeps && !options->log_avg_msec;
	job->series.interval = options->log_avg_msec ? options->log_avg_msec * 1000000 : SAMPLE_NS;
}

static int take_tables(struct job *job)
{
	uint32_t depth = (uint32_t)job->options->iodepth, i;

	job->slots = calloc(depth, sizeof(*job->slots));
	job->idle = calloc(depth, sizeof(*job->idle));
	job->batch = calloc(depth, sizeof(*job->batch));
	job->done = calloc(depth, sizeof(*job->done));
	job->ended = calloc(depth, sizeof(*job->ended));
	if (!job->slots || !job->idle || !job->batch || !job->done || !job->ended)
		return no_memory(job);
	/* Slot 0 is on top: at depth 1 always the same buffer is used and stays in cache. */
	for (i = 0; i < depth; i++)
		job->idle[i] = depth - 1 - i;
	job->idle_count = job->latency.depth = depth;
	if (!job->options->verify)
		return 0;
	/* Pages are allocated when touched, so a large disk costs only for what is written. */
	job->marks = calloc(job->pieces, sizeof(*job->marks));
	job->verifier.seed = job->seed;
	job->verifier.mode = job->options->verify;
	job->verifier.block_size = job->info.block_size;
	return job->marks ? 0 : no_memory(job);
}

int list_prepare(struct job_list *list, struct settings *settings)
{
	int ret = add_jobs(list, settings);
	unsigned i;

	for (i = 0; !ret && i < list->count; i++)
		ret = device_open(list, list->jobs[i]);
	for (i = 0; !ret && i < list->count; i++) {
		ret = open_unit(list->jobs[i]);
		ret = ret ? ret : job_fit(list->jobs[i]);
	}
	ret = ret ? ret : list_fit(list);
	/* Buffers last, after everything else was checked. */
	for (i = 0; !ret && i < list->count; i++) {
		struct job *job = list->jobs[i];

		begin_series(job, settings->run.plot[0]);
		ret = take_tables(job);
		ret = ret ? ret : allocate_buffers(job);
		if (!ret)
			workload_init(job);
	}
	return ret;
}

static void release_job(struct job *job)
{
	/* Fails while a request is in flight, whose buffer the device may still access. */
	bool idle = !job->lun || !vscsi_lun_close(job->lun);

	if (idle && job->buffers)
		vscsi_mem_free(vscsi_dev_mem(job->dev), job->buffers);
	free(job->slots);
	free(job->idle);
	free(job->batch);
	free(job->done);
	free(job->ended);
	free(job->marks);
	series_free(&job->series);
	free(job);
}

void list_release(struct job_list *list)
{
	unsigned i;

	for (i = 0; i < list->count; i++)
		release_job(list->jobs[i]);
	for (i = 0; i < list->device_count; i++)
		vscsi_dev_close(list->devices[i].dev);
	memset(list, 0, sizeof(*list));
}
