/* SPDX-License-Identifier: BSD-3-Clause */
/* The virtqueues of a device: functions for the steps of its start sequence. */
#ifndef DEVICE_RINGS_H
#define DEVICE_RINGS_H

#include "device/device.h"

/*
 * rings_create - Create all virtqueues, while opening
 * rings_check - Check that a reconnected device has the queues and segments that are in use
 * rings_check_size - Check that it supports the size of virtqueue @index
 * rings_renew - Empty the virtqueues that a reconnected device gets
 * rings_track - Make the device track requests in flight, with recovery=exact
 * rings_start - Start virtqueue @index
 *
 * Locked. Return: 0; -EINPROGRESS: call it again; or a negative errno with its text set.
 */
int rings_create(struct vscsi_dev *dev);
int rings_check(struct vscsi_dev *dev);
int rings_check_size(struct vscsi_dev *dev, unsigned index);
int rings_renew(struct vscsi_dev *dev);
int rings_track(struct vscsi_dev *dev);
int rings_start(struct vscsi_dev *dev, unsigned index);

/* Frees all of them, once the device is cut off. */
void rings_destroy(struct vscsi_dev *dev);

/* The virtqueue with this number that the device currently has. */
struct virtq *rings_at(struct vscsi_dev *dev, unsigned index);

#endif
