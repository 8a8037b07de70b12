/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lets devices map and unmap a region, each one together with its table, and undoes on all what one
 * of them refuses. An undoing that fails is logged: the caller gets the errno of the refusal.
 */
#include <errno.h>
#include <inttypes.h>

#include "mem/follow.h"
#include "mem/table.h"
#include "util/error.h"
#include "util/log.h"

static int unmap_at(struct dma_map *map, const struct dma_region *region,
		    const struct dma_span *span)
{
	return map->ops->unmap(map->ctx, region, span->start + span->delta);
}

int follow_map(struct dma_map *map, const struct dma_region *region)
{
	uint64_t iova = 0;
	int err;

	err = map->ops->map(map->ctx, region, &iova);
	if (err)
		return err;
	/* The table comes last: an address is translated only when the device can reach it. */
	err = table_publish_with(map, region, iova);
	if (err && map->ops->unmap(map->ctx, region, iova))
		log_error("a device keeps the region at 0x%" PRIx64 " against our will",
			  region->addr);
	return err;
}

int follow_add(struct dma_map *maps, const struct dma_region *region)
{
	const struct dma_span *span;
	struct dma_map *failed;
	struct dma_map *map;
	int err = 0;

	for (failed = maps; failed; failed = failed->next) {
		err = follow_map(failed, region);
		if (err)
			break;
	}
	/* Backwards: first the table forgets the region, then the device may. */
	for (map = maps; err && map != failed; map = map->next) {
		span = table_span(map, region->bit);
		table_revert(map);
		if (unmap_at(map, region, span))
			log_error("a device keeps the region at 0x%" PRIx64 " against our will",
				  region->addr);
	}
	return err;
}

/* A device that lost memory in the middle of a request would read or write somebody else's. */
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

/* Shows a hidden region again, for the maps from @map up to @end. */
static void show(struct dma_map *map, const struct dma_map *end)
{
	for (; map != end; map = map->next)
		table_revert(map);
}

/* From here on no new request finds the region. */
static int hide(struct dma_map *maps, const struct dma_region *region)
{
	struct dma_map *map;
	int err;

	for (map = maps; map; map = map->next) {
		err = table_publish_without(map, region->bit);
		if (err) {
			show(maps, map);
			return err;
		}
	}
	return 0;
}

/* Maps before @failed have lost the hidden region; @failed and those behind only don't show it. */
static void give_back(struct dma_map *maps, struct dma_map *failed, const struct dma_region *region)
{
	struct dma_map *map;

	for (map = maps; map != failed; map = map->next) {
		if (follow_map(map, region))
			log_error("a device does not take back the region at 0x%" PRIx64
				  "; requests in it fail with -EFAULT",
				  region->addr);
	}
	show(failed, NULL);
}

static int unmap_hidden(struct dma_map *maps, const struct dma_region *region)
{
	const struct dma_span *span;
	struct dma_map *map;
	int err;

	for (map = maps; map; map = map->next) {
		span = table_former_span(map, region->bit);
		/* None on a device that once did not take the region back. */
		err = span ? unmap_at(map, region, span) : 0;
		if (err) {
			give_back(maps, map, region);
			return err;
		}
	}
	return 0;
}

int follow_remove(struct dma_map *maps, const struct dma_region *region)
{
	int err;

	/*
	 * Before anything is hidden: a caller who asks again and again must not disturb requests.
	 */
	err = check_busy(maps, region);
	if (err)
		return err;
	err = hide(maps, region);
	if (err)
		return err;
	/* Again: a request may have slipped in between the first look and the hiding. */
	err = check_busy(maps, region);
	if (err) {
		show(maps, NULL);
		return err;
	}
	return unmap_hidden(maps, region);
}
