/* SPDX-License-Identifier: BSD-3-Clause */
/* Ends and delays at every point of a connection's life; nothing may be left over. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "fixture.h"
#include "wrap.h"

static void test_partial_sends_go_on(void **state)
{
	struct fx fx = fx_new();
	size_t limit;

	CONFORMS("R-VU-04", "R-VU-06", "R-VU-111");
	(void)state;
	for (limit = 1; limit < 60; limit = limit * 3 + 1) {
		fx = fx_new();
		fx_up(&fx);
		/* Spurious signals, too. */
		wraps = (struct wraps){.limit = limit, .err = EINTR};
		assert_int_equal(fx_life(&fx), 0);
		wraps = (struct wraps){.limit = 0};
		fx_down(&fx);
	}
}

/* One life with a fault at message @n. Returns its result. */
static int life_with(unsigned n, enum rig_kind kind, uint64_t arg, uint64_t off, unsigned ms)
{
	struct fx fx = fx_new();
	int ret;

	fx.topts.timeout_ms = ms;
	fx.topts.protocol_off = off;
	fx_up(&fx);
	rig_fault(fx.rig, (struct rig_fault){.kind = kind, .skip = n, .arg = arg});
	ret = fx_life(&fx);
	fx_down(&fx);
	return ret;
}

/* Messages of a life in which nothing goes wrong. */
static unsigned messages_of_a_life(uint64_t off)
{
	struct fx fx = fx_new();
	unsigned n;

	fx.topts.protocol_off = off;
	fx_up(&fx);
	assert_int_equal(fx_life(&fx), 0);
	rig_wait_gone(fx.rig);
	n = rig_seen(fx.rig, RIG_ANY);
	fx_down(&fx);
	return n;
}

/* Fails at each message in turn, without a leak. Returns how many failures did no harm. */
static unsigned fail_everywhere(enum rig_kind kind, uint64_t arg, uint64_t off, unsigned ms,
				int want)
{
	unsigned count = messages_of_a_life(off);
	unsigned harmless = 0;
	unsigned fds, maps, n;
	int ret;

	assert_true(count > 35);
	life_with(0, kind, arg, off, ms);
	fds = count_fds();
	maps = fx_maps();
	for (n = 0; n < count; n++) {
		ret = life_with(n, kind, arg, off, ms);
		assert_int_equal(count_fds(), fds);
		assert_true(fx_maps() <= maps + 2);
		if (ret)
			assert_int_equal(ret, want);
		harmless += ret == 0;
	}
	return harmless;
}

static void test_end_at_each_message(void **state)
{
	CONFORMS("R-VU-98", "R-VU-112");
	(void)state;
	/* At the very last, nothing is asked for any more. */
	assert_in_range(fail_everywhere(RIG_FAULT_CLOSE, 0, 0, 60000, -ENOTCONN), 0, 1);
	assert_in_range(fail_everywhere(RIG_FAULT_CLOSE, 0, RIG_P_MEM_SLOTS, 60000, -ENOTCONN), 0,
			1);
}

static void test_silence_at_each_message(void **state)
{
	CONFORMS("R-VU-110", "R-VU-112");
	(void)state;
	/* Number 2, SET_PROTOCOL_FEATURES, alone has no answer: then only load takes long. */
	assert_in_range(fail_everywhere(RIG_FAULT_DROP, 0, 0, 50, -ETIMEDOUT), 0, 1);
	assert_int_equal(life_with(2, RIG_FAULT_DROP, 0, 0, 60000), 0);
}

static void test_refusal_of_each_acknowledgement(void **state)
{
	struct fx fx;
	struct rig_record r;
	unsigned fds = 0;
	unsigned i, n;

	CONFORMS("R-VU-11", "R-VU-112");
	(void)state;
	fx = fx_new();
	fx_up(&fx);
	assert_int_equal(fx_life(&fx), 0);
	rig_wait_gone(fx.rig);
	for (n = 0; rig_record(fx.rig, RIG_ANY, n, &r); n++) {
		if (!(r.flags & RIG_NEED_REPLY))
			continue;
		i = count_fds();
		assert_int_equal(life_with(n, RIG_FAULT_VALUE, 1, 0, 60000), -EIO);
		assert_int_equal(count_fds(), i);
		fds++;
	}
	assert_true(fds > 20);
	fx_down(&fx);
}

