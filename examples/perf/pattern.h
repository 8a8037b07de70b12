/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The order in which a job accesses its region. A shuffled order visits every position once before
 * any a second time, without a table of visited ones. For the same seed it is the same.
 */
#ifndef EXAMPLES_PERF_PATTERN_H
#define EXAMPLES_PERF_PATTERN_H

#include <stddef.h>
#include <stdint.h>

enum pattern_order {
	PATTERN_SEQUENTIAL,
	PATTERN_SHUFFLED,
	PATTERN_RANDOM, /* each position is independent of the others */
};

struct pattern {
	uint64_t count; /* positions, at least 1 */
	uint64_t done;  /* positions visited in this round */
	enum pattern_order order;
	uint64_t seed;
	uint64_t mask; /* this and the rest: shuffled order, see pattern.c */
	uint64_t state;
	uint64_t step;
	unsigned shift;
};

/*
 * random_next - Generate a pseudo-random number
 * @state: any initial value; updated
 *
 * Return: 64 bits; not suitable for cryptography.
 */
uint64_t random_next(uint64_t *state);

/*
 * random_fill - Fill memory with data that are neither compressible nor zero
 * @state: as for random_next()
 * @bytes: rounded down to a multiple of 8
 */
void random_fill(uint64_t *state, void *out, size_t bytes);

/*
 * pattern_permute - Map each number to another one
 * @number: 0 to count - 1
 *
 * Return: 0 for 0; others are scattered, each to a number of its own below @count.
 */
uint64_t pattern_permute(uint64_t number, uint64_t count);

/*
 * pattern_init - Start an order
 * @count: positions, at least 1
 * @order: PATTERN_SEQUENTIAL is 0, 1, 2 ...; the others depend on @seed
 */
void pattern_init(struct pattern *pattern, uint64_t count, enum pattern_order order, uint64_t seed);

/* Of a sequential order, skips positions of this round. */
void pattern_skip(struct pattern *pattern, uint64_t positions);

/* Return: the next position, 0 to count - 1. After the last, a new round starts, shuffled again. */
uint64_t pattern_next(struct pattern *pattern);

#endif
