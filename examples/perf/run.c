/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starts the threads of each group, waits for them, and shows the progress.
 */
#include "report.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/interrupt.h"

#define TICK_NS 500000000u

/* Uses the monotonic clock, so that setting the time does not stop the progress line. */
static int init_run(struct run *run)
{
	pthread_condattr_t attributes;
	int ret;

	memset(run, 0, sizeof(*run));
	ret = pthread_mutex_init(&run->lock, NULL);
	if (ret)
		return -ret;
	ret = pthread_condattr_init(&attributes);
	if (!ret)
		ret = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (!ret)
		ret = pthread_cond_init(&run->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return -ret;
}

static unsigned start_threads(struct job *const *jobs, unsigned count, struct run *run)
{
	unsigned i;
	int ret;

	for (i = 0; i < count; i++) {
		jobs[i]->run = run;
		ret = pthread_create(&jobs[i]->thread, NULL, job_main, jobs[i]);
		if (ret) {
			fprintf(stderr, "vscsi-perf: thread %u of %u could not be started: %s\n",
				i + 1, count, strerror(ret));
			break;
		}
		jobs[i]->started = true;
	}
	return i;
}

static void wait_a_tick(struct run *run)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TICK_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&run->changed, &run->lock, &until);
}

static bool show_eta(const struct run_options *options)
{
	return options->eta == ETA_ALWAYS || (options->eta == ETA_AUTO && isatty(STDERR_FILENO));
}

/* Called with run.lock held; releases it for slow work and acquires it again. */
static int tick(struct job_list *list, struct job *const *jobs, unsigned count, struct run *run,
		const struct run_options *options, FILE *out, uint64_t *reported)
{
	uint64_t now = clock_now();
	int ret = 0;

	pthread_mutex_unlock(&run->lock);
	if (show_eta(options))
		progress_show(jobs, count, now);
	if (options->status_interval && now - *reported >= options->status_interval) {
		*reported = now;
		progress_clear();
		ret = report_write(out, options->output_format, list, run);
	}
	pthread_mutex_lock(&run->lock);
	return ret;
}

static int run_group(struct job_list *list, struct job *const *jobs, unsigned count,
		     struct run *run, const struct run_options *options, FILE *out)
{
	unsigned started = start_threads(jobs, count, run), i;
	uint64_t reported, shown;
	int ret = 0;

	pthread_mutex_lock(&run->lock);
	/* Opening a queue takes time and must not be part of another thread's measurement. */
	while (run->ready < started)
		pthread_cond_wait(&run->changed, &run->lock);
	if (started < count)
		interrupted = SIGTERM; /* ends the others before they begin */
	run->running = started;
	run->go = true;
	pthread_cond_broadcast(&run->changed);
	reported = shown = clock_now();
	while (run->running) {
		wait_a_tick(run);
		/*
		 * Threads that finish or take a snapshot also wake this one, so check the time.
		 */
		if (!run->running || clock_now() - shown < TICK_NS)
			continue;
		shown = clock_now();
		ret = tick(list, jobs, count, run, options, out, &reported) ? -EIO : ret;
	}
	/* For the next group. */
	run->go = false;
	run->ready = 0;
	pthread_mutex_unlock(&run->lock);
	for (i = 0; i < started; i++)
		pthread_join(jobs[i]->thread, NULL);
	progress_clear();
	return started < count ? -EAGAIN : ret;
}

int run_all(struct job_list *list, struct run *run, const struct run_options *options, FILE *out)
{
	unsigned first, next;
	int ret = init_run(run);

	if (ret)
		fprintf(stderr, "vscsi-perf: making a lock: %s\n", strerror(-ret));
	for (first = 0; !ret && !interrupted && first < list->count; first = next) {
		for (next = first; next < list->count; next++) {
			if (list->jobs[next]->group != list->jobs[first]->group)
				break;
		}
		ret = run_group(list, &list->jobs[first], next - first, run, options, out);
	}
	return ret;
}