/* Every answer is cut at every byte. */
static void test_end_after_each_byte_of_answers(void **state)
{
	static const struct {
		uint32_t request;
		unsigned len;
	} answers[] = {
		{RIG_GET_FEATURES, 20},   {RIG_GET_PROTOCOL_FEATURES, 20}, {RIG_GET_QUEUE_NUM, 20},
		{RIG_SET_FEATURES, 20},   {RIG_GET_MAX_MEM_SLOTS, 20},     {RIG_ADD_MEM_REG, 20},
		{RIG_GET_CONFIG, 60},     {RIG_SET_VRING_KICK, 20},        {RIG_GET_STATUS, 20},
		{RIG_GET_VRING_BASE, 20},
	};
	struct fx fx;
	unsigned i, k;

	CONFORMS("R-VU-107");
	(void)state;
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		for (k = 0; k < answers[i].len; k++) {
			fx = fx_new();
			fx_up(&fx);
			rig_plan(fx.rig, answers[i].request, RIG_FAULT_CLOSE_AFTER, k);
			assert_int_equal(fx_life(&fx), -ENOTCONN);
			fx_down(&fx);
		}
	}
}

/* The back-end is gone after it has read so many bytes of our message. */
static void test_end_after_each_byte_of_requests(void **state)
{
	struct fx fx;
	unsigned k;

	CONFORMS("R-VU-06", "R-VU-107");
	(void)state;
	for (k = 0; k < 12; k++) {
		fx = fx_new();
		fx_up(&fx);
		rig_plan(fx.rig, RIG_ANY, RIG_FAULT_READ_CLOSE, k);
		assert_int_equal(fx_life(&fx), -ENOTCONN);
		fx_down(&fx);
	}
	for (k = 12; k < 52; k++) {
		fx = fx_new();
		fx_up(&fx);
		rig_plan(fx.rig, RIG_ADD_MEM_REG, RIG_FAULT_READ_CLOSE, k);
		assert_int_equal(fx_life(&fx), -ENOTCONN);
		fx_down(&fx);
	}
}

static void all_calls_fail(struct fx *fx)
{
	const struct transport_ops *ops = fx->t->ops;
	char config[36] = {1};
	uint64_t features;
	uint32_t base;
	unsigned what;

	assert_int_equal(ops->get_features(fx->t, &features), -ENOTCONN);
	assert_int_equal(ops->set_features(fx->t, RIG_F_VERSION_1), -EBUSY);
	assert_int_equal(ops->get_status(fx->t), -ENOTCONN);
	assert_int_equal(ops->set_status(fx->t, 0), -ENOTCONN);
	assert_int_equal(ops->set_status(fx->t, 1), -ENOTCONN);
	assert_int_equal(ops->read_config(fx->t, 0, config, 36), -ENOTCONN);
	assert_int_equal(ops->write_config(fx->t, 20, config, 4), -ENOTCONN);
	assert_int_equal(fx_map(fx, 1), -ENOTCONN);
	assert_int_equal(ops->mem_unmap(fx->t, &fx->areas[0], fx->iova[0]), 0);
	assert_int_equal(ops->queue_stop(fx->t, 0, &base), -ENOTCONN);
	assert_int_equal(ops->check(fx->t, &what), -ENOTCONN);
	ops->notify(fx->t, 0, 0);
}

static void dead_with(uint64_t off)
{
	struct fx fx = fx_new();

	fx.topts.protocol_off = off;
	fx_run(&fx, 1);
	rig_hang_up(fx.rig);
	all_calls_fail(&fx);
	fx_down(&fx);
}

static void test_after_the_end(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-07", "R-VU-98");
	(void)state;
	dead_with(0);
	dead_with(RIG_P_STATUS | RIG_P_CONFIG);
	fx_connect(&fx);
	assert_int_equal(fx_prepare(&fx), 0);
	rig_hang_up(fx.rig);
	assert_int_equal(fx_start(&fx, 0), -ENOTCONN);
	fx_down(&fx);
}

static void test_end_is_noticed(void **state)
{
	struct fx fx = fx_new();
	unsigned what;

	CONFORMS("R-VU-114");
	(void)state;
	fx_run(&fx, 3);
	assert_int_equal(fx.t->ops->check(fx.t, &what), 0);
	rig_hang_up(fx.rig);
	assert_int_equal(fx.t->ops->check(fx.t, &what), -ENOTCONN);
	assert_int_equal(fx.t->ops->check(fx.t, &what), -ENOTCONN);
	fx_down(&fx);
}

