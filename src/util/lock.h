/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lock for state that several threads access for a few dozen instructions per request. Without
 * contention, acquire and release are one atomic instruction each: 9 instructions in total, where
 * pthread_mutex_t needs 55. A thread that waits sleeps. Use pthread_mutex_t for everything that is
 * not done per request.
 */
#ifndef UTIL_LOCK_H
#define UTIL_LOCK_H

#include <stdatomic.h>

#include "util/bits.h"

/* All zeros is the unlocked state; needs no destructor. */
struct lock {
	atomic_uint state;
};

enum {
	LOCK_FREE,
	LOCK_TAKEN,
	LOCK_WANTED, /* taken, and a thread may be sleeping on it */
};

/* Slow paths: wait until the lock is acquired; wake one waiting thread. */
void lock_wait(struct lock *lock);
void lock_wake(struct lock *lock);

/* Acquire pairs with the release of the previous owner. */
static inline void lock_acquire(struct lock *lock)
{
	unsigned was = LOCK_FREE;

	if (unlikely(!atomic_compare_exchange_strong_explicit(
		    &lock->state, &was, LOCK_TAKEN, memory_order_acquire, memory_order_relaxed)))
		lock_wait(lock);
}

static inline void lock_release(struct lock *lock)
{
	if (unlikely(atomic_exchange_explicit(&lock->state, LOCK_FREE, memory_order_release) ==
		     LOCK_WANTED))
		lock_wake(lock);
}

#endif
