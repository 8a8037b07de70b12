/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/mem/ - DMA memory
 *
 * Provides: pools of hugepages with a heap, registered application memory, and the translation of
 * addresses to what a device uses (IOVA). This header is the folder's interface for the rest of the
 * library.
 *
 * Never does: know how a transport maps memory, talk to a device other than through dma_map_ops, or
 * move or free memory that a device can reach.
 *
 * Locking: heap_lock protects the heap and is held only for one heap operation. regions_lock
 * protects the regions and maps of a pool; it is held while devices map or unmap, which can take
 * long. Neither is taken while the other is held. Translation takes no lock: it reads the table
 * that is not being written, and tries again if another table became current meanwhile. A dma_cache
 * belongs to one queue and is protected by whatever protects the queue.
 *
 * Removing a region while other threads prepare requests
 *
 *   the thread that prepares a request           the thread that removes a region
 *   translates its buffers by a table            publishes a table without the region
 *   writes the regions and the LUN to the slot   memory barrier in all threads of the process
 *   is the table still current (dma_current())?  does any slot have the region (ops->busy)?
 *     no: takes the slot back, translates again    yes: publishes the region again, -EBUSY
 *
 * If the barrier comes after the slot was written, the region is found in use. If it comes before
 * the table is compared, the request is translated again. Preparing a request therefore needs no
 * barrier and no additional store, and the thread that removes a region waits for no other thread.
 */
#ifndef MEM_DMA_H
#define MEM_DMA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vscsi_mem;

/* The pool's own memory plus VSCSI_MEM_MAX_REGIONS; a set of regions fits into 64 bits. */
#define DMA_MAX_REGIONS 57

/**
 * struct dma_region - Memory that devices can access
 * @addr: address in this process
 * @len: bytes
 * @fd: the file that is mapped there, owned by the pool; -1 for none
 * @fd_offset: file offset of @addr
 * @bit: number of the region, less than DMA_MAX_REGIONS, unique among existing regions
 * @unforked: a child of fork() doesn't inherit it while it is registered
 */
struct dma_region {
	uint64_t addr;
	uint64_t len;
	int fd;
	unsigned bit;
	uint64_t fd_offset;
	bool unforked;
};

/**
 * struct dma_map_ops - Observer of a pool's regions: the device
 * @map: make a region accessible to the device and store its IOVA in @iova; 0 or a negative errno
 *	with the error text set
 * @unmap: undo @map; 0, or a negative errno if the region is still mapped
 * @busy: whether a request in flight on the device uses any region of the set @regions
 *
 * This is the one place where a lower layer calls a higher one. It is needed because a region that
 * one thread registers must reach every open device of the pool, and the pool is below the devices.
 *
 * Callers: dma_map_create(), dma_register() and dma_unregister(), never the data path. Locking:
 * called with the pool's regions_lock held; an operation may take its device's lock. A caller of
 * these functions must therefore not hold a device lock that an operation takes, and an operation
 * must not call a function that takes regions_lock.
 */
struct dma_map_ops {
	int (*map)(void *ctx, const struct dma_region *region, uint64_t *iova);
	int (*unmap)(void *ctx, const struct dma_region *region, uint64_t iova);
	bool (*busy)(void *ctx, uint64_t regions);
};

/* One region as a device sees it: the IOVA is address + delta. */
struct dma_span {
	uint64_t start;
	uint64_t len;
	uint64_t delta;
	uint64_t set; /* the set that contains only this region */
};

/* struct dma_span in a table, which may be read while it is written. */
struct dma_entry {
	_Atomic uint64_t start;
	_Atomic uint64_t len;
	_Atomic uint64_t delta;
	_Atomic uint64_t set;
};

/* All spans of a device, sorted by address. */
struct dma_table {
	_Atomic unsigned count;
	struct dma_entry entries[DMA_MAX_REGIONS];
};

/**
 * struct dma_map - A pool as a device sees it
 * @version: number of the current table, which is tables[@version % 2]; the next table is written
 *	to the other one. Starts at 1: a cache of version 0 is empty
 * @tables: see @version
 * @mem: the pool; @next: in its list of maps
 * @ops, @ctx: the device
 * @moving: the span that is being added, or was taken out and may be put back; length 0: none
 */
struct dma_map {
	_Atomic uint64_t version;
	struct dma_table tables[2];
	struct vscsi_mem *mem;
	struct dma_map *next;
	const struct dma_map_ops *ops;
	void *ctx;
	struct dma_span moving;
};

/* These address bits select a hint of the cache: 64 steps of 2 MiB. */
#define DMA_HINT_SHIFT 21
#define DMA_HINTS      64u

/**
 * struct dma_cache - A queue's cache of the translation table
 * @version: of the table that @span was copied from; 0: none
 * @span: the span used last; @end: its end address
 * @bias: @end + 1; with it subtracted, the range check of an address is one compare
 * @biased_start: start of @span, minus @bias
 * @biased_delta: delta of @span, plus @bias
 * @hints: span indices by address bits, for queues that alternate between regions
 */
