/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Worker threads and their locks.
 */
#include "worker.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"
#include "fault.h"
#include "scsi.h"
#include "session.h"

static void on_wake(struct watch *w)
{
	eventfd_t count;

	eventfd_read(w->fd, &count);
}

static int open_worker(struct device *d, struct worker *w, unsigned int first)
{
	int rc;
	int fd;

	w->device = d;
	w->first_ring = first;
	w->end_ring = first + d->options.queues_per_thread;
	w->wake = (struct watch){-1, on_wake, w};
	pthread_mutex_init(&w->turn, NULL);
	pthread_mutex_init(&w->command, NULL);
	rc = loop_open(&w->loop);
	if (rc)
		return rc;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = fd < 0 ? set_error(errno, "cannot make an eventfd: %s", strerror(errno))
		    : loop_add(&w->loop, &w->wake, fd);
	if (!rc)
		return 0;
	if (fd >= 0)
		close(fd);
	loop_close(&w->loop);
	return rc;
}

/* A worker counts once nothing can fail any more. */
int workers_open(struct device *d)
{
	uint32_t each = d->options.queues_per_thread;
	uint32_t wanted = each ? (d->options.queues + each - 1) / each : 0;
	int rc = 0;

	pthread_mutex_init(&d->gate, NULL);
	if (!wanted)
		return 0;
	d->workers = calloc(wanted, sizeof(*d->workers));
	if (!d->workers)
		return set_error(ENOMEM, "no memory left for %u threads", wanted);
	while (!rc && d->worker_count < wanted) {
		rc = open_worker(d, &d->workers[d->worker_count],
				 RING_REQUEST + d->worker_count * each);
		d->worker_count += !rc;
	}
	return rc;
}

struct worker *worker_of(const struct device *d, unsigned int ring)
{
	if (ring < RING_REQUEST || ring - RING_REQUEST >= d->options.queues || !d->worker_count)
		return NULL;
	return &d->workers[(ring - RING_REQUEST) / d->options.queues_per_thread];
}

/*
 * A mutex is not fair: without the gate, a worker that polls would take its turn again before the
 * main thread wakes up.
 */
static void begin_turn(struct worker *w)
{
	if (__atomic_load_n(&w->device->pausing, __ATOMIC_RELAXED)) {
		pthread_mutex_lock(&w->device->gate);
		pthread_mutex_unlock(&w->device->gate);
	}
	pthread_mutex_lock(&w->turn);
}

void workers_pause(struct device *d)
{
	unsigned int i;

	if (!d->worker_count)
		return;
	pthread_mutex_lock(&d->gate);
	__atomic_store_n(&d->pausing, true, __ATOMIC_RELAXED);
	for (i = 0; i < d->worker_count; i++)
		pthread_mutex_lock(&d->workers[i].turn);
	d->paused = true;
}

/* What has changed may be work for them. */
void workers_resume(struct device *d)
{
	unsigned int i;

	if (!d->worker_count)
		return;
	d->paused = false;
	__atomic_store_n(&d->pausing, false, __ATOMIC_RELAXED);
	for (i = 0; i < d->worker_count; i++) {
		pthread_mutex_unlock(&d->workers[i].turn);
		eventfd_write(d->workers[i].wake.fd, 1);
	}
	pthread_mutex_unlock(&d->gate);
}

/* In their order, so that of two that want all, one gets them. */
static void lock_commands(struct worker *w, bool all)
{
	struct device *d = w->device;
	unsigned int i;

	if (!all) {
		pthread_mutex_lock(&w->command);
		w->executing = COMMAND;
		return;
	}
	for (i = 0; i < d->worker_count; i++)
		pthread_mutex_lock(&d->workers[i].command);
	w->executing = ALONE;
}

static void unlock_commands(struct worker *w)
{
	struct device *d = w->device;
	bool all = w->executing == ALONE;
	unsigned int i;

	if (w->executing == COMMAND)
		pthread_mutex_unlock(&w->command);
	w->executing = NO_COMMAND;
	for (i = 0; all && i < d->worker_count; i++)
		pthread_mutex_unlock(&d->workers[i].command);
}

