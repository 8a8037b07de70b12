/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes and checks headers in blocks, to verify that each block is in the right place, up to date
 * and complete. Every logical block has its own header, so that torn requests are detected.
 */
#ifndef EXAMPLES_PERF_VERIFY_H
#define EXAMPLES_PERF_VERIFY_H

#include <stdint.h>

/* The header of each block, little-endian; the rest of the block is random. */
struct verify_header {
	uint32_t magic;
	uint32_t crc; /* of everything after this field; 0 with verify=compare */
	uint64_t lba;
	uint64_t seed;       /* of the run that wrote it */
	uint32_t generation; /* how often the run has written the block, from 1 */
	uint32_t block_size;
};

struct verifier {
	uint64_t seed;
	uint64_t mode;       /* VERIFY_CRC32C or VERIFY_COMPARE */
	uint32_t block_size; /* at least 512 */
	uint64_t checked;    /* blocks */
	uint64_t bad;
	char first[256]; /* description of the first bad block; "" if none */
};

/*
 * verify_fill - Fill blocks for writing
 * @buf: receives @blocks blocks
 * @lba: where they will be written
 * @generation: how often this run has written these blocks, from 1
 */
void verify_fill(const struct verifier *verifier, void *buf, uint64_t lba, uint32_t blocks,
		 uint32_t generation);

/*
 * verify_check - Check blocks that were read
 * @buf: @blocks blocks
 * @lba: where they were read
 * @generation: the expected generation
 *
 * Counts in @verifier->checked and @verifier->bad. Distinguishes: never written or overwritten (no
 * header), corrupted (checksum or bytes), misplaced (another block's), stale (an older generation
 * or another run's).
 *
 * Return: number of bad blocks.
 */
uint32_t verify_check(struct verifier *verifier, const void *buf, uint64_t lba, uint32_t blocks,
		      uint32_t generation);

#endif
