/* SPDX-License-Identifier: BSD-3-Clause */
/* Monotonic time, and waiting in a polling loop. Not for the data path. */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <sched.h>
#include <stdint.h>
#include <time.h>

/* Monotonic nanoseconds. */
static inline uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/* Monotonic milliseconds. */
static inline uint64_t clock_ms(void)
{
	return clock_ns() / 1000000;
}

/*
 * Monotonic milliseconds at the kernel's last timer tick, at most a few milliseconds ago. A tenth
 * of the cost, for callers that read the clock often.
 */
static inline uint64_t clock_coarse_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/**
 * clock_relax - Wait between two polls
 * @spins: number of calls so far in this loop; 0 at its start
 *
 * Returns at once for the first 1000 calls, because most replies arrive within microseconds; then
 * yields the CPU; after 20000 calls sleeps for 50 microseconds.
 */
static inline void clock_relax(unsigned *spins)
{
	const struct timespec interval = {.tv_nsec = 50000};

	++*spins;
	if (*spins > 20000)
		nanosleep(&interval, NULL);
	else if (*spins > 1000)
		sched_yield();
}

#endif
