/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's side of a pool of DMA memory: following it as regions come and go. */
#ifndef DEVICE_MEMORY_H
#define DEVICE_MEMORY_H

#include "device/device.h"

/*
 * Makes the pool reachable for the device: 0 and @dev->queues.map, or a negative errno with its
 * error text.
 */
int device_map_memory(struct vscsi_dev *dev);

#endif
