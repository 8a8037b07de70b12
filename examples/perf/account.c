/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Processes completions: checks and counts them, and describes the first error.
 */
#include "job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/cause.h"
#include "common/interrupt.h"
#include "workload.h"

static const char *const dir_words[DIR_COUNT] = {"read", "write", "unmap", "flush"};

void job_fail(struct job *job, int error, const char *format, ...)
{
	va_list args;

	if (!job->options->continue_on_error || !job->queue)
		job->ending = true;
	/* After the device was ended by force, that is why. */
	if (job->error || interrupt_forced())
		return;
	job->error = error;
	va_start(args, format);
	vsnprintf(job->error_text, sizeof(job->error_text), format, args);
	va_end(args);
}

static uint64_t io_bytes(const struct job *job, const struct io *io)
{
	return (uint64_t)io->length * job->blocks * job->info.block_size;
}

static bool io_failed(struct job *job, const struct io *io, const struct vscsi_completion *done)
{
	struct dir_stats *dir = &job->stats.dir[io->dir];
	uint64_t lba = job->first_lba + io->piece * job->blocks;
	const char *why = cause_text(done);

	if (done->result) {
		dir->errors += !interrupt_forced();
		job_fail(job, done->result,
			 "%s of %u blocks at block %" PRIu64 " of %u:%u: %s%s%s%s",
			 dir_words[io->dir], io->length * job->blocks, lba, job->info.target,
			 job->info.lun, strerror(-done->result), why ? " (" : "", why ? why : "",
			 why ? ")" : "");
		return true;
	}
	/* GOOD with a residual: data was lost. */
	if (done->residual && (io->dir == DIR_READ || io->dir == DIR_WRITE)) {
		dir->shorts++;
		job_fail(job, -EBADMSG,
			 "%s of %u blocks at block %" PRIu64
			 " of %u:%u transferred %u bytes less than requested",
			 dir_words[io->dir], io->length * job->blocks, lba, job->info.target,
			 job->info.lun, done->residual);
		return true;
	}
	return false;
}

static void check_data(struct job *job, const struct slot *slot)
{
	uint64_t lba = job->first_lba + slot->io.piece * job->blocks;

	if (!verify_check(&job->verifier, slot->buf, lba, job->blocks, slot->io.generation))
		return;
	/* Not job_fail(): bad blocks don't end a job without verify_fatal. */
	if (!job->error) {
		job->error = -EILSEQ;
		snprintf(job->error_text, sizeof(job->error_text), "verification of %u:%u: %s",
			 job->info.target, job->info.lun, job->verifier.first);
	}
	if (job->options->verify_fatal)
		job->ending = true;
}

/* What only some jobs need. */
static void watch(struct job *job, const struct slot *slot, uint32_t bytes, uint64_t now)
{
	if (now - slot->begun > job->latency.limit)
		latency_missed(job);
	if (job->series.each)
		series_request(&job->series, slot->io.dir, bytes, slot->published - slot->begun,
			       now - slot->published, now);
}

static void count(struct job *job, const struct slot *slot, uint64_t now)
{
	struct dir_stats *dir = &job->stats.dir[slot->io.dir];
	uint64_t bytes = io_bytes(job, &slot->io), clat = now - slot->published;

	dir->ios++;
	dir->bytes += bytes;
	dir->end = now;
	moments_add(&dir->slat, slot->published - slot->begun);
	moments_add(&dir->clat, clat);
	moments_add(&dir->lat, now - slot->begun);
	hist_add(&dir->hist, clat);
	if (job->watched && slot->io.dir != DIR_SYNC)
		watch(job, slot, (uint32_t)bytes, now);
	/* Only this thread writes it, so no read-modify-write is needed. */
	atomic_store_explicit(&job->live_ios[slot->io.dir], dir->ios, memory_order_relaxed);
	atomic_store_explicit(&job->live_bytes[slot->io.dir], dir->bytes, memory_order_relaxed);
}

void job_account(struct job *job, const struct slot *slot, const struct vscsi_completion *done,
		 uint64_t now)
{
	bool failed = io_failed(job, &slot->io, done);

	/* Failed requests are excluded from latencies: fast failures would distort them. */
	if (!failed)
		count(job, slot, now);
	if (!failed && slot->io.dir == DIR_READ && slot->io.generation)
		check_data(job, slot);
	workload_finished(job, &slot->io, !failed);
}

static uint64_t timeval_ns(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_usec * 1000u;
}

/* Each is a system call, or a register access that exits a virtual machine. */
static uint64_t notifications(struct job *job)
{
	struct vscsi_queue_info info = {.size = sizeof(info)};

	vscsi_queue_get_info(job->queue, &info);
	return info.notifications;
}

void job_count_from(struct job *job, uint64_t now)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	job->usage_user = timeval_ns(&usage.ru_utime);
	job->usage_system = timeval_ns(&usage.ru_stime);
	job->usage_switches = (uint64_t)(usage.ru_nvcsw + usage.ru_nivcsw);
	job->usage_major = (uint64_t)usage.ru_majflt;
	job->usage_minor = (uint64_t)usage.ru_minflt;
	job->usage_notifications = notifications(job);
	stats_restart(&job->stats, now);
	series_begin(&job->series, now);
	memset(job->sent, 0, sizeof(job->sent));
	job->began = now;
	job->counting = true;
}

void job_usage(struct job *job, uint64_t now)
{
	struct stats *stats = &job->stats;
	struct rusage usage;

	/* Of this thread only, which excludes the main thread. */
	getrusage(RUSAGE_THREAD, &usage);
	stats->end = now;
	stats->latency_depth = job->latency.depth;
	stats->user_ns = timeval_ns(&usage.ru_utime) - job->usage_user;
	stats->system_ns = timeval_ns(&usage.ru_stime) - job->usage_system;
	stats->switches = (uint64_t)(usage.ru_nvcsw + usage.ru_nivcsw) - job->usage_switches;
	stats->major_faults = (uint64_t)usage.ru_majflt - job->usage_major;
	stats->minor_faults = (uint64_t)usage.ru_minflt - job->usage_minor;
	stats->notifications = notifications(job) - job->usage_notifications;
	stats->verify_checked = job->verifier.checked;
	stats->verify_bad = job->verifier.bad;
}

void job_snapshot(struct job *job)
{
	if (!atomic_load_explicit(&job->snapshot_requested, memory_order_relaxed))
		return;
	job_usage(job, clock_now());
	pthread_mutex_lock(&job->run->lock);
	/* The main thread waits for this copy; it takes some ten microseconds per interval. */
	job->snapshot = job->stats;
	atomic_store_explicit(&job->snapshot_requested, false, memory_order_relaxed);
	pthread_cond_broadcast(&job->run->changed);
	pthread_mutex_unlock(&job->run->lock);
}
