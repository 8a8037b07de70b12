/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rates and latencies over time: of each interval, or of each request. They become fio's log files
 * and the plot, and the rates of the intervals become part of the statistics.
 */
#ifndef EXAMPLES_PERF_SERIES_H
#define EXAMPLES_PERF_SERIES_H

#include <stdbool.h>
#include <stddef.h>

#include "stats.h"

/* All requests of one kind in an interval, or one request. */
struct series_entry {
	uint64_t ms;   /* since the start of the measurement */
	uint64_t bw;   /* KiB per second */
	uint64_t iops; /* 1 for one request */
	uint64_t slat; /* this and the others: nanoseconds, means */
	uint64_t clat;
	uint64_t lat;
	uint32_t bytes; /* of one request; 0 for an interval */
	uint32_t dir;
};

struct series {
	bool keeps;        /* whether entries are kept: of intervals, unless @each */
	bool each;         /* of each request */
	bool no_memory;    /* some entries are missing */
	uint64_t interval; /* nanoseconds */
	uint64_t begun;    /* the measurement */
	uint64_t last;     /* the end of the previous interval, and of this one */
	uint64_t due;
	struct dir_stats_sums {
		uint64_t ios;
		uint64_t bytes;
		double slat;
		double clat;
		double lat;
	} before[DIR_SYNC]; /* at the end of the previous interval */
	struct series_entry *entries;
	size_t count;
	size_t room;
};

/*
 * series_begin - Start, or start again
 * @series: with @keeps, @each and @interval set; its entries are dropped
 * @now: the start of the measurement, whose statistics are empty
 */
void series_begin(struct series *series, uint64_t now);

/*
 * series_interval - End an interval; to be called when @due has come
 * @stats: of the measurement so far; receives the rates of each kind that had requests
 *
 * Allocates if entries are kept, and only then.
 */
void series_interval(struct series *series, struct stats *stats, uint64_t now);

/*
 * Ends the last interval, which is too short for its rates to count in the statistics. One shorter
 * than half of the others is dropped, unless it is the only one.
 */
void series_end(struct series *series, const struct stats *stats, uint64_t now);

/*
 * series_request - Keep the entry of a request
 * @slat: nanoseconds, as @clat
 */
void series_request(struct series *series, unsigned dir, uint32_t bytes, uint64_t slat,
		    uint64_t clat, uint64_t now);

/* Frees the entries. */
void series_free(struct series *series);

#endif
