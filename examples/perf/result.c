/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Collects results from finished and running threads.
 */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/tool.h"

/* Waits until the thread has taken a snapshot; it polls, so this does not take long. */
static const struct stats *get_stats(struct job *job, struct run *run)
{
	/* A thread that ends without taking it sets finished and wakes this one too. */
	if (!job->finished)
		atomic_store(&job->snapshot_requested, true);
	while (!job->finished && atomic_load(&job->snapshot_requested))
		pthread_cond_wait(&run->changed, &run->lock);
	return job->finished ? &job->stats : &job->snapshot;
}

static bool is_same_entry(const struct results *results, const struct job *job)
{
	const struct result *last;

	if (!results->count)
		return false;
	last = &results->entry[results->count - 1];
	return last->options->group_reporting && job->options->group_reporting &&
	       last->group == job->group;
}

static void add_job(struct results *results, struct job *const *at, struct run *run)
{
	struct job *job = *at;
	struct result *result;

	if (!is_same_entry(results, job)) {
		result = &results->entry[results->count++];
		result->options = job->options;
		result->jobs = at;
		result->group = job->group;
		result->block_size = job->info.block_size;
		result->target = job->info.target;
		result->lun = job->info.lun;
		percentiles_parse(job->options->percentile_list, result->percentiles);
	}
	result = &results->entry[results->count - 1];
	result->threads++;
	stats_merge(&result->stats, get_stats(job, run));
	/* Only if finished: a running thread may be writing the text. */
	if (job->finished && job->error && !result->error) {
		result->error = job->error;
		result->error_text = job->error_text;
	}
}

int results_gather(struct results *results, const struct job_list *list, struct run *run)
{
	unsigned i;

	results->count = 0;
	results->entry = calloc(list->count, sizeof(*results->entry));
	if (!results->entry) {
		fprintf(stderr, "vscsi-perf: no memory for the results of %u threads\n",
			list->count);
		return -ENOMEM;
	}
	pthread_mutex_lock(&run->lock);
	for (i = 0; i < list->count; i++) {
		if (list->jobs[i]->started)
			add_job(results, &list->jobs[i], run);
	}
	pthread_mutex_unlock(&run->lock);
	return 0;
}

void results_free(struct results *results)
{
	free(results->entry);
	results->entry = NULL;
	results->count = 0;
}

void results_sum(const struct results *results, unsigned group, unsigned dir, struct dir_stats *sum)
{
	unsigned i;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < results->count; i++) {
		const struct dir_stats *one = &results->entry[i].stats.dir[dir];

		if (results->entry[i].group != group || !one->ios)
			continue;
		sum->ios += one->ios;
		sum->bytes += one->bytes;
		if (!sum->start || one->start < sum->start)
			sum->start = one->start;
		if (one->end > sum->end)
			sum->end = one->end;
	}
}

int report_write(FILE *out, uint64_t format, const struct job_list *list, struct run *run)
{
	struct results results;
	unsigned i;
	int ret = results_gather(&results, list, run);

	if (ret)
		return ret;
	for (i = 0; i < results.count; i++)
		results.entry[i].bins = format & FORMAT_BINS;
	if (format & FORMAT_NORMAL)
		report_text(out, &results);
	if (format & FORMAT_JSON)
		ret = report_json(out, &results);
	results_free(&results);
	return ret ? ret : tool_flush(out, "the results");
}
