/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The order in which a job goes over its region. A random one meets every place exactly once before
 * any a second time, remembers nothing of where it was, and is the same again for the same seed.
 */
#ifndef EXAMPLES_PERF_PATTERN_H
#define EXAMPLES_PERF_PATTERN_H

#include <stdint.h>

struct pattern {
	uint64_t count;  /* places, at least 1 */
	uint64_t done;   /* places met in this round */
	uint64_t random; /* 0: one after the other */
	uint64_t seed;
	uint64_t mask; /* all below: of the random order, see pattern.c */
	uint64_t state;
	uint64_t step;
	unsigned shift;
};

/**
 * random_next - Draw a number
 * @state: any value to begin with; moves on
 *
 * Return: 64 random bits; nothing that a cryptographer would like.
 */
uint64_t random_next(uint64_t *state);

/**
 * pattern_init - Begin an order
 * @count: places, at least 1
 * @random: 0: 0, 1, 2 ...; else shuffled by @seed
 */
void pattern_init(struct pattern *pattern, uint64_t count, uint64_t random, uint64_t seed);

/* Return: the next place, 0 to count - 1; after the last begins another round, shuffled anew. */
uint64_t pattern_next(struct pattern *pattern);

#endif
