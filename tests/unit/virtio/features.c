/* SPDX-License-Identifier: BSD-3-Clause */
/* Which features are taken: what is offered, wanted and allowed, and whose needs are met. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/pci/pci.h"
#include "transport/vhost_scsi/vhost_scsi.h"
#include "transport/vhost_user/vhost_user.h"
#include "virtio.h"
#include "virtio/features.h"

/* Everything that the library ever takes over vhost-user; a change here is a decision. */
static const uint64_t vhost_user_list =
	VIRTIO_BIT(VIRTIO_SCSI_F_INOUT) | VIRTIO_BIT(VIRTIO_SCSI_F_HOTPLUG) |
	VIRTIO_BIT(VIRTIO_SCSI_F_CHANGE) | VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC) |
	VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX) | VIRTIO_BIT(VIRTIO_F_RING_PACKED) |
	VIRTIO_BIT(VIRTIO_F_IN_ORDER) | VIRTIO_BIT(VIRTIO_F_VERSION_1);

/* What the platform decides: taken wherever the transport can have it. */
static const uint64_t platform =
	VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) | VIRTIO_BIT(VIRTIO_F_ORDER_PLATFORM);

/* What a device that offers @offer gets from a driver that wants all. */
static uint64_t accepted(uint64_t offer)
{
	const struct virtio_request everything = {.want = UINT64_MAX, .must = 0};
	uint64_t features;
	struct bench b;

	bench_open(&b);
	b.fake.offer = offer;
	assert_int_equal(virtio_negotiate(&b.dev, &everything), 0);
	features = b.fake.accepted;
	assert_int_equal(features, b.dev.features);
	bench_close(&b);
	return features;
}

static void test_all_bits_offered(void **state)
{
	(void)state;
	CONFORMS("R-FEAT-04", "R-FEAT-06", "R-FEAT-10", "R-RFB-15");
	assert_int_equal(vhost_user_ops.features, vhost_user_list);
	assert_int_equal(accepted(UINT64_MAX), vhost_user_list);
}

/* Bits that must not be taken, each offered alone on top of VERSION_1. */
static void test_bits_that_are_never_taken(void **state)
{
	static const unsigned bits[] = {24, 27, 30, 37, 38, 39, 40, 41, 42,
					43, 44, 45, 46, 47, 48, 49, 50, 63};
	const uint64_t base = VIRTIO_BIT(VIRTIO_F_VERSION_1);
	unsigned i;

	(void)state;
	CONFORMS("R-FEAT-05", "R-FEAT-06", "R-FEAT-10", "R-RFB-09", "R-RFB-16", "R-RFB-17",
		 "R-RFB-18", "R-RFB-19", "R-ND-12");
	for (i = 0; i < ARRAY_LEN(bits); i++)
		assert_int_equal(accepted(base | VIRTIO_BIT(bits[i])), base);
}

static void test_device_type_bits(void **state)
{
	const uint64_t base = VIRTIO_BIT(VIRTIO_F_VERSION_1);
	unsigned bit;

	(void)state;
	CONFORMS("R-FEAT-07");
	for (bit = 0; bit < 24; bit++)
		assert_int_equal(accepted(base | VIRTIO_BIT(bit)),
				 bit < 3 ? base | VIRTIO_BIT(bit) : base);
}

/* Each transport has a list of its own. */
static void test_the_list_is_the_transports(void **state)
{
	const struct virtio_request everything = {.want = UINT64_MAX, .must = 0};
	const uint64_t list = VIRTIO_BIT(VIRTIO_F_VERSION_1) |
			      VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) |
			      VIRTIO_BIT(VIRTIO_SCSI_F_HOTPLUG);
	struct bench b;

	(void)state;
	CONFORMS("R-FEAT-06");
	bench_open(&b);
	b.fake.ops.features = list;
	assert_int_equal(virtio_negotiate(&b.dev, &everything), 0);
	assert_int_equal(b.fake.accepted, list);
	bench_close(&b);
}

/*
 * Offers that can't be: everything but the one that all else rests on. They are refused before the
 * device hears of any choice, whichever transport's list it is.
 */
