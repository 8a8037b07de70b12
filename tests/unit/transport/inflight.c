/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file in which a back-end tracks requests in flight: requesting it, validating the answer,
 * sending it back. The rig checks numbers, order, and that the file stays unchanged.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vscsi/error.h>

#include "fixture.h"
#include "transport/vhost_user/session.h"

#define RINGS 5u

static struct fx fx_tracked(void)
{
	struct fx fx = fx_new();

	fx.ropts.protocol |= RIG_P_INFLIGHT;
	fx.ropts.path = "./inflight.sock";
	return fx;
}

static int track(struct fx *fx)
{
	return fx->t->ops->track(fx->t, RINGS, FX_SIZE);
}

static bool tracked(struct fx *fx)
{
	return fx->t->ops->tracked(fx->t);
}

static void start_all(struct fx *fx)
{
	unsigned i;

	for (i = 0; i < RINGS; i++)
		assert_int_equal(fx_start(fx, i), 0);
	rig_wait_running(fx->rig, RINGS - 1);
}

static void run(struct fx *fx)
{
	fx_connect(fx);
	assert_int_equal(fx_prepare(fx), 0);
	assert_int_equal(track(fx), 0);
	assert_true(tracked(fx));
	/* Another thread may start a program at any moment. */
	assert_true(fcntl(vu_of(fx->t)->inflight_fd, F_GETFD) & FD_CLOEXEC);
	start_all(fx);
	assert_true(rig_tracked(fx->rig));
}

static unsigned place_of(struct fx *fx, uint32_t request, unsigned n)
{
	struct rig_record r;
	unsigned i;

	for (i = 0; rig_record(fx->rig, RIG_ANY, i, &r); i++) {
		if (r.request == request && !n--)
			return i;
	}
	fail_msg("message %u was not sent", request);
	return 0;
}

static void check_messages(uint64_t off)
{
	struct fx fx = fx_tracked();
	struct rig_record get;
	struct rig_record set;
	uint16_t numbers[2];

	fx.topts.protocol_off = off;
	run(&fx);
	assert_true(rig_record(fx.rig, RIG_GET_INFLIGHT_FD, 0, &get));
	assert_true(rig_record(fx.rig, RIG_SET_INFLIGHT_FD, 0, &set));
	assert_int_equal(get.size, 24);
	assert_int_equal(set.size, 24);
	memcpy(numbers, get.payload + 16, sizeof(numbers));
	assert_int_equal(numbers[0], RINGS);
	assert_int_equal(numbers[1], FX_SIZE);
	memcpy(numbers, set.payload + 16, sizeof(numbers));
	assert_int_equal(numbers[0], RINGS);
	assert_int_equal(numbers[1], FX_SIZE);
	assert_true(place_of(&fx, RIG_SET_VRING_CALL, RINGS - 1) <
		    place_of(&fx, RIG_SET_INFLIGHT_FD, 0));
	assert_true(place_of(&fx, RIG_SET_INFLIGHT_FD, 0) < place_of(&fx, RIG_SET_VRING_KICK, 0));
	fx_down(&fx);
}

static void test_asked_for_and_handed_back(void **state)
{
	CONFORMS("R-VU-91", "R-VU-93", "R-VU-94", "R-VU-95", "R-VU-96");
	(void)state;
	check_messages(0);
	check_messages(RIG_P_REPLY_ACK);
	check_messages(RIG_P_MEM_SLOTS);
}

static void test_not_without_the_feature(void **state)
{
	struct fx fx;
	unsigned i;

	CONFORMS("R-VU-91");
	(void)state;
	for (i = 0; i < 2; i++) {
		fx = fx_tracked();
		if (i)
			fx.topts.protocol_off = RIG_P_INFLIGHT;
		else
			fx.ropts.protocol &= ~RIG_P_INFLIGHT;
		fx_connect(&fx);
		assert_int_equal(fx_prepare(&fx), 0);
		assert_int_equal(track(&fx), 0);
		assert_false(tracked(&fx));
		start_all(&fx);
		assert_int_equal(rig_seen(fx.rig, RIG_GET_INFLIGHT_FD), 0);
		fx_down(&fx);
	}
}

static void test_never_mapped(void **state)
{
	struct fx fx = fx_tracked();
	unsigned fds;

	CONFORMS("R-VU-96", "R-HARD-36");
	(void)state;
	fx_connect(&fx);
	assert_int_equal(fx_prepare(&fx), 0);
	assert_int_equal(track(&fx), 0);
	start_all(&fx);
	/* Of the area in this process; the rig has none. */
	assert_int_equal(count_maps("rig-inflight"), 0);
	/* Ours is the only one besides the rig's own, and it goes with the account. */
	fds = count_fds();
	assert_int_equal(fx.t->ops->set_status(fx.t, 0), 0);
	assert_false(tracked(&fx));
	assert_true(count_fds() < fds);
	fx_down(&fx);
}

