/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The heap, case by case. Its addresses are not mapped here: a heap that accessed them would crash.
 */
#include <errno.h>

#include "mem.h"

#include "conforms.h"
#include "mem/heap.h"

/* Aligned to exactly 1 GiB, to test larger alignments. */
#define BASE ((uintptr_t)0x5c0000000)

static struct heap *open_heap(size_t len)
{
	struct heap *heap = heap_create(BASE, len);

	assert_non_null(heap);
	return heap;
}

static uint64_t largest(const struct heap *heap)
{
	struct heap_stats stats;

	heap_get_stats(heap, &stats);
	return stats.largest_free;
}

static void test_block_size_is_rounded_up(void **state)
{
	struct heap *heap = open_heap(4096);

	CONFORMS("R-HARD-14");
	(void)state;
	assert_int_equal(heap_alloc(heap, 1, 0), BASE);
	assert_int_equal(heap_alloc(heap, 64, 1), BASE + 64);
	assert_int_equal(heap_alloc(heap, 65, 8), BASE + 128);
	assert_int_equal(heap_alloc(heap, 1, 64), BASE + 256);
	heap_destroy(heap);
}

static void test_invalid_arguments(void **state)
{
	struct heap *heap = open_heap(4096);

	(void)state;
	assert_int_equal(heap_alloc(heap, 0, 0), 0);
	assert_int_equal(heap_alloc(heap, 64, 3), 0);
	assert_int_equal(heap_alloc(heap, 64, 96), 0);
	assert_int_equal(heap_alloc(heap, 64, SIZE_MAX), 0);
	assert_int_equal(heap_alloc(heap, SIZE_MAX, 0), 0);
	assert_int_equal(heap_alloc(heap, 4097, 0), 0);
	assert_int_equal(heap_alloc(heap, 64, (size_t)1 << 63), 0);
	assert_int_equal(largest(heap), 4096);
	heap_destroy(heap);
}

static void test_invalid_heap_ranges(void **state)
{
	(void)state;
	assert_null(heap_create(BASE, 0));
	assert_null(heap_create(0, 4096));
	assert_null(heap_create(BASE + 8, 4096));
	assert_null(heap_create(BASE, 100));
	assert_null(heap_create(BASE, (size_t)256 << 30));
	heap_destroy(NULL);
}

static void test_allocate_everything(void **state)
{
	struct heap *heap = open_heap(1 << 20);

	(void)state;
	assert_int_equal(heap_alloc(heap, 1 << 20, 0), BASE);
	assert_int_equal(heap_alloc(heap, 1, 0), 0);
	assert_int_equal(largest(heap), 0);
	assert_int_equal(heap_free(heap, BASE), 0);
	assert_int_equal(largest(heap), 1 << 20);
	heap_destroy(heap);
}

static void test_alignment_of_the_address(void **state)
{
	struct heap *heap = heap_create(BASE + 64, 16384);

	(void)state;
	assert_non_null(heap);
	assert_int_equal(heap_alloc(heap, 64, 4096), BASE + 4096);
	assert_int_equal(heap_alloc(heap, 64, 4096), BASE + 8192);
	assert_int_equal(heap_alloc(heap, 64, (size_t)1 << 40), 0);
	heap_destroy(heap);
}

/* The distance to the next aligned address is a multiple of 2^32 units. */
static void test_huge_alignment(void **state)
{
	struct heap *heap = heap_create((uintptr_t)1 << 38, 4096);

	(void)state;
	assert_non_null(heap);
	assert_int_equal(heap_alloc(heap, 64, (size_t)1 << 63), 0);
	assert_int_equal(heap_alloc(heap, 64, (size_t)1 << 38), (uintptr_t)1 << 38);
	heap_destroy(heap);
}

/* Finds a hole that fits exactly, although earlier ones are long enough but not aligned. */
static void test_exact_aligned_hole(void **state)
{
	struct heap *heap = open_heap(16 * 4096);
	int i;

	(void)state;
	for (i = 0; i < 16; i++)
		assert_int_equal(heap_alloc(heap, 4096, 4096), BASE + 4096 * (uintptr_t)i);
	assert_int_equal(heap_free(heap, BASE + 4096), 0);
	assert_int_equal(heap_free(heap, BASE + 2 * 4096), 0);
	assert_int_equal(heap_alloc(heap, 64, 64), BASE + 4096);
	assert_int_equal(heap_alloc(heap, 4096, 4096), BASE + 2 * 4096);
	assert_int_equal(heap_alloc(heap, 4096, 4096), 0);
	assert_int_equal(heap_alloc(heap, 4096 - 64, 64), BASE + 4096 + 64);
	heap_destroy(heap);
}

