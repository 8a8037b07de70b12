/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Operations that don't wait: each is in progress while the back-end withholds an answer, goes on
 * where it was, and can be dropped at any point. Calls that could wait are counted, not made.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fixture.h"
#include "util/error.h"
#include "wrap.h"

#define RINGS    3u
#define LIMIT_MS 600000u /* of an answer: so long that only a moved clock gets there */
#define MS       UINT64_C(1000000)
#define NEVER    UINT32_MAX

/* What becomes of an operation whose answer is withheld. */
enum end {
	GOES_ON,
	IS_LATE,
	IS_CUT,
	IS_CLOSED,
};

/**
 * struct run - A life without waiting
 * @fx: the connection
 * @mapped: areas that the transport said are mapped
 * @first: messages before this life; @hold: which of its messages isn't answered at first; NEVER:
 *	all are
 * @end: what becomes of the operation then; @ended: it happened
 * @pending: how often -EINPROGRESS was returned
 * @wraps: what happens to system calls during operations
 */
struct run {
	struct fx fx;
	bool mapped[FX_AREAS];
	unsigned first;
	unsigned hold;
	enum end end;
	bool ended;
	unsigned pending;
	struct wraps wraps;
};

static int reopen(struct run *r, unsigned arg)
{
	(void)arg;
	return r->fx.t->ops->reopen(r->fx.t);
}

static int set_status(struct run *r, unsigned status)
{
	return r->fx.t->ops->set_status(r->fx.t, (uint8_t)status);
}

static int get_status(struct run *r, unsigned status)
{
	int ret = r->fx.t->ops->get_status(r->fx.t);

	if (ret >= 0)
		assert_int_equal(ret, status);
	return ret < 0 ? ret : 0;
}

static int set_features(struct run *r, unsigned arg)
{
	(void)arg;
	return r->fx.t->ops->set_features(r->fx.t, FX_WANT);
}

static int get_features(struct run *r, unsigned arg)
{
	uint64_t features;
	int ret = r->fx.t->ops->get_features(r->fx.t, &features);

	(void)arg;
	if (!ret)
		assert_int_equal(features & FX_WANT, FX_WANT);
	return ret;
}

static int map(struct run *r, unsigned area)
{
	int ret = r->mapped[area] ? 0 : fx_map(&r->fx, area);

	r->mapped[area] |= !ret;
	return ret;
}

static int unmap(struct run *r, unsigned area)
{
	struct fx *fx = &r->fx;
	int ret = fx->t->ops->mem_unmap(fx->t, &fx->areas[area], fx->iova[area]);

	r->mapped[area] &= ret != 0;
	return ret;
}

static int track(struct run *r, unsigned arg)
{
	(void)arg;
	return r->fx.t->ops->track(r->fx.t, RINGS, FX_SIZE);
}

static int read_config(struct run *r, unsigned arg)
{
	uint32_t seg_max;
	int ret = r->fx.t->ops->read_config(r->fx.t, 4, &seg_max, sizeof(seg_max));

	(void)arg;
	if (!ret)
		assert_int_equal(seg_max, 126);
	return ret;
}

static int write_config(struct run *r, unsigned value)
{
	return r->fx.t->ops->write_config(r->fx.t, 20, &value, sizeof(value));
}

static int start(struct run *r, unsigned ring)
{
	return fx_start(&r->fx, ring);
}

static int stop(struct run *r, unsigned ring)
{
	uint32_t base = 99;
	int ret = r->fx.t->ops->queue_stop(r->fx.t, ring, &base);

	if (!ret)
		assert_int_equal(base, 0);
	return ret;
}

struct act {
	int (*call)(struct run *r, unsigned arg);
	unsigned arg;
};

/*
 * Every operation that there is. The memory shown before is shown again, by the first new region
 * or, as a table, by the first ring after the second reset. The last has an answer in any case.
 */
