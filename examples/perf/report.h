/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Results: collected from the threads (result.c), printed as text (text.c) or JSON (json.c).
 */
#ifndef EXAMPLES_PERF_REPORT_H
#define EXAMPLES_PERF_REPORT_H

#include <stdio.h>

#include "job.h"
#include "prepare.h"

/* An entry of the report: a thread, or with group_reporting all threads of a group. */
struct result {
	const struct job_options *options; /* of the first thread */
	struct stats stats;
	unsigned group;
	unsigned threads;
	struct job *const *jobs; /* so many */
	uint32_t block_size;
	uint32_t target, lun;
	int error;                                /* 0, or of the first thread that failed */
	const char *error_text;                   /* its text */
	bool bins;                                /* JSON has the counts of the histograms */
	double percentiles[MOST_PERCENTILES + 1]; /* a negative value terminates the list */
};

struct results {
	struct result *entry; /* owned: results_free() */
	unsigned count;
};

/*
 * results_gather - Collect the statistics of all threads that were started
 * @results: filled in
 * @list: the threads; running ones are asked for a snapshot, which takes some milliseconds
 * @run: their shared state
 *
 * Return: 0, or -ENOMEM with a message on stderr.
 */
int results_gather(struct results *results, const struct job_list *list, struct run *run);

/* Frees what results_gather() allocated. */
void results_free(struct results *results);

/*
 * results_sum - Add up the requests of one kind of all entries of a group
 * @sum: receives their number and bytes, and the time of the whole group
 */
void results_sum(const struct results *results, unsigned group, unsigned dir,
		 struct dir_stats *sum);

/* Prints the results as text, similar to fio's normal output. */
void report_text(FILE *out, const struct results *results);

/*
 * report_json - Print the results as a JSON object with fio's layout
 *
 * Return: 0, or -ENOMEM with a message on stderr.
 */
int report_json(FILE *out, const struct results *results);

/*
 * report_write - Print the results in the selected formats
 * @out: stdout or the output file
 * @format: FORMAT_*
 *
 * Return: 0, -ENOMEM, or the error of writing to @out; with a message on stderr.
 */
int report_write(FILE *out, uint64_t format, const struct job_list *list, struct run *run);

/*
 * output_check - Check that a file can be written
 * @path: created and removed again if it doesn't exist, otherwise not changed
 *
 * Return: 0, or a negative errno with a message on stderr.
 */
int output_check(const char *path);

/* The same for the log files of all threads. */
int logs_check(const struct job_list *list);

/*
 * logs_write - Write the log files of all threads
 *
 * Return: 0, or a negative errno with a message on stderr.
 */
int logs_write(const struct job_list *list);

/*
 * plot_write - Draw the results as an SVG picture
 * @list: threads that have ended, with their series
 *
 * Return: 0, or a negative errno with a message on stderr.
 */
int plot_write(const char *path, const struct job_list *list, struct run *run);

/*
 * progress_show - Print the progress line
 * @jobs: the running threads of the group
 * @count: how many
 * @now: the time
 *
 * Shows the rate since the last call. The line overwrites itself.
 */
void progress_show(struct job *const *jobs, unsigned count, uint64_t now);

/* Clears the progress line, if there is one. */
void progress_clear(void);

/*
 * run_all - Run all threads, group by group
 * @list: prepared threads
 * @run: their shared state; initialized here
 * @options: progress line and interval of reports
 * @out: where to report
 *
 * Ends early when a signal is caught.
 *
 * Return: 0, or a negative errno with a message on stderr if a thread could not be started or a
 * report not be written. I/O errors are in the jobs.
 */
int run_all(struct job_list *list, struct run *run, const struct run_options *options, FILE *out);

#endif