static void test_offers_that_contradict_themselves(void **state)
{
	const uint64_t base = VIRTIO_BIT(VIRTIO_F_VERSION_1);
	const struct transport_ops *const lists[] = {&vhost_user_ops, &pci_ops, &vhost_scsi_ops};
	const uint64_t offers[] = {~base, VIRTIO_BIT(VIRTIO_F_RING_PACKED), UINT64_MAX << 33, 0};
	const struct virtio_request everything = {.want = UINT64_MAX, .must = 0};
	unsigned i;

	(void)state;
	CONFORMS("R-FEAT-03");
	for (i = 0; i < ARRAY_LEN(lists) * ARRAY_LEN(offers); i++) {
		struct bench b;

		bench_open(&b);
		b.fake.ops.features = lists[i % ARRAY_LEN(lists)]->features;
		b.fake.offer = offers[i / ARRAY_LEN(lists)];
		assert_int_equal(virtio_negotiate(&b.dev, &everything), -EOPNOTSUPP);
		assert_int_equal(fake_count(&b.fake, FAKE_GET_FEATURES), 1);
		assert_int_equal(fake_count(&b.fake, FAKE_SET_FEATURES), 0);
		assert_int_equal(b.fake.accepted, 0);
		bench_close(&b);
	}
}

static uint64_t random_bits(void)
{
	uint64_t bits = 0;
	unsigned i;

	for (i = 0; i < 5; i++)
		bits = bits << 15 ^ (uint64_t)(random() & 0x7fff);
	return bits;
}

static void test_random_offers(void **state)
{
	const uint64_t base = VIRTIO_BIT(VIRTIO_F_VERSION_1);
	unsigned round;
	struct bench b;

	(void)state;
	CONFORMS("R-FEAT-01", "R-FEAT-04", "R-FEAT-05", "R-FEAT-06", "R-FEAT-07", "R-FEAT-10");
	srandom(1);
	bench_open(&b);
	for (round = 0; round < 10000; round++) {
		struct virtio_request wanted = {.want = random_bits(), .must = 0};

		b.fake.offer = random_bits() | base;
		b.fake.ops.features = random_bits() | base;
		fake_forget(&b.fake);
		assert_int_equal(virtio_negotiate(&b.dev, &wanted), 0);
		assert_int_equal(b.fake.accepted, b.fake.offer & b.fake.ops.features &
							  (wanted.want | base | platform));
	}
	bench_close(&b);
}

/* Needs form chains and circles here, which no real feature does. */
static void test_needs_of_features(void **state)
{
	static const struct feature_rule rules[] = {
		{1u << 0, 1u << 1}, {1u << 1, 1u << 2}, {1u << 2, 1u << 3 | 1u << 4},
		{1u << 5, 1u << 6}, {1u << 6, 1u << 5},
	};
	const struct {
		uint64_t offered;
		uint64_t chosen;
	} table[] = {
		{0x1f, 0x1f}, {0x0f, 0x08}, {0x17, 0x10}, {0x1d, 0x1c}, {0x1b, 0x18}, {0x01, 0x00},
		{0x60, 0x60}, {0x20, 0x00}, {0x40, 0x00}, {0xff, 0xff}, {0x80, 0x80}, {0x00, 0x00},
	};
	unsigned i;

	(void)state;
	CONFORMS("R-FEAT-02");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		assert_int_equal(features_choose(table[i].offered, UINT64_MAX, UINT64_MAX, rules,
						 ARRAY_LEN(rules)),
				 table[i].chosen);
		/* A need that is offered and not wanted, or not allowed, is not met either. */
		assert_int_equal(features_choose(UINT64_MAX, table[i].offered, 0xff, rules,
						 ARRAY_LEN(rules)),
				 table[i].chosen);
		assert_int_equal(features_choose(0xff, UINT64_MAX, table[i].offered, rules,
						 ARRAY_LEN(rules)),
				 table[i].chosen);
	}
}

static void test_every_feature_taken_has_a_name(void **state)
{
	unsigned bit;

	(void)state;
	for (bit = 0; bit < 64; bit++) {
		bool known = (vhost_user_list | pci_ops.features | platform) & VIRTIO_BIT(bit);

		assert_int_equal(strcmp(feature_name(bit), "feature") != 0, known);
	}
}

int features_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_bits_offered),
		cmocka_unit_test(test_bits_that_are_never_taken),
		cmocka_unit_test(test_device_type_bits),
		cmocka_unit_test(test_the_list_is_the_transports),
		cmocka_unit_test(test_offers_that_contradict_themselves),
		cmocka_unit_test(test_random_offers),
		cmocka_unit_test(test_needs_of_features),
		cmocka_unit_test(test_every_feature_taken_has_a_name),
	};

	return cmocka_run_group_tests_name("virtio/features", tests, NULL, NULL);
}
