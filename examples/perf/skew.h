/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random positions of which some are chosen more often than others, with fio's distributions.
 */
#ifndef EXAMPLES_PERF_SKEW_H
#define EXAMPLES_PERF_SKEW_H

#include <stdint.h>

enum skew_kind {
	SKEW_NONE,
	SKEW_ZIPF,
	SKEW_PARETO,
};

struct skew {
	enum skew_kind kind;
	double power;   /* theta of zipf; of pareto the share that gets the rest of all requests */
	double center;  /* where the most frequent one is, 0 to 1; negative: anywhere */
	uint64_t count; /* positions; this and the following: skew_init() */
	uint64_t seed;
	uint64_t first;  /* the most frequent position */
	double zeta;     /* sum of the weights of all ranks, ... */
	double zeta2;    /* ... of the first two */
	double eta;      /* where the ranks after those begin; unused if there are none */
	double exponent; /* of the uniform number */
};

/*
 * skew_parse - Parse a distribution
 * @text: "random", "zipf:THETA", "zipf:THETA:CENTER", "pareto:POWER" or "pareto:POWER:CENTER"; ""
 *	is "random"
 * @skew: receives it
 *
 * Return: 0, or -EINVAL.
 */
int skew_parse(const char *text, struct skew *skew);

/*
 * skew_init - Start
 * @skew: from skew_parse(), and not SKEW_NONE
 * @count: positions, at least 1
 *
 * With zipf and many positions it takes some tenths of a second.
 */
void skew_init(struct skew *skew, uint64_t count, uint64_t seed);

/* Return: the next position, 0 to count - 1. */
uint64_t skew_next(struct skew *skew);

#endif