/* One answer that is wrong, and what comes of it. */
static void answered(enum rig_kind kind, uint64_t arg, int want)
{
	struct fx fx = fx_tracked();

	fx_connect(&fx);
	assert_int_equal(fx_prepare(&fx), 0);
	if (kind == RIG_FAULT_DROP)
		fx_hurry(&fx);
	rig_plan(fx.rig, RIG_GET_INFLIGHT_FD, kind, arg);
	assert_int_equal(track(&fx), want);
	assert_false(tracked(&fx));
	assert_int_equal(rig_seen(fx.rig, RIG_SET_INFLIGHT_FD), 0);
	if (want)
		assert_true(*vscsi_last_error());
	else
		start_all(&fx);
	fx_down(&fx);
}

static void test_goes_on_without(void **state)
{
	unsigned fds = count_fds();

	CONFORMS("R-VU-92", "R-HARD-36");
	(void)state;
	answered(RIG_FAULT_FDS, 0, 0);
	answered(RIG_FAULT_VALUE, 0, 0);
	assert_int_equal(count_fds(), fds);
}

/* Sends a byte with @count descriptors; what socket_recv() says when there may be no more files. */
static ssize_t receive(unsigned count, bool full)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = {.head = {.cmsg_len = CMSG_LEN(count * sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS}};
	char byte = 1;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = CMSG_SPACE(count * sizeof(int))};
	struct rlimit before;
	struct rlimit none;
	bool others = false;
	int keep = -1;
	ssize_t ret;
	unsigned i;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	for (i = 0; i < count; i++)
		memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &pair[0], sizeof(int));
	assert_int_equal(sendmsg(pair[0], &msg, 0), 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){(rlim_t)pair[1] + 1, before.rlim_max};
	if (full)
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	ret = socket_recv(pair[1], &byte, 1, &keep, &others);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	if (keep >= 0)
		close(keep);
	close(pair[0]);
	close(pair[1]);
	return ret;
}

/* Whether the kernel hears of a limit on descriptors: under valgrind it doesn't. */
static bool limits_reach_the_kernel(void)
{
	struct rlimit before;
	struct rlimit other;
	unsigned long seen = 0;
	char line[128];
	FILE *file;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	other = (struct rlimit){before.rlim_cur - 1, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &other), 0);
	file = fopen("/proc/self/limits", "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "Max open files %lu", &seen);
	fclose(file);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	return seen == other.rlim_cur;
}

/* It's not the back-end's fault when this process may have no more descriptors. */
static void test_descriptor_beyond_our_limit(void **state)
{
	unsigned fds = count_fds();

	(void)state;
	if (!limits_reach_the_kernel()) {
		print_message("setrlimit() doesn't reach the kernel, as with valgrind\n");
		skip();
	}
	assert_int_equal(receive(1, false), 1);
	assert_int_equal(receive(1, true), -EMFILE);
	assert_int_equal(receive(2, true), -EMFILE);
	assert_int_equal(receive(9, false), -EPROTO);
	assert_int_equal(count_fds(), fds);
}

#define WORD(n, value) ((uint64_t)(n) << 32 | (value))

static void test_answers_are_not_trusted(void **state)
{
	static const struct {
		enum rig_kind kind;
		uint64_t arg;
		int want;
	} answers[] = {
		{RIG_FAULT_FDS, 2, -EPROTO},
		{RIG_FAULT_FDS, 8, -EPROTO},
		/* Larger than the file, or than the offset leaves of it; and sums that wrap. */
		{RIG_FAULT_VALUE, 1ull << 40, -EPROTO},
		{RIG_FAULT_VALUE, 64ull * RINGS * (FX_SIZE + 1) + 1, -EPROTO},
		{RIG_FAULT_VALUE, UINT64_MAX, -EPROTO},
		{RIG_FAULT_VALUE, UINT64_MAX - 4095, -EPROTO},
		{RIG_FAULT_WORD, WORD(2, 8192), -EPROTO},
		{RIG_FAULT_WORD, WORD(3, UINT32_MAX), -EPROTO},
		{RIG_FAULT_WORD, WORD(3, 1u << 31), -EPROTO},
		{RIG_FAULT_SHORT, 4, -EPROTO},
		{RIG_FAULT_LONG, 4, -EPROTO},
		{RIG_FAULT_SIZE, 20, -EPROTO},
		{RIG_FAULT_SIZE, UINT32_MAX, -EPROTO},
		{RIG_FAULT_EMPTY, 0, -EPROTO},
		{RIG_FAULT_ID, RIG_GET_FEATURES, -EPROTO},
		{RIG_FAULT_FLAGS, RIG_VERSION, -EPROTO},
		{RIG_FAULT_DROP, 0, -ETIMEDOUT},
		{RIG_FAULT_CLOSE, 0, -ENOTCONN},
	};
	unsigned fds = count_fds();
	unsigned i;

	CONFORMS("R-VU-92", "R-VU-93", "R-HARD-36");
	(void)state;
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		answered(answers[i].kind, answers[i].arg, answers[i].want);
	for (i = 0; i < 36; i++)
		answered(RIG_FAULT_CLOSE_AFTER, i, -ENOTCONN);
	assert_int_equal(count_fds(), fds);
}

