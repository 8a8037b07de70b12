/* SPDX-License-Identifier: BSD-3-Clause */
/* Rings: how they are started, kicked, stopped and started again. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fixture.h"
#include "transport/vhost_user/session.h"

static void test_setup_sequence(void **state)
{
	static const uint32_t order[] = {
		RIG_SET_VRING_NUM, RIG_SET_VRING_BASE, RIG_SET_VRING_ADDR,   RIG_SET_VRING_CALL,
		RIG_SET_VRING_ERR, RIG_SET_VRING_KICK, RIG_SET_VRING_ENABLE,
	};
	struct fx fx = fx_new();
	struct rig_record r;
	uint32_t words[2];
	uint64_t value;
	unsigned first;
	unsigned i;

	CONFORMS("R-VU-49", "R-VU-50", "R-VU-51", "R-VU-54", "R-VU-56");
	(void)state;
	fx_connect(&fx);
	assert_int_equal(fx_prepare(&fx), 0);
	first = rig_seen(fx.rig, RIG_ANY);
	for (i = 0; i < 3; i++)
		assert_int_equal(fx_start(&fx, i), 0);
	assert_int_equal(rig_seen(fx.rig, RIG_ANY), first + 21);
	for (i = 0; i < 21; i++) {
		assert_true(rig_record(fx.rig, RIG_ANY, first + i, &r));
		assert_int_equal(r.request, order[i % 7]);
		memcpy(words, r.payload, sizeof(words));
		memcpy(&value, r.payload, sizeof(value));
		assert_int_equal(r.nfds ? value : words[0], i / 7);
		if (r.request == RIG_SET_VRING_NUM)
			assert_int_equal(words[1], FX_SIZE);
		if (r.request == RIG_SET_VRING_BASE)
			assert_int_equal(words[1], 0);
		assert_int_equal(r.nfds, i % 7 >= 3 && i % 7 <= 5);
	}
	fx_down(&fx);
}

static void test_addresses(void **state)
{
	struct fx fx = fx_new();
	struct rig_record r;
	uint32_t head[2];
	uint64_t words[5];

	CONFORMS("R-VU-53");
	(void)state;
	fx_run(&fx, 2);
	assert_true(rig_record(fx.rig, RIG_SET_VRING_ADDR, 1, &r));
	memcpy(head, r.payload, sizeof(head));
	assert_int_equal(head[0], 1);
	assert_int_equal(head[1], 0); /* flags */
	memcpy(words, r.payload, sizeof(words));
	assert_int_equal(words[1], fx.areas[0].addr + 8192);
	assert_int_equal(words[2], fx.areas[0].addr + 8192 + 4096);
	assert_int_equal(words[3], fx.areas[0].addr + 8192 + FX_SIZE * 16);
	assert_int_equal(words[4], 0);
	fx_down(&fx);
}

static void test_start_on_first_kick(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-55");
	(void)state;
	need_passed_counters();
	fx.ropts.start_on_kick = true;
	fx_run(&fx, 3);
	rig_wait_running(fx.rig, 0);
	rig_wait_running(fx.rig, 1);
	rig_wait_running(fx.rig, 2);
	assert_int_equal(rig_kicks(fx.rig, 1), 1);
	fx_down(&fx);
}

static void test_impossible_queues(void **state)
{
	static const unsigned sizes[] = {0, 3, 96, 65536};
	struct transport_queue queue = {.index = 2};
	struct fx fx = fx_new();
	unsigned i;

	CONFORMS("R-VU-50", "R-VU-51");
	(void)state;
	fx_run(&fx, 1);
	queue.desc = queue.driver = queue.device = (void *)(uintptr_t)fx.areas[0].addr;
	for (i = 0; i < 4; i++) {
		queue.size = sizes[i];
		assert_int_equal(fx.t->ops->queue_start(fx.t, &queue), -EINVAL);
	}
	queue.size = FX_SIZE;
	queue.base = 65536;
	assert_int_equal(fx.t->ops->queue_start(fx.t, &queue), -EINVAL);
	queue.base = 0;
	queue.index = 10;
	assert_int_equal(fx.t->ops->queue_start(fx.t, &queue), -EINVAL);
	assert_int_equal(fx_start(&fx, 0), -EBUSY);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_VRING_NUM), 1);
	queue.index = 9;
	queue.size = 32768;
	assert_int_equal(fx.t->ops->queue_start(fx.t, &queue), 0);
	fx_down(&fx);
}

