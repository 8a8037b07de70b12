/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Builds and publishes translation tables. Readers take no lock, so it is unknown when the last one
 * has finished with a table: tables are never changed, and freed only with their map.
 */
#include <errno.h>
#include <stdlib.h>

#include "mem/table.h"
#include "util/error.h"

/* Relaxed: writers hold regions_lock; only lock-free readers need acquire. */
static struct dma_table *current_table(const struct dma_map *map)
{
	return atomic_load_explicit(&map->table, memory_order_relaxed);
}

static void publish(struct dma_map *map, struct dma_table *table)
{
	/* Release pairs with the acquire in dma_translate(): the spans are visible before. */
	atomic_store_explicit(&map->table, table, memory_order_release);
}

/* Copies @old without the spans of @set, with room for one more at the end. */
static struct dma_table *copy_without(const struct dma_table *old, uint64_t set)
{
	const unsigned count = old ? old->count : 0;
	struct dma_table *table;
	unsigned i;

	/* One span too many if none is added: simpler than two allocations. */
	table = calloc(1, sizeof(*table) + (count + 1) * sizeof(table->spans[0]));
	if (!table) {
		error_set(-ENOMEM, "no memory for a table of %u regions", count + 1);
		return NULL;
	}
	for (i = 0; i < count; i++) {
		if (old->spans[i].set != set)
			table->spans[table->count++] = old->spans[i];
	}
	return table;
}

int table_add_region(struct dma_map *map, const struct dma_region *region, uint64_t iova)
{
	struct dma_table *old = current_table(map);
	struct dma_table *table;
	struct dma_span *span;

	table = copy_without(old, 0);
	if (!table)
		return -ENOMEM;
	/* Sorted by address, for the search in dma_find(). */
	for (span = table->spans + table->count; span > table->spans; span--) {
		if (span[-1].start < region->addr)
			break;
		*span = span[-1];
	}
	span->start = region->addr;
	span->len = region->len;
	span->delta = iova - region->addr;
	span->set = UINT64_C(1) << region->bit;
	table->count++;
	table->retired = old;
	publish(map, table);
	return 0;
}

/* The previous table stays reachable through ->retired for table_revert(). */
int table_remove_region(struct dma_map *map, unsigned bit)
{
	struct dma_table *old = current_table(map);
	struct dma_table *table;

	table = copy_without(old, UINT64_C(1) << bit);
	if (!table)
		return -ENOMEM;
	table->retired = old;
	publish(map, table);
	return 0;
}

void table_revert(struct dma_map *map)
{
	struct dma_table *replaced = current_table(map);
	struct dma_table *previous = replaced->retired;

	/* Swap the two in the list of retired tables; readers never follow it. */
	replaced->retired = previous->retired;
	previous->retired = replaced;
	publish(map, previous);
}

static const struct dma_span *find(const struct dma_table *table, unsigned bit)
{
	unsigned i;

	for (i = 0; table && i < table->count; i++) {
		if (table->spans[i].set == UINT64_C(1) << bit)
			return &table->spans[i];
	}
	return NULL;
}

const struct dma_span *table_span(const struct dma_map *map, unsigned bit)
{
	return find(current_table(map), bit);
}

const struct dma_span *table_previous_span(const struct dma_map *map, unsigned bit)
{
	return find(current_table(map)->retired, bit);
}

void table_free_all(struct dma_map *map)
{
	struct dma_table *table = current_table(map);
	struct dma_table *next;

	for (; table; table = next) {
		next = table->retired;
		free(table);
	}
}
