/* SPDX-License-Identifier: BSD-3-Clause */
/* Kicks: messages without an answer, by any thread, at any time. */
#include "bench.h"

#include <pthread.h>
#include <sched.h>

static unsigned kicks(const struct bench *b, unsigned queue)
{
	return b->server->rings[queue].kicks;
}

/* A server that doesn't read: kicks that find no room are repeated when it does. */
static void test_no_room(void **state)
{
	struct bench *b = *state;
	unsigned what;
	unsigned i;

	bench_start(b);
	b->t->wait = false;
	b->server->gated = true;
	assert_int_equal(b->t->ops->get_status(b->t), -EINPROGRESS);
	for (i = 0; !atomic_load(&pci_of(b->t)->missed); i++)
		b->t->ops->notify(b->t, 2, 0);
	assert_true(i > 1);
	b->t->ops->notify(b->t, 3, 0);
	server_open_gate(b->server);
	b->t->wait = true;
	assert_int_equal(b->t->ops->get_status(b->t), 15);
	/* When there is room again for the one, the other may still have found none. */
	while (!kicks(b, 3) || kicks(b, 2) < i) {
		assert_int_equal(b->t->ops->check(b->t, &what), 0);
		assert_int_equal(b->t->ops->get_status(b->t), 15);
	}
}

static void *kick_all_the_time(void *arg)
{
	struct bench *b = arg;

	while (!__atomic_load_n(&b->server->broken[100], __ATOMIC_SEQ_CST)) {
		/* The layer above orders this with the start of the queues. */
		if (atomic_load(&pci_of(b->t)->queues[3].started)) {
			b->t->ops->notify(b->t, 2, 0);
			b->t->ops->notify(b->t, 3, 0);
		}
		sched_yield();
	}
	return NULL;
}

/* A thread that kicks while the connection is replaced: its messages are never in the way. */
static void test_other_threads(void **state)
{
	struct bench *b = *state;
	pthread_t thread;
	unsigned i;

	bench_start(b);
	assert_int_equal(pthread_create(&thread, NULL, kick_all_the_time, b), 0);
	for (i = 0; i < 100; i++) {
		unsigned before = kicks(b, 2);

		while (kicks(b, 2) == before)
			sched_yield();
		b->t->ops->disconnect(b->t);
		assert_int_equal(b->t->ops->reopen(b->t), 0);
		assert_int_equal(bench_run(b), 0);
	}
	__atomic_store_n(&b->server->broken[100], 1, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
}

/* While a thread is about to kick, the socket's number is not given to another connection. */
static void test_socket_stays(void **state)
{
	struct bench *b = *state;

	bench_start(b);
	atomic_fetch_add(&bench_session(b)->kicks, 1);
	b->t->ops->disconnect(b->t);
	b->t->wait = false;
	assert_int_equal(b->t->ops->reopen(b->t), -EINPROGRESS);
	assert_int_equal(b->t->ops->reopen(b->t), -EINPROGRESS);
	assert_false(bench_session(b)->connected);
	assert_int_equal(b->server->connections, 1);
	atomic_fetch_sub(&bench_session(b)->kicks, 1);
	b->t->wait = true;
	assert_int_equal(b->t->ops->reopen(b->t), 0);
	assert_int_equal(bench_run(b), 0);
}

/* The answer of an operation that was left doesn't disturb the next one. */
static void test_left_in_the_middle(void **state)
{
	struct bench *b = *state;
	unsigned what;
	unsigned i;

	bench_start(b);
	for (i = 0; i < 10; i++) {
		uint64_t features;

		b->t->wait = false;
		b->server->gated = true;
		assert_int_equal(b->t->ops->get_status(b->t), -EINPROGRESS);
		assert_int_equal(b->t->ops->check(b->t, &what), 0);
		assert_int_equal(what, 0);
		assert_int_equal(b->t->ops->get_features(b->t, &features), -EINPROGRESS);
		server_open_gate(b->server);
		b->t->wait = true;
		assert_int_equal(b->t->ops->get_status(b->t), 15);
		while (sem_trywait(&b->server->gate) == 0)
			;
		assert_int_equal(b->t->ops->check(b->t, &what), 0);
	}
}

int kick_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_room, bench_begin, bench_end),
		cmocka_unit_test_setup_teardown(test_other_threads, bench_begin, bench_end),
		cmocka_unit_test_setup_teardown(test_socket_stays, bench_begin, bench_end),
		cmocka_unit_test_setup_teardown(test_left_in_the_middle, bench_begin, bench_end),
	};

	return cmocka_run_group_tests_name("vfio-user/kick", tests, NULL, NULL);
}
