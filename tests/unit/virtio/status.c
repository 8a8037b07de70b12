/* SPDX-License-Identifier: BSD-3-Clause */
/* The status of a device over its life: bits that are added one by one, and the reset. */
#include <errno.h>

#include "virtio.h"

#define FAILED VIRTIO_CONFIG_S_FAILED

static const struct virtio_request everything = {.want = UINT64_MAX, .must = 0};

static void test_statuses_of_a_good_start(void **state)
{
	const uint8_t expected[] = {0, 1, 3, 11, 15};
	struct bench b;

	(void)state;
	CONFORMS("R-STAT-01", "R-STAT-02", "R-RST-02");
	bench_open(&b);
	assert_int_equal(virtio_negotiate(&b.dev, &everything), 0);
	assert_int_equal(virtio_run(&b.dev), 0);
	assert_statuses(&b.fake, expected, sizeof(expected));
	assert_int_equal(b.dev.status, 15);
	bench_close(&b);
}

/* Each bit is read back before anything else is done. */
static void test_each_bit_is_verified(void **state)
{
	struct bench b;
	int at;
	unsigned i;

	(void)state;
	CONFORMS("R-INIT-05");
	bench_open(&b);
	assert_int_equal(virtio_negotiate(&b.dev, &everything), 0);
	assert_int_equal(virtio_run(&b.dev), 0);
	for (i = 1; i < 5; i++) {
		at = fake_find(&b.fake, FAKE_SET_STATUS, i);
		assert_true(at >= 0);
		assert_int_equal(b.fake.log[at + 1].call, FAKE_GET_STATUS);
	}
	bench_close(&b);
}

/* A bit that the device doesn't take: it is told FAILED, and nothing is set after that. */
static void test_refused_bits(void **state)
{
	static const uint8_t bits[] = {1, 2, 8, 4};
	struct bench b;
	unsigned i;
	int err;

	(void)state;
	CONFORMS("R-STAT-02", "R-INIT-05", "R-INIT-07", "R-INIT-08");
	for (i = 0; i < ARRAY_LEN(bits); i++) {
		bench_open(&b);
		b.fake.refuse = bits[i];
		err = virtio_negotiate(&b.dev, &everything);
		if (bits[i] == VIRTIO_CONFIG_S_DRIVER_OK) {
			assert_int_equal(err, 0);
			err = virtio_run(&b.dev);
		}
		assert_int_equal(err, bits[i] == VIRTIO_CONFIG_S_FEATURES_OK ? -EOPNOTSUPP : -EIO);
		assert_true(b.fake.status & FAILED);
		assert_int_equal(b.fake.log[b.fake.logged - 1].call, FAKE_SET_STATUS);
		assert_int_equal(fake_count(&b.fake, FAKE_QUEUE_START), 0);
		bench_close(&b);
	}
}

static void test_after_failed_comes_a_reset(void **state)
{
	const uint8_t expected[] = {0, 1, 3, 11, 11 | FAILED, 0, 1, 3, 11};
	struct bench b;

	(void)state;
	CONFORMS("R-STAT-03");
	bench_open(&b);
	b.fake.refuse = VIRTIO_CONFIG_S_FEATURES_OK;
	assert_int_equal(virtio_negotiate(&b.dev, &everything), -EOPNOTSUPP);
	b.fake.refuse = 0;
	assert_int_equal(virtio_negotiate(&b.dev, &everything), 0);
	assert_statuses(&b.fake, expected, sizeof(expected));
	bench_close(&b);
}

static void test_reset_forgets_what_was_negotiated(void **state)
{
	struct bench b;

	(void)state;
	CONFORMS("R-RST-05");
	bench_open(&b);
	assert_int_equal(virtio_negotiate(&b.dev, &everything), 0);
	assert_true(b.dev.features & VIRTIO_BIT(VIRTIO_F_VERSION_1));
	assert_int_equal(virtio_reset(&b.dev), 0);
	assert_int_equal(b.dev.features, 0);
	assert_int_equal(b.dev.status, 0);
	assert_int_equal(virtio_negotiate(&b.dev, &everything), 0);
	assert_int_equal(fake_count(&b.fake, FAKE_SET_FEATURES), 2);
	bench_close(&b);
}

