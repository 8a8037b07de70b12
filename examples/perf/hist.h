/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A histogram of latencies with 64 buckets per power of two, so that percentiles are accurate to
 * one part in 64, from a nanosecond to a quarter of an hour. It has a fixed size, and adding a
 * value takes a few instructions.
 */
#ifndef EXAMPLES_PERF_HIST_H
#define EXAMPLES_PERF_HIST_H

#include <stdint.h>

#define HIST_BITS      6 /* log2 of the buckets per power of two */
#define HIST_PER_POWER (1u << HIST_BITS)
#define HIST_TOP       40 /* values from 2^HIST_TOP on are in the last bucket */
#define HIST_BUCKETS   ((HIST_TOP - HIST_BITS + 1) << HIST_BITS)

#define LATENCY_LEVELS 32

/* All zeros is an empty histogram. */
struct hist {
	uint64_t count;
	uint64_t bucket[HIST_BUCKETS];
};

/*
 * hist_index - The bucket of a value
 * @value: nanoseconds; below 128 each value has its own bucket
 *
 * Return: 0 to HIST_BUCKETS - 1, monotonic in @value.
 */
static inline unsigned hist_index(uint64_t value)
{
	unsigned power;

	/* The buckets of the first power of two above HIST_PER_POWER continue the linear part. */
	if (value < HIST_PER_POWER)
		return (unsigned)value;
	if (value >> HIST_TOP)
		return HIST_BUCKETS - 1;
	power = 63 - (unsigned)__builtin_clzll(value);
	return ((power - HIST_BITS + 1) << HIST_BITS) +
	       (unsigned)(value >> (power - HIST_BITS) & (HIST_PER_POWER - 1));
}

/*
 * hist_value - The value that a bucket represents
 * @index: 0 to HIST_BUCKETS - 1
 *
 * Return: the middle of the bucket.
 */
uint64_t hist_value(unsigned index);

/* Adds a value. */
static inline void hist_add(struct hist *hist, uint64_t value)
{
	hist->count++;
	hist->bucket[hist_index(value)]++;
}

/*
 * latency_level - The level of a latency among fio's
 * @ns: nanoseconds
 *
 * Return: 0 to 9: nanoseconds below 2, 4, 10, 20, 50, 100, 250, 500, 750, 1000; 10 to 19: the same
 * in microseconds; 20 to 31: the same in milliseconds, and below 2000, and more.
 */
unsigned latency_level(uint64_t ns);

/* Adds all values of @from to @to. */
void hist_merge(struct hist *to, const struct hist *from);

/*
 * hist_percentile - Compute a percentile
 * @percent: 0 to 100
 *
 * Return: the value of the bucket that contains this rank; 0 for an empty histogram.
 */
uint64_t hist_percentile(const struct hist *hist, double percent);

#endif