static void test_unsolicited_bytes(void **state)
{
	/* A good answer to GET_STATUS, before it was asked for. */
	static const uint32_t answer[] = {RIG_GET_STATUS, RIG_VERSION | RIG_REPLY, 8, 15, 0};
	struct fx fx = fx_new();
	unsigned what;

	CONFORMS("R-VU-114");
	(void)state;
	fx_run(&fx, 1);
	rig_send_raw(fx.rig, answer, sizeof(answer), 0);
	assert_int_equal(fx.t->ops->get_status(fx.t), -EPROTO);
	rig_wait_gone(fx.rig);
	fx_down(&fx);
	fx = fx_new();
	fx_run(&fx, 1);
	rig_send_raw(fx.rig, answer, 1, 3);
	assert_int_equal(fx.t->ops->check(fx.t, &what), -EPROTO);
	rig_wait_gone(fx.rig);
	assert_int_equal(fx.t->ops->check(fx.t, &what), -ENOTCONN);
	fx_down(&fx);
}

static void test_late_answer(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-110");
	(void)state;
	fx_connect(&fx);
	fx_hurry(&fx);
	rig_plan(fx.rig, RIG_GET_STATUS, RIG_FAULT_DELAY, 0);
	assert_int_equal(fx.t->ops->get_status(fx.t), -ETIMEDOUT);
	rig_release(fx.rig);
	rig_wait_gone(fx.rig);
	assert_int_equal(fx.t->ops->get_status(fx.t), -ENOTCONN);
	fx_down(&fx);
}

/* A back-end that reads nothing: without acknowledgements the socket fills up, and that ends. */
static void test_back_end_that_stops_reading(void **state)
{
	struct fx fx = fx_new();
	unsigned i;
	int ret = 0;

	CONFORMS("R-VU-06");
	(void)state;
	fx.topts.protocol_off = RIG_P_REPLY_ACK;
	fx_connect(&fx);
	fx_hurry(&fx);
	rig_plan(fx.rig, RIG_SET_STATUS, RIG_FAULT_STALL, 0);
	for (i = 0; i < 100000 && ret == 0; i++)
		ret = fx.t->ops->set_status(fx.t, 1);
	assert_int_equal(ret, -ETIMEDOUT);
	assert_int_equal(fx.t->ops->set_status(fx.t, 1), -ENOTCONN);
	rig_release(fx.rig);
	rig_wait_gone(fx.rig);
	fx_down(&fx);
}

/* The back-end still holds the descriptors of rings that were abandoned without an answer. */
static void test_signals_after_close(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-115");
	(void)state;
	fx_run(&fx, 3);
	fx_hurry(&fx);
	rig_plan(fx.rig, RIG_GET_VRING_BASE, RIG_FAULT_STALL, 0);
	fx.t->ops->close(fx.t);
	fx.t = NULL;
	rig_call(fx.rig, 1);
	rig_err(fx.rig, 2);
	rig_release(fx.rig);
	rig_wait_gone(fx.rig);
	fx_down(&fx);
}

