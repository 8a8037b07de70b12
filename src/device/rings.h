/* SPDX-License-Identifier: BSD-3-Clause */
/* The virtqueues of a device, as steps of its start sequence make, check, renew and start them. */
#ifndef DEVICE_RINGS_H
#define DEVICE_RINGS_H

#include "device/device.h"

/*
 * rings_create - Make all virtqueues, at the opening
 * rings_check - Check that a reconnected device has enough queues and segments for what is in use
 * rings_check_size - Check that it has room for virtqueue @index
 * rings_renew - Empty those that it starts again
 * rings_track - Have it track requests in flight, with recovery=exact
 * rings_start - Start virtqueue @index
 *
 * Locked. Return: 0; -EINPROGRESS, to be called again; or a negative errno with its text set.
 */
int rings_create(struct vscsi_dev *dev);
int rings_check(struct vscsi_dev *dev);
int rings_check_size(struct vscsi_dev *dev, unsigned index);
int rings_renew(struct vscsi_dev *dev);
int rings_track(struct vscsi_dev *dev);
int rings_start(struct vscsi_dev *dev, unsigned index);

/* Frees all of them, once the device is cut off. */
void rings_destroy(struct vscsi_dev *dev);

/* The virtqueue with that number that the device has. */
struct virtq *rings_at(struct vscsi_dev *dev, unsigned index);

#endif
