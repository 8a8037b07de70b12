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
 * Acquire pairs with put_entry() in table.c: a thread that reads a value of a later table also sees
 * the version that was published before that table was written, so its comparison fails.
 */
static uint64_t entry_start(const struct dma_entry *entry)
{
	return atomic_load_explicit(&entry->start, memory_order_acquire);
}

static struct dma_span get_entry(const struct dma_entry *entry)
{
	struct dma_span span;

	span.start = entry_start(entry);
	span.len = atomic_load_explicit(&entry->len, memory_order_acquire);
	span.delta = atomic_load_explicit(&entry->delta, memory_order_acquire);
	span.set = atomic_load_explicit(&entry->set, memory_order_acquire);
	return span;
}

/*
 * Binary search for the last span that starts at or before the address: the number of steps does
 * not depend on the address, and the choice compiles to a conditional move.
 */
static unsigned search(const struct dma_table *table, unsigned count, uint64_t addr)
{
	const struct dma_entry *entry = table->entries;

	while (count > 1) {
		unsigned half = count / 2;

		entry = entry_start(&entry[half]) <= addr ? entry + half : entry;
		count -= half;
	}
	return (unsigned)(entry - table->entries);
}

/* Looks up a span in the table of a version. The hint may be of an older one or another address. */
static struct dma_span look_up(const struct dma_table *table, uint8_t *hint, uint64_t addr)
{
	const unsigned count = atomic_load_explicit(&table->count, memory_order_acquire);
	struct dma_span span = {.len = 0};

	if (*hint < count)
		span = get_entry(&table->entries[*hint]);
	if (addr - span.start >= span.len && count) {
		*hint = (uint8_t)search(table, count, addr);
		span = get_entry(&table->entries[*hint]);
	}
	return span;
}

bool dma_find(const struct dma_map *map, struct dma_cache *cache, uint64_t addr)
{
	uint8_t *hint = &cache->hints[(addr >> DMA_HINT_SHIFT) % DMA_HINTS];
	struct dma_span span;
	uint64_t version;

	/* Repeats only if a region was added or removed meanwhile, which takes system calls. */
	do {
		version = dma_version(map);
		span = look_up(&map->tables[version % 2], hint, addr);
	} while (dma_version(map) != version);
	/* In a gap between regions or after the last. Written without a sum, which could wrap. */
	if (addr - span.start >= span.len)
		return false;
	/* Copied, so that the next lookup needs neither the table nor the search. */
	cache->version = version;
	cache->span = span;
	cache->end = span.start + span.len;
	cache->bias = cache->end + 1;
	cache->biased_start = span.start - cache->bias;
	cache->biased_delta = span.delta + cache->bias;
	return true;
}

/* Unmaps the regions below @end. Errors are ignored: the device is about to be closed. */
static void unmap_regions(struct dma_map *map, unsigned end)
{
	unsigned bit;

	for (bit = 0; bit < end; bit++) {
		if (table_remove(map, bit))
			map->ops->unmap(map->ctx, &map->mem->regions[bit],
					map->moving.start + map->moving.delta);
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
		table_add(map);
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
	atomic_init(&map->version, 1);
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
	if (err) {
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
	free(map);
}
