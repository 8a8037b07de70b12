/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Results, from threads' figures to what is printed: gathered once (result.c), told to people
 * (text.c) or programs (json.c).
 */
#ifndef EXAMPLES_PERF_REPORT_H
#define EXAMPLES_PERF_REPORT_H

#include <stdio.h>

#include "job.h"
#include "prepare.h"

/* One entry of the report: a thread, or with group_reporting all threads of a group. */
struct result {
	const struct job_options *options; /* of the first thread */
	struct stats stats;
	unsigned group;
	unsigned threads;
	uint32_t block_size;
	int error;            /* 0 or the first thread's that has one */
	const char *sentence; /* about it */
};

struct results {
	struct result *entry; /* owned: results_free() */
	unsigned count;
};

/* Percentiles that are shown, fio's; the last element is negative. */
extern const double shown_percentiles[];

/**
 * results_gather - Take the figures of all threads that have begun
 * @results: filled in
 * @list: the threads; those that run are asked for a snapshot and answer within some milliseconds
 * @run: what they share
 *
 * Return: 0, or -ENOMEM with a sentence on stderr.
 */
int results_gather(struct results *results, const struct job_list *list, struct run *run);

/* Gives back what results_gather() allocated. */
void results_free(struct results *results);

/* Prints what people read; looks like fio's normal output. */
void report_text(FILE *out, const struct results *results);

/**
 * report_json - Print one JSON object with fio's layout
 *
 * Return: 0, or -ENOMEM with a sentence on stderr.
 */
int report_json(FILE *out, const struct results *results);

/**
 * report_write - Print results in the formats that were asked for
 * @out: stdout or the output file
 * @format: FORMAT_*
 *
 * Return: 0, -ENOMEM, or -EIO when @out takes no more; with a sentence on stderr.
 */
int report_write(FILE *out, uint64_t format, const struct job_list *list, struct run *run);

/**
 * progress_show - Draw the progress line
 * @jobs: threads of the group that runs
 * @count: how many
 * @now: the time
 *
 * Shows the rate since the last call. For terminals: the line overwrites itself.
 */
void progress_show(struct job *const *jobs, unsigned count, uint64_t now);

/* Wipes the progress line away, where there is one. */
void progress_clear(void);

/**
 * run_all - Run all threads, group by group
 * @list: prepared threads
 * @run: what they share; initialised here
 * @options: how to show progress, and how often to report in between
 * @out: where to report
 *
 * Ends early when a signal was caught.
 *
 * Return: 0, or a negative errno with a sentence on stderr when threads could not be started or
 * something could not be written. What went wrong with I/O is in the jobs.
 */
int run_all(struct job_list *list, struct run *run, const struct run_options *options, FILE *out);

#endif
