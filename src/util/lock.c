/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waits for a lock with futex(2): the kernel puts a thread to sleep only if the state is still
 * LOCK_WANTED, so no wakeup is lost. A thread that waited acquires the lock as LOCK_WANTED, because
 * it can't know whether others are still waiting; at worst the release makes a useless system call.
 */
#include "util/lock.h"

#include <stddef.h>
#include <unistd.h>

#include <linux/futex.h>
#include <sys/syscall.h>

/* Spins before sleeping: the lock is usually released in less time than a system call takes. */
#define MAX_SPINS 100u

void lock_wait(struct lock *lock)
{
	unsigned spins = 0;

	while (spins < MAX_SPINS &&
	       atomic_load_explicit(&lock->state, memory_order_relaxed) != LOCK_FREE)
		spins++;
	while (atomic_exchange_explicit(&lock->state, LOCK_WANTED, memory_order_acquire) !=
	       LOCK_FREE)
		syscall(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, LOCK_WANTED, NULL, NULL, 0);
}

void lock_wake(struct lock *lock)
{
	syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
