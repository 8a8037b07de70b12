/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The heap converts bytes to units and records where each block starts and ends; runs.c finds free
 * units. Two bits per unit describe all blocks, so bookkeeping can't run out of memory, and an
 * address that is not the start of a block is detected by its bit.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "mem/heap.h"
#include "mem/runs.h"
#include "util/bits.h"

struct heap {
	uintptr_t base;
	uint32_t units;
	struct runs *runs;
	uint64_t *begins; /* first unit of each allocated block */
	uint64_t *ends;   /* its last unit */
	uint64_t used;    /* @used and @peak are in units */
	uint64_t peak;
	uint64_t blocks;
};

static bool bit_get(const uint64_t *map, uint32_t bit)
{
	return map[bit / 64] >> (bit % 64) & 1;
}

static void bit_flip(uint64_t *map, uint32_t bit)
{
	map[bit / 64] ^= UINT64_C(1) << (bit % 64);
}

/* The first set bit from @bit on; there is one. */
static uint32_t bit_next(const uint64_t *map, uint32_t bit)
{
	uint64_t word = map[bit / 64] & ~UINT64_C(0) << (bit % 64);

	for (bit /= 64; !word;)
		word = map[++bit];
	return bit * 64 + (uint32_t)__builtin_ctzll(word);
}

struct heap *heap_create(uintptr_t base, size_t len)
{
	struct heap *heap;

	/* heap_alloc() returns 0 for failure, so 0 can't be an address in the range. */
	if (!base || !len || (base | len) % HEAP_UNIT || len / HEAP_UNIT > RUNS_MAX)
		return NULL;
	heap = calloc(1, sizeof(*heap));
	if (!heap)
		return NULL;
	heap->base = base;
	heap->units = (uint32_t)(len / HEAP_UNIT);
	heap->runs = runs_create(heap->units);
	/* Allocate all bookkeeping now, so that heap_alloc() never fails for lack of it. */
	heap->begins = calloc(heap->units / 64 + 1, sizeof(*heap->begins));
	heap->ends = calloc(heap->units / 64 + 1, sizeof(*heap->ends));
	if (heap->runs && heap->begins && heap->ends)
		return heap;
	heap_destroy(heap);
	return NULL;
}

void heap_destroy(struct heap *heap)
{
	if (!heap)
		return;
	runs_destroy(heap->runs);
	free(heap->begins);
	free(heap->ends);
	free(heap);
}

/* Finds @want free units whose first has an aligned address (not offset). */
static bool find_aligned(const struct heap *heap, uint32_t want, uint64_t align, uint32_t *first)
{
	uint32_t from = 0;
	uint64_t skip;

	while (runs_find(heap->runs, from, want, first)) {
		skip = -(heap->base + (uint64_t)*first * HEAP_UNIT) & (align - 1);
		if (!skip)
			return true;
		/* The rest of the run may still be long enough: search again from there. */
		if (skip / HEAP_UNIT >= heap->units - *first)
			return false;
		from = *first + (uint32_t)(skip / HEAP_UNIT);
	}
	return false;
}

uintptr_t heap_alloc(struct heap *heap, size_t len, size_t align)
{
	uint32_t first;
	uint32_t want;

	if (align < HEAP_UNIT && (!align || is_pow2(align)))
		align = HEAP_UNIT;
	if (!len || !is_pow2(align) || len > (size_t)heap->units * HEAP_UNIT)
		return 0;
	want = (uint32_t)((len - 1) / HEAP_UNIT + 1);
	if (!find_aligned(heap, want, align, &first))
		return 0;
	runs_set(heap->runs, first, want, true);
	/* In a block of one unit both bits are at the same position, in different maps. */
	bit_flip(heap->begins, first);
	bit_flip(heap->ends, first + want - 1);
	heap->blocks++;
	heap->used += want;
	if (heap->used > heap->peak)
		heap->peak = heap->used;
	return heap->base + (uintptr_t)first * HEAP_UNIT;
}

int heap_free(struct heap *heap, uintptr_t addr)
{
	uint64_t unit = (addr - heap->base) / HEAP_UNIT;
	uint32_t count;
	uint32_t first;

	/* Check the range first, so that the bit to be tested exists. */
	if (addr < heap->base || unit >= heap->units || addr % HEAP_UNIT)
		return -EINVAL;
	first = (uint32_t)unit;
	/* Inside a block, in a free one, or freed before. */
	if (!bit_get(heap->begins, first))
		return -EINVAL;
	count = bit_next(heap->ends, first) - first + 1;
	bit_flip(heap->begins, first);
	bit_flip(heap->ends, first + count - 1);
	runs_set(heap->runs, first, count, false);
	heap->blocks--;
	heap->used -= count;
	return 0;
}

void heap_get_stats(const struct heap *heap, struct heap_stats *stats)
{
	stats->used = heap->used * HEAP_UNIT;
	stats->peak = heap->peak * HEAP_UNIT;
	stats->largest_free = (uint64_t)runs_longest(heap->runs) * HEAP_UNIT;
	stats->blocks = heap->blocks;
}
