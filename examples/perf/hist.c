/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A log-linear histogram.
 */
#include "hist.h"

uint64_t hist_value(unsigned index)
{
	unsigned shift;
	uint64_t low;

	if (index < 2 * HIST_PER_POWER)
		return index;
	shift = (index >> HIST_BITS) - 1;
	low = (uint64_t)(HIST_PER_POWER + (index & (HIST_PER_POWER - 1))) << shift;
	return low + (1ull << shift) / 2;
}

unsigned latency_level(uint64_t ns)
{
	static const unsigned ends[] = {2, 4, 10, 20, 50, 100, 250, 500, 750, 1000, 2000};
	unsigned unit, i = 0;

	for (unit = 0; unit < 2 && ns >= 1000; unit++)
		ns /= 1000;
	while (i < sizeof(ends) / sizeof(ends[0]) && ns >= ends[i])
		i++;
	return 10 * unit + i;
}

void hist_merge(struct hist *to, const struct hist *from)
{
	unsigned i;

	to->count += from->count;
	for (i = 0; i < HIST_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
}

uint64_t hist_percentile(const struct hist *hist, double percent)
{
	/* Not rounded: the 99.9th percentile of ten values is the tenth value, not the ninth. */
	double rank = percent / 100 * (double)hist->count;
	uint64_t below = 0;
	unsigned i;

	if (!hist->count)
		return 0;
	for (i = 0; i < HIST_BUCKETS - 1; i++) {
		below += hist->bucket[i];
		if (below && (double)below >= rank)
			break;
	}
	return hist_value(i);
}
