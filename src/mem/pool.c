/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Creates and destroys pools, and locks their heap. Registered application memory is in regions.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include <vscsi/mem.h>

#include "mem/layout.h"
#include "mem/pool.h"
#include "util/error.h"
#include "util/log.h"
#include "util/options.h"

static int allocate_pages(const struct vscsi_mem_opts *opts, struct pages *pages)
{
	struct pages_want want = {.numa = opts->numa};
	struct layout layout;
	char why[PAGES_WHY];
	int err;

	err = layout_choose(opts, &layout);
	if (err)
		return err;
	want.huge = layout.page_size;
	want.bytes = layout.page_size * layout.pages;
	err = pages_create(&want, pages, why);
	/* Other errors (too many files, no such node) would also occur with ordinary pages. */
	if (err == -ENOMEM && opts->flags & VSCSI_MEM_ORDINARY) {
		log_info("ordinary pages instead of hugepages: %s", why);
		want.huge = 0;
		want.bytes = layout.ordinary;
		err = pages_create(&want, pages, why);
	}
	return err ? error_set(err, "%s", why) : 0;
}

/*
 * One region for the whole pool, however many pages it has: vhost-user back-ends accept only a few
 * ("Memory regions description"), and a buffer in the pool never needs to be split.
 */
static void add_own_region(struct vscsi_mem *mem)
{
	struct dma_region *region = &mem->regions[POOL_BIT];

	region->addr = (uintptr_t)mem->pages.addr;
	region->len = mem->pages.bytes;
	region->fd = mem->pages.fd;
	region->bit = POOL_BIT;
	mem->present = UINT64_C(1) << POOL_BIT;
}

int pool_check(const struct vscsi_mem *mem)
{
	return mem->forked ? error_set(-ECHILD, FORK_TEXT, "the pool") : 0;
}

/* Initializes the locks again: threads that the child doesn't have may hold them. */
static void in_child(struct fork_entry *entry)
{
	struct vscsi_mem *mem = (void *)((char *)entry - offsetof(struct vscsi_mem, fork));

	mem->forked = true;
	pthread_mutex_init(&mem->heap_lock, NULL);
	pthread_mutex_init(&mem->regions_lock, NULL);
}

int dma_pool_create(const struct vscsi_mem_opts *opts, struct vscsi_mem **out)
{
	struct vscsi_mem_opts known;
	struct vscsi_mem *mem;
	int err;

	if (!out)
		return error_set(-EINVAL,
				 "the result pointer is NULL; pass a pointer to receive the pool");
	/* Copied, so that the caller may change its struct at any time. */
	err = options_copy(&known, sizeof(known), opts);
	if (err)
		return err;
	mem = calloc(1, sizeof(*mem));
	if (!mem)
		return error_set(-ENOMEM, "no memory for the pool's structure");
	err = allocate_pages(&known, &mem->pages);
	if (err)
		goto free_mem;
	/*
	 * In private memory: a device that maps the pool can't reach the bookkeeping (R-HARD-14).
	 */
	mem->heap = heap_create((uintptr_t)mem->pages.addr, mem->pages.bytes);
	if (!mem->heap) {
		err = error_set(-ENOMEM, "no memory to manage a heap of %" PRIu64 " bytes",
				mem->pages.bytes);
		goto free_pages;
	}
	pthread_mutex_init(&mem->heap_lock, NULL);
	pthread_mutex_init(&mem->regions_lock, NULL);
	add_own_region(mem);
	mem->unverified = known.flags & VSCSI_MEM_UNVERIFIED;
	mem->fork.in_child = in_child;
	err = fork_watch(&mem->fork);
	if (err)
		goto free_heap;
	*out = mem;
	return 0;
free_heap:
	heap_destroy(mem->heap);
free_pages:
	pages_destroy(&mem->pages);
free_mem:
	free(mem);
	return err;
}

int dma_pool_destroy(struct vscsi_mem *mem)
{
	bool in_use;
	unsigned bit;

	if (!mem)
		return 0;
	pthread_mutex_lock(&mem->regions_lock);
	in_use = mem->maps;
	pthread_mutex_unlock(&mem->regions_lock);
	/* The device can write to the pool at any time, even with no request in flight. */
	if (in_use)
		return error_set(-EBUSY, "a device that uses the pool is open; close it first");
	fork_forget(&mem->fork);
	/* No lock: the caller guarantees that no other thread uses the pool. */
	for (bit = POOL_BIT + 1; bit < DMA_MAX_REGIONS; bit++) {
		if (mem->present >> bit & 1)
			region_release(&mem->regions[bit]);
	}
	heap_destroy(mem->heap);
	pages_destroy(&mem->pages);
	pthread_mutex_destroy(&mem->heap_lock);
	pthread_mutex_destroy(&mem->regions_lock);
	free(mem);
	return 0;
}

/* Formats the error text after unlocking, so that other threads don't wait for it. */
void *dma_alloc(struct vscsi_mem *mem, size_t len, size_t align)
{
	struct heap_stats stats;
	uintptr_t block;
	int err = pool_check(mem);

	if (!err && (!len || (align & (align - 1))))
		err = error_set(-EINVAL,
				"%zu bytes with alignment %zu: len must not be 0, align must be a "
				"power of two",
				len, align);
	if (err)
		goto failed;
	pthread_mutex_lock(&mem->heap_lock);
	block = heap_alloc(mem->heap, len, align);
	if (!block)
		heap_get_stats(mem->heap, &stats);
	pthread_mutex_unlock(&mem->heap_lock);
	if (block)
		return (void *)block;
	err = error_set(-ENOMEM,
			"no free block of %zu bytes with alignment %zu; %" PRIu64 " of %" PRIu64
			" bytes are in use and the largest free block has %" PRIu64,
			len, align, stats.used, mem->pages.bytes, stats.largest_free);
failed:
	errno = -err;
	return NULL;
}

int dma_free(struct vscsi_mem *mem, void *ptr)
{
	int err;

	/* In a child the block still belongs to the parent. */
	if (!ptr || mem->forked)
		return 0;
	pthread_mutex_lock(&mem->heap_lock);
	err = heap_free(mem->heap, (uintptr_t)ptr);
	pthread_mutex_unlock(&mem->heap_lock);
	if (err)
		return error_set(err, "%p is not a block of this pool, or was already freed", ptr);
	return 0;
}

int dma_pool_stats(struct vscsi_mem *mem, struct vscsi_mem_stats *stats)
{
	struct vscsi_mem_stats all = {0};
	struct heap_stats heap;
	int err = pool_check(mem);
	uint64_t present;

	if (err)
		return err;
	pthread_mutex_lock(&mem->heap_lock);
	heap_get_stats(mem->heap, &heap);
	pthread_mutex_unlock(&mem->heap_lock);
	/* Not both locks at once: the values are consistent within each part, not across both. */
	pthread_mutex_lock(&mem->regions_lock);
	present = mem->present;
	pthread_mutex_unlock(&mem->regions_lock);
	all.page_size = mem->pages.page_size;
	all.pages = (uint32_t)(mem->pages.bytes / mem->pages.page_size);
	all.bytes = mem->pages.bytes;
	all.used = heap.used;
	all.peak = heap.peak;
	all.largest_free = heap.largest_free;
	all.blocks = heap.blocks;
	/* Without the pool's own region. */
	all.regions = (uint32_t)__builtin_popcountll(present) - 1;
	all.numa_node = mem->pages.node;
	return info_copy(stats, &all, sizeof(all));
}
