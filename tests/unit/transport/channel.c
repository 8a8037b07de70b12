/* SPDX-License-Identifier: BSD-3-Clause */
/* The back-end's own channel: what it may say, what we answer, and what ends it. */
#include <errno.h>

#include "fixture.h"

#define CONFIG_CHANGE 2
#define NOW           0
#define SOON          5000

static unsigned look(struct fx *fx)
{
	unsigned what = 0;

	assert_int_equal(fx->t->ops->check(fx->t, &what), 0);
	return what;
}

static void up(struct fx *fx)
{
	fx_run(fx, 1);
	assert_true(rig_has_channel(fx->rig));
}

static void test_config_change_is_reported_once(void **state)
{
	struct fx fx = fx_new();
	uint64_t result;

	CONFORMS("R-VU-84", "R-VU-86");
	(void)state;
	up(&fx);
	rig_channel_send(fx.rig, CONFIG_CHANGE, RIG_VERSION, 0, NULL, 0, 0);
	assert_int_equal(look(&fx), TRANSPORT_CONFIG);
	assert_int_equal(look(&fx), 0);
	assert_false(rig_channel_answer(fx.rig, CONFIG_CHANGE, &result, NOW));
	fx_down(&fx);
}

static void test_answer_when_wanted(void **state)
{
	struct fx fx = fx_new();
	uint64_t result = 99;

	CONFORMS("R-VU-85");
	(void)state;
	up(&fx);
	rig_channel_send(fx.rig, CONFIG_CHANGE, RIG_VERSION | RIG_NEED_REPLY, 0, NULL, 0, 0);
	assert_int_equal(look(&fx), TRANSPORT_CONFIG);
	assert_true(rig_channel_answer(fx.rig, CONFIG_CHANGE, &result, NOW));
	assert_int_equal(result, 0);
	fx_down(&fx);
}

static void test_no_answer_without_reply_ack(void **state)
{
	struct fx fx = fx_new();
	uint64_t result;

	CONFORMS("R-VU-85", "R-VU-86");
	(void)state;
	fx.topts.protocol_off = RIG_P_REPLY_ACK;
	fx_run(&fx, 1);
	rig_channel_send(fx.rig, CONFIG_CHANGE, RIG_VERSION | RIG_NEED_REPLY, 0, NULL, 0, 0);
	assert_int_equal(look(&fx), TRANSPORT_CONFIG);
	assert_false(rig_channel_answer(fx.rig, CONFIG_CHANGE, &result, NOW));
	fx_down(&fx);
}

static void refused(struct fx *fx, uint32_t request, uint32_t size, unsigned nfds)
{
	uint8_t payload[256] = {1};
	uint64_t result = 0;

	rig_channel_send(fx->rig, request, RIG_VERSION | RIG_NEED_REPLY, size, payload, size, nfds);
	assert_int_equal(look(fx), 0);
	assert_true(rig_channel_answer(fx->rig, request, &result, NOW));
	assert_int_not_equal(result, 0);
	rig_channel_send(fx->rig, request, RIG_VERSION, size, payload, size, nfds);
	assert_int_equal(look(fx), 0);
	assert_false(rig_channel_answer(fx->rig, request, &result, NOW));
}

static void test_unknown_messages_are_refused(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-87");
	(void)state;
	up(&fx);
	refused(&fx, 1, 32, 0); /* IOTLB */
	refused(&fx, 3, 24, 0); /* HOST_NOTIFIER */
	refused(&fx, 4, 8, 0);  /* VRING_CALL, in-band only */
	refused(&fx, 9, 40, 0); /* SHMEM */
	refused(&fx, 99, 0, 0);
	refused(&fx, 99, 256, 0);
	refused(&fx, CONFIG_CHANGE, 4, 0);
	fx_down(&fx);
}

static void test_config_change_without_the_feature(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-87");
	(void)state;
	fx.topts.protocol_off = RIG_P_CONFIG;
	up(&fx);
	refused(&fx, CONFIG_CHANGE, 0, 0);
	fx_down(&fx);
}

