/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Giving virtqueues to a device that is back, between its negotiation and DRIVER_OK: fresh ones, or
 * those that it had, which it goes on with by its own account of what is in flight. When and how
 * often this is tried is recover.c's business.
 */
#ifndef DEVICE_RESTART_H
#define DEVICE_RESTART_H

#include "device/dev.h"

/*
 * restart_check - Look whether it is large enough for what is in use
 * restart_fresh - Start all virtqueues, empty; request queues have theirs in struct ioq, @spare
 * restart_kept - Start all virtqueues where the device stood
 * restart_to_ask - Start nothing but a fresh virtqueue to ask questions, struct recovery, @asked
 *
 * Return: 0, or a negative errno with its sentence set. Device locked.
 */
int restart_check(struct vscsi_dev *dev);
int restart_fresh(struct vscsi_dev *dev);
int restart_kept(struct vscsi_dev *dev);
int restart_to_ask(struct vscsi_dev *dev);

#endif
