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

/*
 * Requests that a device ends before it says so, here as in the measurement of the library: while
 * it goes on with others, the driver deals with these.
 */
#define BARE_BATCH 8u

/* Forgets what the run before left; no thread is in the calls below. */
void bare_reset(void);

/* bare_ring_serve - The device's side of the ring, until @stop */
void bare_ring_serve(const atomic_bool *stop);

/**
 * bare_ring_drive - Keep @depth requests under way until the time is over
 * @end: in the time of clock_seconds()
 *
 * Goes on beyond that until something came back: the device's thread may not run at all before.
 *
 * Return: how many came back.
 */
uint64_t bare_ring_drive(unsigned depth, double end);

/* One word there, and back: what no round trip can be faster than. Return: round trips. */
void bare_word_serve(const atomic_bool *stop);
uint64_t bare_word_drive(double end);

#endif
