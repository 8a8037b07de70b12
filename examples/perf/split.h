/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A mix of request sizes, fio's bssplit.
 */
#ifndef EXAMPLES_PERF_SPLIT_H
#define EXAMPLES_PERF_SPLIT_H

#include <stdint.h>

#include "stats.h"

#define MOST_SIZES 64 /* of a kind of requests, as in fio */

struct split {
	unsigned count[DIR_SYNC]; /* 0: there is no mix, for any kind */
	uint64_t bytes[DIR_SYNC][MOST_SIZES];
	uint64_t percent[DIR_SYNC][MOST_SIZES];
};

/*
 * split_parse - Parse a mix
 * @text: "SIZE/PERCENT:SIZE/PERCENT..."; sizes without a percentage share the rest evenly. Up to
 *	two more mixes may follow after commas, of writes and of trims; otherwise these have the one
 *	before. "": no mix
 * @split: receives it
 *
 * Return: 0, or -EINVAL; also if the percentages exceed 100, or a size is not a multiple of the
 * smallest one.
 */
int split_parse(const char *text, struct split *split);

/* Return: the smallest size of all; 0 if there is no mix. */
uint64_t split_smallest(const struct split *split);

/* Return: the largest size of all; 0 if there is no mix. */
uint64_t split_largest(const struct split *split);

/* Return: the size that a random number selects. */
uint64_t split_choose(const struct split *split, unsigned dir, uint64_t random);

#endif
