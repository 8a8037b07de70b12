/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Points in time.
 */
#ifndef EXAMPLES_COMMON_CLOCK_H
#define EXAMPLES_COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

/* clock_now - Nanoseconds of the system clock: unlike the TSC, portable and never calibrated. */
static inline uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
