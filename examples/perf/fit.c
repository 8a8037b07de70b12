/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks that a job fits its disk.
 */
#include "prepare.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

static int misfit(const struct job *job, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int misfit(const struct job *job, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "vscsi-perf: job '%s' on %u:%u: ", job->options->name, job->info.target,
		job->info.lun);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return -EINVAL;
}

/* Checks against the disk's block size. */
static int fit_blocks(const struct job *job)
{
	const struct job_options *options = job->options;
	uint32_t block = job->info.block_size;

	if (!block)
		return misfit(job, "it has no blocks; 'vscsi-info %s' lists the disks",
			      options->address);
	if (options->bs % block)
		return misfit(job, "bs=%" PRIu64 " is not a multiple of its block size, %u",
			      options->bs, block);
	if (options->offset % block || options->offset_increment % block)
		return misfit(job,
			      "offset and offset_increment must be multiples of its block "
			      "size, %u",
			      block);
	if (options->verify && (block < 512 || block % 8))
		return misfit(job, "blocks of %u bytes can't be verified", block);
	return 0;
}

/* Asynchronous calls are not split: a request must fit the limits of the disk. */
static int fit_abilities(const struct job *job)
{
	const struct vscsi_lun_info *info = &job->info;
	uint64_t blocks = job->options->bs / info->block_size;

	if (job->options->rw & RW_TRIM) {
		if (!(info->flags & VSCSI_LUN_UNMAP))
			return misfit(job, "it does not support unmap, which rw=trim needs");
		if (blocks > info->max_unmap_blocks)
			return misfit(job,
				      "bs is %" PRIu64 " blocks, but it unmaps at most %u per "
				      "request",
				      blocks, info->max_unmap_blocks);
		return 0;
	}
	if (blocks > info->max_blocks)
		return misfit(job,
			      "bs is %" PRIu64 " blocks, but it transfers at most %u per request",
			      blocks, info->max_blocks);
	if (job->options->rw & RW_WRITE && !job->options->verify_only &&
	    info->flags & VSCSI_LUN_READ_ONLY)
		return misfit(job, "it is read-only; use rw=read or rw=randread");
	return 0;
}

int job_fit(struct job *job)
{
	const struct job_options *options = job->options;
	uint64_t disk, start, bytes;
	int ret = fit_blocks(job);

	if (!ret)
		ret = fit_abilities(job);
	if (ret)
		return ret;
	disk = job->info.blocks * job->info.block_size;
	/* Check for overflow: these are user input. */
	if (__builtin_mul_overflow(options->offset_increment, job->clone, &start) ||
	    __builtin_add_overflow(start, options->offset, &start) || start >= disk)
		return misfit(job, "offset exceeds the disk (%" PRIu64 " bytes)", disk);
	bytes = options->size ? options->size : disk - start;
	if (bytes > disk - start)
		return misfit(job, "offset + size exceeds the disk (%" PRIu64 " bytes)", disk);
	job->blocks = (uint32_t)(options->bs / job->info.block_size);
	job->pieces = bytes / options->bs;
	job->first_lba = start / job->info.block_size;
	/* Each thread verifies its own writes, so their regions must not overlap. */
	if (options->verify && options->numjobs > 1) {
		if (options->offset_increment)
			return misfit(job, "verify divides the region among the threads; "
					   "omit offset_increment");
		job->pieces /= options->numjobs;
		job->first_lba += job->clone * job->pieces * job->blocks;
	}
	if (!job->pieces)
		return misfit(job,
			      "the region of %" PRIu64 " bytes is smaller than one bs of %" PRIu64
			      " for each thread",
			      bytes, options->bs);
	return 0;
}
