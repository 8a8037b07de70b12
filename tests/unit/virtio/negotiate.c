/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of the steps of virtio 1.4, 3.1.1, and what happens when one of them fails. */
#include <errno.h>
#include <string.h>

#include <vscsi/error.h>

#include "virtio.h"

#define FAILED VIRTIO_CONFIG_S_FAILED

static const struct virtio_request everything = {.want = UINT64_MAX, .must = 0};

static void test_order_of_the_steps(void **state)
{
	static const struct fake_entry expected[] = {
		{FAKE_SET_STATUS, 0, 0},   {FAKE_SET_STATUS, 1, 0},  {FAKE_GET_STATUS, 1, 0},
		{FAKE_SET_STATUS, 3, 0},   {FAKE_GET_STATUS, 3, 0},  {FAKE_GET_FEATURES, 0, 0},
		{FAKE_SET_FEATURES, 0, 0}, {FAKE_SET_STATUS, 11, 0}, {FAKE_GET_STATUS, 11, 0},
		{FAKE_SET_STATUS, 15, 0},  {FAKE_GET_STATUS, 15, 0},
	};
	struct bench b;
	unsigned i;

	(void)state;
	CONFORMS("R-INIT-01", "R-INIT-03", "R-INIT-04", "R-INIT-05");
	bench_open(&b);
	assert_int_equal(virtio_negotiate(&b.dev, &everything), 0);
	assert_int_equal(virtio_run(&b.dev), 0);
	assert_int_equal(b.fake.logged, ARRAY_LEN(expected));
	for (i = 0; i < ARRAY_LEN(expected); i++) {
		assert_int_equal(b.fake.log[i].call, expected[i].call);
		if (expected[i].call == FAKE_SET_STATUS)
			assert_int_equal(b.fake.log[i].value, expected[i].value);
	}
	bench_close(&b);
}

/* Every call fails in its turn: FAILED is the last word, unless it was the reset that failed. */
static void test_any_call_may_fail(void **state)
{
	unsigned skip;
	int err;

	(void)state;
	CONFORMS("R-STAT-02", "R-INIT-07", "R-INIT-08");
	for (skip = 0;; skip++) {
		struct bench b;

		bench_open(&b);
		b.fake.fail = FAKE_ANY;
		b.fake.fail_skip = skip;
		b.fake.fail_err = -ECONNRESET;
		err = virtio_negotiate(&b.dev, &everything);
		if (!err)
			err = virtio_run(&b.dev);
		if (!err) {
			bench_close(&b);
			break;
		}
		assert_int_equal(err, -ECONNRESET);
		if (skip > 0) {
			assert_true(b.fake.status & FAILED);
			assert_int_equal(b.fake.log[b.fake.logged - 1].call, FAKE_SET_STATUS);
			assert_int_equal(b.fake.logged, skip + 2);
		}
		bench_close(&b);
	}
	assert_int_equal(skip, 11);
}

/* The message is that of the failure, and not of the attempt to report it to the device. */
static void test_the_first_message_stays(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b);
	b.fake.refuse = VIRTIO_CONFIG_S_FEATURES_OK;
	assert_int_equal(virtio_negotiate(&b.dev, &everything), -EOPNOTSUPP);
	assert_non_null(strstr(vscsi_last_error(), "refused status 0x0b and reports 0x03"));
	bench_close(&b);
}

static void test_without_version_1(void **state)
{
	const uint8_t expected[] = {0, 1, 3, 3 | FAILED};
	struct bench b;

	(void)state;
	CONFORMS("R-FEAT-09", "R-RFB-02", "R-INIT-07", "R-INIT-08");
	bench_open(&b);
	b.fake.offer = ~VIRTIO_BIT(VIRTIO_F_VERSION_1);
	assert_int_equal(virtio_negotiate(&b.dev, &everything), -EOPNOTSUPP);
	assert_statuses(&b.fake, expected, sizeof(expected));
	assert_int_equal(fake_count(&b.fake, FAKE_SET_FEATURES), 0);
	assert_non_null(strstr(vscsi_last_error(), "VERSION_1"));
	bench_close(&b);
}

static void test_version_1_is_taken_unasked(void **state)
{
	const struct virtio_request nothing = {0, 0};
	struct bench b;

	(void)state;
	CONFORMS("R-RFB-01");
	bench_open(&b);
	assert_int_equal(virtio_negotiate(&b.dev, &nothing), 0);
	assert_int_equal(b.fake.accepted, VIRTIO_BIT(VIRTIO_F_VERSION_1));
	bench_close(&b);
}

static void test_a_feature_that_must_be_there(void **state)
{
	const uint64_t indirect = VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC);
	const struct virtio_request wanted = {.want = indirect, .must = indirect};
	struct bench b;

	(void)state;
	bench_open(&b);
	b.fake.offer = ~indirect;
	assert_int_equal(virtio_negotiate(&b.dev, &wanted), -EOPNOTSUPP);
	assert_non_null(strstr(vscsi_last_error(), "INDIRECT_DESC"));
	assert_true(b.fake.status & FAILED);
	bench_close(&b);
}

static void test_the_offer_may_change_with_a_reset(void **state)
{
	const uint64_t base = VIRTIO_BIT(VIRTIO_F_VERSION_1);
	const uint64_t indirect = VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC);
	const uint64_t event_idx = VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX);
	struct bench b;

	(void)state;
	CONFORMS("R-FEAT-11", "R-RST-05");
	bench_open(&b);
	b.fake.offer = base | indirect;
	assert_int_equal(virtio_negotiate(&b.dev, &everything), 0);
	assert_int_equal(b.fake.accepted, base | indirect);
	b.fake.offer = base | event_idx;
	assert_int_equal(virtio_negotiate(&b.dev, &everything), 0);
	assert_int_equal(b.fake.accepted, base | event_idx);
	assert_int_equal(b.dev.features, base | event_idx);
	assert_int_equal(b.dev.offered, base | event_idx);
	bench_close(&b);
}

int negotiate_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_of_the_steps),
		cmocka_unit_test(test_any_call_may_fail),
		cmocka_unit_test(test_the_first_message_stays),
		cmocka_unit_test(test_without_version_1),
		cmocka_unit_test(test_version_1_is_taken_unasked),
		cmocka_unit_test(test_a_feature_that_must_be_there),
		cmocka_unit_test(test_the_offer_may_change_with_a_reset),
	};

	return cmocka_run_group_tests_name("virtio/negotiate", tests, NULL, NULL);
}
