/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Maps and unmaps a region for all devices of a pool, each together with its table. If one device
 * fails, the others are rolled back; a rollback that fails is logged, and the caller gets the errno
 * of the first failure.
 */
#include <errno.h>
#include <inttypes.h>

#include "mem/maps.h"
#include "mem/table.h"
#include "util/error.h"
#include "util/log.h"

static int unmap_at(struct dma_map *map, const struct dma_region *region,
		    const struct dma_span *span)
{
	return map->ops->unmap(map->ctx, region, span->start + span->delta);
}

int map_region(struct dma_map *map, const struct dma_region *region)
{
	uint64_t iova = 0;
	int err;

	err = map->ops->map(map->ctx, region, &iova);
	if (err)
		return err;
	/* Publish last: an address is translated only when the device can access it. */
	err = table_add_region(map, region, iova);
	if (err && map->ops->unmap(map->ctx, region, iova))
		log_error("unmapping the region at 0x%" PRIx64
			  " failed; a device can still access it",
			  region->addr);
	return err;
}

int maps_add_region(struct dma_map *maps, const struct dma_region *region)
{
	const struct dma_span *span;
	struct dma_map *failed;
	struct dma_map *map;
	int err = 0;

	for (failed = maps; failed; failed = failed->next) {
		err = map_region(failed, region);
		if (err)
			break;
	}
	/* Roll back, in reverse: first remove the region from the table, then unmap it. */
	for (map = maps; err && map != failed; map = map->next) {
		span = table_span(map, region->bit);
		table_revert(map);
		if (unmap_at(map, region, span))
			log_error("unmapping the region at 0x%" PRIx64
				  " failed; a device can still access it",
				  region->addr);
	}
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

/* Makes a hidden region visible again, for the maps from @map up to @end. */
static void unhide(struct dma_map *map, const struct dma_map *end)
{
	for (; map != end; map = map->next)
		table_revert(map);
}

/* Removes the region from all tables: new requests no longer find it. */
static int hide(struct dma_map *maps, const struct dma_region *region)
{
	struct dma_map *map;
	int err;

	for (map = maps; map; map = map->next) {
		err = table_remove_region(map, region->bit);
		if (err) {
			unhide(maps, map);
			return err;
		}
	}
	return 0;
}

/* Maps the region again for the maps before @failed, and makes it visible for the others. */
static void map_again(struct dma_map *maps, struct dma_map *failed, const struct dma_region *region)
{
	struct dma_map *map;

	for (map = maps; map != failed; map = map->next) {
		if (map_region(map, region))
			log_error("a device failed to map the region at 0x%" PRIx64
				  " again; requests in it fail with -EFAULT",
				  region->addr);
	}
	unhide(failed, NULL);
}

static int unmap_hidden(struct dma_map *maps, const struct dma_region *region)
{
	const struct dma_span *span;
	struct dma_map *map;
	int err;

	for (map = maps; map; map = map->next) {
		span = table_previous_span(map, region->bit);
		/* NULL for a device that failed to map the region again earlier. */
		err = span ? unmap_at(map, region, span) : 0;
		if (err) {
			map_again(maps, map, region);
			return err;
		}
	}
	return 0;
}

int maps_remove_region(struct dma_map *maps, const struct dma_region *region)
{
	int err;

	/*
	 * Check before hiding: callers may poll with this function, which must not affect requests.
	 */
	err = check_busy(maps, region);
	if (err)
		return err;
	err = hide(maps, region);
	if (err)
		return err;
	/* Check again: a request may have started between the first check and the hiding. */
	err = check_busy(maps, region);
	if (err) {
		unhide(maps, NULL);
		return err;
	}
	return unmap_hidden(maps, region);
}
