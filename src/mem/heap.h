/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A heap over a plain range of addresses, which it never reads or writes: the range may be shared
 * with a device that is not trusted, and what the heap knows is none of its business. Takes no
 * lock.
 */
#ifndef MEM_HEAP_H
#define MEM_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap;

/* Blocks begin at multiples of this and take multiples of it: a cache line is never shared. */
#define HEAP_UNIT 64

/**
 * struct heap_stats - What a heap holds
 * @used: bytes handed out, in whole units
 * @peak: the most that @used has been
 * @largest_free: bytes of the largest block that can be had
 * @blocks: blocks handed out
 */
struct heap_stats {
	uint64_t used;
	uint64_t peak;
	uint64_t largest_free;
	uint64_t blocks;
};

/**
 * heap_create - Make a heap
 * @base: where the range begins, a multiple of HEAP_UNIT
 * @len: its bytes, a multiple of HEAP_UNIT, at most 128 GiB
 *
 * Costs under 1% of @len in private memory; nothing is allocated later.
 *
 * Return: the owner's: heap_destroy(); NULL when there is no memory or the range is not as said.
 */
struct heap *heap_create(uintptr_t base, size_t len);

/**
 * heap_destroy - Free what the heap knows; the range itself is not touched
 * @heap: NULL is allowed
 */
void heap_destroy(struct heap *heap);

/**
 * heap_alloc - Take the block at the lowest address that fits
 * @len: bytes, at least 1
 * @align: alignment of the address, a power of two; 0 and all below HEAP_UNIT mean HEAP_UNIT
 *
 * O(log size), and the more for every hole that is long enough but not aligned.
 *
 * Return: its address: heap_free(); 0 when there is none or the arguments make no sense.
 */
uintptr_t heap_alloc(struct heap *heap, size_t len, size_t align);

/**
 * heap_free - Give a block back
 * @addr: what heap_alloc() returned; anything else is recognised
 *
 * Return: 0, or -EINVAL when no block in use begins at @addr; then nothing has happened.
 */
int heap_free(struct heap *heap, uintptr_t addr);

/**
 * heap_get_stats - Tell what the heap holds; O(1)
 */
void heap_get_stats(const struct heap *heap, struct heap_stats *stats);

#endif
