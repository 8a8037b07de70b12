/* SPDX-License-Identifier: BSD-3-Clause */
/* Which features are used, and which messages that makes legal. */
#include <errno.h>

#include <vscsi/error.h>

#include "fixture.h"
#include "transport/vhost_user/vhost_user.h"

#define WANTED                                                                            \
	(RIG_P_MQ | RIG_P_REPLY_ACK | RIG_P_BACKEND_REQ | RIG_P_CONFIG | RIG_P_INFLIGHT | \
	 RIG_P_RESET_DEVICE | RIG_P_MEM_SLOTS | RIG_P_STATUS)

/* Every feature is offered: the library takes what it knows, which the rig checks. */
static void test_all_bits_offered(void **state)
{
	struct fx fx = fx_new();
	uint64_t offered;

	CONFORMS("R-VU-15", "R-VU-17", "R-VU-20", "R-VU-21", "R-VU-28", "R-VU-29", "R-VU-48",
		 "R-VU-67", "R-VU-81", "R-VU-116", "R-VU-117", "R-VU-118");
	(void)state;
	fx.ropts.features = UINT64_MAX;
	fx.ropts.protocol = UINT64_MAX;
	fx_connect(&fx);
	assert_int_equal(fx.t->ops->get_features(fx.t, &offered), 0);
	assert_int_equal(offered, ~(RIG_F_LOG_ALL | RIG_F_PROTOCOL));
	assert_int_equal(fx.t->ops->features, FX_WANT | RIG_F_PACKED | RIG_F_IN_ORDER);
	assert_int_equal(fx.t->ops->protocol(fx.t), WANTED);
	assert_int_equal(fx_prepare(&fx), 0);
	assert_int_equal(fx_start(&fx, 0), 0);
	assert_int_equal(rig_value(fx.rig, RIG_SET_FEATURES, 0), FX_WANT | RIG_F_PROTOCOL);
	assert_int_equal(rig_value(fx.rig, RIG_SET_PROTOCOL_FEATURES, 0), WANTED);
	fx_down(&fx);
}

static void test_features_beyond_the_list(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-17", "R-VU-117");
	(void)state;
	fx.ropts.features = UINT64_MAX & ~RIG_F_CHANGE;
	fx_connect(&fx);
	assert_int_equal(fx.t->ops->set_features(fx.t, RIG_F_VERSION_1 | 1ull << 33), -EINVAL);
	assert_int_equal(fx.t->ops->set_features(fx.t, RIG_F_VERSION_1 | RIG_F_LOG_ALL), -EINVAL);
	assert_int_equal(fx.t->ops->set_features(fx.t, RIG_F_VERSION_1 | RIG_F_CHANGE), -EINVAL);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_FEATURES), 0);
	fx_down(&fx);
}

static void test_without_bit_30(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-14", "R-VU-18", "R-VU-19");
	(void)state;
	fx.ropts.features &= ~RIG_F_PROTOCOL;
	fx_run(&fx, 3);
	/* Nothing is acknowledged: it may take a moment. */
	rig_wait_running(fx.rig, 0);
	rig_wait_running(fx.rig, 2);
	assert_int_equal(rig_seen(fx.rig, RIG_GET_PROTOCOL_FEATURES), 0);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_PROTOCOL_FEATURES), 0);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_VRING_ENABLE), 0);
	assert_int_equal(rig_value(fx.rig, RIG_SET_FEATURES, 0), FX_WANT);
	assert_int_equal(fx.t->ops->protocol(fx.t), 0);
	fx_down(&fx);
}

static void test_with_bit_30_rings_are_enabled(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-18");
	(void)state;
	fx_run(&fx, 3);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_VRING_ENABLE), 3);
	assert_true(rig_running(fx.rig, 2));
	fx_down(&fx);
}

/* Offered but not used: as if it had not been offered. */
static void test_everything_off(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-18", "R-VU-19");
	(void)state;
	fx.topts.protocol_off = UINT64_MAX;
	fx_run(&fx, 3);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_PROTOCOL_FEATURES), 0);
	assert_int_equal(rig_value(fx.rig, RIG_SET_FEATURES, 0), FX_WANT);
	rig_wait_running(fx.rig, 2);
	fx_down(&fx);
}

