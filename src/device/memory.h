/* SPDX-License-Identifier: BSD-3-Clause */
/* The device as observer of its pool of DMA memory. */
#ifndef DEVICE_MEMORY_H
#define DEVICE_MEMORY_H

#include "device/device.h"

/*
 * Maps the pool for the device, now and when its regions change: 0 and @dev->queues.map, or a
 * negative errno with its text set.
 */
int device_map_memory(struct vscsi_dev *dev);

#endif
