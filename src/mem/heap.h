/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A heap over a range of addresses that it never reads or writes: the range may be shared with an
 * untrusted device, so all bookkeeping is in private memory. Takes no lock.
 */
#ifndef MEM_HEAP_H
#define MEM_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap;

/* Address and size of a block are multiples of this: two blocks never share a cache line. */
#define HEAP_UNIT 64

/**
 * struct heap_stats - State of a heap
 * @used: bytes allocated, rounded up to units
 * @peak: maximum of @used so far
 * @largest_free: bytes of the largest free block
 * @blocks: number of allocated blocks
 */
struct heap_stats {
	uint64_t used;
	uint64_t peak;
	uint64_t largest_free;
	uint64_t blocks;
};

/**
 * heap_create - Create a heap
 * @base: start of the range, a multiple of HEAP_UNIT
 * @len: its bytes, a multiple of HEAP_UNIT, at most 128 GiB
 *
 * Allocates less than 1% of @len for bookkeeping; later calls allocate nothing.
 *
 * Return: the heap: heap_destroy(); NULL if out of memory or if the range is invalid.
 */
struct heap *heap_create(uintptr_t base, size_t len);

/**
 * heap_destroy - Free the bookkeeping; the range itself is not touched
 * @heap: NULL is allowed
 */
void heap_destroy(struct heap *heap);

/**
 * heap_alloc - Allocate a block, at the lowest address that fits
 * @len: bytes, at least 1
 * @align: alignment of the address, a power of two; less than HEAP_UNIT, or 0, means HEAP_UNIT
 *
 * O(log size), plus O(log size) for each hole that is large enough but not aligned.
 *
 * Return: its address: heap_free(); 0 if no block fits or an argument is invalid.
 */
uintptr_t heap_alloc(struct heap *heap, size_t len, size_t align);

/**
 * heap_free - Free a block
 * @addr: an address that heap_alloc() returned; any other is detected
 *
 * Return: 0, or -EINVAL if no allocated block starts at @addr; then nothing changes.
 */
int heap_free(struct heap *heap, uintptr_t addr);

/**
 * heap_get_stats - Get the state of the heap; O(1)
 */
void heap_get_stats(const struct heap *heap, struct heap_stats *stats);

#endif
