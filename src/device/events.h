/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes of a device: its event queue (virtio 1.4, 5.6.6.3), unit attentions, revalidation of
 * LUNs, and the differences between two scans. They become events for the application and states of
 * open LUNs.
 */
#ifndef DEVICE_EVENTS_H
#define DEVICE_EVENTS_H

#include "lun/lun.h"
#include "virtio/virtq.h"

struct vscsi_dev;
struct vscsi_event;
struct vscsi_lun_addr;
struct vscsi_queue;

/*
 * Creates the event queue, with @size entries, and posts its buffers: 0 and @dev->events, or a
 * negative errno.
 */
int events_create(struct vscsi_dev *dev, unsigned size);
/* Empties it for a reconnected device, and posts its buffers again: 0 or -ENOMEM. Locked. */
int events_renew(struct vscsi_dev *dev);
void events_destroy(struct vscsi_dev *dev);

/* The event virtqueue, to start and stop. */
struct virtq *events_virtq(struct vscsi_dev *dev);

/*
 * Takes the events that the device wrote and posts the buffers again; requests the next
 * notification if vscsi_dev_fd() is in use (device/watch.h). Locked; events_kick() must follow.
 */
void events_collect(struct vscsi_dev *dev);
void events_kick(struct vscsi_dev *dev);

/* Both, for a call that may wait: takes the lock. Does nothing unless the device is RUNNING. */
void events_look(struct vscsi_dev *dev);

/* Handles the notices of the queues. Locked. */
void events_take_notices(struct vscsi_dev *dev);

/* Continues the revalidation of SUSPECT LUNs. Locked; never waits. Returns how many are left. */
unsigned events_revalidate(struct vscsi_dev *dev);

/**
 * events_rescan - Begin a scan if one was requested, and continue it. Locked; never waits
 *
 * Its differences to the previous scan become events.
 *
 * Return: 0, or a negative errno of a scan that failed, with its text set.
 */
int events_rescan(struct vscsi_dev *dev);

/* Ends a scan that is under way. Locked, or while closing the device. */
void events_end_scan(struct vscsi_dev *dev);

/* Whether a scan is under way. Locked. */
bool events_scanning(const struct vscsi_dev *dev);

/* Requests a scan, because LUNs may have changed without an event. Any thread. */
void events_missed(struct vscsi_dev *dev);

/* Adds an event of the device: VSCSI_EVENT_CONFIG, LOST or BACK. Any thread. */
void events_note(struct vscsi_dev *dev, unsigned type);

/* As event_list_set_known(). */
void events_set_known(struct vscsi_dev *dev, struct vscsi_lun_addr *found, unsigned count);

/* As event_list_begin_look(). Any thread. */
void events_begin_look(struct vscsi_dev *dev);

/* As event_list_tell(). Any thread. */
void events_tell(struct vscsi_dev *dev, int fd);

/* Takes events. Any thread. Return: how many. */
unsigned events_take(struct vscsi_dev *dev, struct vscsi_event *out, unsigned max);

#endif
