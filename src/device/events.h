/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What changed: the device's event queue, unit attentions, and the difference between two scans, as
 * one bounded list for the application.
 */
#ifndef DEVICE_EVENTS_H
#define DEVICE_EVENTS_H

#include "device/dev.h"

struct vscsi_lun;
struct vscsi_lun_info;

/* Additional sense codes that tell of a change (SPC). */
#define ASC_PARAMETERS_CHANGED 0x2au
#define ASCQ_CAPACITY_CHANGED  0x09u
#define ASC_TARGET_CHANGED     0x3fu
#define ASCQ_INQUIRY_CHANGED   0x03u
#define ASCQ_IDENTITY_CHANGED  0x05u
#define ASCQ_LUNS_CHANGED      0x0eu

/**
 * events_create - Make the event queue, with its buffers posted
 * @dev: the device, negotiated
 *
 * Return: 0 and @dev->events, or a negative errno with its sentence set.
 */
int events_create(struct vscsi_dev *dev);
/* Empties it, with its buffers posted again, for a device that is back: 0 or -ENOMEM. Locked. */
int events_renew(struct vscsi_dev *dev);
void events_destroy(struct vscsi_dev *dev);

/* The event virtqueue, to start and stop. */
struct virtq *events_virtq(struct vscsi_dev *dev);

/*
 * Notes a unit attention; those that are news for the application become events. One that says that
 * another disk is there removes the LUN. Any thread.
 */
void events_unit_attention(struct vscsi_dev *dev, const struct vscsi_lun *lun, unsigned asc,
			   unsigned ascq);

/**
 * events_look - Take in what the device posted
 *
 * LUNs that it says were removed are gone when this returns true. Notifies nobody, so that it can
 * be called with a queue's lock held. Any thread.
 *
 * Return: whether it was done; false while another thread has the device, when it is away, or when
 * it broke the ring.
 */
bool events_look(struct vscsi_dev *dev);
/* The same with the device's lock held. */
bool events_look_locked(struct vscsi_dev *dev);

/* Notes what answers at an address: handles of another disk there are gone. Any thread. */
void events_identity(struct vscsi_dev *dev, const struct vscsi_lun_info *now);

/* Notes that LUNs may have come and gone with nobody to tell: the next look is a scan. */
void events_missed(struct vscsi_dev *dev);

/* Notes what concerns the device as a whole: VSCSI_EVENT_CONFIG, LOST or BACK. Any thread. */
void events_note(struct vscsi_dev *dev, unsigned type);

/* Replaces the list of known LUNs by what a scan found; takes @found over, which was malloc()ed. */
void events_set_known(struct vscsi_dev *dev, struct vscsi_lun_addr *found, unsigned count);

#endif