static const struct act life[] = {
	{reopen, 0},       {set_status, 0}, {set_status, 1},    {get_status, 1},
	{get_features, 0}, {map, 0},        {set_status, 3},    {set_features, 0},
	{map, 1},          {track, 0},      {read_config, 0},   {write_config, 200},
	{start, 0},        {start, 1},      {start, 2},         {set_status, 15},
	{stop, 1},         {start, 1},      {set_status, 0},    {set_features, 0},
	{start, 0},        {stop, 0},       {write_config, 96}, {unmap, 1},
};

/* Features of the protocol that a life does without. */
static const uint64_t lives[] = {
	0,
	RIG_P_MEM_SLOTS,
	RIG_P_REPLY_ACK,
	RIG_P_REPLY_ACK | RIG_P_MEM_SLOTS | RIG_P_STATUS | RIG_P_RESET_DEVICE,
};

/* Calls once: a call that can't finish returns -EINPROGRESS and leaves no error text. */
static int call(struct run *r, const struct act *act)
{
	int ret;

	error_set(-1, "untouched");
	wraps = r->wraps;
	wraps.no_waiting = true;
	ret = act->call(r, act->arg);
	assert_int_equal(wraps.waits, 0);
	wraps = (struct wraps){.limit = 0};
	if (ret == -EINPROGRESS) {
		assert_string_equal(error_text(), "untouched");
		r->pending++;
	}
	return ret;
}

/* The back-end has the message, and doesn't answer. The same as often as one likes. */
static void stay(struct run *r, const struct act *act)
{
	const struct act other = {act->call == get_status ? set_status : get_status, 0};
	struct fx *fx = &r->fx;
	unsigned what = 7;
	unsigned i;

	for (i = 0; i < 5; i++) {
		assert_int_equal(call(r, act), -EINPROGRESS);
		assert_int_equal(fx->t->ops->check(fx->t, &what), 0);
		assert_int_equal(what, 0);
		assert_int_equal(call(r, &other), -EBUSY);
		assert_int_equal(fx->t->ops->wait_ready(fx->t, 0), 0);
	}
	fx->t->ops->notify(fx->t, 0, 0);
}

/* The time limit of the message passes; a minute before that there is time. */
static int be_late(struct run *r, const struct act *act)
{
	const struct act after = {get_status, 0};

	r->wraps.clock_ns = (LIMIT_MS - 60000) * MS;
	assert_int_equal(call(r, act), -EINPROGRESS);
	r->wraps.clock_ns = LIMIT_MS * MS;
	assert_int_equal(call(r, act), -ETIMEDOUT);
	r->wraps.clock_ns = 0;
	assert_int_equal(call(r, &after), -ENOTCONN);
	return -ETIMEDOUT;
}

static int be_cut(struct run *r)
{
	const struct act after = {get_status, 0};

	wraps.no_waiting = true;
	r->fx.t->ops->disconnect(r->fx.t);
	wraps.no_waiting = false;
	assert_int_equal(call(r, &after), -ENOTCONN);
	assert_int_equal(r->fx.t->ops->watch_fd(r->fx.t), -1);
	return -ECANCELED;
}

static int be_closed(struct run *r)
{
	wraps.no_waiting = true;
	r->fx.t->ops->close(r->fx.t);
	wraps.no_waiting = false;
	r->fx.t = NULL;
	return -ECANCELED;
}

static int end(struct run *r, const struct act *act)
{
	unsigned what;

	r->ended = true;
	stay(r, act);
	switch (r->end) {
	case IS_LATE:
		return be_late(r, act);
	case IS_CUT:
		return be_cut(r);
	case IS_CLOSED:
		return be_closed(r);
	default:
		rig_release(r->fx.rig);
		/* The answer is there, and isn't taken for anything else. */
		assert_int_equal(r->fx.t->ops->wait_ready(r->fx.t, -1), 0);
		assert_int_equal(r->fx.t->ops->check(r->fx.t, &what), 0);
		return call(r, act);
	}
}

static bool is_withheld(struct run *r)
{
	return r->hold != NEVER && !r->ended && rig_seen(r->fx.rig, RIG_ANY) > r->first + r->hold;
}