static void test_stop_and_resume(void **state)
{
	struct fx fx = fx_new();
	struct transport_queue queue = {.index = 0, .size = FX_SIZE};
	uint32_t base = 99;

	CONFORMS("R-VU-51", "R-VU-62", "R-VU-64", "R-HARD-37");
	(void)state;
	fx_run(&fx, 1);
	rig_plan(fx.rig, RIG_GET_VRING_BASE, RIG_FAULT_WORD, 1ull << 32 | 0xabcd0005);
	assert_int_equal(fx.t->ops->queue_stop(fx.t, 0, &base), 0);
	assert_int_equal(base, 5);
	assert_int_equal(rig_word(fx.rig, RIG_GET_VRING_BASE, 0, 0), 0);
	queue.desc = queue.driver = queue.device = (void *)(uintptr_t)fx.areas[0].addr;
	queue.base = base;
	assert_int_equal(fx.t->ops->queue_start(fx.t, &queue), 0);
	assert_int_equal(rig_word(fx.rig, RIG_SET_VRING_BASE, 1, 0), 0);
	assert_int_equal(rig_word(fx.rig, RIG_SET_VRING_BASE, 1, 1), 5);
	fx_down(&fx);
}

static void test_stop_of_another_ring(void **state)
{
	static const uint32_t indices[] = {1, 2, 256, 0xffffffff};
	struct fx fx;
	uint32_t base;
	unsigned i;

	CONFORMS("R-VU-64", "R-HARD-37");
	(void)state;
	for (i = 0; i < 4; i++) {
		fx = fx_new();
		fx_run(&fx, 3);
		rig_plan(fx.rig, RIG_GET_VRING_BASE, RIG_FAULT_WORD, indices[i]);
		assert_int_equal(fx.t->ops->queue_stop(fx.t, 0, &base), -EPROTO);
		rig_wait_gone(fx.rig);
		assert_int_equal(fx.t->ops->queue_stop(fx.t, 1, &base), -ENOTCONN);
		fx_down(&fx);
	}
}

static void complete_one(struct rig *rig, void *ctx)
{
	(void)ctx;
	rig_move_used(rig, 0, 1);
	rig_call(rig, 0);
}

/* The back-end finishes what it has before it answers; that lies in the ring afterwards. */
static void test_completions_during_stop(void **state)
{
	struct fx fx = fx_new();
	uint16_t used[2];
	uint32_t base;

	CONFORMS("R-VU-63");
	(void)state;
	fx_run(&fx, 1);
	rig_fault(fx.rig,
		  (struct rig_fault){.request = RIG_GET_VRING_BASE, .before = complete_one});
	assert_int_equal(fx.t->ops->queue_stop(fx.t, 0, &base), 0);
	memcpy(used, (char *)(uintptr_t)fx.areas[0].addr + 4096, sizeof(used));
	assert_int_equal(le16toh(used[1]), 1);
	fx_down(&fx);
}

static void test_stop_without_answer(void **state)
{
	struct fx fx = fx_new();
	uint32_t base;

	CONFORMS("R-VU-68", "R-VU-110");
	(void)state;
	fx_run(&fx, 3);
	fx_hurry(&fx);
	rig_plan(fx.rig, RIG_GET_VRING_BASE, RIG_FAULT_DROP, 0);
	assert_int_equal(fx.t->ops->queue_stop(fx.t, 0, &base), -ETIMEDOUT);
	/* The caller may use the memory again after this: the connection has ended. */
	assert_int_equal(vu_of(fx.t)->fd, -1);
	rig_wait_gone(fx.rig);
	assert_int_equal(fx.t->ops->set_status(fx.t, 0), -ENOTCONN);
	fx_down(&fx);
}

static void test_restart_many_times(void **state)
{
	struct fx fx = fx_new();
	uint32_t base;
	unsigned fds;
	unsigned i;

	CONFORMS("R-VU-57", "R-VU-66");
	(void)state;
	fx_run(&fx, 3);
	fds = count_fds();
	for (i = 1; i <= 1000; i++) {
		assert_int_equal(fx.t->ops->queue_stop(fx.t, 2, &base), 0);
		/* Threads may still notify and sleep: their descriptors stay what they were. */
		assert_true(fcntl(fx.t->ops->call_fd(fx.t, 2), F_GETFD) >= 0);
		fx.t->ops->notify(fx.t, 2, 0);
		assert_int_equal(fx_start(&fx, 2), 0);
	}
	assert_int_equal(count_fds(), fds);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_VRING_KICK), 1003);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_VRING_CALL), 1003);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_VRING_ERR), 1003);
	for (i = 0; i < 1003; i++)
		assert_int_equal(rig_word(fx.rig, RIG_SET_VRING_ENABLE, i, 1), 1);
	fx_down(&fx);
}

static void test_refused_enable_takes_the_ring_back(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-11");
	(void)state;
	fx_run(&fx, 1);
	rig_plan(fx.rig, RIG_SET_VRING_ENABLE, RIG_FAULT_VALUE, 1);
	assert_int_equal(fx_start(&fx, 1), -EIO);
	assert_int_equal(rig_word(fx.rig, RIG_GET_VRING_BASE, 0, 0), 1);
	assert_int_equal(fx_start(&fx, 1), 0);
	fx_down(&fx);
}

