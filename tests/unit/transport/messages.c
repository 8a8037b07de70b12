/* SPDX-License-Identifier: BSD-3-Clause */
/* Framing of messages, acknowledgements, and answers that are wrong in every way. */
#include <errno.h>

#include "fixture.h"

/* The rig checks version, flags, size, descriptors and legality of each message it gets. */
static void test_whole_life_is_lawful(void **state)
{
	struct fx fx = fx_new();
	struct rig_record r;
	unsigned i;

	CONFORMS("R-VU-02", "R-VU-03", "R-VU-04", "R-VU-05", "R-VU-12");
	(void)state;
	fx_up(&fx);
	assert_int_equal(fx_life(&fx), 0);
	for (i = 0; rig_record(fx.rig, RIG_ANY, i, &r); i++) {
		assert_int_equal(r.flags & 7, RIG_VERSION);
		assert_int_equal(r.nfds, r.first_nfds);
	}
	assert_true(i > 30);
	fx_down(&fx);
}

static void test_no_ack_without_the_feature(void **state)
{
	struct fx fx = fx_new();
	struct rig_record r;
	unsigned i;

	CONFORMS("R-VU-09", "R-VU-10");
	(void)state;
	fx.ropts.protocol &= ~RIG_P_REPLY_ACK;
	fx_up(&fx);
	assert_int_equal(fx_life(&fx), 0);
	for (i = 0; rig_record(fx.rig, RIG_ANY, i, &r); i++)
		assert_int_equal(r.flags, RIG_VERSION);
	fx_down(&fx);
}

static void test_ack_of_everything_that_has_no_answer(void **state)
{
	struct fx fx = fx_new();
	struct rig_record r;
	unsigned acks = 0;
	unsigned i;

	CONFORMS("R-VU-10", "R-VU-12");
	(void)state;
	fx_up(&fx);
	assert_int_equal(fx_life(&fx), 0);
	for (i = 0; rig_record(fx.rig, RIG_ANY, i, &r); i++)
		acks += (r.flags & RIG_NEED_REPLY) != 0;
	assert_int_equal(acks, i - rig_seen(fx.rig, RIG_GET_FEATURES) -
				       rig_seen(fx.rig, RIG_GET_PROTOCOL_FEATURES) -
				       rig_seen(fx.rig, RIG_SET_PROTOCOL_FEATURES) -
				       rig_seen(fx.rig, RIG_GET_QUEUE_NUM) -
				       rig_seen(fx.rig, RIG_GET_MAX_MEM_SLOTS) -
				       rig_seen(fx.rig, RIG_GET_CONFIG) -
				       rig_seen(fx.rig, RIG_GET_VRING_BASE) -
				       rig_seen(fx.rig, RIG_GET_STATUS));
	fx_down(&fx);
}

/* One wrong answer to one message of a life: -EPROTO, and the back-end sees the end at once. */
static void wrong(uint32_t request, enum rig_kind kind, uint64_t arg)
{
	struct fx fx = fx_new();

	fx_up(&fx);
	rig_plan(fx.rig, request, kind, arg);
	assert_int_equal(fx_life(&fx), -EPROTO);
	rig_wait_gone(fx.rig);
	fx_down(&fx);
}

static const uint32_t answered[] = {
	RIG_GET_FEATURES, RIG_GET_QUEUE_NUM, RIG_SET_FEATURES,   RIG_GET_CONFIG,
	RIG_ADD_MEM_REG,  RIG_GET_STATUS,    RIG_GET_VRING_BASE,
};

#define ANSWERED (sizeof(answered) / sizeof(answered[0]))

static void test_wrong_headers(void **state)
{
	size_t i;

	CONFORMS("R-VU-07", "R-VU-08", "R-VU-108", "R-HARD-34");
	(void)state;
	for (i = 0; i < ANSWERED; i++) {
		wrong(answered[i], RIG_FAULT_ID, 99);
		wrong(answered[i], RIG_FAULT_ID, 0xffffffff);
		wrong(answered[i], RIG_FAULT_FLAGS, RIG_VERSION);
		wrong(answered[i], RIG_FAULT_FLAGS, RIG_REPLY);
		wrong(answered[i], RIG_FAULT_FLAGS, RIG_REPLY | 2);
		wrong(answered[i], RIG_FAULT_FLAGS, RIG_REPLY | 3);
	}
}