/* Calls until it has ended, one way or the other. */
static int finish(struct run *r, const struct act *act)
{
	int ret = call(r, act);

	while (ret == -EINPROGRESS) {
		if (is_withheld(r)) {
			ret = end(r, act);
			continue;
		}
		/* What is withheld never becomes ready: the next look may find that it is. */
		assert_int_equal(r->fx.t->ops->wait_ready(r->fx.t, r->hold == NEVER ? -1 : 1), 0);
		ret = call(r, act);
	}
	return ret;
}

static int live(struct run *r)
{
	unsigned i;
	int ret = 0;

	for (i = 0; i < sizeof(life) / sizeof(life[0]) && !ret; i++)
		ret = finish(r, &life[i]);
	return ret;
}

/* A connection that waited so far, with memory that the next one has to show again. */
static void begin(struct run *r, uint64_t off, unsigned hold, enum end end)
{
	struct fx *fx = &r->fx;

	*r = (struct run){.fx = fx_new(), .hold = hold, .end = end};
	fx->ropts.protocol |= RIG_P_INFLIGHT;
	fx->ropts.path = "./nowait.sock";
	fx->topts.protocol_off = off;
	fx->topts.timeout_ms = LIMIT_MS;
	fx->topts.guest_base = FX_AREA;
	fx_connect(fx);
	assert_int_equal(map(r, 2), 0);
	assert_int_equal(map(r, 3), 0);
	assert_true(fx->t->wait);
	fx->t->wait = false;
	r->first = rig_seen(fx->rig, RIG_ANY);
	if (hold != NEVER)
		rig_fault(fx->rig, (struct rig_fault){.kind = RIG_FAULT_DELAY, .skip = hold});
}

/* Messages of a life in which nothing is withheld. */
static unsigned count_messages(uint64_t off)
{
	struct run r;
	unsigned n;

	begin(&r, off, NEVER, GOES_ON);
	assert_int_equal(live(&r), 0);
	assert_true(rig_regions(r.fx.rig) == 3);
	n = rig_seen(r.fx.rig, RIG_ANY) - r.first;
	fx_down(&r.fx);
	return n;
}

/* Withholds the answer to each message of a life in turn. */
static void withhold_each(uint64_t off, enum end end, int want)
{
	unsigned count = count_messages(off);
	unsigned fds = count_fds();
	unsigned n;

	assert_true(count > 40);
	for (n = 0; n < count; n++) {
		struct run r;

		begin(&r, off, n, end);
		assert_int_equal(live(&r), want);
		assert_true(r.ended);
		if (end != GOES_ON)
			rig_release(r.fx.rig);
		/* As if the operation had never started: it starts again from the beginning. */
		if (end == IS_CUT || end == IS_LATE)
			assert_int_equal(live(&r), 0);
		fx_down(&r.fx);
		assert_int_equal(count_fds(), fds);
	}
}

static void test_each_answer_withheld(void **state)
{
	unsigned i;

	CONFORMS("R-VU-110");
	(void)state;
	for (i = 0; i < sizeof(lives) / sizeof(lives[0]); i++)
		withhold_each(lives[i], GOES_ON, 0);
}

static void test_each_answer_too_late(void **state)
{
	unsigned i;

	CONFORMS("R-VU-110");
	(void)state;
	for (i = 0; i < sizeof(lives) / sizeof(lives[0]); i++)
		withhold_each(lives[i], IS_LATE, -ETIMEDOUT);
}

static void test_cut_off_at_each_message(void **state)
{
	unsigned i;

	CONFORMS("R-VU-112");
	(void)state;
	for (i = 0; i < sizeof(lives) / sizeof(lives[0]); i++)
		withhold_each(lives[i], IS_CUT, -ECANCELED);
}

static void test_closed_at_each_message(void **state)
{
	CONFORMS("R-VU-112");
	(void)state;
	withhold_each(0, IS_CLOSED, -ECANCELED);
}