static void test_close_resets_first(void **state)
{
	struct bench b;

	(void)state;
	CONFORMS("R-RST-02");
	bench_open(&b);
	assert_int_equal(virtio_negotiate(&b.dev, &everything), 0);
	fake_forget(&b.fake);
	virtio_close(&b.dev);
	assert_int_equal(b.fake.logged, 2);
	assert_int_equal(b.fake.log[0].call, FAKE_SET_STATUS);
	assert_int_equal(b.fake.log[0].value, 0);
	assert_int_equal(b.fake.log[1].call, FAKE_CLOSE);
	assert_null(b.dev.transport);
	virtio_close(&b.dev);
	assert_int_equal(b.fake.logged, 2);
	bench_close(&b);
}

/* A device that doesn't answer the reset is cut off all the same. */
static void test_close_after_a_failed_reset(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b);
	assert_int_equal(virtio_negotiate(&b.dev, &everything), 0);
	b.fake.fail = FAKE_SET_STATUS;
	b.fake.fail_err = -ETIMEDOUT;
	virtio_close(&b.dev);
	assert_true(b.fake.closed);
	bench_close(&b);
}

static void test_needs_reset_while_starting(void **state)
{
	struct bench b;

	(void)state;
	CONFORMS("R-STAT-07");
	bench_open(&b);
	b.fake.insist = VIRTIO_CONFIG_S_NEEDS_RESET;
	assert_int_equal(virtio_negotiate(&b.dev, &everything), -EIO);
	assert_true(b.fake.status & FAILED);
	bench_close(&b);
}

/* A configuration change makes the driver look at the status, where the reason may be. */
static void test_config_change_can_mean_needs_reset(void **state)
{
	unsigned what;
	struct bench b;

	(void)state;
	CONFORMS("R-STAT-07", "R-NOTIF-03");
	bench_open(&b);
	assert_int_equal(virtio_negotiate(&b.dev, &everything), 0);
	assert_int_equal(virtio_run(&b.dev), 0);
	fake_forget(&b.fake);

	assert_int_equal(virtio_check(&b.dev, &what), 0);
	assert_int_equal(what, 0);
	assert_int_equal(fake_count(&b.fake, FAKE_GET_STATUS), 0);

	b.fake.events = TRANSPORT_CONFIG;
	assert_int_equal(virtio_check(&b.dev, &what), 0);
	assert_int_equal(what, VIRTIO_CHANGED);
	assert_int_equal(fake_count(&b.fake, FAKE_GET_STATUS), 1);

	b.fake.events = TRANSPORT_CONFIG;
	b.fake.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	assert_int_equal(virtio_check(&b.dev, &what), 0);
	assert_int_equal(what, VIRTIO_CHANGED | VIRTIO_BROKEN);
	bench_close(&b);
}

static void test_check_hands_through_what_the_transport_says(void **state)
{
	unsigned what;
	struct bench b;

	(void)state;
	bench_open(&b);
	b.fake.events = TRANSPORT_BROKEN;
	assert_int_equal(virtio_check(&b.dev, &what), 0);
	assert_int_equal(what, VIRTIO_BROKEN);
	b.fake.fail = FAKE_CHECK;
	b.fake.fail_err = -ENOTCONN;
	assert_int_equal(virtio_check(&b.dev, &what), -ENOTCONN);
	b.fake.events = TRANSPORT_CONFIG;
	b.fake.fail = FAKE_GET_STATUS;
	b.fake.fail_err = -ENOTCONN;
	assert_int_equal(virtio_check(&b.dev, &what), -ENOTCONN);
	bench_close(&b);
}

int status_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses_of_a_good_start),
		cmocka_unit_test(test_each_bit_is_verified),
		cmocka_unit_test(test_refused_bits),
		cmocka_unit_test(test_after_failed_comes_a_reset),
		cmocka_unit_test(test_reset_forgets_what_was_negotiated),
		cmocka_unit_test(test_close_resets_first),
		cmocka_unit_test(test_close_after_a_failed_reset),
		cmocka_unit_test(test_needs_reset_while_starting),
		cmocka_unit_test(test_config_change_can_mean_needs_reset),
		cmocka_unit_test(test_check_hands_through_what_the_transport_says),
	};

	return cmocka_run_group_tests_name("virtio/status", tests, NULL, NULL);
}
