/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters and latencies. The library counts requests if the device is opened with
 * vscsi_dev_opts.stats, for each LUN and each request queue; without this option the counters cost
 * nothing. Losses and reconnects of the device are always counted, see vscsi_dev_get_stats().
 *
 * A request is counted when vscsi_poll() returns it. Requests of the calls of sync.h are counted
 * too, on the device's first request queue. The counters of a LUN never decrease; they start at
 * zero each time the LUN is opened. The counters of a request queue are the sums over all LUNs that
 * are open, so they decrease when a LUN is closed. Reading counters doesn't disturb the data path:
 * each number is read separately, so two of them may be a few requests apart.
 *
 * Cost on x86-64: 76 more instructions for each read in batches of 32, and 168 more if each read is
 * submitted and polled for alone, because the clock is read once for each batch. Against a
 * vscsi-target that polls, on two CPUs that share no cache, the rate with counters was 1.00, 1.00
 * and 0.99 times the rate without, at depths 1, 32 and 128 (medians of five alternating runs).
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
 * struct vscsi_stats - Counters of requests
 * @size: sizeof(struct vscsi_stats), set by the caller
 * @reserved: 0
 * @reads, @writes: reads and writes that succeeded
 * @read_bytes, @write_bytes: bytes that these transferred
 * @flushes: flushes that succeeded
 * @unmaps: unmap and write-zeroes requests that succeeded
 * @commands: raw commands and compare-and-write requests that succeeded
 * @errors_medium: requests that failed with -EIO
 * @errors_conflict: requests that failed with -EBADE
 * @errors_timeout: requests that failed with -ETIMEDOUT
 * @errors_aborted: requests that failed with -ECANCELED
 * @errors_lost: requests that failed with -ECONNRESET or -ENOTCONN
 * @errors_protocol: requests that failed with -EPROTO, -EBADMSG or -EOVERFLOW
 * @errors_target: requests that failed with any other error: the target refused or failed them
 * @retries: how often a request was resent because of its response
 * @replays: how often a request was resent because the device was lost
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
 * struct vscsi_dev_stats - Losses and reconnects of a device
 * @size: sizeof(struct vscsi_dev_stats), set by the caller
 * @reserved: 0
 * @losses: how often the device was lost or failed, including resets by vscsi_dev_reset()
 * @reconnects: how often it reconnected
 * @away_ms: total downtime in milliseconds, including the current one if the device is reconnecting
 * @reason: why it was last lost or failed; empty if it never was
 */
struct vscsi_dev_stats {
	uint32_t size;
	uint32_t reserved;
	uint64_t losses;
	uint64_t reconnects;
	uint64_t away_ms;
	char reason[256];
};

/* Number of buckets of a latency histogram, eight for each power of two. */
#define VSCSI_LATENCY_BUCKETS 272u

/* Kinds of requests that have a latency histogram. */
#define VSCSI_LATENCY_READ  0u
#define VSCSI_LATENCY_WRITE 1u

/**
 * vscsi_lun_get_stats - Get the counters of a LUN, summed over all request queues
 * @lun: the LUN
 * @stats: @stats->size set by the caller; the rest is filled in
 *
 * Any thread. Never waits; O(request queues of the device).
 *
 * Return: 0; -EOPNOTSUPP if the device was opened without the option stats; -EINVAL for a size
 * below 4, -E2BIG for one above 4096; -ECHILD.
 */
int vscsi_lun_get_stats(struct vscsi_lun *lun, struct vscsi_stats *stats);

/**
 * vscsi_queue_get_stats - Get the counters of a request queue, summed over all open LUNs
 * @queue: a handle on the request queue; requests of other handles on it are included
 * @stats: @stats->size set by the caller; the rest is filled in
 *
 * Any thread, also one that doesn't own the queue. Never waits for the device; O(open LUNs).
 *
 * Return: as vscsi_lun_get_stats().
 */
int vscsi_queue_get_stats(struct vscsi_queue *queue, struct vscsi_stats *stats);

/**
 * vscsi_lun_get_latency - Get the latency histogram of a LUN's reads or writes
 * @lun: the LUN
 * @kind: VSCSI_LATENCY_READ or VSCSI_LATENCY_WRITE
 * @counts: receives the number of requests in each bucket, see vscsi_latency_ns()
 * @max: elements of @counts; VSCSI_LATENCY_BUCKETS to receive all buckets
 *
 * Only requests that succeeded are counted. A request's latency is the time from the preparation of
 * the first request of its batch until vscsi_poll() returned the request. The last bucket also
 * counts all longer latencies.
 *
 * Any thread. Never waits; O(request queues of the device).
 *
 * Return: VSCSI_LATENCY_BUCKETS of the running library, also if @max is less; -EINVAL (@kind is
 * unknown, or @counts is NULL and @max is not 0), -EOPNOTSUPP (the device was opened without the
 * option stats), -ECHILD.
 */
int vscsi_lun_get_latency(struct vscsi_lun *lun, uint32_t kind, uint64_t *counts, unsigned max);

/**
 * vscsi_queue_get_latency - Get the latency histogram of a request queue, summed over all open LUNs
 * @queue: a handle on the request queue; requests of other handles on it are included
 * @kind, @counts, @max: as for vscsi_lun_get_latency()
 *
 * Any thread, also one that doesn't own the queue. Never waits for the device; O(open LUNs).
 *
 * Return: as vscsi_lun_get_latency().
 */
int vscsi_queue_get_latency(struct vscsi_queue *queue, uint32_t kind, uint64_t *counts,
			    unsigned max);

/**
 * vscsi_latency_ns - Get the lower bound of a latency bucket
 * @bucket: number of the bucket, from 0
 *
 * A bucket ends where the next one begins. Any thread; no system call. Sets no error text.
 *
 * Return: nanoseconds; UINT64_MAX for a bucket that does not exist.
 */
uint64_t vscsi_latency_ns(unsigned bucket);

/**
 * vscsi_dev_get_stats - Get the losses and reconnects of a device
 * @dev: the device
 * @stats: @stats->size set by the caller; the rest is filled in
 *
 * Needs no option. Any thread. Sends nothing, but waits for a thread that is in
 * vscsi_mem_register() or vscsi_mem_unregister().
 *
 * Return: 0, -EINVAL for a size below 4, -E2BIG for one above 4096, -ECHILD.
 */
int vscsi_dev_get_stats(struct vscsi_dev *dev, struct vscsi_dev_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