/* A byte at a time, with nothing more to be had after each: of requests and of answers. */
static void test_messages_in_pieces(void **state)
{
	unsigned i;

	CONFORMS("R-VU-04", "R-VU-06");
	(void)state;
	for (i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		unsigned count = count_messages(lives[i]);
		struct run r;

		begin(&r, lives[i], NEVER, GOES_ON);
		r.wraps = (struct wraps){.limit = 1, .err = EAGAIN};
		assert_int_equal(live(&r), 0);
		/* Two bytes of three calls: most messages have 20 bytes, and an answer of 20. */
		assert_true(r.pending > 10 * count);
		fx_down(&r.fx);
	}
}

/* The answer itself comes in pieces, from a back-end that is slow. */
static void test_answers_in_pieces(void **state)
{
	unsigned count = count_messages(0);
	unsigned n;

	(void)state;
	for (n = 0; n < count; n++) {
		struct run r;

		begin(&r, 0, NEVER, GOES_ON);
		rig_fault(r.fx.rig, (struct rig_fault){.kind = RIG_FAULT_BYTEWISE, .skip = n});
		assert_int_equal(live(&r), 0);
		fx_down(&r.fx);
	}
}

/* Two at once: an answer that refuses, and another one to what follows from that. */
static void test_refused_ring_is_taken_back(void **state)
{
	const struct act first = {start, 0};
	struct run r;
	unsigned i;

	CONFORMS("R-VU-11");
	(void)state;
	begin(&r, 0, NEVER, GOES_ON);
	for (i = 0; i < 9; i++)
		assert_int_equal(finish(&r, &life[i]), 0);
	rig_plan(r.fx.rig, RIG_SET_VRING_ENABLE, RIG_FAULT_VALUE, 1);
	rig_plan(r.fx.rig, RIG_GET_VRING_BASE, RIG_FAULT_DELAY, 0);
	while (!rig_seen(r.fx.rig, RIG_GET_VRING_BASE)) {
		assert_int_equal(call(&r, &first), -EINPROGRESS);
		assert_int_equal(r.fx.t->ops->wait_ready(r.fx.t, 1), 0);
	}
	assert_int_equal(call(&r, &first), -EINPROGRESS);
	rig_release(r.fx.rig);
	assert_int_equal(finish(&r, &first), -EIO);
	assert_non_null(strstr(error_text(), "refused to enable queue 0"));
	assert_int_equal(finish(&r, &first), 0);
	fx_down(&r.fx);
}

/* Started by a call that doesn't wait, and finished by one that does. */
static void test_waiting_for_what_is_in_progress(void **state)
{
	const struct act ask = {get_status, 0};
	struct run r;

	(void)state;
	begin(&r, 0, NEVER, GOES_ON);
	rig_plan(r.fx.rig, RIG_GET_STATUS, RIG_FAULT_DELAY, 0);
	assert_int_equal(call(&r, &ask), -EINPROGRESS);
	rig_wait_seen(r.fx.rig, RIG_GET_STATUS, 1);
	rig_release(r.fx.rig);
	r.fx.t->wait = true;
	assert_int_equal(r.fx.t->ops->get_status(r.fx.t), 0);
	/* There is nothing to wait for now. */
	assert_int_equal(r.fx.t->ops->wait_ready(r.fx.t, -1), 0);
	fx_down(&r.fx);
}

/* The back-end sends a request on its own channel before it answers; wait_ready() isn't called. */
static void test_channel_requests_are_answered(void **state)
{
	const struct act ask = {get_status, 0};
	struct run r;
	uint64_t result = 7;
	unsigned what;

	CONFORMS("R-VU-78");
	(void)state;
	begin(&r, 0, NEVER, GOES_ON);
	assert_int_equal(finish(&r, &(const struct act){set_features, 0}), 0);
	rig_plan(r.fx.rig, RIG_GET_STATUS, RIG_FAULT_DELAY, 0);
	assert_int_equal(call(&r, &ask), -EINPROGRESS);
	rig_wait_seen(r.fx.rig, RIG_GET_STATUS, 1);
	rig_channel_send(r.fx.rig, 2, RIG_VERSION | RIG_NEED_REPLY, 0, NULL, 0, 0);
	assert_int_equal(call(&r, &ask), -EINPROGRESS);
	assert_true(rig_channel_answer(r.fx.rig, 2, &result, 0));
	assert_int_equal(result, 0);
	rig_release(r.fx.rig);
	assert_int_equal(finish(&r, &ask), 0);
	assert_int_equal(r.fx.t->ops->check(r.fx.t, &what), 0);
	assert_int_equal(what, TRANSPORT_CONFIG);
	fx_down(&r.fx);
}

