/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the parts of a ring lie, and what is in them at the start. */
#include <stdlib.h>
#include <string.h>

#include "bed.h"
#include "ring.h"

#define GUARD 64

static void test_parts_are_aligned_and_do_not_overlap(void **state)
{
	unsigned size;

	(void)state;
	CONFORMS("R-SPLIT-01", "R-SPLIT-02", "R-SPLIT-03");
	for (size = 1; size <= RING_MAX_SIZE; size *= 2) {
		struct split_layout l = split_layout(size);

		/*
		 * Bytes of each part: the table of 2.7, with the event fields that 2.7.6 and 2.7.8
		 * add.
		 */
		assert_true(l.avail >= 16u * size);
		assert_true(l.used >= l.avail + 6 + 2u * size);
		assert_true(l.bytes >= l.used + 6 + 8u * size);
		assert_int_equal(l.avail % 2, 0);
		assert_int_equal(l.used % 4, 0);
		/* No cache line belongs to two parts. */
		assert_int_equal(l.avail % CACHE_LINE, 0);
		assert_int_equal(l.used % CACHE_LINE, 0);
		assert_int_equal(l.bytes % CACHE_LINE, 0);
		assert_true(l.bytes < 26u * size + 18 + 3 * CACHE_LINE);
	}
}

static void test_start_zeroes_the_ring_and_nothing_else(void **state)
{
	unsigned size;

	(void)state;
	CONFORMS("R-SPLIT-03", "R-SPLIT-25");
	for (size = 1; size <= RING_MAX_SIZE; size *= 2) {
		size_t bytes = split_layout(size).bytes;
		char *mem = aligned_alloc(GUARD, bytes + 2 * GUARD);
		struct split_ring ring;
		size_t i;

		assert_non_null(mem);
		memset(mem, 0xa5, bytes + 2 * GUARD);
		assert_int_equal(split_init(&ring, mem + GUARD, size, false), 0);
		for (i = 0; i < GUARD; i++) {
			assert_int_equal((uint8_t)mem[i], 0xa5);
			assert_int_equal((uint8_t)mem[GUARD + bytes + i], 0xa5);
		}
		assert_int_equal(ring.used->flags, 0);
		assert_int_equal(ring.used->idx, 0);
		assert_int_equal(ring.avail->idx, 0);
		for (i = 0; i < 16u * size; i++)
			assert_int_equal(mem[GUARD + i], 0);
		split_fini(&ring);
		free(mem);
	}
}

/* Both event fields: the le16 after the last ring entry (2.7.6, 2.7.8). */
static void test_event_fields_lie_behind_the_rings(void **state)
{
	unsigned size;

	(void)state;
	CONFORMS("R-SPLIT-03", "R-SPLIT-23");
	for (size = 1; size <= RING_MAX_SIZE; size *= 2) {
		size_t bytes = split_layout(size).bytes;
		char *mem = aligned_alloc(GUARD, bytes);
		struct split_ring ring;

		assert_non_null(mem);
		assert_int_equal(split_init(&ring, mem, size, true), 0);
		assert_ptr_equal(ring.used_event, (char *)ring.avail + 4 + 2u * size);
		assert_ptr_equal(ring.avail_event, (char *)ring.used + 4 + 8u * size);
		assert_true((char *)(ring.avail_event + 1) <= mem + bytes);
		split_fini(&ring);
		free(mem);
	}
}

/* What the driver writes and reads, byte by byte. */
static void test_fields_are_little_endian(void **state)
{
	const uint8_t avail[] = {1, 0, 0x02, 0x00, 0x01, 0x00, 0x02, 0x01};
	const uint8_t used[] = {0, 0, 1, 0, 0x02, 0x01, 0, 0, 0x78, 0x56, 0x34, 0x12};
	struct ring_used got;
	struct bed b;

	(void)state;
	CONFORMS("R-SPLIT-04");
	bed_open_split(&b, 512, false);
	split_push(&b.split, 0x001);
	split_push(&b.split, 0x102);
	split_publish(&b.split);
	assert_memory_equal(b.split.avail, avail, sizeof(avail));
	memcpy(device_used(&b.dev), used, sizeof(used));
	assert_int_equal(split_pending(&b.split), 1);
	assert_int_equal(split_take(&b.split, &got), 0);
	assert_int_equal(got.head, 0x102);
	assert_int_equal(got.len, 0x12345678);
	bed_close(&b);
}

/* Entries are read in one piece as far as the end of the ring. */
static void test_runs_end_with_the_ring(void **state)
{
	const struct bed_opts opts = {.size = 8, .run = 1, .packed = true};
	struct bed b;

	(void)state;
	bed_open_split(&b, 8, false);
	assert_int_equal(split_run(&b.split, 8), 8);
	bed_wind(&b, 6);
	assert_int_equal(split_run(&b.split, 8), 2);
	assert_int_equal(split_run(&b.split, 1), 1);
	bed_close(&b);
	bed_open(&b, &opts);
	assert_int_equal(packed_run(&b.packed, 8), 8);
	bed_wind(&b, 6);
	assert_int_equal(packed_run(&b.packed, 8), 2);
	assert_int_equal(packed_run(&b.packed, 1), 1);
	bed_close(&b);
}

int layout_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_end_with_the_ring),
		cmocka_unit_test(test_parts_are_aligned_and_do_not_overlap),
		cmocka_unit_test(test_start_zeroes_the_ring_and_nothing_else),
		cmocka_unit_test(test_event_fields_lie_behind_the_rings),
		cmocka_unit_test(test_fields_are_little_endian),
	};

	return cmocka_run_group_tests_name("ring/layout", tests, NULL, NULL);
}
