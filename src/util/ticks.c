/* SPDX-License-Identifier: BSD-3-Clause */
/* Measures the length of a tick. */
#include "util/ticks.h"

#define MEASURE_NS 1000000u

/* The kernel's clock is the reference: not every processor reports its tick rate. */
uint64_t ticks_scale(void)
{
	uint64_t began = clock_ns();
	uint64_t first = ticks_now();
	uint64_t ns;
	uint64_t ticks;

	do {
		ns = clock_ns() - began;
		ticks = ticks_now() - first;
	} while (ns < MEASURE_NS);
	return ticks ? (ns << TICKS_SHIFT) / ticks : 0;
}
