/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Maps and unmaps a region for all devices of a pool, each together with its table. If one device
 * fails, the others are rolled back; a rollback that fails is logged, and the caller gets the errno
 * of the first failure.
 */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <linux/membarrier.h>

#include "mem/maps.h"
#include "mem/table.h"
#include "util/error.h"
#include "util/log.h"

static int unmap_moving(struct dma_map *map, const struct dma_region *region)
{
	return map->ops->unmap(map->ctx, region, map->moving.start + map->moving.delta);
}

int map_region(struct dma_map *map, const struct dma_region *region)
{
	uint64_t iova = 0;
	int err;

	err = map->ops->map(map->ctx, region, &iova);
	map->moving.start = region->addr;
	map->moving.len = region->len;
	map->moving.delta = iova - region->addr;
	map->moving.set = UINT64_C(1) << region->bit;
	return err;
}

/* Adds the moving spans of the maps before @end to their tables. */
static void add_to_tables(struct dma_map *map, const struct dma_map *end)
{
	for (; map != end; map = map->next) {
		if (map->moving.len)
			table_add(map);
	}
}

int maps_add_region(struct dma_map *maps, const struct dma_region *region)
{
	struct dma_map *failed;
	struct dma_map *map;
	int err = 0;

	for (failed = maps; failed; failed = failed->next) {
		err = map_region(failed, region);
		if (err)
			break;
	}
	if (!err) {
		/* Last: an address is translated only when all devices can access it. */
		add_to_tables(maps, NULL);
		return 0;
	}
	error_keep(true);
	for (map = maps; map != failed; map = map->next) {
		if (unmap_moving(map, region))
			log_error("unmapping the region at 0x%" PRIx64
				  " failed; a device can still access it",
				  region->addr);
	}
	error_keep(false);
	return err;
}

/* If memory were unmapped during a request, the device could access memory reused by others. */
static int check_busy(const struct dma_map *map, const struct dma_region *region)
{
	for (; map; map = map->next) {
		if (map->ops->busy(map->ctx, UINT64_C(1) << region->bit))
			return error_set(-EBUSY,
					 "a request in flight uses the region at 0x%" PRIx64
					 "; poll until it has completed",
					 region->addr);
	}
	return 0;
}

static long membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0);
}

/*
 * A memory barrier in all threads of the process, see dma.h. A process registers for it once.
 * Requires Linux 4.14; without it the library can't know what other threads are about to submit.
 */
static int barrier_everywhere(void)
{
	if (!membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) ||
	    (!membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
	     !membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)))
		return 0;
	return error_set(-errno, "membarrier(2) failed: %m; close the devices of the pool first");
}

/* Maps the region again for the maps before @failed, and puts it into all tables again. */
static void map_again(struct dma_map *maps, const struct dma_map *failed,
		      const struct dma_region *region)
{
	struct dma_map *map;

	error_keep(true);
	for (map = maps; map != failed; map = map->next) {
		if (map_region(map, region)) {
			map->moving.len = 0;
			log_error("a device failed to map the region at 0x%" PRIx64
				  " again; requests in it fail with -EFAULT",
				  region->addr);
		}
	}
	error_keep(false);
	add_to_tables(maps, NULL);
}

static int unmap_hidden(struct dma_map *maps, const struct dma_region *region)
{
	struct dma_map *map;
	int err;

	for (map = maps; map; map = map->next) {
		/* 0 for a device that failed to map the region again earlier. */
		err = map->moving.len ? unmap_moving(map, region) : 0;
		if (err) {
			map_again(maps, map, region);
			return err;
		}
	}
	return 0;
}

int maps_remove_region(struct dma_map *maps, const struct dma_region *region)
{
	struct dma_map *map;
	int err;

	/*
	 * Check before hiding: callers may poll with this function, which must not affect requests.
	 */
	err = check_busy(maps, region);
	if (err)
		return err;
	for (map = maps; map; map = map->next)
		table_remove(map, region->bit);
	/* Check again: a request may have been prepared meanwhile. See dma.h. */
	err = maps ? barrier_everywhere() : 0;
	if (!err)
		err = check_busy(maps, region);
	if (err) {
		add_to_tables(maps, NULL);
		return err;
	}
	return unmap_hidden(maps, region);
}
