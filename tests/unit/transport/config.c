/* SPDX-License-Identifier: BSD-3-Clause */
/* Configuration space, device status and reset, with each protocol feature there and not there. */
#include <errno.h>

#include "fixture.h"

static void test_config_is_read_whole(void **state)
{
	struct fx fx = fx_new();
	struct virtio_scsi_config config;
	struct rig_record r;
	uint32_t words[3];
	uint16_t max_target;

	CONFORMS("R-VU-69", "R-VU-71", "R-VU-72", "R-CFG-09");
	(void)state;
	fx_connect(&fx);
	assert_int_equal(fx.t->ops->read_config(fx.t, 0, &config, sizeof(config)), 0);
	assert_memory_equal(&config, &fx.ropts.config, sizeof(config));
	assert_int_equal(fx.t->ops->read_config(fx.t, 30, &max_target, sizeof(max_target)), 0);
	assert_int_equal(max_target, 7);
	assert_true(rig_record(fx.rig, RIG_GET_CONFIG, 1, &r));
	memcpy(words, r.payload, sizeof(words));
	assert_int_equal(r.size, 12 + 36);
	assert_int_equal(words[0], 0);
	assert_int_equal(words[1], 36);
	assert_int_equal(words[2], 0);
	assert_int_equal(fx.t->ops->read_config(fx.t, 33, &config, 4), -EINVAL);
	assert_int_equal(fx.t->ops->read_config(fx.t, UINT32_MAX, &config, 2), -EINVAL);
	assert_int_equal(rig_seen(fx.rig, RIG_GET_CONFIG), 2);
	fx_down(&fx);
}

static void wrong_config(enum rig_kind kind, uint64_t arg, int ret)
{
	struct fx fx = fx_new();
	char config[36];

	fx_connect(&fx);
	rig_plan(fx.rig, RIG_GET_CONFIG, kind, arg);
	assert_int_equal(fx.t->ops->read_config(fx.t, 0, config, sizeof(config)), ret);
	if (ret == -EPROTO)
		rig_wait_gone(fx.rig);
	else
		assert_int_equal(fx.t->ops->read_config(fx.t, 0, config, sizeof(config)), 0);
	fx_down(&fx);
}

static void test_wrong_config_answers(void **state)
{
	CONFORMS("R-VU-70", "R-HARD-38");
	(void)state;
	wrong_config(RIG_FAULT_EMPTY, 0, -EIO);
	wrong_config(RIG_FAULT_SHORT, 36, -EPROTO);
	wrong_config(RIG_FAULT_SHORT, 1, -EPROTO);
	wrong_config(RIG_FAULT_LONG, 1, -EPROTO);
	wrong_config(RIG_FAULT_LONG, 256, -EPROTO);
	wrong_config(RIG_FAULT_WORD, 4, -EPROTO);
	wrong_config(RIG_FAULT_WORD, 1ull << 32 | 35, -EPROTO);
	wrong_config(RIG_FAULT_WORD, 1ull << 32 | 0xffffffff, -EPROTO);
}

static void test_config_is_written_when_it_differs(void **state)
{
	struct fx fx = fx_new();
	struct rig_record r;
	uint32_t words[4];
	uint32_t value = 96;

	CONFORMS("R-VU-73", "R-VU-74", "R-VU-76");
	(void)state;
	fx_connect(&fx);
	assert_int_equal(fx.t->ops->write_config(fx.t, 20, &value, sizeof(value)), 0);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_CONFIG), 0);
	value = 252;
	assert_int_equal(fx.t->ops->write_config(fx.t, 20, &value, sizeof(value)), 0);
	assert_true(rig_record(fx.rig, RIG_SET_CONFIG, 0, &r));
	memcpy(words, r.payload, sizeof(words));
	assert_int_equal(r.size, 16);
	assert_int_equal(words[0], 20);
	assert_int_equal(words[1], 4);
	assert_int_equal(words[2], 0);
	assert_int_equal(words[3], 252);
	assert_int_equal(fx.t->ops->write_config(fx.t, 16, &value, sizeof(value)), -EINVAL);
	assert_int_equal(fx.t->ops->write_config(fx.t, 26, &value, sizeof(value)), -EINVAL);
	assert_int_equal(fx.t->ops->write_config(fx.t, 28, &value, sizeof(value)), -EINVAL);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_CONFIG), 1);
	fx_down(&fx);
}

static void test_no_config(void **state)
{
	struct fx fx = fx_new();
	char config[36];

	CONFORMS("R-VU-69", "R-VU-75");
	(void)state;
	fx.ropts.protocol &= ~RIG_P_CONFIG;
	fx_connect(&fx);
	assert_int_equal(fx.t->ops->read_config(fx.t, 0, config, sizeof(config)), -EOPNOTSUPP);
	assert_int_equal(fx.t->ops->write_config(fx.t, 20, config, 4), -EOPNOTSUPP);
	assert_int_equal(rig_seen(fx.rig, RIG_GET_CONFIG), 0);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_CONFIG), 0);
	fx_down(&fx);
}