/* Any subset of the protocol features works, whether requested or offered. */
static void test_every_subset(void **state)
{
	static const uint64_t bits[] = {
		RIG_P_MQ,           RIG_P_REPLY_ACK, RIG_P_BACKEND_REQ, RIG_P_CONFIG,
		RIG_P_RESET_DEVICE, RIG_P_MEM_SLOTS, RIG_P_STATUS,
	};
	struct fx fx;
	unsigned set;
	unsigned i;
	int want;

	CONFORMS("R-VU-09", "R-VU-10", "R-VU-23", "R-VU-27", "R-VU-69", "R-VU-77", "R-VU-82");
	(void)state;
	for (set = 0; set < 128; set++) {
		fx = fx_new();
		for (i = 0; i < 7; i++)
			fx.topts.protocol_off |= set & 1u << i ? bits[i] : 0;
		if (set & 1)
			fx.ropts.protocol &= ~fx.topts.protocol_off;
		fx_up(&fx);
		want = fx.topts.protocol_off & RIG_P_CONFIG ? -EOPNOTSUPP : 0;
		assert_int_equal(fx_life(&fx), want);
		fx_down(&fx);
	}
}

static void test_must_have(void **state)
{
	struct fx fx = fx_new();

	(void)state;
	fx.ropts.protocol &= ~RIG_P_STATUS;
	fx.topts.protocol_must = RIG_P_MQ | RIG_P_STATUS;
	fx_up(&fx);
	assert_int_equal(fx_open(&fx), -EOPNOTSUPP);
	assert_non_null(strstr(vscsi_last_error(), "STATUS"));
	assert_int_equal(rig_seen(fx.rig, RIG_SET_PROTOCOL_FEATURES), 0);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_OWNER), 0);
	/* The socket stayed the caller's, and nothing was said that can't be said again. */
	fx.topts.protocol_must = RIG_P_MQ | 1ull << 40;
	assert_int_equal(fx_open(&fx), -EOPNOTSUPP);
	fx.topts.protocol_must = RIG_P_MQ;
	assert_int_equal(fx_open(&fx), 0);
	fx_down(&fx);
}

static unsigned place_of(struct fx *fx, uint32_t request)
{
	struct rig_record r;
	unsigned i;

	for (i = 0; rig_record(fx->rig, RIG_ANY, i, &r); i++) {
		if (r.request == request)
			return i;
	}
	fail_msg("message %u was not sent", request);
	return 0;
}

static void test_order(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-13", "R-VU-16", "R-VU-27");
	(void)state;
	fx_run(&fx, 1);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_OWNER), 1);
	assert_true(place_of(&fx, RIG_SET_OWNER) < place_of(&fx, RIG_SET_FEATURES));
	assert_true(place_of(&fx, RIG_SET_OWNER) < place_of(&fx, RIG_ADD_MEM_REG));
	assert_true(place_of(&fx, RIG_SET_PROTOCOL_FEATURES) < place_of(&fx, RIG_SET_FEATURES));
	assert_true(place_of(&fx, RIG_SET_FEATURES) < place_of(&fx, RIG_SET_BACKEND_REQ_FD));
	assert_int_equal(rig_seen(fx.rig, RIG_SET_BACKEND_REQ_FD), 1);
	fx_down(&fx);
}

static void test_features_stay_while_rings_run(void **state)
{
	struct fx fx = fx_new();
	uint32_t base;

	CONFORMS("R-VU-22");
	(void)state;
	fx_run(&fx, 1);
	assert_int_equal(fx.t->ops->set_features(fx.t, RIG_F_VERSION_1), -EBUSY);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_FEATURES), 1);
	assert_int_equal(fx.t->ops->queue_stop(fx.t, 0, &base), 0);
	assert_int_equal(fx.t->ops->set_features(fx.t, RIG_F_VERSION_1), 0);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_BACKEND_REQ_FD), 1);
	fx_down(&fx);
}

static void test_one_request_queue_without_mq(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-23", "R-VU-26");
	(void)state;
	fx.ropts.protocol &= ~RIG_P_MQ;
	fx_run(&fx, 3);
	assert_int_equal(fx.t->ops->queue_count(fx.t), 3);
	assert_int_equal(rig_seen(fx.rig, RIG_GET_QUEUE_NUM), 0);
	assert_int_equal(fx_start(&fx, 3), -EINVAL);
	fx_down(&fx);
}

