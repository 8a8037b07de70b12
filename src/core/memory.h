/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's side of a pool of DMA memory: following it as regions come and go. */
#ifndef CORE_MEMORY_H
#define CORE_MEMORY_H

#include "core/dev.h"

/*
 * Makes the pool reachable for the device: 0 and @dev->map, or a negative errno with its sentence.
 */
int dev_map_memory(struct vscsi_dev *dev);

#endif
