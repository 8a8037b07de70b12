/* SPDX-License-Identifier: BSD-3-Clause */
/* The queue's lock: mutual exclusion, and waking up waiting threads. */
#include "util.h"

#include <pthread.h>
#include <sched.h>

#include "util/lock.h"

#define THREADS 4
#define ROUNDS  20000u

static struct {
	struct lock lock;
	unsigned count;
} guarded;

/* Sometimes yields with the lock held, so that the others sleep. */
static void *count(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned seen;

		lock_acquire(&guarded.lock);
		seen = guarded.count;
		if (i % 64 == 0)
			sched_yield();
		guarded.count = seen + 1;
		lock_release(&guarded.lock);
	}
	return NULL;
}

static void test_mutual_exclusion(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(guarded.count, THREADS * ROUNDS);
	assert_int_equal(atomic_load(&guarded.lock.state), LOCK_FREE);
}

static void *acquire_once(void *arg)
{
	struct lock *lock = arg;

	lock_acquire(lock);
	lock_release(lock);
	return NULL;
}

/* Each of them marks the lock as wanted before sleeping. */
static void test_wakes_all_waiters(void **state)
{
	struct lock lock = {0};
	pthread_t threads[THREADS];

	(void)state;
	lock_acquire(&lock);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, acquire_once, &lock), 0);
	while (atomic_load(&lock.state) != LOCK_WANTED)
		sched_yield();
	lock_release(&lock);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&lock.state), LOCK_FREE);
}

int lock_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutual_exclusion),
		cmocka_unit_test(test_wakes_all_waiters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
