/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Output as JSON with the layout and names of fio's, as far as the data exists, so that the same
 * programs can read both.
 */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <json.h>
#include <string.h>
#include <time.h>

#define DEPTH_LEVELS 7

static const char *const dir_names[DIR_COUNT] = {"read", "write", "trim", "sync"};

static int add(struct json_object *to, const char *name, struct json_object *value)
{
	if (value && !json_object_object_add(to, name, value))
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static int add_number(struct json_object *to, const char *name, uint64_t value)
{
	return add(to, name, json_object_new_uint64(value));
}

static int add_real(struct json_object *to, const char *name, double value)
{
	/* json-c would print seventeen digits; fio prints six decimals. */
	char text[48];

	snprintf(text, sizeof(text), "%.6f", value);
	return add(to, name, json_object_new_double_s(value, text));
}

static int add_string(struct json_object *to, const char *name, const char *value)
{
	return add(to, name, json_object_new_string(value));
}

/* NULL stays NULL: no partial objects; add() reports the error. */
static struct json_object *complete(struct json_object *object, int bad)
{
	if (!bad)
		return object;
	json_object_put(object);
	return NULL;
}

static struct json_object *percentiles_object(const struct hist *hist, const double *percentiles)
{
	struct json_object *out = json_object_new_object();
	char name[32];
	unsigned i;
	int bad = !out;

	for (i = 0; !bad && percentiles[i] >= 0; i++) {
		snprintf(name, sizeof(name), "%.6f", percentiles[i]);
		bad = add_number(out, name, hist_percentile(hist, percentiles[i]));
	}
	return complete(out, bad);
}

static struct json_object *bins_object(const struct hist *hist)
{
	struct json_object *out = json_object_new_object();
	char name[32];
	unsigned i;
	int bad = !out;

	for (i = 0; !bad && i < HIST_BUCKETS; i++) {
		if (!hist->bucket[i])
			continue;
		snprintf(name, sizeof(name), "%" PRIu64, hist_value(i));
		bad = add_number(out, name, hist->bucket[i]);
	}
	return complete(out, bad);
}

/* Names and nesting are fio's. @hist: NULL if there are no percentiles. */
static struct json_object *moments_object(const struct moments *moments, const struct hist *hist,
					  const struct result *result)
{
	struct json_object *out = json_object_new_object();
	int bad = !out;

	bad = bad || add_number(out, "min", moments->min) || add_number(out, "max", moments->max) ||
	      add_real(out, "mean", moments_mean(moments)) ||
	      add_real(out, "stddev", moments_deviation(moments)) ||
	      add_number(out, "N", moments->count);
	if (hist && hist->count)
		bad = bad ||
		      add(out, "percentile", percentiles_object(hist, result->percentiles)) ||
		      (result->bins && add(out, "bins", bins_object(hist)));
	return complete(out, bad);
}

/* @share: how much of the group's bandwidth it has, in percent. */
static int add_rates(struct json_object *out, const struct dir_stats *dir, double share)
{
	const struct rates *bw = &dir->bw, *iops = &dir->iops;

	return add_number(out, "bw_min", bw->min) || add_number(out, "bw_max", bw->max) ||
	       add_real(out, "bw_agg", share) || add_real(out, "bw_mean", bw->mean) ||
	       add_real(out, "bw_dev", rates_deviation(bw)) ||
	       add_number(out, "bw_samples", bw->samples) ||
	       add_number(out, "iops_min", iops->min) || add_number(out, "iops_max", iops->max) ||
	       add_real(out, "iops_mean", iops->mean) ||
	       add_real(out, "iops_stddev", rates_deviation(iops)) ||
	       add_number(out, "iops_samples", iops->samples);
}

/* As in fio: the mean of the intervals, compared with the whole run of the group. */
static double share_of_group(const struct results *results, const struct result *result,
			     unsigned dir)
{
	double mean = result->stats.dir[dir].bw.mean * 1024, share;
	struct dir_stats sum;

	results_sum(results, result->group, dir, &sum);
	if (!sum.bytes)
		return 0;
	share = 100 * mean * dir_seconds(&sum) / (double)sum.bytes;
	return share < 100 ? share : 100;
}

static struct json_object *dir_object(const struct results *results, const struct result *result,
				      unsigned number)
{
	const struct dir_stats *dir = &result->stats.dir[number];
	struct json_object *out = json_object_new_object();
	double seconds = dir->ios ? dir_seconds(dir) : 0;
	double bytes = dir->ios ? (double)dir->bytes / seconds : 0;
	int bad = !out;

	/* Units are fio's too: bw in KiB/s, runtime in milliseconds. */
	bad = bad || add_number(out, "io_bytes", dir->bytes) ||
	      add_number(out, "io_kbytes", dir->bytes >> 10) ||
	      add_number(out, "bw_bytes", (uint64_t)bytes) ||
	      add_number(out, "bw", (uint64_t)bytes >> 10) ||
	      add_real(out, "iops", dir->ios ? (double)dir->ios / seconds : 0) ||
	      add_number(out, "runtime", (uint64_t)(seconds * 1000)) ||
	      add_number(out, "total_ios", dir->ios) || add_number(out, "short_ios", dir->shorts) ||
	      add_number(out, "drop_ios", 0) || add_number(out, "error_ios", dir->errors) ||
	      add(out, "slat_ns", moments_object(&dir->slat, NULL, result)) ||
	      add(out, "clat_ns", moments_object(&dir->clat, &dir->hist, result)) ||
	      add(out, "lat_ns", moments_object(&dir->lat, NULL, result)) ||
	      add_rates(out, dir, share_of_group(results, result, number));
	return complete(out, bad);
}

/* fio's "sync" has no rates; its lat_ns has the percentiles. */
static struct json_object *sync_object(const struct result *result)
{
	const struct dir_stats *dir = &result->stats.dir[DIR_SYNC];
	struct json_object *out = json_object_new_object();
	int bad = !out;

	bad = bad || add_number(out, "total_ios", dir->ios) ||
	      add_number(out, "error_ios", dir->errors) ||
	      add(out, "lat_ns", moments_object(&dir->lat, &dir->hist, result));
	return complete(out, bad);
}

/* All options as strings, as in fio. */
static struct json_object *options_object(const struct job_options *options)
{
	struct json_object *out = json_object_new_object();
	const struct perf_option *option;
	const char *field;
	char text[48];
	uint64_t value;
	int bad = !out;

	for (option = perf_options; !bad && option->name; option++) {
		if (option->job_offset == NO_OFFSET)
			continue;
		field = (const char *)options + option->job_offset;
		memcpy(&value, field, sizeof(value));
		option_print(option, value, text, sizeof(text));
		bad = add_string(out, option->name, option->kind <= OPTION_NAME ? field : text);
	}
	return complete(out, bad);
}

static int add_processor(struct json_object *out, const struct result *result)
{
	const struct stats *stats = &result->stats;
	double wall = (double)(stats->end - stats->start) * result->threads;

	if (stats->end <= stats->start)
		wall = 1;
	/* Percentages of the run time of all threads. */
	return add_number(out, "job_runtime", (uint64_t)(wall / 1e6)) ||
	       add_real(out, "usr_cpu", 100 * (double)stats->user_ns / wall) ||
	       add_real(out, "sys_cpu", 100 * (double)stats->system_ns / wall) ||
	       add_number(out, "ctx", stats->switches) ||
	       add_number(out, "majf", stats->major_faults) ||
	       add_number(out, "minf", stats->minor_faults);
}

static struct json_object *shares_object(const uint64_t *counts, const char *const *names,
					 unsigned count, uint64_t total, double least)
{
	struct json_object *out = json_object_new_object();
	unsigned i;
	int bad = !out;

	for (i = 0; !bad && i < count; i++) {
		double share = total ? 100 * (double)counts[i] / (double)total : 0;

		/* As in fio, nothing that occurred is 0. */
		bad = add_real(out, names[i], counts[i] && share < least ? least : share);
	}
	return complete(out, bad);
}

/* fio's levels of the number in flight, which begin at their name, ... */
static unsigned depth_level(uint32_t number)
{
	unsigned power = number ? 31 - (unsigned)__builtin_clz(number) : 0;

	return power < DEPTH_LEVELS ? power : DEPTH_LEVELS - 1;
}

/* ... and of the number of requests at once, which end at it. */
static unsigned batch_level(uint32_t number)
{
	return number <= 4 ? number > 0 : depth_level(number - 1);
}

static struct json_object *depths_object(const uint64_t *counts, unsigned (*level)(uint32_t),
					 const char *const *names)
{
	uint64_t levels[DEPTH_LEVELS] = {0}, total = 0;
	uint32_t i;

	for (i = 0; i <= MOST_COUNTED; i++) {
		levels[level(i)] += counts[i];
		total += counts[i];
	}
	return shares_object(levels, names, DEPTH_LEVELS, total, 0.1);
}

static int add_depths(struct json_object *out, const struct stats *stats)
{
	static const char *const depths[] = {"1", "2", "4", "8", "16", "32", ">=64"};
	static const char *const batches[] = {"0", "4", "8", "16", "32", "64", ">=64"};

	return add(out, "iodepth_level", depths_object(stats->depths, depth_level, depths)) ||
	       add(out, "iodepth_submit", depths_object(stats->submits, batch_level, batches)) ||
	       add(out, "iodepth_complete", depths_object(stats->completes, batch_level, batches));
}

/* How many requests of all kinds but flushes took how long. */
static int add_latencies(struct json_object *out, const struct stats *stats)
{
	static const char *const names[] = {"2",   "4",   "10",  "20",   "50",   "100",
					    "250", "500", "750", "1000", "2000", ">=2000"};
	uint64_t levels[LATENCY_LEVELS] = {0}, total = 0;
	unsigned dir, i;

	for (dir = 0; dir < DIR_SYNC; dir++) {
		total += stats->dir[dir].ios;
		for (i = 0; i < HIST_BUCKETS; i++)
			levels[latency_level(hist_value(i))] += stats->dir[dir].hist.bucket[i];
	}
	return add(out, "latency_ns", shares_object(levels, names, 10, total, 0.01)) ||
	       add(out, "latency_us", shares_object(levels + 10, names, 10, total, 0.01)) ||
	       add(out, "latency_ms", shares_object(levels + 20, names, 12, total, 0.01));
}

static struct json_object *result_object(const struct results *results, const struct result *result)
{
	const struct stats *stats = &result->stats;
	struct json_object *out = json_object_new_object();
	unsigned i;
	int bad = !out;

	bad = bad || add_string(out, "jobname", result->options->name) ||
	      add_number(out, "groupid", result->group) ||
	      add_number(out, "threads", result->threads) ||
	      add_number(out, "error", (uint64_t)-result->error) ||
	      add_string(out, "error_text", result->error_text ? result->error_text : "") ||
	      add_number(out, "elapsed", (stats->end - stats->start) / 1000000000) ||
	      add(out, "job options", options_object(result->options));
	for (i = 0; i < DIR_SYNC; i++)
		bad = bad || add(out, dir_names[i], dir_object(results, result, i));
	bad = bad || add(out, dir_names[DIR_SYNC], sync_object(result)) ||
	      add_processor(out, result) || add_depths(out, stats) || add_latencies(out, stats) ||
	      add_number(out, "latency_depth", stats->latency_depth) ||
	      add_number(out, "latency_target", result->options->latency_target) ||
	      add_real(out, "latency_percentile",
		       (double)result->options->latency_percentile / PERCENT_UNIT) ||
	      add_number(out, "latency_window", result->options->latency_window / 1000) ||
	      add_number(out, "notifications", stats->notifications) ||
	      add_number(out, "verify_checked", stats->verify_checked) ||
	      add_number(out, "verify_bad", stats->verify_bad);
	return complete(out, bad);
}

static struct json_object *results_array(const struct results *results)
{
	struct json_object *out = json_object_new_array(), *entry;
	unsigned i;
	int bad = !out;

	for (i = 0; !bad && i < results->count; i++) {
		entry = result_object(results, &results->entry[i]);
		bad = !entry || json_object_array_add(out, entry);
		if (bad)
			json_object_put(entry);
	}
	return complete(out, bad);
}

int report_json(FILE *out, const struct results *results)
{
	struct json_object *all = json_object_new_object();
	struct timespec now;
	struct tm local;
	char date[26];
	const char *text;
	int bad = !all;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &local);
	strftime(date, sizeof(date), "%c", &local);
	/* Programs take the layout from fio's version. */
	bad = bad || add_string(all, "fio version", "fio-3.33") ||
	      add_string(all, "vscsi-perf version", vscsi_version()) ||
	      add_number(all, "timestamp", (uint64_t)now.tv_sec) ||
	      add_number(all, "timestamp_ms",
			 (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000) ||
	      add_string(all, "time", date) || add(all, "jobs", results_array(results));
	text = bad ? NULL : json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY);
	if (text)
		fprintf(out, "%s\n", text);
	else
		fprintf(stderr, "vscsi-perf: no memory for the results as JSON\n");
	json_object_put(all);
	return text ? 0 : -ENOMEM;
}
