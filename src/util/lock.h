/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lock for what several threads touch for some dozens of instructions for each request. Taking it
 * and giving it back are one atomic instruction each where nobody else wants it: 9 instructions
 * together, where the C library's mutex, which knows of kinds and owners, takes 55. Who has to wait
 * sleeps. Everything that isn't done for each request uses pthread_mutex_t.
 */
#ifndef UTIL_LOCK_H
#define UTIL_LOCK_H

#include <stdatomic.h>

#include "util/bits.h"

/* Zeroed, it is free; nothing has to be done at its end. */
struct lock {
	atomic_uint state;
};

enum {
	LOCK_FREE,
	LOCK_TAKEN,
	LOCK_WANTED, /* taken, and somebody may be asleep for it */
};

/* The rare halves: wait until it is ours; wake one who waits. */
void lock_wait(struct lock *lock);
void lock_wake(struct lock *lock);

/* Acquire pairs with the release of whoever had it before. */
static inline void lock_take(struct lock *lock)
{
	unsigned was = LOCK_FREE;

	if (unlikely(!atomic_compare_exchange_strong_explicit(
		    &lock->state, &was, LOCK_TAKEN, memory_order_acquire, memory_order_relaxed)))
		lock_wait(lock);
}

static inline void lock_give(struct lock *lock)
{
	if (unlikely(atomic_exchange_explicit(&lock->state, LOCK_FREE, memory_order_release) ==
		     LOCK_WANTED))
		lock_wake(lock);
}

#endif
