/* SPDX-License-Identifier: BSD-3-Clause */
/* The processor's tick counter, for measurements on the data path. */
#ifndef UTIL_TICKS_H
#define UTIL_TICKS_H

#include <stdint.h>

#include "util/clock.h"

/* Fractional bits of a scale, and the largest difference in ticks: longer ones are clipped. */
#define TICKS_SHIFT 16
#define TICKS_MOST  (UINT64_C(1) << 42)

/* The current count, which advances at the same rate on all processors. */
static inline uint64_t ticks_now(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t count;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
	return count;
#else
	return clock_ns();
#endif
}

/* Measures nanoseconds per tick, for ticks_to_ns(); takes a millisecond. */
uint64_t ticks_scale(void);

/* Nanoseconds from one count to a later one; 0 if it is not later. */
static inline uint64_t ticks_to_ns(uint64_t from, uint64_t to, uint64_t scale)
{
	uint64_t ticks = to > from ? to - from : 0;

	return (ticks < TICKS_MOST ? ticks : TICKS_MOST) * scale >> TICKS_SHIFT;
}

#endif
