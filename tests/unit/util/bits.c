/* SPDX-License-Identifier: BSD-3-Clause */
/* Byte order at unaligned addresses; power-of-two and range arithmetic at its limits. */
#include "util.h"

#include "util/bits.h"

static const uint8_t bytes[] = {0xff, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};

static void test_reads_big_endian_at_any_address(void **state)
{
	(void)state;
	assert_int_equal(get_be16(bytes + 1), 0x0123);
	assert_int_equal(get_be24(bytes + 1), 0x012345);
	assert_int_equal(get_be32(bytes + 1), 0x01234567);
	assert_true(get_be64(bytes + 1) == UINT64_C(0x0123456789abcdef));
}

static void test_writes_what_it_reads(void **state)
{
	uint8_t to[9] = {0};

	(void)state;
	put_be16(to + 1, 0x0123);
	assert_memory_equal(to + 1, bytes + 1, 2);
	put_be32(to + 1, 0x01234567);
	assert_memory_equal(to + 1, bytes + 1, 4);
	put_be64(to + 1, UINT64_C(0x0123456789abcdef));
	assert_memory_equal(to + 1, bytes + 1, 8);
	assert_int_equal(to[0], 0);
}

static void test_powers_of_two(void **state)
{
	(void)state;
	assert_false(is_pow2(0));
	assert_true(is_pow2(1));
	assert_false(is_pow2(3));
	assert_true(is_pow2(UINT64_C(1) << 63));
	assert_int_equal(pow2_floor(0), 0);
	assert_int_equal(pow2_floor(1), 1);
	assert_int_equal(pow2_floor(255), 128);
	assert_int_equal(pow2_floor(256), 256);
	assert_true(pow2_floor(UINT32_MAX) == UINT32_C(1) << 31);
	assert_int_equal(align_up(0, 64), 0);
	assert_int_equal(align_up(1, 64), 64);
	assert_int_equal(align_up(64, 64), 64);
}

static void test_ranges_do_not_overflow(void **state)
{
	(void)state;
	assert_true(range_inside(100, 10, 100, 10));
	assert_true(range_inside(110, 0, 100, 10));
	assert_false(range_inside(99, 1, 100, 10));
	assert_false(range_inside(101, 10, 100, 10));
	assert_false(range_inside(105, UINT64_MAX, 100, 10));
	assert_false(range_inside(UINT64_MAX, 2, 100, 10));
	assert_true(range_inside(UINT64_MAX, 1, UINT64_MAX, 1));
}

int bits_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_big_endian_at_any_address),
		cmocka_unit_test(test_writes_what_it_reads),
		cmocka_unit_test(test_powers_of_two),
		cmocka_unit_test(test_ranges_do_not_overflow),
	};

	return cmocka_run_group_tests_name("bits", tests, NULL, NULL);
}
