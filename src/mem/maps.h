/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keeps the DMA maps of a pool in step with its regions: a region is added to or removed from all
 * of them, or none. The caller holds regions_lock and maintains the list of regions.
 */
#ifndef MEM_MAPS_H
#define MEM_MAPS_H

#include "mem/dma.h"

/**
 * map_region - Map a region for one device
 * @map: the device's map; its @moving receives the span, for table_add()
 * @region: a region that it does not have
 *
 * Return: 0, or what the device returned.
 */
int map_region(struct dma_map *map, const struct dma_region *region);

/**
 * maps_add_region - Map a region for all devices
 * @maps: the pool's list of maps, may be NULL
 * @region: a region that none of them has
 *
 * Return: 0, or the error of the first device that failed; then it is unmapped from the others.
 */
int maps_add_region(struct dma_map *maps, const struct dma_region *region);

/**
 * maps_remove_region - Hide a region from new requests, then unmap it for all devices
 * @maps: the pool's list of maps, may be NULL
 * @region: the region
 *
 * Return: 0; -EBUSY while a request in flight uses the region; the error of a device; or the errno
 * of membarrier(2). After a failure the region is mapped again for every device that accepts it.
 */
int maps_remove_region(struct dma_map *maps, const struct dma_region *region);

#endif
