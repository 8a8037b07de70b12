/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes the series of each thread to files with fio's names and columns.
 */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* One of fio's files: its suffix, and which member of an entry it has. */
struct log_file {
	size_t option; /* the offset of its prefix in struct job_options */
	const char *type;
	size_t member;
};

#define FILE_OF(option, type, member)                                                             \
	{                                                                                         \
		offsetof(struct job_options, option), type, offsetof(struct series_entry, member) \
	}

static const struct log_file log_files[] = {
	FILE_OF(write_bw_log, "bw", bw),      FILE_OF(write_iops_log, "iops", iops),
	FILE_OF(write_lat_log, "slat", slat), FILE_OF(write_lat_log, "clat", clat),
	FILE_OF(write_lat_log, "lat", lat),
};

#define LOG_FILES (sizeof(log_files) / sizeof(log_files[0]))
#define PATH_LEN  (MAX_TEXT + 32)

/* The path of the log of the @number-th thread. Return: false if it doesn't have this one. */
static bool log_path(const struct log_file *file, const struct job *job, unsigned number,
		     char path[PATH_LEN])
{
	const char *prefix = (const char *)job->options + file->option;

	snprintf(path, PATH_LEN, "%s_%s.%u.log", prefix, file->type, number);
	return prefix[0];
}

static int write_file(const struct log_file *file, const struct series *series, const char *path)
{
	uint64_t value;
	size_t i;
	FILE *out;
	int bad;

	out = fopen(path, "we");
	bad = !out;
	for (i = 0; !bad && i < series->count; i++) {
		const struct series_entry *entry = &series->entries[i];

		memcpy(&value, (const char *)entry + file->member, sizeof(value));
		/* The last column is the priority of the request. */
		bad = fprintf(out, "%" PRIu64 ", %" PRIu64 ", %u, %u, 0\n", entry->ms, value,
			      entry->dir, entry->bytes) < 0;
	}
	if (out && fclose(out))
		bad = 1;
	if (bad)
		fprintf(stderr, "vscsi-perf: writing %s: %s\n", path, strerror(errno));
	return bad ? -EIO : 0;
}

int logs_check(const struct job_list *list)
{
	char path[PATH_LEN];
	unsigned i, k;
	int ret = 0;

	for (i = 0; i < list->count; i++) {
		for (k = 0; !ret && k < LOG_FILES; k++) {
			if (log_path(&log_files[k], list->jobs[i], i + 1, path))
				ret = output_check(path);
		}
	}
	return ret;
}

int logs_write(const struct job_list *list)
{
	char path[PATH_LEN];
	unsigned i, k;
	int ret = 0;

	for (i = 0; i < list->count; i++) {
		const struct job *job = list->jobs[i];

		if (job->series.no_memory)
			fprintf(stderr,
				"vscsi-perf: job '%s': no memory for the whole log; "
				"use log_avg_msec\n",
				job->options->name);
		for (k = 0; k < LOG_FILES; k++) {
			if (log_path(&log_files[k], job, i + 1, path) &&
			    write_file(&log_files[k], &job->series, path))
				ret = -EIO;
		}
		if (job->series.no_memory)
			ret = -ENOMEM;
	}
	return ret;
}
