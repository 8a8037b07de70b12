/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the devices of a pool follow when a region comes or goes: all of them do, or none. Called
 * with the pool's region lock held; the list of regions itself is the caller's.
 */
#ifndef MEM_FOLLOW_H
#define MEM_FOLLOW_H

#include "mem/dma.h"

/**
 * follow_map - Map a region for one device and show it in the device's table
 * @map: the device
 * @region: a region that it doesn't have
 *
 * Return: 0, -ENOMEM, or what the device answered; then nothing has changed.
 */
int follow_map(struct dma_map *map, const struct dma_region *region);

/**
 * follow_add - Map a region for every device
 * @maps: the pool's list of devices, NULL for none
 * @region: a region that none of them has
 *
 * Return: 0, or what the first device that refused answered; then the others have lost it again.
 */
int follow_add(struct dma_map *maps, const struct dma_region *region);

/**
 * follow_remove - Hide a region from new requests, then unmap it for every device
 * @maps: the pool's list of devices, NULL for none
 * @region: the region
 *
 * Return: 0; -EBUSY while a request in flight uses the region; -ENOMEM; or what a device answered.
 * After a failure each device has the region again, as far as it takes it back.
 */
int follow_remove(struct dma_map *maps, const struct dma_region *region);

#endif