static void count_queues(uint64_t reported, int ret, int count)
{
	struct fx fx = fx_new();

	fx.ropts.queues = reported;
	fx_up(&fx);
	assert_int_equal(fx_open(&fx), ret);
	if (ret == 0) {
		assert_int_equal(fx.t->ops->queue_count(fx.t), count);
		assert_true(fx.t->ops->queue_max(fx.t, (unsigned)count - 1) > 0);
		assert_int_equal(fx.t->ops->queue_max(fx.t, (unsigned)count), 0);
	}
	fx_down(&fx);
}

static void test_queue_numbers(void **state)
{
	CONFORMS("R-VU-24", "R-VU-25", "R-HARD-35");
	(void)state;
	count_queues(3, 0, 3);
	count_queues(4, 0, 4);
	count_queues(10, 0, 10);
	count_queues(128, 0, 128);
	count_queues(256, 0, 256);
	count_queues(257, 0, 256);
	count_queues(1ull << 32, 0, 256);
	count_queues(UINT64_MAX, 0, 256);
	count_queues(0, -EOPNOTSUPP, 0);
	count_queues(2, -EOPNOTSUPP, 0);
}

/* What was agreed on with the back-end before says nothing about the one that is there now. */
static void test_bit_30_is_gone_on_the_next_connection(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-14", "R-VU-15");
	(void)state;
	fx.ropts.path = "./bit30.sock";
	fx_connect(&fx);
	assert_int_equal(fx.t->ops->protocol(fx.t), fx.ropts.protocol);
	rig_hang_up(fx.rig);
	rig_plan(fx.rig, RIG_GET_FEATURES, RIG_FAULT_VALUE, fx.ropts.features & ~RIG_F_PROTOCOL);
	assert_int_equal(fx.t->ops->reopen(fx.t), 0);
	assert_int_equal(fx.t->ops->protocol(fx.t), 0);
	assert_int_equal(rig_seen(fx.rig, RIG_GET_PROTOCOL_FEATURES), 1);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_PROTOCOL_FEATURES), 1);
	fx_down(&fx);
}

static void test_features_by_name(void **state)
{
	static const struct {
		const char *name;
		uint64_t mask;
	} known[] = {
		{"mq", RIG_P_MQ},
		{"reply_ack", RIG_P_REPLY_ACK},
		{"backend_req", RIG_P_BACKEND_REQ},
		{"config", RIG_P_CONFIG},
		{"inflight", RIG_P_INFLIGHT},
		{"reset_device", RIG_P_RESET_DEVICE},
		{"mem_slots", RIG_P_MEM_SLOTS},
		{"status", RIG_P_STATUS},
	};
	const struct transport_ops *ops = transport_find("vhost-user:x");
	unsigned i;

	(void)state;
	assert_ptr_equal(ops, &vhost_user_ops);
	assert_int_equal(ops->protocol_feature_count, sizeof(known) / sizeof(known[0]));
	for (i = 0; i < ops->protocol_feature_count; i++) {
		assert_int_equal(transport_feature_mask(ops, known[i].name), known[i].mask);
		assert_true(*ops->protocol_features[i].help && *ops->protocol_features[i].spec);
	}
	assert_int_equal(transport_feature_mask(ops, "mqx"), 0);
	assert_int_equal(transport_feature_mask(ops, ""), 0);
	assert_int_equal(transport_feature_mask(transport_find("pci:x"), "mq"), 0);
	assert_int_equal(transport_feature_mask(transport_find("x:x"), "mq"), 0);
}

int handshake_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_bits_offered),
		cmocka_unit_test(test_features_beyond_the_list),
		cmocka_unit_test(test_without_bit_30),
		cmocka_unit_test(test_with_bit_30_rings_are_enabled),
		cmocka_unit_test(test_everything_off),
		cmocka_unit_test(test_every_subset),
		cmocka_unit_test(test_must_have),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_features_stay_while_rings_run),
		cmocka_unit_test(test_one_request_queue_without_mq),
		cmocka_unit_test(test_queue_numbers),
		cmocka_unit_test(test_bit_30_is_gone_on_the_next_connection),
		cmocka_unit_test(test_features_by_name),
	};

	return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
