/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events for the application, in a list that can't grow. What doesn't fit is noted with the LUN
 * that it is about, or turns into one rescan. LUNs that the last scan found are known here: what
 * differs at the next one becomes events.
 */
#ifndef DEVICE_EVENT_LIST_H
#define DEVICE_EVENT_LIST_H

#include <pthread.h>
#include <stdbool.h>

#include <vscsi/device.h>

#define EVENT_LIST_SIZE 129u /* three of them for the device as a whole */

/**
 * struct event_list - The list; all calls take @lock for a moment, any thread
 * @fifo, @head, @count: events that were not returned yet
 * @rescan: events were missed or a target changed: a scan is needed
 * @scan_pending: that became so after event_list_begin_look() was last called
 * @known, @known_count: LUNs as the last scan found them, sorted; their reserved field has the
 *	events that the list had no room for
 * @pending: some of them have such
 * @tell_fd: eventfd that is readable while there are events, or @scan_pending; -1: none
 */
struct event_list {
	pthread_mutex_t lock;
	struct vscsi_event fifo[EVENT_LIST_SIZE];
	unsigned head;
	unsigned count;
	bool rescan;
	bool scan_pending;
	struct vscsi_lun_addr *known;
	unsigned known_count;
	bool pending;
	int tell_fd;
};

void event_list_init(struct event_list *list);
void event_list_fini(struct event_list *list);

/* From now on @fd, an eventfd of the caller's, tells of events and of scans that are wanted. */
void event_list_tell(struct event_list *list, int fd);

/* Adds an event, unless the same one waits already. */
void event_list_add(struct event_list *list, unsigned type, unsigned target, unsigned lun,
		    unsigned code);

/* A LUN has gone without a scan to say so: what has its address now is PLUGGED by the next one. */
void event_list_unplug(struct event_list *list, unsigned target, unsigned lun);

/*
 * Requests a scan and signals the eventfd; requests one without a signal, to be repeated at the
 * next call of vscsi_dev_poll_events(); marks the start of such a call, so that requests made after
 * it signal the eventfd again; returns whether a scan was requested, and clears the request.
 */
void event_list_want_scan(struct event_list *list);
void event_list_retry_scan(struct event_list *list);
void event_list_begin_look(struct event_list *list);
bool event_list_take_scan(struct event_list *list);

/*
 * What a scan found: the LUNs that are known from now on. Takes @found over, which was malloc()ed.
 * event_list_learn() makes events of what has come and gone: 0 or -ENOMEM.
 */
void event_list_set_known(struct event_list *list, struct vscsi_lun_addr *found, unsigned count);
int event_list_learn(struct event_list *list, struct vscsi_lun_addr *found, unsigned count);

/* Takes up to @max events. Return: how many. */
unsigned event_list_take(struct event_list *list, struct vscsi_event *out, unsigned max);

#endif
