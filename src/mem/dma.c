/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Creates and destroys DMA maps, and looks up addresses for dma_translate(). Adding and removing
 * regions later is in maps.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "mem/dma.h"
#include "mem/maps.h"
#include "mem/pool.h"
#include "mem/table.h"
#include "util/error.h"

/*
 * Binary search for the last span that starts at or before the address: the number of steps does
 * not depend on the address, and the choice compiles to a conditional move.
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
	/* Acquire pairs with the release in publish(): the table's spans are visible. */
	const struct dma_table *table = atomic_load_explicit(&map->table, memory_order_acquire);
	uint8_t *hint = &cache->hints[(addr >> DMA_HINT_SHIFT) % DMA_HINTS];
	const struct dma_span *span = &table->spans[*hint];

	/* The hint may be of an older table or another address. */
	if (*hint >= table->count || addr - span->start >= span->len) {
		if (!table->count)
			return false;
		span = search(table, addr);
		*hint = (uint8_t)(span - table->spans);
	}
	/* In a gap between regions or after the last. No sum that a hostile length could wrap. */
	if (addr - span->start >= span->len)
		return false;
	/* Copied, so that the next lookup needs neither the table nor the search. */
	cache->table = table;
	cache->span = *span;
	cache->end = span->start + span->len;
	cache->bias = cache->end + 1;
	cache->biased_start = span->start - cache->bias;
	cache->biased_delta = span->delta + cache->bias;
	return true;
}

/* Unmaps the first @count regions. Errors are ignored: the device is about to be closed. */
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
		err = map_region(map, &mem->regions[bit]);
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

	err = pool_check(mem);
	if (err)
		return err;
	map = calloc(1, sizeof(*map));
	if (!map)
		return error_set(-ENOMEM, "no memory for the device's view of the pool");
	map->mem = mem;
	map->ops = ops;
	map->ctx = ctx;
	/* One critical section, so that no region is added or removed in between and missed. */
	pthread_mutex_lock(&mem->regions_lock);
	err = map_regions(map);
	if (!err) {
		map->next = mem->maps;
		mem->maps = map;
	}
	pthread_mutex_unlock(&mem->regions_lock);
	/* The map was never visible to others: its tables have no readers. */
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
