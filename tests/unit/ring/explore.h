/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs the two sides of a ring in every interleaving that store buffers allow. Programs that use it
 * are compiled with this header in front of everything, so that each atomic access and each fence
 * of both sides comes here; both sides are coroutines of one thread, so nothing depends on time or
 * on processors.
 *
 * The machine: an atomic store waits in its side's buffer, where only that side sees it, until it
 * is written to memory, in any order among stores to different places, except that a release waits
 * for all stores before it. A full fence waits until the buffer is empty; weaker ones do nothing.
 * Loads happen in program order: what acquires are good for is the subject of litmus.c. Plain
 * accesses go to memory at once.
 */
#ifndef TESTS_UNIT_RING_EXPLORE_H
#define TESTS_UNIT_RING_EXPLORE_H

#include <stdbool.h>
#include <stdint.h>

uint64_t explore_load(const volatile void *at, unsigned size);
void explore_store(volatile void *at, uint64_t value, unsigned size, int order);
void explore_fence(int order);

#define __atomic_load_n(at, order) \
	((__typeof__(__atomic_load_n(at, order)))explore_load(at, sizeof(*(at))))
#define __atomic_store_n(at, value, order) explore_store(at, value, sizeof(*(at)), order)
#define __atomic_thread_fence(order)       explore_fence(order)
#define __sync_synchronize()               explore_fence(__ATOMIC_SEQ_CST)

enum explore_side {
	EXPLORE_DRIVER,
	EXPLORE_DEVICE,
	EXPLORE_SIDES,
};

/**
 * struct explore - What to run
 * @begin: before each run, outside of the machine: sets everything up
 * @sides: one run of each; they must not leave but by returning
 * @end: after each run: whether all is as it should be
 * @ctx: for all of them
 * @no_fence: sides whose fences do nothing, as a set
 * @first: end with the first run that fails
 */
struct explore {
	void (*begin)(void *ctx);
	void (*sides[EXPLORE_SIDES])(void *ctx);
	bool (*end)(void *ctx);
	void *ctx;
	unsigned no_fence;
	bool first;
};

/**
 * explore - Run both sides in every interleaving
 * @runs: receives how many there were
 *
 * Return: in how many of them @end was false.
 */
unsigned explore(const struct explore *what, unsigned *runs);

#endif