struct dma_cache {
	uint64_t version;
	struct dma_span span;
	uint64_t end;
	uint64_t bias;
	uint64_t biased_start;
	uint64_t biased_delta;
	uint8_t hints[DMA_HINTS];
};

struct vscsi_mem_opts;
struct vscsi_mem_stats;

/* The calls of <vscsi/mem.h>, whose entry points are in api/mem.c. */
int dma_pool_create(const struct vscsi_mem_opts *opts, struct vscsi_mem **out);
int dma_pool_destroy(struct vscsi_mem *mem);
int dma_pool_stats(struct vscsi_mem *mem, struct vscsi_mem_stats *stats);
int dma_register(struct vscsi_mem *mem, void *addr, size_t len, int fd, uint64_t fd_offset);
int dma_unregister(struct vscsi_mem *mem, void *addr);
void *dma_alloc(struct vscsi_mem *mem, size_t len, size_t align);
int dma_free(struct vscsi_mem *mem, void *ptr);

/**
 * dma_map_create - Map a pool for a device and keep the device in step with it
 * @mem: the pool; it can't be destroyed while the map exists
 * @ops, @ctx: the observer; @ops->map is called for every existing region before this returns
 * @map: receives the map: dma_map_destroy()
 *
 * Return: 0, -ENOMEM, -ECHILD in a child process, or what @ops->map returned; after a failure no
 * region is mapped.
 */
int dma_map_create(struct vscsi_mem *mem, const struct dma_map_ops *ops, void *ctx,
		   struct dma_map **map);

/**
 * dma_map_destroy - Stop observing the pool
 * @map: the map; NULL is allowed. @ops is not called: the device is already closed
 */
void dma_map_destroy(struct dma_map *map);

/**
 * dma_find - Slow path of dma_translate(): look up an address in the whole table
 * @cache: filled with the span that contains @addr
 * @addr: the address
 *
 * Tries the hint for the address, then a binary search; takes no lock.
 *
 * Return: whether a span contains @addr.
 */
bool dma_find(const struct dma_map *map, struct dma_cache *cache, uint64_t addr);

/**
 * dma_version - Number of the current table
 *
 * Translations after this call use this table or a later one.
 */
static inline uint64_t dma_version(const struct dma_map *map)
{
	/* Acquire pairs with publish(): the table's spans are visible. */
	return atomic_load_explicit(&map->version, memory_order_acquire);
}

/**
 * dma_current - Check that a slot's addresses were translated with the current table
 * @map: the device's map
 * @version: in private memory, dma_version() from before the first buffer was translated
 *
 * Call it after the regions and the LUN were written to the slot, where another thread reads them;
 * see above.
 *
 * Return: false if the caller must clear them in the slot and translate the request again.
 */
static inline bool dma_current(const struct dma_map *map, const uint64_t *version)
{
	/* For the compiler; the thread that removes a region has the barrier for the processor. */
	atomic_signal_fence(memory_order_seq_cst);
	/* Relaxed: only compares the number, nothing of the table is read. */
	return atomic_load_explicit(&map->version, memory_order_relaxed) == *version;
}

/**
 * dma_translate - Translate a buffer address to an IOVA
 * @map: the device's map
 * @cache: the queue's cache
 * @addr: start of the buffer
 * @len: its bytes
 * @iova: receives the IOVA of @addr
 * @set: the buffer's region is added to this set
 *
 * O(1) if the buffer is in the same region as the previous one.
 *
 * Return: how many bytes from @addr on are in one region, at most @len; 0 if @addr is not DMA
 * memory. Call it again for the rest.
 */
static inline size_t dma_translate(const struct dma_map *map, struct dma_cache *cache,
				   const void *addr, size_t len, uint64_t *iova, uint64_t *set)
{
	uint64_t a = (uint64_t)(uintptr_t)addr;
	uint64_t left;

	if (__builtin_expect(cache->version != dma_version(map) ||
				     a - cache->span.start >= cache->span.len,
			     0)) {
		if (!dma_find(map, cache, a))
			return 0;
	}
	*iova = a + cache->span.delta;
	*set |= cache->span.set;
	left = cache->span.len - (a - cache->span.start);
	return len <= left ? len : left;
}

/**
 * dma_cache_covers - Check whether a buffer is entirely in the region used last
 * @cache: the queue's cache
 * @addr: start of the buffer
 * @len: its bytes
 *
 * If true, the IOVA is @addr plus the delta of the cached span, as long as dma_current() has the
 * cache's version.
 */
static inline bool dma_cache_covers(const struct dma_cache *cache, const void *addr, uint64_t len)
{
	/* Can't overflow; if @addr is outside the span, the difference exceeds its length. */
	uint64_t left = cache->end - (uint64_t)(uintptr_t)addr;

	return __builtin_expect(left <= cache->span.len, 1) && __builtin_expect(len <= left, 1);
}

#endif
