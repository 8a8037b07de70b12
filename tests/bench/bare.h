/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What this machine gives at best: two threads that move the cache lines of a split ring, or of one
 * word each way, and do nothing else. Rates of the library are told as ratios to it.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BARE_MAX_DEPTH 128u

/* Most requests that a device takes with one look at the ring, as SPDK's does. */
#define BARE_BATCH 32u

/* Forgets what the run before left; no thread is in the calls below. */
void bare_reset(void);

/* bare_ring_serve - The device's side, until @stop; each request takes @rounds of work() */
void bare_ring_serve(const atomic_bool *stop, unsigned rounds);

/**
 * bare_ring_drive - Keep @depth requests in flight until the time is over
 * @backoff: rounds of work() after a look that found nothing
 * @end: in the time of clock_seconds()
 *
 * Goes on beyond that until something came back: the device's thread may not run at all before.
 *
 * Return: how many came back.
 */
uint64_t bare_ring_drive(unsigned depth, unsigned backoff, double end);

/* One word there, and back: what no round trip can be faster than. Return: round trips. */
void bare_word_serve(const atomic_bool *stop, unsigned rounds);
uint64_t bare_word_drive(double end);

#endif