/* While paused, the main thread executes commands here, and there is no other. */
void worker_execute(struct worker *w, struct scsi_task *t)
{
	if (w->device->paused) {
		scsi_run(t);
		return;
	}
	lock_commands(w, false);
	if (!scsi_only_medium(t)) {
		unlock_commands(w);
		lock_commands(w, true);
	}
	scsi_run(t);
	unlock_commands(w);
}

static bool serve(struct worker *w)
{
	struct device *d = w->device;
	bool again = false;
	unsigned int i;

	for (i = 0; i < NEXUSES && d->sessions[i]; i++) {
		w->serving = d->sessions[i];
		again |= session_serve_rings(w->serving, w->first_ring, w->end_ring);
	}
	return again;
}

/* The client's memory is gone: the main thread disconnects it at the end of the socket. */
static void abandon_client(struct worker *w)
{
	unlock_commands(w);
	w->ring->broken = true;
	w->serving->truncated = true;
	shutdown(w->serving->watch.fd, SHUT_RDWR);
	pthread_mutex_unlock(&w->turn);
}

/* As the main thread, it yields the CPU to the client if it polls in vain. */
static struct watch *next_event(struct worker *w, bool polling)
{
	struct watch *event;

	if (!polling)
		return loop_next(&w->loop, -1);
	if (++w->turns % TURNS_PER_CHECK)
		return NULL;
	event = loop_next(&w->loop, 0);
	if (w->counters.requests == w->requests_seen)
		sched_yield();
	w->requests_seen = w->counters.requests;
	return event;
}

/*
 * An event may be older than a pause in which its descriptor was closed. The watch is still there:
 * sessions are only freed at the end.
 */
static void *run(void *arg)
{
	struct worker *w = arg;
	struct watch *event;
	bool again;

	if (sigsetjmp(fault_escape, 1))
		abandon_client(w);
	event = NULL;
	for (;;) {
		begin_turn(w);
		if (event && event->fd >= 0)
			event->ready(event);
		again = !w->device->ending && serve(w);
		if (w->device->ending)
			break;
		pthread_mutex_unlock(&w->turn);
		event = next_event(w, again);
	}
	pthread_mutex_unlock(&w->turn);
	return NULL;
}

int workers_start(struct device *d)
{
	unsigned int i;
	int rc;

	for (i = 0; i < d->worker_count; i++) {
		rc = pthread_create(&d->workers[i].thread, NULL, run, &d->workers[i]);
		if (rc)
			return set_error(rc, "cannot start a thread: %s", strerror(rc));
		d->workers[i].started = true;
	}
	return 0;
}

void workers_stop(struct device *d)
{
	unsigned int i;

	workers_pause(d);
	d->ending = true;
	workers_resume(d);
	for (i = 0; i < d->worker_count; i++)
		if (d->workers[i].started)
			pthread_join(d->workers[i].thread, NULL);
}

void workers_close(struct device *d)
{
	unsigned int i;

	for (i = 0; i < d->worker_count; i++) {
		loop_remove(&d->workers[i].loop, &d->workers[i].wake);
		loop_close(&d->workers[i].loop);
	}
	free(d->workers);
	d->workers = NULL;
	d->worker_count = 0;
}

struct counters counters_of(const struct device *d)
{
	struct counters sum = d->counters;
	const struct counters *c;
	unsigned int i;

	for (i = 0; i < d->worker_count; i++) {
		c = &d->workers[i].counters;
		sum.requests += c->requests;
		sum.kicks += c->kicks;
		sum.calls += c->calls;
		sum.bytes_in += c->bytes_in;
		sum.bytes_out += c->bytes_out;
		sum.check_conditions += c->check_conditions;
		sum.broken_rings += c->broken_rings;
	}
	return sum;
}
