/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Gathers results from threads, those that have ended and those that still run.
 */
#include "report.h"

#include <errno.h>
#include <stdlib.h>

const double shown_percentiles[] = {1,  5,  10, 20, 30,   40,   50,    60,    70,
				    80, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, -1};

/* A thread that runs is between two polls most of the time, so that the wait is short. */
static const struct stats *take_figures(struct job *job, struct run *run)
{
	/* Asked even when it is about to end: it then ends with finished set, and wakes us too. */
	if (!job->finished)
		atomic_store(&job->snapshot_wanted, true);
	while (!job->finished && atomic_load(&job->snapshot_wanted))
		pthread_cond_wait(&run->changed, &run->lock);
	return job->finished ? &job->stats : &job->snapshot;
}

static bool belongs(const struct results *results, const struct job *job)
{
	const struct result *last;

	if (!results->count)
		return false;
	last = &results->entry[results->count - 1];
	return last->options->group_reporting && job->options->group_reporting &&
	       last->group == job->group;
}

static void add_job(struct results *results, struct job *job, struct run *run)
{
	struct result *result;

	if (!belongs(results, job)) {
		result = &results->entry[results->count++];
		result->options = job->options;
		result->group = job->group;
		result->block_size = job->info.block_size;
	}
	result = &results->entry[results->count - 1];
	result->threads++;
	stats_merge(&result->stats, take_figures(job, run));
	/* While a thread runs its sentence may be half written. */
	if (job->finished && job->error && !result->error) {
		result->error = job->error;
		result->sentence = job->sentence;
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
			add_job(results, list->jobs[i], run);
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

int report_write(FILE *out, uint64_t format, const struct job_list *list, struct run *run)
{
	struct results results;
	int ret = results_gather(&results, list, run);

	if (ret)
		return ret;
	if (format & FORMAT_NORMAL)
		report_text(out, &results);
	if (format & FORMAT_JSON)
		ret = report_json(out, &results);
	results_free(&results);
	if (fflush(out) || ferror(out)) {
		fprintf(stderr, "vscsi-perf: the results could not be written\n");
		return -EIO;
	}
	return ret;
}
