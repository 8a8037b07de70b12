/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The model of the device checks the driver, here with packed rings and rings in order: it finds
 * and names each rule that a driver breaks. The rules of split rings are in unit/transport/rig.c.
 */
#include <string.h>

#include "bed.h"
#include "ring.h"

#define SIZE  8u
#define AVAIL 0x80u

/* What the driver does wrong, after a request of @elements was published or taken, and the rule. */
struct crime {
	const char *rule;
	struct bed_opts opts;
	unsigned elements;
	bool taken;
	void (*commit)(struct bed *b);
};

static void unknown_flag(struct bed *b)
{
	b->packed.desc[0].flags |= htole16(8);
}

static void no_bytes(struct bed *b)
{
	b->packed.desc[0].len = 0;
}

static void readable_last(struct bed *b)
{
	b->packed.desc[1].flags &= htole16((uint16_t)~VRING_DESC_F_WRITE);
	b->packed.desc[0].flags |= htole16(VRING_DESC_F_WRITE);
}

static void half_available(struct bed *b)
{
	b->packed.desc[1].flags ^= htole16(AVAIL);
}

static void id_of_none(struct bed *b)
{
	b->packed.desc[1].id = htole16(SIZE);
}

/* The second chain has the id of the first, which the device has. */
static void id_twice(struct bed *b)
{
	const struct vring_desc desc = {.addr = 1, .len = htole32(1)};

	packed_push(&b->packed, &desc, 0);
	packed_publish(&b->packed);
}

/* The first chain has two entries of eight: there is room for six more. */
static void too_many(struct bed *b)
{
	struct vring_desc list[SIZE];
	unsigned i;

	for (i = 0; i < SIZE; i++) {
		list[i] = (struct vring_desc){.addr = 1, .len = htole32(1)};
		list[i].flags = htole16(i < 6 ? VRING_DESC_F_NEXT : 0);
	}
	packed_push(&b->packed, list, 1);
	packed_publish(&b->packed);
}

static void next_in_table(struct bed *b)
{
	b->cells[0].table[0].flags |= htole16(VRING_DESC_F_NEXT);
}

static void odd_table(struct bed *b)
{
	b->packed.desc[0].len = htole32(17);
}

static void table_in_list(struct bed *b)
{
	b->packed.desc[0].flags |= htole16(VRING_DESC_F_NEXT);
}

static void nothing(struct bed *b)
{
	(void)b;
}

static void change_descriptor(struct bed *b)
{
	b->packed.desc[1].len = htole32(100);
}

static void change_table(struct bed *b)
{
	b->cells[0].table[1].len = htole32(100);
}

static void reserved_event(struct bed *b)
{
	b->packed.driver->flags = htole16(3);
}

static void event_without_feature(struct bed *b)
{
	b->packed.driver->flags = htole16(VRING_PACKED_EVENT_FLAG_DESC);
}

static void out_of_place(struct bed *b)
{
	b->split.avail->ring[0] = htole16(3);
}

static void next_elsewhere(struct bed *b)
{
	b->split.desc[0].next = htole16(3);
	b->split.desc[3] = b->split.desc[1];
}

static void table_out_of_order(struct bed *b)
{
	struct vring_desc table[3];

	memcpy(table, b->cells[0].table, sizeof(table));
	table[0].next = htole16(2);
	table[2].flags |= htole16(VRING_DESC_F_NEXT);
	table[2].next = htole16(1);
	table[1].flags = htole16(VRING_DESC_F_WRITE);
	memcpy(b->cells[0].table, table, sizeof(table));
}

#define PACKED(...)                                                 \
	{                                                           \
		.size = SIZE, .run = 2, .packed = true, __VA_ARGS__ \
	}
#define IN_ORDER(...)                                                 \
	{                                                             \
		.size = SIZE, .run = 2, .in_order = true, __VA_ARGS__ \
	}
#define TABLE  .indirect = true
#define DIRECT .indirect = false

static const struct crime crimes[] = {
	{"unknown descriptor flags", PACKED(DIRECT), 2, false, unknown_flag},
	{"zero bytes", PACKED(DIRECT), 2, false, no_bytes},
	{"R-PACK-08", PACKED(DIRECT), 2, false, readable_last},
	{"R-PACK-06", PACKED(DIRECT), 2, false, half_available},
	{"R-PACK-10", PACKED(DIRECT), 2, false, id_of_none},
	{"R-PACK-10", PACKED(DIRECT), 2, true, id_twice},
	{"R-PACK-17", PACKED(DIRECT), 2, true, too_many},
	{"R-PACK-23", PACKED(DIRECT), 3, false, nothing},
	{"R-PACK-24", PACKED(TABLE), 3, false, next_in_table},
	{"R-PACK-27", PACKED(TABLE), 3, false, odd_table},
	{"R-PACK-26", PACKED(TABLE), 3, false, table_in_list},
	{"R-PACK-12", PACKED(DIRECT), 2, true, change_descriptor},
	{"R-PACK-12", PACKED(TABLE), 3, true, change_table},
	{"R-PACK-40", PACKED(.event_idx = true), 2, true, reserved_event},
	{"R-PACK-39", PACKED(DIRECT), 2, true, event_without_feature},
	{"R-ORD-02", IN_ORDER(DIRECT), 2, false, out_of_place},
	{"R-ORD-03", IN_ORDER(DIRECT), 2, false, next_elsewhere},
	{"R-ORD-04", IN_ORDER(TABLE), 3, false, table_out_of_order},
};

static void expect_violation(const struct crime *crime)
{
	struct bed_chain chains[2];
	struct bed b;

	bed_open(&b, &crime->opts);
	bed_push(&b, crime->elements);
	bed_publish(&b);
	if (crime->taken)
		assert_true(bed_device_take(&b, &chains[0]));
	crime->commit(&b);
	bed_device_take(&b, &chains[1]);
	if (crime->taken)
		bed_give(&b, &chains[0], 1);
	device_show(&b.dev);
	assert_non_null(b.dev.broken);
	if (!strstr(b.dev.broken, crime->rule))
		fail_msg("\"%s\" is not %s", b.dev.broken, crime->rule);
	/* Nothing more is taken from a driver like that. */
	assert_false(bed_device_take(&b, &chains[1]));
	b.dev.broken = NULL;
	bed_close(&b);
}

static void test_each_rule_is_found(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(crimes); i++)
		expect_violation(&crimes[i]);
}

/* A chain taken before the ring was restarted, or returned already, is ignored. */
static void test_old_chains_are_ignored(void **state)
{
	const struct bed_opts opts = PACKED(DIRECT);
	struct bed_chain again;
	struct bed_chain old;
	struct bed b;

	(void)state;
	bed_open(&b, &opts);
	bed_push(&b, 1);
	bed_publish(&b);
	assert_true(bed_device_take(&b, &old));
	device_detach(&b.dev);
	device_attach(&b.dev);
	assert_true(bed_device_take(&b, &again));
	assert_int_equal(again.chain.id, old.chain.id);
	assert_false(device_give(&b.dev, &old.chain, 1));
	assert_true(device_give(&b.dev, &again.chain, 1));
	assert_false(device_give(&b.dev, &again.chain, 1));
	bed_close(&b);
}

int rules_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_rule_is_found),
		cmocka_unit_test(test_old_chains_are_ignored),
	};

	return cmocka_run_group_tests_name("ring/rules", tests, NULL, NULL);
}
