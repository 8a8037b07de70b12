/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Builds and publishes translation tables. Readers take no lock and leave no trace, so it can't be
 * known when the last has left a table: a table is never changed or freed while its map lives.
 */
#include <errno.h>
#include <stdlib.h>

#include "mem/table.h"
#include "util/error.h"

/* Relaxed: the region lock orders all who come here; only readers without it need more. */
static struct dma_table *in_force(const struct dma_map *map)
{
	return atomic_load_explicit(&map->table, memory_order_relaxed);
}

static void publish(struct dma_map *map, struct dma_table *table)
{
	/* Release pairs with the acquire in dma_translate(): whoever sees it sees its spans. */
	atomic_store_explicit(&map->table, table, memory_order_release);
}

/* A table of @old's spans but that of @set, with room for one more at the end. */
static struct dma_table *copy_without(const struct dma_table *old, uint64_t set)
{
	const unsigned count = old ? old->count : 0;
	struct dma_table *table;
	unsigned i;

	/* One too many where nothing is added; simpler than two ways to allocate. */
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

int table_publish_with(struct dma_map *map, const struct dma_region *region, uint64_t iova)
{
	struct dma_table *old = in_force(map);
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

/* What was there before stays behind ->retired, from where table_revert() brings it back. */
int table_publish_without(struct dma_map *map, unsigned bit)
{
	struct dma_table *old = in_force(map);
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
	struct dma_table *leaving = in_force(map);
	struct dma_table *back = leaving->retired;

	/* The two change places in the chain; readers never follow it. */
	leaving->retired = back->retired;
	back->retired = leaving;
	publish(map, back);
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
	return find(in_force(map), bit);
}

const struct dma_span *table_former_span(const struct dma_map *map, unsigned bit)
{
	return find(in_force(map)->retired, bit);
}

void table_free_all(struct dma_map *map)
{
	struct dma_table *table = in_force(map);
	struct dma_table *next;

	for (; table; table = next) {
		next = table->retired;
		free(table);
	}
}
