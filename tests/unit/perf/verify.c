/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Damages valid blocks in every way that the verifier must detect.
 */
#include <string.h>

#include "perf.h"

#include "perf/crc32c.h"
#include "perf/options.h"
#include "perf/verify.h"

#define BLOCK  512
#define BLOCKS 4
#define LBA    1000

static unsigned char blocks[BLOCKS * BLOCK];

static struct verifier begin(uint64_t mode)
{
	struct verifier verifier = {.seed = 42, .mode = mode, .block_size = BLOCK};

	verify_fill(&verifier, blocks, LBA, BLOCKS, 3);
	return verifier;
}

static void expect_bad(struct verifier *verifier, unsigned bad, const char *word)
{
	assert_int_equal(verify_check(verifier, blocks, LBA, BLOCKS, 3), bad);
	assert_int_equal(verifier->bad, bad);
	assert_int_equal(verifier->checked, BLOCKS);
	assert_non_null(strstr(verifier->first, word));
}

static void test_known_checksums(void **state)
{
	static const unsigned char zeros[32];

	(void)state;
	assert_int_equal(crc32c("123456789", 9), 0xe3069283);
	/* RFC 3720, B.4. */
	assert_int_equal(crc32c(zeros, sizeof(zeros)), 0x8a9136aa);
	assert_int_equal(crc32c("", 0), 0);
}

static void test_good_blocks_are_good(void **state)
{
	uint64_t mode;

	(void)state;
	for (mode = VERIFY_CRC32C; mode <= VERIFY_COMPARE; mode++) {
		struct verifier verifier = begin(mode);

		assert_int_equal(verify_check(&verifier, blocks, LBA, BLOCKS, 3), 0);
		assert_int_equal(verifier.bad, 0);
		assert_string_equal(verifier.first, "");
	}
}

static void test_every_flipped_byte_is_found(void **state)
{
	struct verifier verifier;
	uint64_t mode;
	unsigned i;

	(void)state;
	for (mode = VERIFY_CRC32C; mode <= VERIFY_COMPARE; mode++) {
		/* verify=compare ignores checksum and block size in the header. */
		for (i = mode == VERIFY_COMPARE ? sizeof(struct verify_header) : 4; i < BLOCK;
		     i++) {
			verifier = begin(mode);
			blocks[2 * BLOCK + i] ^= 0x10;
			expect_bad(&verifier, 1, "block 1002 is corrupted");
		}
	}
}

static void test_lost_blocks_are_found(void **state)
{
	struct verifier verifier = begin(VERIFY_CRC32C);

	(void)state;
	memset(blocks + BLOCK, 0, 2 * BLOCK);
	expect_bad(&verifier, 2, "block 1001 contains nothing");
}

static void test_misplaced_blocks_are_found(void **state)
{
	struct verifier verifier;
	uint64_t mode;

	(void)state;
	for (mode = VERIFY_CRC32C; mode <= VERIFY_COMPARE; mode++) {
		verifier = begin(mode);
		memcpy(blocks + BLOCK, blocks, BLOCK);
		expect_bad(&verifier, 1,
			   "block 1001 is misplaced: its contents were written to "
			   "block 1000");
	}
}

static void test_stale_blocks_are_found(void **state)
{
	struct verifier verifier, former = {.seed = 41, .block_size = BLOCK};
	uint64_t mode;

	(void)state;
	for (mode = VERIFY_CRC32C; mode <= VERIFY_COMPARE; mode++) {
		verifier = begin(mode);
		verify_fill(&verifier, blocks + 3 * BLOCK, LBA + 3, 1, 2);
		expect_bad(&verifier, 1,
			   "block 1003 is stale: it contains generation 2, the last was 3");
		verifier = begin(mode);
		former.mode = mode;
		verify_fill(&former, blocks, LBA, 1, 3);
		expect_bad(&verifier, 1, "block 1000 is stale: its contents are from another run");
	}
}

static void test_a_torn_request_is_found(void **state)
{
	struct verifier verifier = begin(VERIFY_CRC32C);

	(void)state;
	/* The first half has the previous generation. */
	verify_fill(&verifier, blocks, LBA, BLOCKS / 2, 2);
	expect_bad(&verifier, 2, "block 1000 is stale");
}

int verify_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_checksums),
		cmocka_unit_test(test_good_blocks_are_good),
		cmocka_unit_test(test_every_flipped_byte_is_found),
		cmocka_unit_test(test_lost_blocks_are_found),
		cmocka_unit_test(test_misplaced_blocks_are_found),
		cmocka_unit_test(test_stale_blocks_are_found),
		cmocka_unit_test(test_a_torn_request_is_found),
	};

	return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
