/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A histogram of times whose buckets grow with the time: 64 to each power of two, so that any
 * percentile is right to better than one part in 64, from a nanosecond to a quarter of an hour. It
 * has a fixed size and adding to it takes a few instructions.
 */
#ifndef EXAMPLES_PERF_HIST_H
#define EXAMPLES_PERF_HIST_H

#include <stdint.h>

#define HIST_BITS    6  /* log2 of the buckets to a power of two */
#define HIST_TOP     40 /* values of 2^HIST_TOP and up go in the last bucket */
#define HIST_BUCKETS ((HIST_TOP - HIST_BITS + 1) << HIST_BITS)

/* Zeroed memory is an empty histogram. */
struct hist {
	uint64_t count;
	uint64_t bucket[HIST_BUCKETS];
};

/**
 * hist_index - Find the bucket of a value
 * @value: nanoseconds; below 128 each has a bucket of its own
 *
 * Return: 0 to HIST_BUCKETS - 1, never smaller for a larger value.
 */
unsigned hist_index(uint64_t value);

/**
 * hist_value - Find the value that a bucket stands for
 * @index: 0 to HIST_BUCKETS - 1
 *
 * Return: the middle of the bucket.
 */
uint64_t hist_value(unsigned index);

/* Counts one value. */
void hist_add(struct hist *hist, uint64_t value);

/* Adds all of @from to @to. */
void hist_merge(struct hist *to, const struct hist *from);

/**
 * hist_percentile - Find the value that so many are not above
 * @percent: 0 to 100
 *
 * Return: the value of the bucket in which that rank lies; 0 for an empty histogram.
 */
uint64_t hist_percentile(const struct hist *hist, double percent);

#endif
