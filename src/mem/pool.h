/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a pool is made of. For the files of this folder only: all others see a struct vscsi_mem *.
 */
#ifndef MEM_POOL_H
#define MEM_POOL_H

#include <pthread.h>
#include <stdint.h>

#include "mem/dma.h"
#include "mem/heap.h"
#include "mem/pages.h"

/* The pool's own memory is a region like any other, with this number; the application's follow. */
#define POOL_BIT 0u

/**
 * struct vscsi_mem - A pool
 * @pages: the pool's own memory
 * @heap_lock: guards @heap; never held for longer than the heap takes
 * @heap: the blocks inside @pages
 * @regions_lock: guards all below; held while devices map and unmap, so it may be held for long.
 *	Never taken with @heap_lock held, nor the other way round
 * @present: the regions that exist, as a set
 * @regions: each at the place of its bit
 * @maps: the devices that follow the pool
 */
struct vscsi_mem {
	struct pages pages;
	pthread_mutex_t heap_lock;
	struct heap *heap;
	pthread_mutex_t regions_lock;
	uint64_t present;
	struct dma_region regions[DMA_MAX_REGIONS];
	struct dma_map *maps;
};

#endif
