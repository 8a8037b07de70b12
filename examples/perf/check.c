/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks for options that contradict each other. Checks that need the disk are in fit.c.
 */
#include "options.h"

#include <errno.h>
#include <stdbool.h>

#include "skew.h"
#include "split.h"

static int bad(const struct job_options *job, const char *what)
{
	fprintf(stderr, "vscsi-perf: job '%s': %s\n", job->name, what);
	return -EINVAL;
}

static int check_verify(const struct job_options *job)
{
	if (job->verify_only && !job->verify)
		return bad(job, "verify_only needs verify=crc32c or verify=compare");
	if (!job->verify)
		return 0;
	if (job->bssplit[0])
		return bad(job, "verify needs requests of one size; omit bssplit");
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

static int check_cpus(const struct job_options *job)
{
	cpu_set_t cpus;
	int ret = job->cpus_allowed[0] ? cpus_parse(job->cpus_allowed, &cpus) : 0;

	if (ret)
		fprintf(stderr, "vscsi-perf: job '%s': cpus_allowed=%s: %s\n", job->name,
			job->cpus_allowed,
			ret == -ENODEV ? "this machine has no such CPU"
				       : "expected numbers and ranges, such as 0,5,8-15");
	return ret ? -EINVAL : 0;
}

static int check_output(const struct job_options *job, const struct run_options *run)
{
	bool logs = job->write_bw_log[0] || job->write_iops_log[0] || job->write_lat_log[0];
	double percentiles[MOST_PERCENTILES + 1];

	if (run->plot[0] && logs && !job->log_avg_msec)
		return bad(job, "with plot, logs need log_avg_msec");

	if (percentiles_parse(job->percentile_list, percentiles))
		return bad(job, "percentile_list: expected up to 20 numbers above 0 and up to 100, "
				"such as 50:99:99.9");
	return 0;
}

static int check_job(const struct job_options *job, const struct run_options *run)
{
	struct split split;
	struct skew skew;

	if (!job->address[0])
		return bad(job, "no address; give --address=vhost-user:PATH, vfio-user:PATH, "
				"pci:DDDD:BB:DD.F or vhost-scsi:NAME");
	if (job->time_based && !job->runtime)
		return bad(job, "time_based needs a runtime");
	if (job->iodepth_batch > job->iodepth || job->iodepth_low > job->iodepth ||
	    job->iodepth_batch_complete_min > job->iodepth)
		return bad(job,
			   "iodepth_batch, iodepth_batch_complete_min and iodepth_low can't be "
			   "larger than iodepth");
	if (job->iodepth_batch_complete_max &&
	    job->iodepth_batch_complete_min > job->iodepth_batch_complete_max)
		return bad(job, "iodepth_batch_complete_min is larger than "
				"iodepth_batch_complete_max");
	if (job->latency_target && !job->latency_window)
		return bad(job, "latency_target needs a latency_window, such as 500ms");
	if (job->rate && job->rate_iops)
		return bad(job, "give either rate or rate_iops");
	if (split_parse(job->bssplit, &split))
		return bad(job,
			   "bssplit: expected BYTES/PERCENT:BYTES/PERCENT... of up to 64 sizes, "
			   "which are multiples of the smallest one, and up to 100 percent");
	if (skew_parse(job->random_distribution, &skew))
		return bad(job,
			   "random_distribution: expected random, zipf:THETA with a THETA above 0 "
			   "and not 1, or pareto:POWER with a POWER between 0 and 1; both may be "
			   "followed by :CENTER, 0 to 1");
	if (check_cpus(job) || check_output(job, run))
		return -EINVAL;
	return check_verify(job);
}

int settings_check(const struct settings *settings)
{
	const struct job_options *jobs = settings->jobs;
	uint64_t threads = 0;
	unsigned i;
	int ret;

	for (i = 0; i < settings->count; i++) {
		ret = check_job(&jobs[i], &settings->run);
		if (ret)
			return ret;
		threads += jobs[i].numjobs;
	}
	/* Checked before anything is allocated. */
	if (threads > MAX_JOBS)
		return bad(&jobs[0], "all jobs together have more than 256 threads");
	return 0;
}
