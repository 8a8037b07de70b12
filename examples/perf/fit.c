/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks that jobs fit their disks, and each other.
 */
#include "prepare.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

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
		return misfit(job, "it has no blocks; 'vscsi-info %.*s' lists the disks",
			      (int)strcspn(options->address, "?"), options->address);
	if (options->bs % block)
		return misfit(job, "bs=%" PRIu64 " is not a multiple of its block size, %u",
			      options->bs, block);
	if (options->verify && (block < 512 || block % 8))
		return misfit(job, "blocks of %u bytes can't be verified", block);
	return 0;
}

/* Asynchronous calls are not split: a request must fit the limits of the disk. */
static int fit_abilities(const struct job *job)
{
	const struct vscsi_lun_info *info = &job->info;
	uint64_t blocks = job_largest(job) / info->block_size;

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

static uint64_t percent_of(uint64_t bytes, uint64_t share)
{
	uint64_t percent = share - PERCENT(0);

	return bytes / 100 * percent + bytes % 100 * percent / 100;
}

/* As in fio, an offset in percent is rounded up to whole requests. */
static uint64_t offset_bytes(const struct job *job, uint64_t offset)
{
	uint64_t bs = job->options->bs;

	if (offset <= MAX_BYTES)
		return offset;
	return (percent_of(job->info.blocks * job->info.block_size, offset) + bs - 1) / bs * bs;
}

/*
 * Computes where the region begins and how long it is. As in fio, filesize takes the place of the
 * disk's size, and a size in percent is one of the whole disk, as far as that is after the offset.
 */
static int fit_region(const struct job *job, uint64_t *start, uint64_t *bytes)
{
	const struct job_options *options = job->options;
	uint64_t disk = job->info.blocks * job->info.block_size, size = options->size;
	uint64_t step = offset_bytes(job, options->offset_increment);
	bool limited = options->filesize != MAX_BYTES;

	if (limited && options->filesize > disk)
		return misfit(job, "filesize exceeds the disk (%" PRIu64 " bytes)", disk);
	/* Check for overflow: these are user input. */
	if (__builtin_mul_overflow(step, job->clone, start) ||
	    __builtin_add_overflow(*start, offset_bytes(job, options->offset), start) ||
	    *start >= disk)
		return misfit(job, "offset exceeds the disk (%" PRIu64 " bytes)", disk);
	if (*start % job->info.block_size)
		return misfit(job,
			      "offset and offset_increment must be multiples of its block "
			      "size, %u",
			      job->info.block_size);
	if (limited) {
		if (*start >= options->filesize)
			return misfit(job, "offset exceeds filesize");
		disk = options->filesize;
		/* Then it limits what is transferred, not the region. */
		if (size <= MAX_BYTES)
			size = 0;
	}
	*bytes = size ? size : disk - *start;
	if (size > MAX_BYTES) {
		*bytes = percent_of(disk, size);
		if (*bytes > disk - *start)
			*bytes = disk - *start;
	}
	if (*bytes > disk - *start)
		return misfit(job,
			      "offset + size exceeds the disk (%" PRIu64
			      " bytes); without size it is the rest of the disk",
			      disk);
	return 0;
}

/* How many pieces are transferred. */
static uint64_t amount(const struct job *job)
{
	const struct job_options *options = job->options;
	uint64_t size = options->size <= MAX_BYTES ? options->size / options->bs : 0;

	if (options->io_size)
		return options->io_size / options->bs;
	return options->filesize != MAX_BYTES && size && size < job->pieces ? size : job->pieces;
}

int job_fit(struct job *job)
{
	const struct job_options *options = job->options;
	uint64_t start = 0, bytes = 0;
	int ret = fit_blocks(job);

	if (!ret)
		ret = fit_abilities(job);
	if (!ret)
		ret = fit_region(job, &start, &bytes);
	if (ret)
		return ret;
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
	job->amount = amount(job);
	if (!job->pieces || !job->amount)
		return misfit(job,
			      "the region of %" PRIu64 " bytes, or what is transferred of it, is "
			      "smaller than one bs of %" PRIu64 " for each thread",
			      bytes, options->bs);
	return 0;
}

/* Whether @one verifies blocks that @other writes at the same time. */
static bool disturbs(const struct job *other, const struct job *one)
{
	return one->options->verify && other->options->rw & (RW_WRITE | RW_TRIM) &&
	       one->group == other->group && one->dev == other->dev &&
	       one->options->lun == other->options->lun &&
	       one->first_lba < other->first_lba + other->pieces * other->blocks &&
	       other->first_lba < one->first_lba + one->pieces * one->blocks;
}

int list_fit(const struct job_list *list)
{
	unsigned i, k;

	for (i = 0; i < list->count; i++) {
		for (k = 0; k < list->count; k++) {
			if (i != k && disturbs(list->jobs[i], list->jobs[k]))
				return misfit(list->jobs[i],
					      "it writes to a region that another job verifies; "
					      "give them separate regions (offset, size) or "
					      "stonewall");
		}
	}
	return 0;
}
