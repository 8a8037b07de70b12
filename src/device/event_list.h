/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events for the application, in a list of fixed size. An event that doesn't fit is stored with the
 * known LUN, or causes a scan. The known LUNs are those of the last scan; the differences to the
 * next scan become events.
 */
#ifndef DEVICE_EVENT_LIST_H
#define DEVICE_EVENT_LIST_H

#include <pthread.h>
#include <stdbool.h>

#include <vscsi/device.h>

#define EVENT_LIST_SIZE 129u /* three are reserved for events of the device */

/**
 * struct event_list - The list; any thread may make all calls, which hold @lock briefly
 * @fifo, @head, @count: events that were not returned yet
 * @rescan: a scan is needed, because events were missed or a target changed
 * @scan_pending: @rescan was set after the last event_list_begin_look()
 * @known, @known_count: LUNs of the last scan, sorted; their reserved field has the events that the
 *	list had no room for
 * @pending: some of them have such events
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

/* Sets the eventfd that is signalled for events and for requested scans. */
void event_list_tell(struct event_list *list, int fd);

/* Adds an event, unless the list has the same one. */
void event_list_add(struct event_list *list, unsigned type, unsigned target, unsigned lun,
		    unsigned code);

/* Reports a LUN as UNPLUGGED and requests a scan, which reports what is at its address now. */
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
 * Replace the known LUNs by the result of a scan. @found was malloc()ed, and is freed by the list.
 * event_list_learn() also adds events for the differences: 0 or -ENOMEM.
 */
void event_list_set_known(struct event_list *list, struct vscsi_lun_addr *found, unsigned count);
int event_list_learn(struct event_list *list, struct vscsi_lun_addr *found, unsigned count);

/* Takes up to @max events. Return: how many. */
unsigned event_list_take(struct event_list *list, struct vscsi_event *out, unsigned max);

#endif
