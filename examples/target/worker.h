/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that serve request rings, if --queues-per-thread asks for them: each has the same few
 * rings of every client. All else is the main thread's: connections, messages, control and event
 * rings, control commands.
 *
 * Two locks per worker, neither of which is shared while nothing special happens:
 * - its turn: held while it serves rings. The main thread holds all of them while it works, so it
 *   changes sessions, rings, memory and units as if there were no other thread.
 * - its command: held while it executes one that only uses the medium, such as READ. Any other
 *   command is executed with all of them, so that it is alone on the whole device: COMPARE AND
 *   WRITE is atomic, and what belongs to a unit (unit attentions, mode pages) needs no lock.
 */
#ifndef TARGET_WORKER_H
#define TARGET_WORKER_H

#include <pthread.h>

#include "device.h"

struct ring;
struct scsi_task;
struct session;

struct worker {
	struct device *device;
	unsigned int first_ring; /* serves this one and those after it, to before @end_ring */
	unsigned int end_ring;
	struct loop loop; /* kicks of these rings */
	struct watch wake;
	pthread_t thread;
	bool started;
	pthread_mutex_t turn;
	pthread_mutex_t command;
	enum { NO_COMMAND, COMMAND, ALONE } executing; /* which of the command locks it has */
	struct session *serving;                       /* where a fault is, see fault.h */
	struct ring *ring;
	struct counters counters;
	unsigned int turns; /* of polling */
	uint64_t requests_seen;
};

/*
 * workers_open - make the workers that the options ask for; none is running yet.
 * Returns 0 or a negative errno with the error text set; call workers_close() in both cases.
 */
int workers_open(struct device *d);

/* workers_start - let them run. Returns 0 or a negative errno with the error text set. */
int workers_start(struct device *d);

/* workers_stop - end them. From now on there is only the main thread. */
void workers_stop(struct device *d);

/* workers_close - free them, after the sessions with the rings that they served. */
void workers_close(struct device *d);

/* worker_of - the worker for the ring with this index; NULL: the main thread. */
struct worker *worker_of(const struct device *d, unsigned int ring);

/* workers_pause, workers_resume - around anything that the main thread does. */
void workers_pause(struct device *d);
void workers_resume(struct device *d);

/* worker_execute - scsi_run() in this worker's turn, with the locks that the command needs. */
void worker_execute(struct worker *w, struct scsi_task *t);

/* counters_of - what all threads have counted. The main thread calls it. */
struct counters counters_of(const struct device *d);

#endif
