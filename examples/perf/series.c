/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Takes the differences between the statistics at both ends of an interval, so that a request costs
 * nothing.
 */
#include "series.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ENTRIES 1024

void series_begin(struct series *series, uint64_t now)
{
	memset(series->before, 0, sizeof(series->before));
	series->count = 0;
	series->begun = series->last = now;
	series->due = now + series->interval;
}

/* Return: a new entry, or NULL if there is no memory. */
static struct series_entry *append(struct series *series, unsigned dir, uint64_t now)
{
	size_t room = series->room ? 2 * series->room : FIRST_ENTRIES;
	struct series_entry *entry = series->entries;

	if (series->count == series->room) {
		entry = reallocarray(entry, room, sizeof(*entry));
		if (!entry) {
			series->no_memory = true;
			return NULL;
		}
		series->entries = entry;
		series->room = room;
	}
	entry = &series->entries[series->count++];
	entry->dir = dir;
	entry->ms = (now - series->begun) / 1000000;
	return entry;
}

static void keep(struct series *series, unsigned dir, const struct dir_stats_sums *part,
		 uint64_t bw, uint64_t iops, uint64_t now)
{
	struct series_entry *entry = append(series, dir, now);

	if (!entry)
		return;
	entry->bytes = 0;
	entry->bw = bw;
	entry->iops = iops;
	entry->slat = (uint64_t)(part->slat / (double)part->ios);
	entry->clat = (uint64_t)(part->clat / (double)part->ios);
	entry->lat = (uint64_t)(part->lat / (double)part->ios);
}

/* As in fio, an interval without requests of a kind is no sample of it. */
static void end_interval(struct series *series, const struct stats *stats, struct dir_stats *rates,
			 uint64_t now)
{
	double seconds = (double)(now - series->last) / 1e9;
	const struct dir_stats *dir = stats->dir;
	unsigned i;

	for (i = 0; i < DIR_SYNC; i++) {
		struct dir_stats_sums *before = &series->before[i];
		struct dir_stats_sums part = {
			.ios = dir[i].ios - before->ios,
			.bytes = dir[i].bytes - before->bytes,
			.slat = dir[i].slat.sum - before->slat,
			.clat = dir[i].clat.sum - before->clat,
			.lat = dir[i].lat.sum - before->lat,
		};
		uint64_t bw = (uint64_t)((double)part.bytes / 1024 / seconds);
		uint64_t iops = (uint64_t)((double)part.ios / seconds);

		if (!part.ios)
			continue;
		if (rates) {
			rates_add(&rates[i].bw, bw);
			rates_add(&rates[i].iops, iops);
		}
		if (series->keeps && !series->each)
			keep(series, i, &part, bw, iops, now);
		*before = (struct dir_stats_sums){dir[i].ios, dir[i].bytes, dir[i].slat.sum,
						  dir[i].clat.sum, dir[i].lat.sum};
	}
	series->last = now;
	series->due += series->interval;
	if (series->due <= now)
		series->due = now + series->interval;
}

void series_interval(struct series *series, struct stats *stats, uint64_t now)
{
	end_interval(series, stats, stats->dir, now);
}

void series_end(struct series *series, const struct stats *stats, uint64_t now)
{
	/* The rate of a few requests in a moment says nothing, but there must be some entry. */
	if (now - series->last >= series->interval / 2 || (!series->count && now > series->last))
		end_interval(series, stats, NULL, now);
}

void series_request(struct series *series, unsigned dir, uint32_t bytes, uint64_t slat,
		    uint64_t clat, uint64_t now)
{
	struct series_entry *entry = append(series, dir, now);

	if (!entry)
		return;
	entry->bytes = bytes;
	/* fio's figure: bytes per microsecond, in thousands. */
	entry->bw = clat ? bytes * 1000000ull / clat : 0;
	entry->iops = 1;
	entry->slat = slat;
	entry->clat = clat;
	entry->lat = slat + clat;
}

void series_free(struct series *series)
{
	free(series->entries);
	series->entries = NULL;
}
