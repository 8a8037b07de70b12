/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls that don't wait: each message is sent once, in the same order as by calls that do, however
 * late its answer is.
 */
#include "bench.h"

#include <string.h>

/* One call to its end, its messages answered one by one, and each of them asked for twice. */
static int creep(struct bench *b, int (*call)(struct bench *b, unsigned arg), unsigned arg)
{
	int ret;

	for (;;) {
		bench_may_sleep = false;
		ret = call(b, arg);
		if (ret == -EINPROGRESS)
			ret = call(b, arg);
		bench_may_sleep = true;
		if (ret != -EINPROGRESS)
			return ret;
		server_answer(b->server);
		assert_int_equal(b->t->ops->wait_ready(b->t, -1), 0);
	}
}

static int creep_all(struct bench *b)
{
	unsigned step;
	int ret = 0;

	for (step = 0; !ret; step++)
		ret = creep(b, bench_step, step);
	return ret < 0 ? ret : 0;
}

static int reopen(struct bench *b, unsigned arg)
{
	(void)arg;
	return b->t->ops->reopen(b->t);
}

static void test_same_messages(void **state)
{
	static const unsigned habits[] = {
		0, SERVER_NEEDS_PLACE | SERVER_FORGETS | SERVER_NEEDS_ENABLE | SERVER_ECHOES,
		SERVER_NO_RESET};
	struct bench *b = *state;
	uint64_t trace[2];
	unsigned count[2];
	unsigned i;
	unsigned lazy;

	server_start(b->server);
	for (i = 0; i < ARRAY_LEN(habits); i++) {
		b->server->habits = habits[i];
		for (lazy = 0; lazy < 2; lazy++) {
			memset(b->memory, 0, MEMORY);
			bench_open(b);
			b->server->trace = 1;
			__atomic_store_n(&b->server->messages, 0, __ATOMIC_SEQ_CST);
			__atomic_store_n(&b->server->gated, lazy, __ATOMIC_SEQ_CST);
			b->t->wait = !lazy;
			assert_int_equal(lazy ? creep_all(b) : bench_run(b), 0);
			/* Once more, from a device that runs; and from one that is gone. */
			assert_int_equal(lazy ? creep_all(b) : bench_run(b), 0);
			b->t->ops->disconnect(b->t);
			assert_int_equal(lazy ? creep(b, reopen, 0) : bench_repeat(b, reopen, 0),
					 0);
			assert_int_equal(lazy ? creep_all(b) : bench_run(b), 0);
			server_open_gate(b->server);
			count[lazy] = b->server->messages;
			trace[lazy] = b->server->trace;
			bench_close(b);
			while (sem_trywait(&b->server->gate) == 0)
				;
		}
		assert_int_equal(count[0], count[1]);
		assert_int_equal(trace[0], trace[1]);
	}
}

int nowait_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same_messages, bench_begin, bench_end),
	};

	return cmocka_run_group_tests_name("vfio-user/nowait", tests, NULL, NULL);
}