/* Queues and their size are ours to know: what the answer says of them is not taken over. */
static void test_numbers_stay_ours(void **state)
{
	struct fx fx = fx_tracked();

	CONFORMS("R-VU-94", "R-HARD-36");
	(void)state;
	fx_connect(&fx);
	assert_int_equal(fx_prepare(&fx), 0);
	rig_plan(fx.rig, RIG_GET_INFLIGHT_FD, RIG_FAULT_WORD, WORD(4, 0x00010001));
	assert_int_equal(track(&fx), 0);
	start_all(&fx);
	fx_down(&fx);
}

static void test_refused(void **state)
{
	struct fx fx = fx_tracked();

	CONFORMS("R-VU-94");
	(void)state;
	fx_connect(&fx);
	assert_int_equal(fx_prepare(&fx), 0);
	rig_plan(fx.rig, RIG_SET_INFLIGHT_FD, RIG_FAULT_VALUE, 1);
	assert_int_equal(track(&fx), -EIO);
	assert_non_null(strstr(vscsi_last_error(), "SET_INFLIGHT_FD"));
	fx_down(&fx);
}

/* From a reset to rings that run; memory is still known. */
static void start_again(struct fx *fx)
{
	uint64_t offered;

	assert_int_equal(fx->t->ops->set_status(fx->t, 0), 0);
	assert_int_equal(fx->t->ops->get_features(fx->t, &offered), 0);
	assert_int_equal(fx->t->ops->set_features(fx->t, offered & FX_WANT), 0);
	assert_int_equal(track(fx), 0);
	start_all(fx);
	assert_true(rig_tracked(fx->rig));
}

/* What queue/recover.c does at the transport when the back-end is gone. */
static void come_back(struct fx *fx)
{
	rig_hang_up(fx->rig);
	assert_int_equal(fx->t->ops->reopen(fx->t), 0);
	start_again(fx);
}

/* What a lost back-end recorded isn't handed to the next one: the rig calls it stale. */
static void test_new_on_each_connection(void **state)
{
	struct fx fx = fx_tracked();
	unsigned ring;
	unsigned fds;
	unsigned i;

	CONFORMS("R-VU-94", "R-VU-95", "R-VU-96", "R-VU-105");
	(void)state;
	run(&fx);
	fds = count_fds();
	for (i = 1; i < 4; i++) {
		come_back(&fx);
		assert_int_equal(rig_seen(fx.rig, RIG_GET_INFLIGHT_FD), i + 1);
		assert_int_equal(rig_seen(fx.rig, RIG_SET_INFLIGHT_FD), i + 1);
		for (ring = 0; ring < RINGS; ring++)
			assert_true(rig_kicks(fx.rig, ring) > 0);
	}
	assert_int_equal(count_fds(), fds);
	fx_down(&fx);
}

static void test_fresh_after_a_reset(void **state)
{
	struct fx fx;
	unsigned i;

	CONFORMS("R-VU-97");
	(void)state;
	for (i = 0; i < 2; i++) {
		fx = fx_tracked();
		fx.topts.protocol_off = i ? RIG_P_RESET_DEVICE : 0;
		run(&fx);
		start_again(&fx);
		assert_int_equal(rig_seen(fx.rig, RIG_GET_INFLIGHT_FD), 2);
		come_back(&fx);
		assert_int_equal(rig_seen(fx.rig, RIG_GET_INFLIGHT_FD), 3);
		fx_down(&fx);
	}
}

/* The check of the rig itself. */
static void test_the_rig_sees_another_area(void **state)
{
	struct fx fx = fx_tracked();

	(void)state;
	run(&fx);
	assert_null(rig_violation(fx.rig));
	assert_int_equal(fx.t->ops->track(fx.t, RINGS, FX_SIZE), 0);
	assert_non_null(strstr(rig_violation(fx.rig), "while rings run"));
	fx_down(&fx);
}

int inflight_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asked_for_and_handed_back),
		cmocka_unit_test(test_not_without_the_feature),
		cmocka_unit_test(test_never_mapped),
		cmocka_unit_test(test_goes_on_without),
		cmocka_unit_test(test_descriptor_beyond_our_limit),
		cmocka_unit_test(test_answers_are_not_trusted),
		cmocka_unit_test(test_numbers_stay_ours),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_new_on_each_connection),
		cmocka_unit_test(test_fresh_after_a_reset),
		cmocka_unit_test(test_the_rig_sees_another_area),
	};

	return cmocka_run_group_tests_name("inflight", tests, NULL, NULL);
}