static void test_refused_setup_leaves_nothing(void **state)
{
	static const uint32_t steps[] = {
		RIG_SET_VRING_NUM,  RIG_SET_VRING_BASE, RIG_SET_VRING_ADDR,
		RIG_SET_VRING_CALL, RIG_SET_VRING_ERR,
	};
	struct fx fx = fx_new();
	unsigned fds;
	unsigned i;

	CONFORMS("R-VU-11", "R-VU-112");
	(void)state;
	fx_run(&fx, 1);
	/* One more at most: the rig is in this process, and keeps what comes with CALL and ERR. */
	for (i = 0; i < 5; i++) {
		rig_plan(fx.rig, steps[i], RIG_FAULT_VALUE, 1);
		fds = count_fds();
		assert_int_equal(fx_start(&fx, 2), -EIO);
		assert_in_range(count_fds(), fds, fds + 1);
		assert_int_equal(fx.t->ops->call_fd(fx.t, 2), -1);
	}
	assert_int_equal(fx_start(&fx, 2), 0);
	fx_down(&fx);
}

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void test_kick_and_call(void **state)
{
	struct fx fx = fx_new();
	uint64_t before;

	CONFORMS("R-VU-58");
	(void)state;
	need_passed_counters();
	fx_run(&fx, 3);
	before = rig_kicks(fx.rig, 2);
	fx.t->ops->notify(fx.t, 2, 0);
	fx.t->ops->notify(fx.t, 2, 0);
	fx.t->ops->notify(fx.t, 7, 0);
	fx.t->ops->notify(fx.t, 256, 0);
	fx.t->ops->notify(fx.t, UINT32_MAX, 0);
	assert_int_equal(rig_kicks(fx.rig, 2), before + 2);
	/* A counter that is full does not block, and the back-end wakes up as well. */
	assert_int_equal(eventfd_write(vu_of(fx.t)->vrings[2].kick, UINT64_MAX - 1), 0);
	fx.t->ops->notify(fx.t, 2, 0);
	assert_int_equal(rig_kicks(fx.rig, 2), before + 2 + UINT64_MAX - 1);
	assert_false(readable(fx.t->ops->call_fd(fx.t, 2)));
	rig_call(fx.rig, 2);
	assert_true(readable(fx.t->ops->call_fd(fx.t, 2)));
	assert_false(readable(fx.t->ops->call_fd(fx.t, 1)));
	assert_int_equal(fx.t->ops->call_fd(fx.t, 3), -1);
	assert_int_equal(fx.t->ops->call_fd(fx.t, 256), -1);
	fx_down(&fx);
}

static void test_ring_failure_is_reported(void **state)
{
	struct fx fx = fx_new();
	unsigned what;

	CONFORMS("R-VU-61");
	(void)state;
	fx_run(&fx, 3);
	assert_int_equal(fx.t->ops->check(fx.t, &what), 0);
	assert_int_equal(what, 0);
	rig_err(fx.rig, 1);
	rig_err(fx.rig, 2);
	assert_int_equal(fx.t->ops->check(fx.t, &what), 0);
	assert_int_equal(what, TRANSPORT_BROKEN);
	assert_int_equal(fx.t->ops->check(fx.t, &what), 0);
	assert_int_equal(what, 0);
	/* A reset is the end of it. */
	rig_err(fx.rig, 1);
	assert_int_equal(fx.t->ops->set_status(fx.t, 0), 0);
	assert_int_equal(fx.t->ops->check(fx.t, &what), 0);
	assert_int_equal(what, 0);
	fx_down(&fx);
}

static void test_close_stops_all(void **state)
{
	struct fx fx = fx_new();
	uint32_t base;

	CONFORMS("R-VU-65");
	(void)state;
	fx_run(&fx, 3);
	assert_int_equal(fx.t->ops->queue_stop(fx.t, 1, &base), 0);
	assert_int_equal(fx.t->ops->queue_stop(fx.t, 1, &base), -EINVAL);
	assert_int_equal(fx.t->ops->queue_stop(fx.t, 300, &base), -EINVAL);
	fx.t->ops->close(fx.t);
	fx.t = NULL;
	rig_wait_gone(fx.rig);
	assert_int_equal(rig_word(fx.rig, RIG_GET_VRING_BASE, 1, 0), 0);
	assert_int_equal(rig_word(fx.rig, RIG_GET_VRING_BASE, 2, 0), 2);
	fx_down(&fx);
}

int vring_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_setup_sequence),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_start_on_first_kick),
		cmocka_unit_test(test_impossible_queues),
		cmocka_unit_test(test_stop_and_resume),
		cmocka_unit_test(test_stop_of_another_ring),
		cmocka_unit_test(test_completions_during_stop),
		cmocka_unit_test(test_stop_without_answer),
		cmocka_unit_test(test_restart_many_times),
		cmocka_unit_test(test_refused_enable_takes_the_ring_back),
		cmocka_unit_test(test_refused_setup_leaves_nothing),
		cmocka_unit_test(test_kick_and_call),
		cmocka_unit_test(test_ring_failure_is_reported),
		cmocka_unit_test(test_close_stops_all),
	};

	return cmocka_run_group_tests_name("vring", tests, NULL, NULL);
}
