/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that only keeps book: which regions it has mapped, and where it sees them. It refuses
 * what it is told to refuse, and fails the test when a region is mapped twice or unmapped at the
 * wrong place.
 */
#ifndef TESTS_UNIT_MEM_DEVICE_H
#define TESTS_UNIT_MEM_DEVICE_H

#include "mem/dma.h"

/**
 * struct device - Its book
 * @shift: the device sees memory so many bytes further up
 * @refuse_map: errno for the next mappings, after @accept of them; 0 for none
 * @accept: mappings that are accepted before
 * @refuse_unmap: likewise, for all
 * @busy: regions that requests in flight use
 * @busy_from: looks at @busy count only from so many looks on
 * @looks: how often the device was asked
 * @mapped: regions that it has
 * @regions: what it was told of each
 * @iovas: where it sees each
 */
struct device {
	uint64_t shift;
	int refuse_map;
	int accept;
	int refuse_unmap;
	uint64_t busy;
	int busy_from;
	int looks;
	uint64_t mapped;
	struct dma_region regions[DMA_MAX_REGIONS];
	uint64_t iovas[DMA_MAX_REGIONS];
};

extern const struct dma_map_ops device_ops;

/**
 * device_follow - Let a device follow a pool
 * @device: its book, zeroed but for what the test wants
 *
 * Return: the map; the test fails where there is none.
 */
struct dma_map *device_follow(struct device *device, struct vscsi_mem *mem);

/**
 * translate - Translate one piece with a fresh cache
 * @iova: receives where the device sees it
 *
 * Return: as dma_translate().
 */
size_t translate(const struct dma_map *map, const void *addr, size_t len, uint64_t *iova);

#endif
