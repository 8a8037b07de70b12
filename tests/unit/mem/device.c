/* SPDX-License-Identifier: BSD-3-Clause */
/* The fake device. */
#include "mem.h"

#include "device.h"

#include "util/error.h"

static int device_map(void *ctx, const struct dma_region *region, uint64_t *iova)
{
	struct device *device = ctx;

	assert_true(region->bit < DMA_MAX_REGIONS);
	assert_false(device->mapped >> region->bit & 1);
	if (device->map_error && device->accept-- <= 0)
		return error_set(device->map_error, "the fake device failed to map");
	*iova = region->addr + device->shift;
	device->mapped |= UINT64_C(1) << region->bit;
	device->regions[region->bit] = *region;
	device->iovas[region->bit] = *iova;
	return 0;
}

static int device_unmap(void *ctx, const struct dma_region *region, uint64_t iova)
{
	struct device *device = ctx;

	assert_true(device->mapped >> region->bit & 1);
	assert_int_equal(device->iovas[region->bit], iova);
	if (device->unmap_error)
		return error_set(device->unmap_error, "the fake device failed to unmap");
	device->mapped &= ~(UINT64_C(1) << region->bit);
	return 0;
}

static bool device_busy(void *ctx, uint64_t regions)
{
	struct device *device = ctx;

	return device->queries++ >= device->busy_from && device->busy & regions;
}

const struct dma_map_ops device_ops = {
	.map = device_map, .unmap = device_unmap, .busy = device_busy};

struct dma_map *device_follow(struct device *device, struct vscsi_mem *mem)
{
	struct dma_map *map = NULL;

	assert_int_equal(dma_map_create(mem, &device_ops, device, &map), 0);
	assert_non_null(map);
	return map;
}

size_t translate(const struct dma_map *map, const void *addr, size_t len, uint64_t *iova)
{
	struct dma_cache cache = {.version = 0};
	uint64_t set = 0;

	return dma_translate(map, &cache, addr, len, iova, &set);
}
