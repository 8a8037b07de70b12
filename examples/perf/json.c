/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Output as JSON with the layout and names of fio's, as far as the data exists, so that the same
 * programs can read both.
 */
#include "report.h"

#include <errno.h>
#include <json.h>
#include <string.h>
#include <time.h>

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

static struct json_object *percentiles_object(const struct hist *hist)
{
	struct json_object *out = json_object_new_object();
	char name[32];
	unsigned i;
	int bad = !out;

	for (i = 0; !bad && shown_percentiles[i] >= 0; i++) {
		snprintf(name, sizeof(name), "%.6f", shown_percentiles[i]);
		bad = add_number(out, name, hist_percentile(hist, shown_percentiles[i]));
	}
	return complete(out, bad);
}

/* Names and nesting are fio's. */
static struct json_object *moments_object(const struct moments *moments, const struct hist *hist)
{
	struct json_object *out = json_object_new_object();
	int bad = !out;

	bad = bad || add_number(out, "min", moments->min) || add_number(out, "max", moments->max) ||
	      add_real(out, "mean", moments_mean(moments)) ||
	      add_real(out, "stddev", moments_deviation(moments)) ||
	      add_number(out, "N", moments->count);
	if (hist && hist->count)
		bad = bad || add(out, "percentile", percentiles_object(hist));
	return complete(out, bad);
}

static struct json_object *dir_object(const struct dir_stats *dir)
{
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
	      add(out, "slat_ns", moments_object(&dir->slat, NULL)) ||
	      add(out, "clat_ns", moments_object(&dir->clat, &dir->hist)) ||
	      add(out, "lat_ns", moments_object(&dir->lat, NULL));
	return complete(out, bad);
}

/* fio's "sync" has no rates; its lat_ns has the percentiles. */
static struct json_object *sync_object(const struct dir_stats *dir)
{
	struct json_object *out = json_object_new_object();
	int bad = !out;

	bad = bad || add_number(out, "total_ios", dir->ios) ||
	      add_number(out, "error_ios", dir->errors) ||
	      add(out, "lat_ns", moments_object(&dir->lat, &dir->hist));
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

static struct json_object *result_object(const struct result *result)
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
		bad = bad || add(out, dir_names[i], dir_object(&stats->dir[i]));
	bad = bad || add(out, dir_names[DIR_SYNC], sync_object(&stats->dir[DIR_SYNC])) ||
	      add_processor(out, result) ||
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
		entry = result_object(&results->entry[i]);
		bad = !entry || json_object_array_add(out, entry);
		if (bad)
			json_object_put(entry);
	}
	return complete(out, bad);
}

int report_json(FILE *out, const struct results *results)
{
	struct json_object *all = json_object_new_object();
	const char *text;
	int bad = !all;

	bad = bad || add_string(all, "vscsi-perf version", vscsi_version()) ||
	      add_number(all, "timestamp", (uint64_t)time(NULL)) ||
	      add(all, "jobs", results_array(results));
	text = bad ? NULL : json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY);
	if (text)
		fprintf(out, "%s\n", text);
	else
		fprintf(stderr, "vscsi-perf: no memory for the results as JSON\n");
	json_object_put(all);
	return text ? 0 : -ENOMEM;
}
