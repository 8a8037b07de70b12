/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes that a device reports: its event queue (virtio 1.4, 5.6.6.3), unit attentions, LUNs that
 * are revalidated, and the difference between two scans. All of it becomes events for the
 * application, and the states of open LUNs.
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
 * Makes the event queue with so many entries and its buffers posted: 0 and @dev->events, or a
 * negative errno.
 */
int events_create(struct vscsi_dev *dev, unsigned size);
/* Empties it, with its buffers posted again, for a reconnected device: 0 or -ENOMEM. Locked. */
int events_renew(struct vscsi_dev *dev);
void events_destroy(struct vscsi_dev *dev);

/* The event virtqueue, to start and stop. */
struct virtq *events_virtq(struct vscsi_dev *dev);

/*
 * Takes what the device posted and posts the buffers again; asks for the next notification while
 * a thread watches (device/watch.h). Locked; events_kick() has to follow.
 */
void events_collect(struct vscsi_dev *dev);
void events_kick(struct vscsi_dev *dev);

/* Both, for a call that may wait: takes the lock, if the device runs. */
void events_look(struct vscsi_dev *dev);

/* Acts on unit attentions that queues have found. Locked. */
void events_take_notices(struct vscsi_dev *dev);

/* Goes on with revalidating LUNs in doubt. Locked; never waits. Returns how many still are. */
unsigned events_revalidate(struct vscsi_dev *dev);

/**
 * events_rescan - Begin a scan if one is wanted, and go on with it. Locked; never waits
 *
 * What came and went becomes events.
 *
 * Return: 0, or a negative errno of a scan that failed, with its text set.
 */
int events_rescan(struct vscsi_dev *dev);

/* Ends one that is under way. Locked, or when the device is closed. */
void events_end_scan(struct vscsi_dev *dev);

/* Whether one is under way. Locked. */
bool events_scanning(const struct vscsi_dev *dev);

/* Notes that LUNs may have come and gone without an event: a scan is to tell. Any thread. */
void events_missed(struct vscsi_dev *dev);

/* Notes what concerns the device as a whole: VSCSI_EVENT_CONFIG, LOST or BACK. Any thread. */
void events_note(struct vscsi_dev *dev, unsigned type);

/* Replaces the list of known LUNs by what a scan found; takes @found over, which was malloc()ed. */
void events_set_known(struct vscsi_dev *dev, struct vscsi_lun_addr *found, unsigned count);

/* Before a look at everything that may be due for events: what comes later is told. Any thread. */
void events_begin_look(struct vscsi_dev *dev);

/* An eventfd that tells of events, see event_list_tell(). Any thread. */
void events_tell(struct vscsi_dev *dev, int fd);

/* Takes events. Any thread. Return: how many. */
unsigned events_take(struct vscsi_dev *dev, struct vscsi_event *out, unsigned max);

#endif