static void check_close_on_exec(const char *path)
{
	struct fx fx = fx_new();
	bool before[1024];
	int fd;

	fx.ropts.path = path;
	fx_up(&fx);
	for (fd = 0; fd < 1024; fd++)
		before[fd] = fcntl(fd, F_GETFD) >= 0 && fd != rig_socket(fx.rig);
	if (!path)
		assert_int_equal(fcntl(rig_socket(fx.rig), F_SETFD, 0), 0);
	assert_int_equal(fx_open(&fx), 0);
	assert_int_equal(fx_prepare(&fx), 0);
	assert_int_equal(fx_start(&fx, 0), 0);
	for (fd = 0; fd < 1024; fd++) {
		if (!before[fd] && fcntl(fd, F_GETFD) >= 0)
			assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	fx_down(&fx);
}

/* Whatever is there after opening and was not before; a handed-over socket among it. */
static void test_close_on_exec(void **state)
{
	CONFORMS("R-VU-111");
	(void)state;
	check_close_on_exec(NULL);
	check_close_on_exec("./exec.sock");
}

static _Atomic bool quiet;

static void ignore_signal(int sig)
{
	(void)sig;
}

static void *disturb(void *victim)
{
	while (!quiet) {
		pthread_kill(*(pthread_t *)victim, SIGUSR1);
		sched_yield();
	}
	return NULL;
}

static void test_signals_interrupt_nothing(void **state)
{
	struct sigaction action = {.sa_handler = ignore_signal};
	pthread_t self = pthread_self();
	pthread_t thread;
	struct fx fx;
	unsigned i;

	CONFORMS("R-VU-111");
	(void)state;
	sigaction(SIGUSR1, &action, NULL);
	quiet = false;
	assert_int_equal(pthread_create(&thread, NULL, disturb, &self), 0);
	for (i = 0; i < 20; i++) {
		fx = fx_new();
		fx_up(&fx);
		assert_int_equal(fx_life(&fx), 0);
		fx_down(&fx);
	}
	quiet = true;
	pthread_join(thread, NULL);
}

static void test_descriptors_over_many_runs(void **state)
{
	struct fx fx = fx_new();
	unsigned fds;
	unsigned i;

	CONFORMS("R-VU-109");
	(void)state;
	need_truncation();
	fx.ropts.path = "./many.sock";
	fx_up(&fx);
	fds = count_fds();
	for (i = 0; i < 10000; i++) {
		rig_plan(fx.rig, RIG_GET_FEATURES, RIG_FAULT_FDS, 1 + i % 12);
		assert_int_equal(fx_open(&fx), -EPROTO);
		rig_wait_gone(fx.rig);
	}
	assert_int_equal(count_fds(), fds);
	fx_down(&fx);
}

/* Anything may come of it but a crash, a leak or a call that does not return. */
static void test_random_faults(void **state)
{
	static const uint64_t args[] = {0, 1, 2, 5, 8, 13, 36, 255, 1ull << 31, UINT32_MAX};
	uint32_t random = 1;
	unsigned fds = 0;
	unsigned i, k;
	struct fx fx;

	CONFORMS("R-HARD-34");
	(void)state;
	for (i = 0; i < 400; i++) {
		fx = fx_new();
		fx.topts.timeout_ms = 20;
		fx_up(&fx);
		for (k = 0; k < 3; k++) {
			struct rig_fault fault = {.request = RIG_ANY};

			random = random * 1664525 + 1013904223;
			fault.skip = (random >> 8) % 40;
			fault.kind = RIG_FAULT_CLOSE_AFTER + (random >> 16) % 13;
			if (fault.kind == RIG_FAULT_STALL)
				fault.kind = RIG_FAULT_WORD;
			fault.arg = args[(random >> 24) % 10];
			if (fault.kind == RIG_FAULT_WORD)
				fault.arg = (fault.arg & 0xffffffff) | (uint64_t)(random % 4) << 32;
			if (fault.kind == RIG_FAULT_SHORT || fault.kind == RIG_FAULT_LONG ||
			    fault.kind == RIG_FAULT_FDS)
				fault.arg = random % 9;
			rig_fault(fx.rig, fault);
		}
		assert_true(fx_life(&fx) <= 0);
		/* The back-end's numbers may be wrong, and the rig may then report a violation. */
		rig_violation(fx.rig);
		fx_down(&fx);
		if (i == 0)
			fds = count_fds();
		assert_int_equal(count_fds(), fds);
	}
}

int failure_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_partial_sends_go_on),
		cmocka_unit_test(test_end_at_each_message),
		cmocka_unit_test(test_silence_at_each_message),
		cmocka_unit_test(test_refusal_of_each_acknowledgement),
		cmocka_unit_test(test_end_after_each_byte_of_answers),
		cmocka_unit_test(test_end_after_each_byte_of_requests),
		cmocka_unit_test(test_after_the_end),
		cmocka_unit_test(test_end_is_noticed),
		cmocka_unit_test(test_unsolicited_bytes),
		cmocka_unit_test(test_late_answer),
		cmocka_unit_test(test_back_end_that_stops_reading),
		cmocka_unit_test(test_signals_after_close),
		cmocka_unit_test(test_close_on_exec),
		cmocka_unit_test(test_signals_interrupt_nothing),
		cmocka_unit_test(test_descriptors_over_many_runs),
		cmocka_unit_test(test_random_faults),
	};

	return cmocka_run_group_tests_name("failure", tests, NULL, NULL);
}
