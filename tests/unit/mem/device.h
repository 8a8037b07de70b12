/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fake device that records which regions it has mapped, and at which IOVA. It fails calls when
 * told to, and fails the test if a region is mapped twice or unmapped at the wrong IOVA.
 */
#ifndef TESTS_UNIT_MEM_DEVICE_H
#define TESTS_UNIT_MEM_DEVICE_H

#include "mem/dma.h"

/*
 * struct device - The fake device
 * @shift: IOVA minus address
 * @map_error: errno for the next mappings, after @accept of them; 0 for none
 * @accept: mappings that succeed before
 * @unmap_error: likewise, for all
 * @busy: regions used by requests in flight
 * @busy_from: @busy counts only from this query on
 * @queries: number of queries of @busy
 * @mapped: mapped regions
 * @regions: the mapped regions
 * @iovas: their IOVAs
 */
struct device {
	uint64_t shift;
	int map_error;
	int accept;
	int unmap_error;
	uint64_t busy;
	int busy_from;
	int queries;
	uint64_t mapped;
	struct dma_region regions[DMA_MAX_REGIONS];
	uint64_t iovas[DMA_MAX_REGIONS];
};

extern const struct dma_map_ops device_ops;

/*
 * device_follow - Create a map from a pool to the device
 * @device: zeroed, except for what the test sets
 *
 * Return: the map; the test fails if there is none.
 */
struct dma_map *device_follow(struct device *device, struct vscsi_mem *mem);

/*
 * translate - Translate one part of a buffer with a new cache
 * @iova: receives its IOVA
 *
 * Return: see dma_translate().
 */
size_t translate(const struct dma_map *map, const void *addr, size_t len, uint64_t *iova);

#endif
