/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shuffles without a table: a linear congruential generator modulo a power of two has full period
 * if its factor is 1 modulo 4 and its increment is odd (Hull and Dobell), so each number occurs
 * once. The modulus is the next power of two; numbers that are not less than the count are skipped,
 * and a bijection hides the regular low bits.
 */
#include "pattern.h"

#include <string.h>

#define FACTOR   0x5851f42d4c957f2dull /* 1 modulo 4 */
#define SCRAMBLE 0x9e3779b97f4a7c15ull /* odd, so that the multiplication is a bijection */

uint64_t random_next(uint64_t *state)
{
	uint64_t mixed = *state += SCRAMBLE;

	/* Stafford's bit mixer, variant 13. */
	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ull;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebull;
	return mixed ^ mixed >> 31;
}

void random_fill(uint64_t *state, void *out, size_t bytes)
{
	unsigned char *at = out;
	uint64_t word;

	for (; bytes >= sizeof(word); bytes -= sizeof(word), at += sizeof(word)) {
		word = random_next(state);
		memcpy(at, &word, sizeof(word));
	}
}

/* How many bits the numbers below @count have. */
static unsigned bits_of(uint64_t count)
{
	return count > 1 ? 64 - (unsigned)__builtin_clzll(count - 1) : 0;
}

/* A bijection of the numbers up to @mask. */
static uint64_t scatter(uint64_t number, uint64_t mask, unsigned shift)
{
	number ^= number >> shift;
	number = number * SCRAMBLE & mask;
	return number ^ number >> shift;
}

uint64_t pattern_permute(uint64_t number, uint64_t count)
{
	unsigned bits = bits_of(count);
	uint64_t mask = bits < 64 ? (1ull << bits) - 1 : UINT64_MAX;

	/* Ends, because following a bijection leads back to the number itself. */
	do {
		number = scatter(number, mask, bits / 2 + 1);
	} while (number >= count);
	return number;
}

static void begin_round(struct pattern *pattern)
{
	pattern->done = 0;
	pattern->state = random_next(&pattern->seed) & pattern->mask;
	pattern->step = random_next(&pattern->seed) | 1;
}

void pattern_init(struct pattern *pattern, uint64_t count, enum pattern_order order, uint64_t seed)
{
	unsigned bits = bits_of(count);

	pattern->count = count;
	pattern->order = order;
	pattern->seed = seed;
	pattern->mask = bits < 64 ? (1ull << bits) - 1 : UINT64_MAX;
	pattern->shift = bits / 2 + 1;
	begin_round(pattern);
}

static uint64_t shuffled_position(struct pattern *pattern)
{
	uint64_t position;

	do {
		pattern->state = (pattern->state * FACTOR + pattern->step) & pattern->mask;
		position = scatter(pattern->state, pattern->mask, pattern->shift);
	} while (position >= pattern->count);
	return position;
}

uint64_t pattern_next(struct pattern *pattern)
{
	uint64_t position;

	if (pattern->order == PATTERN_RANDOM)
		return random_next(&pattern->seed) % pattern->count;
	if (pattern->done == pattern->count)
		begin_round(pattern);
	position = pattern->done;
	if (pattern->order == PATTERN_SHUFFLED)
		position = shuffled_position(pattern);
	pattern->done++;
	return position;
}

void pattern_skip(struct pattern *pattern, uint64_t positions)
{
	if (pattern->order == PATTERN_SEQUENTIAL)
		pattern->done += positions;
}
