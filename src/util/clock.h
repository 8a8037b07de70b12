/* SPDX-License-Identifier: BSD-3-Clause */
/* Time for those who wait: deadlines, delays, and giving way to others. Not for the hot path. */
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

/**
 * clock_relax - Let time pass between two looks at something
 * @spins: counts the calls of one wait; 0 at its beginning
 *
 * First nothing, as most answers come within microseconds; then the processor is offered to others;
 * in the end it sleeps for 50 microseconds a call.
 */
static inline void clock_relax(unsigned *spins)
{
	const struct timespec nap = {.tv_nsec = 50000};

	++*spins;
	if (*spins > 20000)
		nanosleep(&nap, NULL);
	else if (*spins > 1000)
		sched_yield();
}

#endif
