/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks for options that contradict each other. Checks that need the disk are in fit.c.
 */
#include "options.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static int bad(const struct job_options *job, const char *what)
{
	fprintf(stderr, "vscsi-perf: job '%s': %s\n", job->name, what);
	return -EINVAL;
}

static int check_verify(const struct job_options *job)
{
	if (job->verify_only && !job->verify)
		return bad(job, "verify_only needs verify=crc32c or verify=pattern");
	if (!job->verify)
		return 0;
	if (!(job->rw & RW_WRITE))
		return bad(job, "verify checks what the job itself wrote; use rw=write, "
				"randwrite, rw or randrw");
	if (job->verify_only && job->rw & RW_READ)
		return bad(job, "verify_only can't check what a mixed job wrote; use rw=write or "
				"rw=randwrite");
	if (job->verify_only && (job->time_based || !job->randseed))
		return bad(job, "verify_only needs the randseed of the job that wrote, which must "
				"not have been time_based");
	return 0;
}

static int check_job(const struct job_options *job)
{
	if (!job->address[0])
		return bad(job, "no address; give --address=vhost-user:PATH or pci:DDDD:BB:DD.F");
	if (job->time_based && !job->runtime)
		return bad(job, "time_based needs a runtime");
	if (job->iodepth_batch > job->iodepth)
		return bad(job, "iodepth_batch is larger than iodepth");
	return check_verify(job);
}

/* Whether two jobs write the same blocks, so that each would find the other's data. */
static bool overlap(const struct job_options *one, const struct job_options *other)
{
	uint64_t one_end = one->size ? one->offset + one->size : UINT64_MAX;
	uint64_t other_end = other->size ? other->offset + other->size : UINT64_MAX;

	if (!(one->verify && other->rw & (RW_WRITE | RW_TRIM)))
		return false;
	return !strcmp(one->address, other->address) && one->lun == other->lun &&
	       one->offset < other_end && other->offset < one_end;
}

int settings_check(const struct settings *settings)
{
	const struct job_options *jobs = settings->jobs;
	uint64_t threads = 0;
	unsigned i, k;
	int ret;

	for (i = 0; i < settings->count; i++) {
		ret = check_job(&jobs[i]);
		if (ret)
			return ret;
		threads += jobs[i].numjobs;
		/* With a stonewall in between they run one after the other. */
		for (k = i + 1; k < settings->count && !jobs[k].stonewall; k++) {
			if (overlap(&jobs[i], &jobs[k]) || overlap(&jobs[k], &jobs[i]))
				return bad(&jobs[k],
					   "it writes to a region that another job verifies; give "
					   "them separate regions (offset, size) or "
					   "stonewall");
		}
	}
	/* Checked before anything is allocated. */
	if (threads > MAX_JOBS)
		return bad(&jobs[0], "all jobs together have more than 256 threads");
	return 0;
}
