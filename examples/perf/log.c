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

static int write_file(const struct log_file *file, const struct series *series, const char *prefix,
		      unsigned number)
{
	char path[MAX_TEXT + 32];
	uint64_t value;
	size_t i;
	FILE *out;
	int bad;

	snprintf(path, sizeof(path), "%s_%s.%u.log", prefix, file->type, number);
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

int logs_write(const struct job_list *list)
{
	unsigned i, k;
	int ret = 0;

	for (i = 0; i < list->count; i++) {
		const struct job *job = list->jobs[i];

		if (job->series.no_memory)
			fprintf(stderr,
				"vscsi-perf: job '%s': no memory for the whole log; "
				"use log_avg_msec\n",
				job->options->name);
		for (k = 0; k < sizeof(log_files) / sizeof(log_files[0]); k++) {
			const char *prefix = (const char *)job->options + log_files[k].option;

			if (prefix[0] && write_file(&log_files[k], &job->series, prefix, i + 1))
				ret = -EIO;
		}
		if (job->series.no_memory)
			ret = -ENOMEM;
	}
	return ret;
}
