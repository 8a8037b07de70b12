/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting for a lock, by futex(2): the kernel puts a thread to sleep only while the state is still
 * the one that it saw, so a lock that is given back meanwhile wakes it or is seen. Whoever has
 * waited takes the lock as wanted, as it can't know whether others still wait; at worst that wakes
 * nobody.
 */
#include "util/lock.h"

#include <stddef.h>
#include <unistd.h>

#include <linux/futex.h>
#include <sys/syscall.h>

/* Looks before sleeping: what the lock guards is done in less than this takes. */
#define LOOKS 100u

void lock_wait(struct lock *lock)
{
	unsigned looks = 0;

	while (looks < LOOKS &&
	       atomic_load_explicit(&lock->state, memory_order_relaxed) != LOCK_FREE)
		looks++;
	while (atomic_exchange_explicit(&lock->state, LOCK_WANTED, memory_order_acquire) !=
	       LOCK_FREE)
		syscall(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, LOCK_WANTED, NULL, NULL, 0);
}

void lock_wake(struct lock *lock)
{
	syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
