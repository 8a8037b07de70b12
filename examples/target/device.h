/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device: the state that outlives client connections.
 */
#ifndef TARGET_DEVICE_H
#define TARGET_DEVICE_H

#include <pthread.h>

#include "loop.h"
#include "lun.h"
#include "options.h"

struct session;
struct worker;

/* Counters since the start of the process; the control command "stat" prints them. */
struct counters {
	uint64_t clients;          /* accepted connections */
	uint64_t requests;         /* commands on request queues */
	uint64_t kicks;            /* driver notifications */
	uint64_t calls;            /* device notifications */
	uint64_t bytes_in;         /* data to drivers */
	uint64_t bytes_out;        /* data from drivers */
	uint64_t check_conditions; /* commands with sense data */
	uint64_t tmfs;             /* task management functions */
	uint64_t events;           /* delivered, including those that report missed events */
	uint64_t events_missed;    /* dropped for lack of a buffer */
	uint64_t broken_rings;     /* rings stopped because of invalid contents */
	uint64_t bad_messages;     /* rejected vhost-user messages */
};

/*
 * There is one device, and the main thread uses it; for the other ones see worker.h. The state of a
 * client, including its rings, is in struct session.
 */
struct device {
	struct options options; /* constant after the start */
	struct loop loop;
	struct lun_table luns;             /* changed by command line and control socket */
	struct session *sessions[NEXUSES]; /* NULL: this nexus has had no client yet */
	struct session *serving;           /* where a fault of the main thread is, see fault.h */
	struct counters counters;
	bool stop; /* set by a signal */

	struct worker *workers;
	unsigned int worker_count; /* 0: the main thread serves all rings */
	pthread_mutex_t gate;      /* held while they are paused */
	bool pausing;              /* they wait at the gate; atomic */
	bool paused;               /* the main thread has all their locks */
	bool ending;               /* they end */
};

#endif
