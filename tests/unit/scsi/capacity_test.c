/* SPDX-License-Identifier: BSD-3-Clause */
/* READ CAPACITY: sizes, block sizes and their limits. */
#include <errno.h>
#include <stdlib.h>

#include "tests.h"

#include "scsi/capacity.h"

static int parse_10(uint32_t last, uint32_t block_size, struct scsi_capacity *out)
{
	uint8_t reply[8];

	put_be32(reply, last);
	put_be32(reply + 4, block_size);
	return scsi_capacity_parse_10(reply, sizeof(reply), out);
}

static int parse_16(uint64_t last, uint32_t block_size, struct scsi_capacity *out)
{
	uint8_t reply[32] = {0};

	put_be64(reply, last);
	put_be32(reply + 8, block_size);
	return scsi_capacity_parse_16(reply, sizeof(reply), out);
}

static void short_form(void **state)
{
	struct scsi_capacity c;

	(void)state;
	assert_int_equal(parse_10(0x1fffff, 512, &c), 0);
	assert_int_equal(c.blocks, 0x200000);
	assert_int_equal(c.block_size, 512);
	assert_int_equal(c.physical_block_size, 512);
	assert_false(c.thin || c.read_zeros);
	assert_int_equal(parse_10(0, 2048, &c), 0);
	assert_int_equal(c.blocks, 1);
	assert_int_equal(parse_10(UINT32_MAX - 1, 512, &c), 0);
	assert_int_equal(c.blocks, UINT32_MAX);
}

static void short_form_overflow(void **state)
{
	struct scsi_capacity c;

	(void)state;
	CONFORMS("R-HARD-20");
	assert_int_equal(parse_10(UINT32_MAX, 512, &c), -EOVERFLOW);
	assert_int_equal(c.blocks, 0);
	/* The block size does not matter: the long form returns it. */
	assert_int_equal(parse_10(UINT32_MAX, 0, &c), -EOVERFLOW);
}

static void long_form(void **state)
{
	static const uint8_t reply[32] = {
		0, 0, 0, 0x02, 0xba, 0xa0, 0xf4, 0xaf, 0, 0, 0x02, 0, 0x01, 0x03, 0xc0, 0,
	};
	struct scsi_capacity c;

	(void)state;
	assert_int_equal(scsi_capacity_parse_16(reply, sizeof(reply), &c), 0);
	assert_int_equal(c.blocks, UINT64_C(0x2baa0f4b0));
	assert_int_equal(c.block_size, 512);
	assert_int_equal(c.physical_block_size, 4096);
	assert_true(c.thin);
	assert_true(c.read_zeros);
	assert_int_equal(parse_16(UINT32_MAX, 4096, &c), 0);
	assert_int_equal(c.blocks, UINT64_C(0x100000000));
	assert_false(c.thin || c.read_zeros);
}

static void rejects_sizes_beyond_64_bits(void **state)
{
	struct scsi_capacity c;

	(void)state;
	CONFORMS("R-HARD-20");
	assert_int_equal(parse_16(UINT64_MAX, 512, &c), -EPROTO);
	assert_int_equal(c.blocks, 0);
	assert_int_equal(parse_16(UINT64_MAX - 1, 512, &c), -EPROTO);
	assert_int_equal(parse_16(UINT64_MAX / 512, 512, &c), -EPROTO);
	assert_int_equal(parse_16(UINT64_MAX / 512 - 1, 512, &c), 0);
	assert_true(c.blocks <= UINT64_MAX / c.block_size);
	assert_int_equal(parse_16(UINT64_MAX / 65536, 65536, &c), -EPROTO);
	assert_int_equal(parse_16(UINT64_MAX / 65536 - 1, 65536, &c), 0);
	assert_true(c.blocks <= UINT64_MAX / c.block_size);
}

static void block_sizes(void **state)
{
	static const uint32_t bad[] = {0,      1,        8,        256,       511,   513,
				       520,    528,      1536,     4160,      65535, 65537,
				       131072, 1u << 24, 1u << 31, UINT32_MAX};
	struct scsi_capacity c;
	uint32_t size;
	size_t i;

	(void)state;
	CONFORMS("R-HARD-20");
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(parse_10(7, bad[i], &c), -EPROTO);
		assert_int_equal(parse_16(7, bad[i], &c), -EPROTO);
		assert_int_equal(c.blocks, 0);
	}
	for (size = 512; size <= 65536; size *= 2) {
		assert_int_equal(parse_10(7, size, &c), 0);
		assert_int_equal(c.block_size, size);
		assert_int_equal(parse_16(7, size, &c), 0);
		assert_int_equal(c.block_size, size);
	}
}

static void largest_physical_block(void **state)
{
	uint8_t reply[32] = {[7] = 7, [9] = 1, [13] = 0xff};
	struct scsi_capacity c;

	(void)state;
	assert_int_equal(scsi_capacity_parse_16(reply, sizeof(reply), &c), 0);
	assert_int_equal(c.block_size, 65536);
	assert_int_equal(c.physical_block_size, UINT32_C(1) << 31);
}

static void parses_truncated_data(void **state)
{
	static const uint8_t reply[32] = {[7] = 7, [10] = 2, [12] = 1, [13] = 3, [14] = 0xc0};
	struct scsi_capacity c;
	size_t len;

	(void)state;
	CONFORMS("R-HARD-20");
	for (len = 0; len <= sizeof(reply); len++) {
		uint8_t *copy = exact_copy(reply, len);

		assert_int_equal(scsi_capacity_parse_16(copy, len, &c), len < 12 ? -EPROTO : 0);
		assert_int_equal(c.blocks, len < 12 ? 0 : 8);
		assert_int_equal(c.physical_block_size, len < 12 ? 0 : len < 14 ? 512 : 4096);
		assert_int_equal(c.thin, len >= 15);
		free(copy);
		copy = exact_copy(reply + 4, len < 8 ? len : 8);
		if (len < 8)
			assert_int_equal(scsi_capacity_parse_10(copy, len, &c), -EPROTO);
		free(copy);
	}
}

int run_capacity_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_form),
		cmocka_unit_test(short_form_overflow),
		cmocka_unit_test(long_form),
		cmocka_unit_test(rejects_sizes_beyond_64_bits),
		cmocka_unit_test(block_sizes),
		cmocka_unit_test(largest_physical_block),
		cmocka_unit_test(parses_truncated_data),
	};

	return cmocka_run_group_tests_name("capacity", tests, NULL, NULL);
}
