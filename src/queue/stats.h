/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters and latencies of requests, on devices opened with stats=on: queue_set.measured. Each LUN
 * has a cell for each request queue; the thread that may use the queue writes it without atomic
 * read-modify-writes, and any thread reads it.
 *
 * Queues of such a device have their own paths (path.c), so that the others contain nothing of
 * this. The clock is read once for each batch that is prepared, and once for each poll that finds
 * something.
 */
#ifndef QUEUE_STATS_H
#define QUEUE_STATS_H

#include <stdint.h>

#include <vscsi/stats.h>

#include "queue/ioq.h"
#include "util/ticks.h"

/* Number of buckets for each power of two. */
#define STATS_SUB_BITS 3u
#define STATS_SUB      (1u << STATS_SUB_BITS)

/* What is counted, in the order of struct vscsi_stats. */
enum stats_counter {
	STATS_READS,
	STATS_WRITES,
	STATS_READ_BYTES,
	STATS_WRITE_BYTES,
	STATS_FLUSHES,
	STATS_UNMAPS,
	STATS_COMMANDS,
	STATS_ERRORS_MEDIUM,
	STATS_ERRORS_CONFLICT,
	STATS_ERRORS_TIMEOUT,
	STATS_ERRORS_ABORTED,
	STATS_ERRORS_LOST,
	STATS_ERRORS_PROTOCOL,
	STATS_ERRORS_TARGET,
	STATS_RETRIES,
	STATS_REPLAYS,
	STATS_COUNTERS,
};

/**
 * struct io_stats - A cell: the counters of one LUN on one request queue
 * @count: see enum stats_counter
 * @latency: by VSCSI_LATENCY_* and bucket
 */
struct io_stats {
	uint64_t count[STATS_COUNTERS];
	uint64_t latency[2][VSCSI_LATENCY_BUCKETS];
};
_Static_assert(sizeof(struct io_stats) % CACHE_LINE == 0, "two cells share no cache line");

/* The cells of a LUN for @queues request queues; free() frees them. NULL: no memory. */
struct io_stats *stats_create(unsigned queues);

/* Adds the current values of a cell to @sum. Any thread. */
void stats_add(struct io_stats *sum, const struct io_stats *cell);

/* The lower bound of a bucket, in nanoseconds. */
uint64_t stats_bucket_ns(unsigned bucket);

/* Counts a request that is being returned with @result; its slot still has its LUN. */
void stats_count(struct ioq *ioq, const struct slot *slot, int result);

/* Counts one that is sent again: STATS_RETRIES or STATS_REPLAYS. */
void stats_count_again(struct ioq *ioq, const struct slot *slot, enum stats_counter why);

/* The bucket of a latency: determined by its highest bit and the bits after it. */
static inline unsigned stats_bucket(uint64_t ns)
{
	unsigned high = 63u - (unsigned)__builtin_clzll(ns | 1);
	unsigned bucket = (unsigned)ns;

	if (ns >= STATS_SUB)
		bucket = (high - STATS_SUB_BITS + 1) * STATS_SUB +
			 (unsigned)(ns >> (high - STATS_SUB_BITS) & (STATS_SUB - 1));
	return bucket < VSCSI_LATENCY_BUCKETS ? bucket : VSCSI_LATENCY_BUCKETS - 1;
}

static inline void stats_bump(uint64_t *counter, uint64_t by)
{
	__atomic_store_n(counter, *counter + by, __ATOMIC_RELAXED);
}

/* The cell of a LUN that is measured. */
static inline struct io_stats *stats_of(const struct io_lun *lun, const struct ioq *ioq)
{
	return &lun->stats[ioq->vq.index - VQ_REQUEST];
}

/* When the batch that is being prepared began; a submit ends it. */
static inline uint64_t stats_begun(struct ioq *ioq)
{
	if (!ioq->batch_begun)
		ioq->batch_begun = ticks_now();
	return ioq->batch_begun;
}

/* stats_count() for a read or a write that succeeded; @now: ticks_now(). */
static inline void stats_count_good(struct ioq *ioq, const struct slot *slot, uint64_t now)
{
	const unsigned write = SHAPE_OUT(slot->shape) ? VSCSI_LATENCY_WRITE : VSCSI_LATENCY_READ;
	uint64_t ns = ticks_to_ns(slot->begun, now, ioq->set->ticks_scale);
	struct io_stats *stats = stats_of(slot_lun(slot), ioq);

	stats_bump(&stats->count[STATS_READS + write], 1);
	stats_bump(&stats->count[STATS_READ_BYTES + write], slot_data_len(slot));
	stats_bump(&stats->latency[write][stats_bucket(ns)], 1);
}

/* The same for any request that succeeded. Return: false if it is not one, and was not counted. */
static inline bool stats_take(struct ioq *ioq, const struct slot *slot, uint64_t now)
{
	if (!(slot->shape & (SHAPE_10 | SHAPE_16)) || !slot_lun(slot)->stats)
		return false;
	stats_count_good(ioq, slot, now);
	return true;
}

#endif
