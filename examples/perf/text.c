/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Output as text, similar to fio's.
 */
#include "report.h"

#include <inttypes.h>
#include <string.h>

#include "common/text.h"

static const char *const dir_names[DIR_COUNT] = {"read", "write", "trim", "sync"};

struct time_unit {
	const char *name;
	double ns;
};

/* The unit in which the mean has at most five digits before the decimal point. */
static struct time_unit fitting_unit(double mean)
{
	if (mean >= 1e8)
		return (struct time_unit){"msec", 1e6};
	if (mean >= 1e5)
		return (struct time_unit){"usec", 1e3};
	return (struct time_unit){"nsec", 1};
}

static void print_moments(FILE *out, const char *name, const struct moments *moments)
{
	struct time_unit unit = fitting_unit(moments_mean(moments));

	if (!moments->count)
		return;
	fprintf(out, "    %4s (%s): min=%.0f, max=%.0f, avg=%.2f, stdev=%.2f\n", name, unit.name,
		(double)moments->min / unit.ns, (double)moments->max / unit.ns,
		moments_mean(moments) / unit.ns, moments_deviation(moments) / unit.ns);
}

static void print_percentiles(FILE *out, const struct dir_stats *dir, const double *percentiles)
{
	struct time_unit unit = fitting_unit(moments_mean(&dir->clat));
	unsigned i;

	/*
	 * Three per line, all in the unit of the mean, so that they can be compared easily.
	 */
	fprintf(out, "    clat percentiles (%s):\n", unit.name);
	for (i = 0; percentiles[i] >= 0; i++) {
		fprintf(out, "%s %5.2fth=[%7.0f]%s", i % 3 ? "" : "     |", percentiles[i],
			(double)hist_percentile(&dir->hist, percentiles[i]) / unit.ns,
			i % 3 == 2 || percentiles[i + 1] < 0 ? "\n" : ",");
	}
}

/* Prints bandwidth in binary and decimal units. */
static void print_rate(FILE *out, const struct dir_stats *dir)
{
	double seconds = dir_seconds(dir), bytes = (double)dir->bytes / seconds;
	char bandwidth[TEXT_HUMAN_LEN], total[TEXT_HUMAN_LEN];

	fprintf(out, "IOPS=%.0f, ", (double)dir->ios / seconds);
	if (!dir->bytes) {
		fprintf(out, "%" PRIu64 " requests in %.0fmsec", dir->ios, seconds * 1000);
		return;
	}
	fprintf(out, "BW=%s/s (%.1fMB/s), %" PRIu64 " requests, %s in %.0fmsec",
		text_human(bandwidth, (uint64_t)bytes), bytes / 1e6, dir->ios,
		text_human(total, dir->bytes), seconds * 1000);
}

static void print_rates(FILE *out, const char *name, const struct rates *rates)
{
	if (!rates->samples)
		return;
	fprintf(out,
		"    %-12s: min=%" PRIu64 ", max=%" PRIu64
		", avg=%.2f, stdev=%.2f, samples=%" PRIu64 "\n",
		name, rates->min, rates->max, rates->mean, rates_deviation(rates), rates->samples);
}

static void print_dir(FILE *out, const struct dir_stats *dir, const char *name,
		      const double *percentiles)
{
	/* Omit kinds that the job does not have. */
	if (!dir->ios && !dir->errors && !dir->shorts)
		return;
	fprintf(out, "  %s: ", name);
	print_rate(out, dir);
	fputc('\n', out);
	if (dir->errors || dir->shorts)
		fprintf(out, "    errors: %" PRIu64 " failed, %" PRIu64 " short\n", dir->errors,
			dir->shorts);
	print_moments(out, "slat", &dir->slat);
	print_moments(out, "clat", &dir->clat);
	print_moments(out, "lat", &dir->lat);
	if (dir->ios)
		print_percentiles(out, dir, percentiles);
	print_rates(out, "bw (KiB/s)", &dir->bw);
	print_rates(out, "iops", &dir->iops);
}

static void print_notifications(FILE *out, const struct stats *stats)
{
	uint64_t ios = 0;
	unsigned i;

	for (i = 0; i < DIR_COUNT; i++)
		ios += stats->dir[i].ios;
	fprintf(out, "  notifications: %" PRIu64, stats->notifications);
	if (ios)
		fprintf(out, ", %.1f per 1000 requests",
			(double)stats->notifications * 1000 / (double)ios);
	fputc('\n', out);
}

static void print_rest(FILE *out, const struct result *result)
{
	const struct stats *stats = &result->stats;
	/* The CPU time that was available to all threads. */
	double wall = (double)(stats->end - stats->start) * result->threads;

	if (stats->end <= stats->start)
		wall = 1;
	fprintf(out,
		"  cpu: usr=%.2f%%, sys=%.2f%%, ctx=%" PRIu64 ", majf=%" PRIu64 ", minf=%" PRIu64
		"\n",
		100 * (double)stats->user_ns / wall, 100 * (double)stats->system_ns / wall,
		stats->switches, stats->major_faults, stats->minor_faults);
	print_notifications(out, stats);
	if (result->options->latency_target)
		fprintf(out, "  latency_target: latency_depth=%" PRIu64 "\n", stats->latency_depth);
	if (result->options->verify)
		fprintf(out, "  verify: %" PRIu64 " blocks of %u bytes checked, %" PRIu64 " bad\n",
			stats->verify_checked, result->block_size, stats->verify_bad);
}

/* Whether an earlier entry, of the same device, has the same error. */
static bool is_repeated_error(const struct results *results, const struct result *result)
{
	const struct result *at;

	for (at = results->entry; at < result; at++) {
		if (at->error == result->error &&
		    !strcmp(at->options->address, result->options->address))
			return true;
	}
	return false;
}

static void print_result(FILE *out, const struct results *results, const struct result *result)
{
	const struct job_options *options = result->options;
	char rw[16];
	unsigned i;

	option_print(option_find("rw", strlen("rw")), options->rw, rw, sizeof(rw));
	fprintf(out,
		"%s: (groupid=%u, jobs=%u): err=%d: rw=%s, bs=%" PRIu64 ", iodepth=%" PRIu64
		", %u:%u of %s, randseed=%" PRIu64 "\n",
		options->name, result->group, result->threads, -result->error, rw, options->bs,
		options->iodepth, result->target, result->lun, options->address, options->randseed);
	if (result->error_text && !is_repeated_error(results, result))
		fprintf(out, "  error: %s\n", result->error_text);
	for (i = 0; i < DIR_COUNT; i++)
		print_dir(out, &result->stats.dir[i], dir_names[i], result->percentiles);
	print_rest(out, result);
}

/* Sums over all entries of a group; the time is that of the whole group. */
static void print_group(FILE *out, const struct results *results, unsigned group)
{
	struct dir_stats sum;
	unsigned dir;

	fprintf(out, "\nRun status group %u (all jobs):\n", group);
	for (dir = 0; dir < DIR_COUNT; dir++) {
		results_sum(results, group, dir, &sum);
		if (!sum.ios)
			continue;
		fprintf(out, "  %5s: ", dir_names[dir]);
		print_rate(out, &sum);
		fputc('\n', out);
	}
}

void report_text(FILE *out, const struct results *results)
{
	unsigned i;

	for (i = 0; i < results->count; i++)
		print_result(out, results, &results->entry[i]);
	for (i = 0; i < results->count; i++) {
		if (!i || results->entry[i].group != results->entry[i - 1].group)
			print_group(out, results, results->entry[i].group);
	}
}
