/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Three independent chains of shifts keep a processor as busy as real work does: with one, it would
 * fetch the lines of the next request in the shadow of this one's work.
 */
#include "work.h"

#include <stdint.h>

#include "threads.h"

void work(unsigned rounds)
{
	uint64_t a = rounds;
	uint64_t b = 1;
	uint64_t c = 2;

	for (; rounds; rounds--) {
		a ^= a << 13;
		b ^= b << 13;
		c ^= c << 13;
		a ^= a >> 7;
		b ^= b >> 7;
		c ^= c >> 7;
	}
	__asm__ volatile("" : : "r"(a), "r"(b), "r"(c));
}

unsigned work_rounds(double ns)
{
	const unsigned rounds = 20000;
	double best = 0;

	/* The shortest: the others were interrupted. */
	for (unsigned i = 0; i < 20; i++) {
		double begin = clock_seconds();
		double spent;

		work(rounds);
		spent = clock_seconds() - begin;
		if (!i || spent < best)
			best = spent;
	}
	return (unsigned)(ns / 1e9 * rounds / best + 0.5);
}
