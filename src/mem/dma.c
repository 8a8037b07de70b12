/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices that follow a pool: their beginning and end, and the search behind dma_translate(). What
 * happens in between, when regions come and go, is in follow.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "mem/dma.h"
#include "mem/follow.h"
#include "mem/pool.h"
#include "mem/table.h"
#include "util/error.h"

/*
 * The span that an address is in, if there is one: the last one that begins at or before it. The
 * same number of steps whatever the address, and a choice that needs no branch.
 */
static const struct dma_span *search(const struct dma_table *table, uint64_t addr)
{
	const struct dma_span *span = table->spans;
	unsigned count = table->count;

	while (count > 1) {
		unsigned half = count / 2;

		span = span[half].start <= addr ? span + half : span;
		count -= half;
	}
	return span;
}

bool dma_find(const struct dma_map *map, struct dma_cache *cache, uint64_t addr)
{
	/* Acquire pairs with the release that publishes a table: its spans are there. */
	const struct dma_table *table = atomic_load_explicit(&map->table, memory_order_acquire);
	uint8_t *hint = &cache->hints[(addr >> DMA_HINT_SHIFT) % DMA_HINTS];
	const struct dma_span *span = &table->spans[*hint];

	/* A hint may be of another table, or of another address. */
	if (*hint >= table->count || addr - span->start >= span->len) {
		if (!table->count)
			return false;
		span = search(table, addr);
		*hint = (uint8_t)(span - table->spans);
	}
	/*
	 * A hole between two regions, or behind the last. No sum here that a hostile length could
	 * wrap.
	 */
	if (addr - span->start >= span->len)
		return false;
	/* By value: the next look-up then needs neither the table nor the search. */
	cache->table = table;
	cache->span = *span;
	cache->end = span->start + span->len;
	cache->bias = cache->end + 1;
	cache->biased_start = span->start - cache->bias;
	cache->biased_delta = span->delta + cache->bias;
	return true;
}

/* Undoes the first @count; the device is being given up, so a failure has nobody to tell. */
static void unmap_regions(struct dma_map *map, unsigned count)
{
	const struct vscsi_mem *mem = map->mem;
	const struct dma_span *span;

	while (count--) {
		span = table_span(map, count);
		if (span)
			map->ops->unmap(map->ctx, &mem->regions[count], span->start + span->delta);
	}
}

static int map_regions(struct dma_map *map)
{
	const struct vscsi_mem *mem = map->mem;
	unsigned bit;
	int err;

	for (bit = 0; bit < DMA_MAX_REGIONS; bit++) {
		if (!(mem->present >> bit & 1))
			continue;
		err = follow_map(map, &mem->regions[bit]);
		if (err) {
			unmap_regions(map, bit);
			return err;
		}
	}
	return 0;
}

int dma_map_create(struct vscsi_mem *mem, const struct dma_map_ops *ops, void *ctx,
		   struct dma_map **out)
{
	struct dma_map *map;
	int err;

	map = calloc(1, sizeof(*map));
	if (!map)
		return error_set(-ENOMEM, "no memory for the device's view of the pool");
	map->mem = mem;
	map->ops = ops;
	map->ctx = ctx;
	/*
	 * One critical section for both, so that no region can come or go in between and be missed.
	 */
	pthread_mutex_lock(&mem->regions_lock);
	err = map_regions(map);
	if (!err) {
		map->next = mem->maps;
		mem->maps = map;
	}
	pthread_mutex_unlock(&mem->regions_lock);
	/* Nobody has seen this map: its tables have no readers. */
	if (err) {
		table_free_all(map);
		free(map);
		return err;
	}
	*out = map;
	return 0;
}

void dma_map_destroy(struct dma_map *map)
{
	struct dma_map **link;

	if (!map)
		return;
	pthread_mutex_lock(&map->mem->regions_lock);
	for (link = &map->mem->maps; *link != map; link = &(*link)->next)
		;
	*link = map->next;
	pthread_mutex_unlock(&map->mem->regions_lock);
	table_free_all(map);
	free(map);
}
