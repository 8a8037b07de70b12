/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Marks blocks so that it can be told later whether they are where they belong, are the newest, and
 * are whole. Every logical block, not every request, has its own header, so that a torn request
 * shows. It knows nothing of queues: bytes in, verdict out.
 */
#ifndef EXAMPLES_PERF_VERIFY_H
#define EXAMPLES_PERF_VERIFY_H

#include <stdint.h>

/* The head of each block; integers are little-endian, the rest of the block is random. */
struct verify_header {
	uint32_t magic;
	uint32_t crc; /* of everything behind this field; 0 with verify=pattern */
	uint64_t lba;
	uint64_t seed;       /* of the run that wrote it */
	uint32_t generation; /* 1 for the first time that the run wrote it, and so on */
	uint32_t block_size;
};

struct verifier {
	uint64_t seed;
	uint64_t mode;       /* VERIFY_CRC32C or VERIFY_PATTERN */
	uint32_t block_size; /* at least 512 */
	uint64_t checked;    /* blocks */
	uint64_t bad;
	char first[256]; /* a sentence about the first bad block, "" without one */
};

/**
 * verify_fill - Make blocks for writing
 * @buf: receives @blocks blocks
 * @lba: where they will be written
 * @generation: the how manieth writing of these blocks by this run, from 1
 */
void verify_fill(const struct verifier *verifier, void *buf, uint64_t lba, uint32_t blocks,
		 uint32_t generation);

/**
 * verify_check - Look at blocks that were read
 * @buf: @blocks blocks
 * @lba: where they were read
 * @generation: which one must be there
 *
 * Counts in @verifier->checked and @verifier->bad. Tells apart: never written or overwritten (no
 * header), corrupted (checksum or bytes), misplaced (another block's), stale (an older generation
 * or another run's).
 *
 * Return: number of bad blocks.
 */
uint32_t verify_check(struct verifier *verifier, const void *buf, uint64_t lba, uint32_t blocks,
		      uint32_t generation);

#endif