/* The rings run, and the back-end isn't asked to stop them. */
static void test_close_asks_for_nothing(void **state)
{
	struct fx fx = fx_new();

	(void)state;
	fx_run(&fx, 3);
	fx.t->wait = false;
	wraps.no_waiting = true;
	fx.t->ops->close(fx.t);
	wraps.no_waiting = false;
	fx.t = NULL;
	rig_wait_gone(fx.rig);
	assert_int_equal(rig_seen(fx.rig, RIG_GET_VRING_BASE), 0);
	fx_down(&fx);
}

/* A listener whose backlog is full, in the place of the back-end. */
static int listen_full(const char *path, int *held, unsigned *count)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(listener, 0), 0);
	for (*count = 0;; ++*count) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			break;
		held[*count] = fd;
	}
	assert_int_equal(errno, EAGAIN);
	close(fd);
	return listener;
}

static void test_full_backlog(void **state)
{
	const struct act again = {reopen, 0};
	struct run r;
	unsigned count;
	unsigned fds;
	int held[8];
	unsigned i;
	int listener;
	int taken;

	CONFORMS("R-VU-110");
	(void)state;
	begin(&r, 0, NEVER, GOES_ON);
	listener = listen_full(r.fx.ropts.path, held, &count);
	assert_int_equal(call(&r, &again), -EINPROGRESS);
	rig_wait_gone(r.fx.rig);
	fds = count_fds();
	for (i = 0; i < 5; i++) {
		assert_int_equal(call(&r, &again), -EINPROGRESS);
		assert_int_equal(r.fx.t->ops->wait_ready(r.fx.t, -1), 0);
		assert_int_equal(r.fx.t->ops->watch_fd(r.fx.t), -1);
	}
	/* None of the attempts has left a socket. */
	assert_int_equal(count_fds(), fds);
	r.wraps.clock_ns = LIMIT_MS * MS;
	assert_int_equal(call(&r, &again), -ETIMEDOUT);
	r.wraps.clock_ns = 0;
	assert_int_equal(call(&r, &again), -EINPROGRESS);
	r.fx.t->ops->disconnect(r.fx.t);
	assert_int_equal(call(&r, &again), -EINPROGRESS);
	/* With room it connects, and sends a request that stays unanswered. */
	taken = accept(listener, NULL, NULL);
	assert_int_equal(call(&r, &again), -EINPROGRESS);
	assert_true(r.fx.t->ops->watch_fd(r.fx.t) >= 0);
	close(taken);
	while (count)
		close(held[--count]);
	close(listener);
	assert_int_equal(call(&r, &again), -ENOTCONN);
	assert_int_equal(call(&r, &again), -ECONNREFUSED);
	fx_down(&r.fx);
}

int nowait_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_answer_withheld),
		cmocka_unit_test(test_each_answer_too_late),
		cmocka_unit_test(test_cut_off_at_each_message),
		cmocka_unit_test(test_closed_at_each_message),
		cmocka_unit_test(test_messages_in_pieces),
		cmocka_unit_test(test_answers_in_pieces),
		cmocka_unit_test(test_refused_ring_is_taken_back),
		cmocka_unit_test(test_waiting_for_what_is_in_progress),
		cmocka_unit_test(test_channel_requests_are_answered),
		cmocka_unit_test(test_close_asks_for_nothing),
		cmocka_unit_test(test_full_backlog),
	};

	return cmocka_run_group_tests_name("nowait", tests, NULL, NULL);
}