static void test_descriptors_are_closed(void **state)
{
	struct fx fx = fx_new();
	unsigned fds;

	CONFORMS("R-VU-87", "R-VU-88", "R-HARD-39");
	(void)state;
	need_truncation();
	up(&fx);
	fds = count_fds();
	refused(&fx, 3, 24, 1);
	refused(&fx, 99, 0, 8);
	refused(&fx, CONFIG_CHANGE, 0, 1);
	assert_int_equal(count_fds(), fds);
	rig_channel_send(fx.rig, CONFIG_CHANGE, RIG_VERSION, 0, NULL, 0, 9);
	assert_int_equal(look(&fx), 0);
	assert_true(rig_channel_gone(fx.rig, SOON));
	assert_int_equal(count_fds(), fds - 1);
	fx_down(&fx);
}

static void ends_channel(uint32_t request, uint32_t flags, uint32_t size)
{
	struct fx fx = fx_new();

	up(&fx);
	rig_channel_send(fx.rig, request, flags, size, NULL, 0, 0);
	assert_int_equal(look(&fx), 0);
	assert_true(rig_channel_gone(fx.rig, SOON));
	/* The device goes on without it. */
	assert_int_equal(fx_start(&fx, 1), 0);
	fx_down(&fx);
}

static void test_malformed_messages_end_the_channel(void **state)
{
	CONFORMS("R-VU-90");
	(void)state;
	ends_channel(CONFIG_CHANGE, RIG_VERSION, 0xffffffff);
	ends_channel(CONFIG_CHANGE, RIG_VERSION, 257);
	ends_channel(CONFIG_CHANGE, 0, 0);
	ends_channel(CONFIG_CHANGE, 2, 0);
	ends_channel(CONFIG_CHANGE, RIG_VERSION | RIG_REPLY, 0);
}

static void ask_and_wait(struct rig *rig, void *ctx)
{
	uint64_t *result = ctx;

	rig_channel_send(rig, CONFIG_CHANGE, RIG_VERSION | RIG_NEED_REPLY, 0, NULL, 0, 0);
	if (!rig_channel_answer(rig, CONFIG_CHANGE, result, SOON))
		*result = 77;
}

/* The back-end won't answer us until we have answered it. */
static void test_no_deadlock(void **state)
{
	struct fx fx = fx_new();
	uint64_t result = 99;
	uint32_t base;

	CONFORMS("R-VU-89");
	(void)state;
	up(&fx);
	rig_fault(fx.rig, (struct rig_fault){.request = RIG_GET_VRING_BASE,
					     .before = ask_and_wait,
					     .ctx = &result});
	assert_int_equal(fx.t->ops->queue_stop(fx.t, 0, &base), 0);
	assert_int_equal(result, 0);
	assert_int_equal(look(&fx), TRANSPORT_CONFIG);
	fx_down(&fx);
}

static void test_flood_is_bounded(void **state)
{
	struct fx fx = fx_new();
	unsigned looks = 0;
	unsigned i;

	CONFORMS("R-HARD-42");
	(void)state;
	up(&fx);
	for (i = 0; i < 100; i++)
		rig_channel_send(fx.rig, CONFIG_CHANGE, RIG_VERSION, 0, NULL, 0, 0);
	while (look(&fx) & TRANSPORT_CONFIG && looks < 9)
		looks++;
	assert_int_equal(looks, 2);
	fx_down(&fx);
}

static void test_no_channel_without_the_feature(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-27");
	(void)state;
	fx.ropts.protocol &= ~RIG_P_BACKEND_REQ;
	fx_run(&fx, 1);
	assert_false(rig_has_channel(fx.rig));
	assert_int_equal(rig_seen(fx.rig, RIG_SET_BACKEND_REQ_FD), 0);
	fx_down(&fx);
}

int channel_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_change_is_reported_once),
		cmocka_unit_test(test_answer_when_wanted),
		cmocka_unit_test(test_no_answer_without_reply_ack),
		cmocka_unit_test(test_unknown_messages_are_refused),
		cmocka_unit_test(test_config_change_without_the_feature),
		cmocka_unit_test(test_descriptors_are_closed),
		cmocka_unit_test(test_malformed_messages_end_the_channel),
		cmocka_unit_test(test_no_deadlock),
		cmocka_unit_test(test_flood_is_bounded),
		cmocka_unit_test(test_no_channel_without_the_feature),
	};

	return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