static void test_free_blocks_merge(void **state)
{
	struct heap *heap = open_heap(3 * 4096);

	(void)state;
	assert_int_equal(heap_alloc(heap, 4096, 0), BASE);
	assert_int_equal(heap_alloc(heap, 4096, 0), BASE + 4096);
	assert_int_equal(heap_alloc(heap, 4096, 0), BASE + 8192);
	assert_int_equal(heap_free(heap, BASE), 0);
	assert_int_equal(heap_free(heap, BASE + 8192), 0);
	assert_int_equal(largest(heap), 4096);
	assert_int_equal(heap_free(heap, BASE + 4096), 0);
	assert_int_equal(largest(heap), 3 * 4096);
	heap_destroy(heap);
}

static void test_free_of_invalid_pointers(void **state)
{
	struct heap *heap = open_heap(4096);

	(void)state;
	assert_int_equal(heap_alloc(heap, 256, 0), BASE);
	assert_int_equal(heap_alloc(heap, 256, 0), BASE + 256);
	assert_int_equal(heap_free(heap, BASE + 64), -EINVAL);
	assert_int_equal(heap_free(heap, BASE + 1), -EINVAL);
	assert_int_equal(heap_free(heap, BASE + 512), -EINVAL);
	assert_int_equal(heap_free(heap, BASE + 4096), -EINVAL);
	assert_int_equal(heap_free(heap, BASE - 64), -EINVAL);
	assert_int_equal(heap_free(heap, 0), -EINVAL);
	assert_int_equal(heap_free(heap, UINTPTR_MAX - 63), -EINVAL);
	assert_int_equal(heap_free(heap, BASE), 0);
	assert_int_equal(heap_free(heap, BASE), -EINVAL);
	assert_int_equal(heap_free(heap, BASE + 256), 0);
	assert_int_equal(largest(heap), 4096);
	heap_destroy(heap);
}

static void test_stats(void **state)
{
	struct heap *heap = open_heap(4096);
	struct heap_stats stats;

	(void)state;
	assert_int_equal(heap_alloc(heap, 100, 0), BASE);
	assert_int_equal(heap_alloc(heap, 64, 0), BASE + 128);
	assert_int_equal(heap_free(heap, BASE), 0);
	/* Less than the peak was. */
	assert_int_equal(heap_alloc(heap, 64, 0), BASE);
	assert_int_equal(heap_free(heap, BASE), 0);
	heap_get_stats(heap, &stats);
	assert_int_equal(stats.used, 64);
	assert_int_equal(stats.peak, 192);
	assert_int_equal(stats.blocks, 1);
	assert_int_equal(stats.largest_free, 4096 - 192);
	heap_destroy(heap);
}

static void test_eight_gib(void **state)
{
	const size_t len = (size_t)8 << 30;
	struct heap *heap = open_heap(len);

	(void)state;
	assert_int_equal(heap_alloc(heap, 64, 0), BASE);
	assert_int_equal(heap_alloc(heap, (size_t)7 << 30, (size_t)1 << 30), BASE + (1ul << 30));
	assert_int_equal(largest(heap), (1ul << 30) - 64);
	assert_int_equal(heap_free(heap, BASE + (1ul << 30)), 0);
	assert_int_equal(heap_free(heap, BASE), 0);
	assert_int_equal(heap_alloc(heap, len, 0), BASE);
	heap_destroy(heap);
}

int heap_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_block_size_is_rounded_up),
		cmocka_unit_test(test_invalid_arguments),
		cmocka_unit_test(test_invalid_heap_ranges),
		cmocka_unit_test(test_allocate_everything),
		cmocka_unit_test(test_alignment_of_the_address),
		cmocka_unit_test(test_huge_alignment),
		cmocka_unit_test(test_exact_aligned_hole),
		cmocka_unit_test(test_free_blocks_merge),
		cmocka_unit_test(test_free_of_invalid_pointers),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_eight_gib),
	};

	return cmocka_run_group_tests_name("mem heap", tests, NULL, NULL);
}
