/* SPDX-License-Identifier: BSD-3-Clause */
/* Counts requests, by the counter that they belong to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "queue/stats.h"
#include "scsi/cdb.h"

struct io_stats *stats_create(unsigned queues)
{
	struct io_stats *cells = aligned_alloc(CACHE_LINE, queues * sizeof(*cells));

	if (cells)
		memset(cells, 0, queues * sizeof(*cells));
	return cells;
}

static void add(uint64_t *sum, const uint64_t *from, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		sum[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

void stats_add(struct io_stats *sum, const struct io_stats *cell)
{
	add(sum->count, cell->count, STATS_COUNTERS);
	add(sum->latency[0], cell->latency[0], VSCSI_LATENCY_BUCKETS);
	add(sum->latency[1], cell->latency[1], VSCSI_LATENCY_BUCKETS);
}

uint64_t stats_bucket_ns(unsigned bucket)
{
	unsigned high = bucket / STATS_SUB;

	return high ? (uint64_t)(STATS_SUB + bucket % STATS_SUB) << (high - 1) : bucket;
}

static enum stats_counter error_counter(int result)
{
	switch (result) {
	case -EIO:
		return STATS_ERRORS_MEDIUM;
	case -EBADE:
		return STATS_ERRORS_CONFLICT;
	case -ETIMEDOUT:
		return STATS_ERRORS_TIMEOUT;
	case -ECANCELED:
		return STATS_ERRORS_ABORTED;
	case -ECONNRESET:
	case -ENOTCONN:
		return STATS_ERRORS_LOST;
	case -EPROTO:
	case -EBADMSG:
	case -EOVERFLOW:
		return STATS_ERRORS_PROTOCOL;
	default:
		return STATS_ERRORS_TARGET;
	}
}

/* The counter of a request that is not a plain transfer: its CDB is in private memory. */
static enum stats_counter other_counter(const struct slot *slot)
{
	if (slot->flags & SLOT_RAW)
		return STATS_COMMANDS;
	if (scsi_cdb_is_rw(slot->cdb))
		return SHAPE_OUT(slot->shape) ? STATS_WRITES : STATS_READS;
	if (scsi_cdb_compare_blocks(slot->cdb))
		return STATS_COMMANDS;
	return slot->shape & SHAPE_TABLE ? STATS_UNMAPS : STATS_FLUSHES;
}

void stats_count(struct ioq *ioq, const struct slot *slot, int result)
{
	const struct io_lun *lun = slot_lun(slot);
	enum stats_counter counter;

	if (!lun->stats)
		return;
	if (result)
		counter = error_counter(result);
	else if (slot->shape & (SHAPE_10 | SHAPE_16))
		counter = STATS_READS;
	else
		counter = other_counter(slot);
	if (counter == STATS_READS || counter == STATS_WRITES)
		stats_count_good(ioq, slot, ticks_now());
	else
		stats_bump(&stats_of(lun, ioq)->count[counter], 1);
}

void stats_count_again(struct ioq *ioq, const struct slot *slot, enum stats_counter why)
{
	const struct io_lun *lun = slot_lun(slot);

	if (lun && lun->stats)
		stats_bump(&stats_of(lun, ioq)->count[why], 1);
}
