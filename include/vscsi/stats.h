/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters and latencies. Requests are counted on devices that are opened with
 * vscsi_dev_opts.stats, for each logical unit and each request queue; others pay nothing for it.
 * What happens to the device as a whole is always counted.
 *
 * A counter is updated when the request is returned by vscsi_poll(). Those of the calls of sync.h
 * are among them: they use the device's first request queue. Counters never go back, except
 * that those of a request queue are without those of logical units that were closed; a logical unit
 * that is opened again begins at zero. Reading them disturbs nothing: each number is read by
 * itself, so that two of them may be a few requests apart.
 *
 * Cost, counted on x86-64: 76 instructions more for each read in batches of 32, and 168 more where
 * each read is submitted and polled for alone, as the clock is read once for each batch. Against a
 * vscsi-target that polls, on two CPUs, the rate with the counters was 0.98 times that without at
 * depth 32, and 1.00 times at depth 1: medians of runs by turns, of which half differed by more than
 * 5 % from each other.
 */
#ifndef VSCSI_STATS_H
#define VSCSI_STATS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_dev;
struct vscsi_lun;
struct vscsi_queue;

/**
 * struct vscsi_stats - What became of requests
 * @size: sizeof(struct vscsi_stats), set by the caller
 * @reserved: 0
 * @reads, @writes: reads and writes that succeeded; @read_bytes, @write_bytes: their data
 * @flushes: flushes that succeeded
 * @unmaps: unmap and write-zeroes requests that succeeded
 * @commands: raw commands and compare-and-write requests that succeeded
 * @errors_medium: requests that failed with -EIO
 * @errors_conflict: with -EBADE
 * @errors_timeout: with -ETIMEDOUT
 * @errors_aborted: with -ECANCELED
 * @errors_lost: with -ECONNRESET or -ENOTCONN
 * @errors_protocol: with -EPROTO, -EBADMSG or -EOVERFLOW
 * @errors_target: with any other error: the target refused or failed them
 * @retries: times that a request was sent again because of its response
 * @replays: times that a request was sent again because the device was lost
 */
struct vscsi_stats {
	uint32_t size;
	uint32_t reserved;
	uint64_t reads;
	uint64_t writes;
	uint64_t read_bytes;
	uint64_t write_bytes;
	uint64_t flushes;
	uint64_t unmaps;
	uint64_t commands;
	uint64_t errors_medium;
	uint64_t errors_conflict;
	uint64_t errors_timeout;
	uint64_t errors_aborted;
	uint64_t errors_lost;
	uint64_t errors_protocol;
	uint64_t errors_target;
	uint64_t retries;
	uint64_t replays;
};

/**
 * struct vscsi_dev_stats - What became of a device
 * @size: sizeof(struct vscsi_dev_stats), set by the caller
 * @reserved: 0
 * @losses: times that it was lost or failed, resets by vscsi_dev_reset() included
 * @reconnects: times that it reconnected
 * @away_ms: milliseconds that it was lost, all together, until now if it is
 * @reason: why it was lost last; empty if it never was
 */
struct vscsi_dev_stats {
	uint32_t size;
	uint32_t reserved;
	uint64_t losses;
	uint64_t reconnects;
	uint64_t away_ms;
	char reason[256];
};

/* Latencies are counted in so many buckets, eight to each power of two. */
#define VSCSI_LATENCY_BUCKETS 272u

/* Whose latencies. */
#define VSCSI_LATENCY_READ  0u
#define VSCSI_LATENCY_WRITE 1u

/**
 * vscsi_lun_get_stats - Get the counters of a logical unit, all request queues together
 * @lun: the logical unit
 * @stats: @stats->size set by the caller; the rest is filled in
 *
 * Any thread. Never waits; O(request queues of the device).
 *
 * Return: 0; -EOPNOTSUPP if the device was opened without stats; -EINVAL for a size below 4, -E2BIG
 * for one above 4096; -ECHILD.
 */
int vscsi_lun_get_stats(struct vscsi_lun *lun, struct vscsi_stats *stats);

/**
 * vscsi_queue_get_stats - Get the counters of a request queue, all open logical units together
 * @queue: a handle on the request queue; what other handles on it did is included
 * @stats: as for vscsi_lun_get_stats()
 *
 * Any thread. Waits for no device; O(open logical units).
 *
 * Return: as vscsi_lun_get_stats().
 */
int vscsi_queue_get_stats(struct vscsi_queue *queue, struct vscsi_stats *stats);

/**
 * vscsi_lun_get_latency - Get the latencies of a logical unit's reads or writes
 * @lun: the logical unit
 * @kind: VSCSI_LATENCY_READ or VSCSI_LATENCY_WRITE
 * @counts: receives how many requests took the time of each bucket, see vscsi_latency_ns()
 * @max: elements of @counts, VSCSI_LATENCY_BUCKETS for all of them
 *
 * Counts those that succeeded. The time is from when the first request of its batch was prepared
 * until vscsi_poll() returned the request. Longer times than the last bucket's are in that.
 *
 * Any thread. Never waits; O(request queues of the device).
 *
 * Return: number of buckets that there are; -EINVAL (@kind, or @max elements of NULL), -EOPNOTSUPP,
 * -ECHILD.
 */
int vscsi_lun_get_latency(struct vscsi_lun *lun, uint32_t kind, uint64_t *counts, unsigned max);

/**
 * vscsi_queue_get_latency - The same for a request queue, all open logical units together
 * @queue: as for vscsi_queue_get_stats()
 * @kind, @counts, @max: as for vscsi_lun_get_latency()
 *
 * Return: as vscsi_lun_get_latency().
 */
int vscsi_queue_get_latency(struct vscsi_queue *queue, uint32_t kind, uint64_t *counts,
			    unsigned max);

/**
 * vscsi_latency_ns - Get the time at which a bucket of latencies begins
 * @bucket: its number, from 0
 *
 * A bucket ends where the next one begins. Sets no error text.
 *
 * Return: nanoseconds; UINT64_MAX for a bucket that does not exist.
 */
uint64_t vscsi_latency_ns(unsigned bucket);

/**
 * vscsi_dev_get_stats - Get what became of a device
 * @dev: the device
 * @stats: @stats->size set by the caller; the rest is filled in
 *
 * Any thread. Sends nothing, but waits for a thread that is in vscsi_mem_register() or
 * vscsi_mem_unregister().
 *
 * Return: 0, -EINVAL for a size below 4, -E2BIG for one above 4096, -ECHILD.
 */
int vscsi_dev_get_stats(struct vscsi_dev *dev, struct vscsi_dev_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