static void test_status_at_the_back_end(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-77", "R-VU-78");
	(void)state;
	fx_connect(&fx);
	assert_int_equal(fx.t->ops->set_status(fx.t, 3), 0);
	assert_int_equal(rig_value(fx.rig, RIG_SET_STATUS, 0), 3);
	assert_int_equal(fx.t->ops->get_status(fx.t), 3);
	rig_plan(fx.rig, RIG_GET_STATUS, RIG_FAULT_VALUE, 0xffffffffffffff03);
	assert_int_equal(fx.t->ops->get_status(fx.t), 3);
	/* It takes FEATURES_OK back, and that is seen. */
	assert_int_equal(fx.t->ops->set_status(fx.t, 11), 0);
	rig_plan(fx.rig, RIG_GET_STATUS, RIG_FAULT_VALUE, 3);
	assert_int_equal(fx.t->ops->get_status(fx.t), 3);
	fx_down(&fx);
}

static void test_status_kept_here(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-77", "R-VU-80");
	(void)state;
	fx.ropts.protocol &= ~RIG_P_STATUS;
	fx_connect(&fx);
	assert_int_equal(fx.t->ops->get_status(fx.t), 0);
	assert_int_equal(fx.t->ops->set_status(fx.t, 11), 0);
	assert_int_equal(fx.t->ops->get_status(fx.t), 3);
	assert_int_equal(fx_prepare(&fx), 0);
	assert_int_equal(fx.t->ops->set_status(fx.t, 11), 0);
	assert_int_equal(fx.t->ops->get_status(fx.t), 11);
	assert_int_equal(fx.t->ops->set_status(fx.t, 0), 0);
	assert_int_equal(fx.t->ops->get_status(fx.t), 0);
	assert_int_equal(fx.t->ops->set_status(fx.t, 11), 0);
	assert_int_equal(fx.t->ops->get_status(fx.t), 3);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_STATUS), 0);
	assert_int_equal(rig_seen(fx.rig, RIG_GET_STATUS), 0);
	fx_down(&fx);
}

/*
 * Reset stops the rings (the rig insists on it before RESET_DEVICE), and all can be set up again.
 */
static void reset(uint64_t off)
{
	struct fx fx = fx_new();
	bool table = off & RIG_P_MEM_SLOTS;
	bool device = !(off & RIG_P_RESET_DEVICE);
	char config[36];

	fx.topts.protocol_off = off;
	fx_run(&fx, 3);
	assert_int_equal(fx.t->ops->set_status(fx.t, 0), 0);
	assert_false(rig_running(fx.rig, 0));
	assert_false(rig_running(fx.rig, 2));
	assert_int_equal(rig_seen(fx.rig, RIG_GET_VRING_BASE), 3);
	rig_wait_seen(fx.rig, RIG_RESET_DEVICE, device);
	assert_int_equal(rig_seen(fx.rig, RIG_RESET_DEVICE), device);
	rig_wait_seen(fx.rig, RIG_SET_STATUS, !(off & RIG_P_STATUS));
	assert_int_equal(rig_seen(fx.rig, RIG_SET_STATUS), !(off & RIG_P_STATUS));
	assert_int_equal(fx.t->ops->get_status(fx.t), 0);
	assert_int_equal(fx.t->ops->set_features(fx.t, FX_WANT), 0);
	assert_int_equal(fx_start(&fx, 0), 0);
	/* Any question will do: what came before it has been seen when it is answered. */
	assert_int_equal(fx.t->ops->read_config(fx.t, 0, config, sizeof(config)), 0);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_MEM_TABLE), table + (table && device));
	assert_int_equal(rig_seen(fx.rig, RIG_SET_OWNER), 1);
	assert_true(rig_running(fx.rig, 0));
	fx_down(&fx);
}

static void test_resets(void **state)
{
	CONFORMS("R-VU-77", "R-VU-82", "R-VU-83");
	(void)state;
	reset(0);
	reset(RIG_P_STATUS);
	reset(RIG_P_RESET_DEVICE);
	reset(RIG_P_RESET_DEVICE | RIG_P_STATUS);
	reset(RIG_P_MEM_SLOTS);
	reset(RIG_P_MEM_SLOTS | RIG_P_RESET_DEVICE);
	reset(RIG_P_MEM_SLOTS | RIG_P_STATUS | RIG_P_REPLY_ACK);
}

int config_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_is_read_whole),
		cmocka_unit_test(test_wrong_config_answers),
		cmocka_unit_test(test_config_is_written_when_it_differs),
		cmocka_unit_test(test_no_config),
		cmocka_unit_test(test_status_at_the_back_end),
		cmocka_unit_test(test_status_kept_here),
		cmocka_unit_test(test_resets),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
