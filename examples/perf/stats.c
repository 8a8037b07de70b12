/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Merges statistics and computes derived values.
 */
#include "stats.h"

#include <math.h>
#include <string.h>

double moments_mean(const struct moments *moments)
{
	return moments->count ? moments->sum / (double)moments->count : 0;
}

double moments_deviation(const struct moments *moments)
{
	double count = (double)moments->count, variance;

	if (moments->count < 2)
		return 0;
	/* Sample variance from two sums: one pass, and sums of several threads can be merged. */
	variance = (moments->squares - moments->sum * moments->sum / count) / (count - 1);
	/* Rounding can make it slightly negative if all times are equal. */
	return variance > 0 ? sqrt(variance) : 0;
}

/* An empty set has no minimum, although the field is 0. */
static void moments_merge(struct moments *to, const struct moments *from)
{
	if (!from->count)
		return;
	if (!to->count || from->min < to->min)
		to->min = from->min;
	if (from->max > to->max)
		to->max = from->max;
	to->count += from->count;
	to->sum += from->sum;
	to->squares += from->squares;
}

void rates_add(struct rates *rates, uint64_t value)
{
	double distance = (double)value - rates->mean;

	if (!rates->samples || value < rates->min)
		rates->min = value;
	if (value > rates->max)
		rates->max = value;
	rates->samples++;
	rates->mean += distance / (double)rates->samples;
	rates->squares += distance * ((double)value - rates->mean);
}

double rates_deviation(const struct rates *rates)
{
	return rates->samples > 1 ? sqrt(rates->squares / (double)(rates->samples - 1)) : 0;
}

/* The rate of a group is the sum of its threads'. */
static void rates_merge(struct rates *to, const struct rates *from)
{
	to->samples += from->samples;
	to->min += from->min;
	to->max += from->max;
	to->mean += from->mean;
	to->squares += from->squares;
}

static void counts_merge(uint64_t *to, const uint64_t *from)
{
	unsigned i;

	for (i = 0; i <= MOST_COUNTED; i++)
		to[i] += from[i];
}

/* A start of 0 means no requests of this kind. */
static void span_merge(uint64_t *start, uint64_t *end, uint64_t from_start, uint64_t from_end)
{
	if (from_start && (!*start || from_start < *start))
		*start = from_start;
	if (from_end > *end)
		*end = from_end;
}

static void dir_merge(struct dir_stats *to, const struct dir_stats *from)
{
	to->ios += from->ios;
	to->bytes += from->bytes;
	to->errors += from->errors;
	to->shorts += from->shorts;
	span_merge(&to->start, &to->end, from->start, from->end);
	moments_merge(&to->slat, &from->slat);
	moments_merge(&to->clat, &from->clat);
	moments_merge(&to->lat, &from->lat);
	hist_merge(&to->hist, &from->hist);
	rates_merge(&to->bw, &from->bw);
	rates_merge(&to->iops, &from->iops);
}

void stats_merge(struct stats *to, const struct stats *from)
{
	unsigned i;

	for (i = 0; i < DIR_COUNT; i++)
		dir_merge(&to->dir[i], &from->dir[i]);
	span_merge(&to->start, &to->end, from->start, from->end);
	to->user_ns += from->user_ns;
	to->system_ns += from->system_ns;
	to->switches += from->switches;
	to->major_faults += from->major_faults;
	to->minor_faults += from->minor_faults;
	to->notifications += from->notifications;
	if (from->latency_depth > to->latency_depth)
		to->latency_depth = from->latency_depth;
	counts_merge(to->depths, from->depths);
	counts_merge(to->submits, from->submits);
	counts_merge(to->completes, from->completes);
	to->verify_checked += from->verify_checked;
	to->verify_bad += from->verify_bad;
}

void stats_restart(struct stats *stats, uint64_t now)
{
	uint64_t begun[DIR_COUNT];
	unsigned i;

	for (i = 0; i < DIR_COUNT; i++)
		begun[i] = stats->dir[i].start ? now : 0;
	memset(stats, 0, sizeof(*stats));
	stats->start = now;
	for (i = 0; i < DIR_COUNT; i++)
		stats->dir[i].start = begun[i];
}

double dir_seconds(const struct dir_stats *dir)
{
	/* Only errors: there is no end. */
	if (dir->end <= dir->start)
		return 1e-9;
	return (double)(dir->end - dir->start) / 1e9;
}
