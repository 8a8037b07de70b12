/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Builds and publishes translation tables. There are two; the next table is written to the one that
 * is not current. A thread that was still reading it notices, because the number of the current one
 * has changed.
 */
#include "mem/table.h"

/* Relaxed: writers hold regions_lock; only lock-free readers need acquire. */
static uint64_t current_version(const struct dma_map *map)
{
	return atomic_load_explicit(&map->version, memory_order_relaxed);
}

/* Likewise. */
static struct dma_span get_span(const struct dma_table *table, unsigned at)
{
	const struct dma_entry *entry = &table->entries[at];
	struct dma_span span;

	span.start = atomic_load_explicit(&entry->start, memory_order_relaxed);
	span.len = atomic_load_explicit(&entry->len, memory_order_relaxed);
	span.delta = atomic_load_explicit(&entry->delta, memory_order_relaxed);
	span.set = atomic_load_explicit(&entry->set, memory_order_relaxed);
	return span;
}

/* Release pairs with get_entry() in dma.c: a thread that reads this sees the new version too. */
static void put_entry(struct dma_entry *entry, const struct dma_span *span)
{
	atomic_store_explicit(&entry->start, span->start, memory_order_release);
	atomic_store_explicit(&entry->len, span->len, memory_order_release);
	atomic_store_explicit(&entry->delta, span->delta, memory_order_release);
	atomic_store_explicit(&entry->set, span->set, memory_order_release);
}

/*
 * Writes the next table: the current one without the spans of @set, and with @add if that is not
 * NULL, sorted by address for the search in dma_find(). Returns what was left out.
 */
static struct dma_span write_next(struct dma_map *map, uint64_t set, const struct dma_span *add)
{
	const uint64_t version = current_version(map);
	const struct dma_table *old = &map->tables[version % 2];
	struct dma_table *next = &map->tables[(version + 1) % 2];
	const unsigned count = atomic_load_explicit(&old->count, memory_order_relaxed);
	struct dma_span out = {.len = 0};
	unsigned used = 0;
	unsigned i;

	for (i = 0; i < count; i++) {
		struct dma_span span = get_span(old, i);

		if (add && add->start < span.start) {
			put_entry(&next->entries[used++], add);
			add = NULL;
		}
		if (span.set == set)
			out = span;
		else
			put_entry(&next->entries[used++], &span);
	}
	if (add)
		put_entry(&next->entries[used++], add);
	atomic_store_explicit(&next->count, used, memory_order_release);
	/* Release pairs with dma_version(): the spans are visible before. */
	atomic_store_explicit(&map->version, version + 1, memory_order_release);
	return out;
}

void table_add(struct dma_map *map)
{
	write_next(map, 0, &map->moving);
}

bool table_remove(struct dma_map *map, unsigned bit)
{
	map->moving = write_next(map, UINT64_C(1) << bit, NULL);
	return map->moving.len;
}
