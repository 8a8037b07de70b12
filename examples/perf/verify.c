/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fills and checks blocks with headers.
 */
#include "verify.h"

#include <endian.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "crc32c.h"
#include "options.h"

#define MAGIC     0x56534356u
#define CRC_START offsetof(struct verify_header, lba)

/* Initial generator state of a block; odd, because xorshift never leaves 0. */
static uint64_t first_state(const struct verifier *verifier, uint64_t lba, uint32_t generation)
{
	uint64_t state = verifier->seed ^ lba * 0x9e3779b97f4a7c15ull;

	return (state ^ (uint64_t)generation << 32) | 1;
}

static uint64_t next_state(uint64_t state)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^ state << 17;
}

static void fill_block(const struct verifier *verifier, unsigned char *block, uint64_t lba,
		       uint32_t generation)
{
	struct verify_header header = {
		.magic = htole32(MAGIC),
		.lba = htole64(lba),
		.seed = htole64(verifier->seed),
		.generation = htole32(generation),
		.block_size = htole32(verifier->block_size),
	};
	uint64_t state = first_state(verifier, lba, generation), word;
	uint32_t at;

	memcpy(block, &header, sizeof(header));
	for (at = sizeof(header); at < verifier->block_size; at += 8) {
		state = next_state(state);
		word = htole64(state);
		memcpy(block + at, &word, sizeof(word));
	}
	if (verifier->mode != VERIFY_CRC32C)
		return;
	header.crc = htole32(crc32c(block + CRC_START, verifier->block_size - CRC_START));
	memcpy(block, &header, sizeof(header));
}

void verify_fill(const struct verifier *verifier, void *buf, uint64_t lba, uint32_t blocks,
		 uint32_t generation)
{
	unsigned char *block = buf;
	uint32_t i;

	for (i = 0; i < blocks; i++, block += verifier->block_size)
		fill_block(verifier, block, lba + i, generation);
}

/* Return: offset of the first random byte that differs from what was written, 0 if none. */
static uint32_t first_difference(const struct verifier *verifier, const unsigned char *block,
				 uint64_t lba, uint32_t generation)
{
	uint64_t state = first_state(verifier, lba, generation), word;
	uint32_t at;

	for (at = sizeof(struct verify_header); at < verifier->block_size; at += 8) {
		state = next_state(state);
		memcpy(&word, block + at, sizeof(word));
		word = le64toh(word) ^ state;
		if (word)
			return at + (unsigned)__builtin_ctzll(word) / 8;
	}
	return 0;
}

/*
 * Checks a block; describes the error and returns nonzero if it is bad. The checksum is checked
 * first: without it nothing in the header is reliable.
 */
static int check_block(const struct verifier *verifier, const unsigned char *block, uint64_t lba,
		       uint32_t generation, char *text, size_t len)
{
	struct verify_header header;
	uint32_t crc, at;

	memcpy(&header, block, sizeof(header));
	if (le32toh(header.magic) != MAGIC)
		return snprintf(text, len,
				"contains nothing that a job wrote: lost or overwritten");
	crc = verifier->mode == VERIFY_CRC32C
		      ? crc32c(block + CRC_START, verifier->block_size - CRC_START)
		      : le32toh(header.crc);
	if (le32toh(header.crc) != crc)
		return snprintf(text, len, "is corrupted: its checksum is %08x instead of %08x",
				crc, le32toh(header.crc));
	if (le64toh(header.lba) != lba)
		return snprintf(text, len,
				"is misplaced: its contents were written to block "
				"%" PRIu64,
				le64toh(header.lba));
	if (le64toh(header.seed) != verifier->seed)
		return snprintf(text, len,
				"is stale: its contents are from another run, with another "
				"randseed, or from another thread");
	if (le32toh(header.generation) != generation)
		return snprintf(text, len, "is stale: it contains generation %u, the last was %u",
				le32toh(header.generation), generation);
	at = verifier->mode == VERIFY_COMPARE ? first_difference(verifier, block, lba, generation)
					      : 0;
	return at ? snprintf(text, len, "is corrupted: byte %u differs", at) : 0;
}

uint32_t verify_check(struct verifier *verifier, const void *buf, uint64_t lba, uint32_t blocks,
		      uint32_t generation)
{
	const unsigned char *block = buf;
	uint32_t i, bad = 0;
	char text[160];

	for (i = 0; i < blocks; i++, block += verifier->block_size) {
		if (!check_block(verifier, block, lba + i, generation, text, sizeof(text)))
			continue;
		bad++;
		if (!verifier->first[0])
			snprintf(verifier->first, sizeof(verifier->first), "block %" PRIu64 " %s",
				 lba + i, text);
	}
	verifier->checked += blocks;
	verifier->bad += bad;
	return bad;
}
