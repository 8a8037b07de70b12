/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The structure of a pool, private to this folder. Other folders have only a struct vscsi_mem *.
 */
#ifndef MEM_POOL_H
#define MEM_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "mem/dma.h"
#include "mem/heap.h"
#include "mem/pages.h"
#include "util/fork.h"

/* Region number of the pool's own memory; those of registered regions follow. */
#define POOL_BIT 0u

/**
 * struct vscsi_mem - A pool
 * @pages: the pool's own memory
 * @heap_lock: protects @heap; held only for one heap operation
 * @heap: the blocks inside @pages
 * @regions_lock: protects the fields below. Held while devices map and unmap, so possibly for
 *	long. Neither lock is taken while the other is held
 * @present: the set of existing regions
 * @regions: indexed by region number
 * @maps: the maps of the devices that use the pool
 * @unverified: created with VSCSI_MEM_UNVERIFIED
 * @fork: entry in the list of objects that a child process must not use; @forked: this process is
 *	such a child
 */
struct vscsi_mem {
	struct pages pages;
	pthread_mutex_t heap_lock;
	struct heap *heap;
	pthread_mutex_t regions_lock;
	uint64_t present;
	struct dma_region regions[DMA_MAX_REGIONS];
	struct dma_map *maps;
	bool unverified;
	struct fork_entry fork;
	bool forked;
};

/* 0; or -ECHILD with its text set in a child of the process that created the pool. */
int pool_check(const struct vscsi_mem *mem);

/* Closes a registered region's descriptor and lets children inherit the memory again. */
void region_release(const struct dma_region *region);

#endif
