/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the rest of the library needs of DMA memory: which regions there are, and where a device
 * sees an address. One dma_map stands between a pool and one device; it follows the pool as regions
 * come and go. Nothing here knows how a transport maps memory.
 */
#ifndef MEM_DMA_H
#define MEM_DMA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vscsi_mem;

/* The pool itself and VSCSI_MEM_MAX_REGIONS of the application's; a set of them fits 64 bits. */
#define DMA_MAX_REGIONS 57

/**
 * struct dma_region - Memory that devices may reach
 * @addr: where it lies in this process
 * @len: bytes
 * @fd: file behind it, owned by the pool; -1 for none
 * @fd_offset: where in the file it begins
 * @bit: number of the region, below DMA_MAX_REGIONS, unique among those that exist
 */
struct dma_region {
	uint64_t addr;
	uint64_t len;
	int fd;
	unsigned bit;
	uint64_t fd_offset;
};

/**
 * struct dma_map_ops - How a device follows its pool
 * @map: make a region reachable for the device; stores in @iova where the device sees it.
 *	0 or a negative errno with its sentence set
 * @unmap: the opposite; 0, or a negative errno: then it is still mapped
 * @busy: whether a request in flight on the device uses any region of the set @regions
 *
 * Called with the pool's region lock held, never from the data path.
 */
struct dma_map_ops {
	int (*map)(void *ctx, const struct dma_region *region, uint64_t *iova);
	int (*unmap)(void *ctx, const struct dma_region *region, uint64_t iova);
	bool (*busy)(void *ctx, uint64_t regions);
};

/* One region as one device sees it. Address plus delta is where the device finds it. */
struct dma_span {
	uint64_t start;
	uint64_t len;
	uint64_t delta;
	uint64_t set; /* the region's bit, as a set */
};

/* All spans of a device in the order of their addresses; never changed once it is published. */
struct dma_table {
	struct dma_table *retired; /* the one before it, kept until the map is destroyed */
	unsigned count;
	struct dma_span spans[];
};

struct dma_map {
	_Atomic(struct dma_table *) table; /* the one that counts */
	struct vscsi_mem *mem;
	const struct dma_map_ops *ops;
	void *ctx;
	struct dma_map *next; /* in the pool's list */
};

/* Regions that a cache remembers are told apart by these bits of an address: 2 MiB, 64 times. */
#define DMA_HINT_SHIFT 21
#define DMA_HINTS      64u

/**
 * struct dma_cache - What a queue remembers of the table; threads that share it share this
 * @table: the table that it is of
 * @span: the span used last, and @end: where that ends
 * @behind: one more than that; an address less this is a number that wraps where the span ends
 * @least: the span's start in such numbers
 * @shift: from such a number to where the device sees it
 * @hints: numbers of spans, by the address that they were found for, for who goes around several
 */
struct dma_cache {
	const struct dma_table *table;
	struct dma_span span;
	uint64_t end;
	uint64_t bias;
	uint64_t biased_start;
	uint64_t biased_delta;
	uint8_t hints[DMA_HINTS];
};

/*
 * As vscsi_mem_alloc() and vscsi_mem_free(), for the library itself: sentences keep the name of the
 * public function that was called.
 */
void *dma_alloc(struct vscsi_mem *mem, size_t len, size_t align);
int dma_free(struct vscsi_mem *mem, void *ptr);

/**
 * dma_map_create - Make a pool's memory reachable for a device, now and later
 * @mem: the pool; it can't be destroyed while the map exists
 * @ops, @ctx: how; @map is called for every region before this returns
 * @map: receives the map: dma_map_destroy()
 *
 * Return: 0, -ENOMEM, or what @ops->map returned; then every region is unmapped again.
 */
int dma_map_create(struct vscsi_mem *mem, const struct dma_map_ops *ops, void *ctx,
		   struct dma_map **map);

/**
 * dma_map_destroy - Stop following the pool
 * @map: the map; NULL is allowed. @ops is not called: the device is gone already
 */
void dma_map_destroy(struct dma_map *map);

/**
 * dma_find - Look an address up in the whole table
 * @cache: refilled with the span that has @addr
 * @addr: the address
 *
 * First where it was found for an address nearby, then by binary search; no lock.
 *
 * Return: whether there is such a span.
 */
bool dma_find(const struct dma_map *map, struct dma_cache *cache, uint64_t addr);

/**
 * dma_translate - Find where the device sees a buffer
 * @map: the device's map
 * @cache: of the queue that asks
 * @addr: start of the buffer
 * @len: its bytes
 * @iova: receives the start as the device sees it
 * @set: the region is added to this set
 *
 * O(1) when it lies in the same region as the one before.
 *
 * Return: bytes from @addr on that are in one region, at most @len; 0 when @addr is not DMA memory.
 * The rest, if any, is another call.
 */
static inline size_t dma_translate(const struct dma_map *map, struct dma_cache *cache,
				   const void *addr, size_t len, uint64_t *iova, uint64_t *set)
{
	/* Acquire pairs with the release that publishes a table: its spans are there. */
	const struct dma_table *table = atomic_load_explicit(&map->table, memory_order_acquire);
	uint64_t a = (uint64_t)(uintptr_t)addr;
	uint64_t left;

	if (__builtin_expect(cache->table != table || a - cache->span.start >= cache->span.len,
			     0)) {
		if (!dma_find(map, cache, a))
			return 0;
	}
	*iova = a + cache->span.delta;
	*set |= cache->span.set;
	left = cache->span.len - (a - cache->span.start);
	return len <= left ? len : left;
}

/* Whether a cache still holds a span of the table that counts. */
static inline bool dma_cache_valid(const struct dma_map *map, const struct dma_cache *cache)
{
	/* Relaxed: only whether the table is still the one that the span was copied from. */
	return atomic_load_explicit(&map->table, memory_order_relaxed) == cache->table;
}

/**
 * dma_cache_covers - Tell whether a buffer lies in the region used last
 * @map: the device's map
 * @cache: of the queue that asks
 * @addr: start of the buffer
 * @len: its bytes
 *
 * The hot path's form of dma_translate(): where it says yes, the device sees the buffer at @addr
 * plus the delta of the cache's span.
 *
 * Return: false when the buffer is not wholly there; dma_translate() can tell more.
 */
static inline bool dma_cache_covers(const struct dma_map *map, const struct dma_cache *cache,
				    const void *addr, uint64_t len)
{
	uint64_t left;

	if (__builtin_expect(!dma_cache_valid(map, cache), 0))
		return false;
	/* No sum that could wrap; with @addr outside the span this is more than the span has. */
	left = cache->end - (uint64_t)(uintptr_t)addr;
	return __builtin_expect(left <= cache->span.len, 1) && __builtin_expect(len <= left, 1);
}

#endif