static void test_wrong_sizes(void **state)
{
	size_t i;

	CONFORMS("R-VU-07", "R-VU-08", "R-VU-70", "R-VU-108", "R-HARD-34", "R-HARD-38");
	(void)state;
	for (i = 0; i < ANSWERED; i++) {
		wrong(answered[i], RIG_FAULT_SHORT, 1);
		wrong(answered[i], RIG_FAULT_SHORT, 4);
		wrong(answered[i], RIG_FAULT_LONG, 1);
		wrong(answered[i], RIG_FAULT_LONG, 8);
		wrong(answered[i], RIG_FAULT_SIZE, 0x80000000);
		wrong(answered[i], RIG_FAULT_SIZE, 0xffffffff);
		if (answered[i] != RIG_GET_CONFIG)
			wrong(answered[i], RIG_FAULT_EMPTY, 0);
	}
	wrong(RIG_GET_CONFIG, RIG_FAULT_SHORT, 36);
}

static void test_descriptors_in_answers(void **state)
{
	size_t i;

	CONFORMS("R-VU-08", "R-VU-109", "R-HARD-39");
	(void)state;
	for (i = 0; i < ANSWERED; i++) {
		wrong(answered[i], RIG_FAULT_FDS, 1);
		wrong(answered[i], RIG_FAULT_FDS, 8);
		wrong(answered[i], RIG_FAULT_FDS, 9);
		wrong(answered[i], RIG_FAULT_FDS, 16);
	}
}

static void test_answer_that_comes_twice(void **state)
{
	size_t i;

	CONFORMS("R-VU-114");
	(void)state;
	for (i = 0; i < ANSWERED; i++)
		wrong(answered[i], RIG_FAULT_TWICE, 0);
}

static void test_answer_in_single_bytes(void **state)
{
	struct fx fx = fx_new();
	unsigned i;

	CONFORMS("R-VU-08");
	(void)state;
	fx_up(&fx);
	for (i = 0; i < 16; i++)
		rig_fault(fx.rig, (struct rig_fault){.kind = RIG_FAULT_BYTEWISE, .skip = 2 * i});
	assert_int_equal(fx_life(&fx), 0);
	fx_down(&fx);
}

/* A refusal ends what was asked for; the connection can still be closed in order. */
static void test_each_message_refused(void **state)
{
	static const uint32_t orders[] = {
		RIG_SET_OWNER,      RIG_SET_FEATURES,       RIG_ADD_MEM_REG,    RIG_SET_VRING_NUM,
		RIG_SET_VRING_BASE, RIG_SET_VRING_ADDR,     RIG_SET_VRING_CALL, RIG_SET_VRING_ERR,
		RIG_SET_VRING_KICK, RIG_SET_VRING_ENABLE,   RIG_RESET_DEVICE,   RIG_SET_STATUS,
		RIG_SET_CONFIG,     RIG_SET_BACKEND_REQ_FD, RIG_REM_MEM_REG,
	};
	struct fx fx;
	size_t i;

	CONFORMS("R-VU-11");
	(void)state;
	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		fx = fx_new();
		fx_up(&fx);
		rig_plan(fx.rig, orders[i], RIG_FAULT_VALUE, 1);
		assert_int_equal(fx_life(&fx), -EIO);
		fx_down(&fx);
	}
}

int messages_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_life_is_lawful),
		cmocka_unit_test(test_no_ack_without_the_feature),
		cmocka_unit_test(test_ack_of_everything_that_has_no_answer),
		cmocka_unit_test(test_wrong_headers),
		cmocka_unit_test(test_wrong_sizes),
		cmocka_unit_test(test_descriptors_in_answers),
		cmocka_unit_test(test_answer_that_comes_twice),
		cmocka_unit_test(test_answer_in_single_bytes),
		cmocka_unit_test(test_each_message_refused),
	};

	return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
