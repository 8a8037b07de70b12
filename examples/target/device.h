/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device as a whole: what stays when clients come and go.
 */
#ifndef TARGET_DEVICE_H
#define TARGET_DEVICE_H

#include "event.h"
#include "loop.h"
#include "lun.h"
#include "options.h"

/* Counted from the start of the process; the control command "stat" prints them. */
struct counters {
	uint64_t clients;          /* connections accepted */
	uint64_t requests;         /* commands on request queues */
	uint64_t kicks;            /* notifications from drivers */
	uint64_t calls;            /* notifications to drivers */
	uint64_t bytes_in;         /* data to drivers */
	uint64_t bytes_out;        /* data from drivers */
	uint64_t check_conditions; /* commands that ended with sense */
	uint64_t tmfs;             /* task management functions */
	uint64_t events;           /* delivered, those that say "missed" included */
	uint64_t events_missed;    /* lost because the driver had no buffer there */
	uint64_t broken_rings;     /* rings given up because of what was in them */
	uint64_t bad_messages;     /* vhost-user messages refused */
};

/*
 * There is one of it, and one thread that touches it. What belongs to a client, down to the state
 * of its rings, is in struct session.
 */
struct device {
	struct options options;   /* do not change after the start */
	struct loop loop;         /* everything that is waited for */
	struct lun_table luns;    /* changed by the command line and the control socket */
	struct event_list events; /* for the client there is; a new one begins without */
	struct counters counters;
	bool stop; /* a signal asked for the end */
};

#endif
