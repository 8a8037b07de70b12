/* SPDX-License-Identifier: BSD-3-Clause */
/* A device that lies in its used ring breaks the ring, and nothing else. */
#include <errno.h>

#include "bed.h"
#include "ring.h"

#define SIZE 16u

/* A ring that has come a long way, with @out chains out: heads 15, 14, ... */
static void open_busy(struct bed *b, unsigned out)
{
	struct ring_used used;
	unsigned i;

	bed_open_split(b, SIZE, false);
	for (i = 0; i < 3 * SIZE; i++) {
		bed_push(b, 1);
		split_publish(&b->split);
		bed_serve(b);
		assert_true(bed_reap(b, &used));
	}
	bed_push_many(b, out);
	split_publish(&b->split);
}

/* How many chains the driver has pushed and not taken back. */
static unsigned split_out(const struct bed *b)
{
	return (uint16_t)(b->split.next - b->split.last_used);
}

/* Whatever comes after the lie, the ring stays broken. */
static void assert_stays_broken(struct bed *b)
{
	assert_non_null(b->split.rule);
	assert_int_equal(split_pending(&b->split), -EPROTO);
	device_show_idx(&b->dev, b->split.last_used);
	assert_int_equal(split_pending(&b->split), -EPROTO);
}

static void expect_bad_id(uint32_t id)
{
	struct ring_used used;
	struct bed b;

	open_busy(&b, 1);
	device_lie(&b.dev, id, 0);
	device_show(&b.dev);
	assert_int_equal(split_pending(&b.split), 1);
	if (split_take(&b.split, &used) != -EPROTO)
		fail_msg("id %u was taken", id);
	assert_int_equal(split_out(&b), 1);
	assert_stays_broken(&b);
	bed_close(&b);
}

static void test_ids_that_name_no_chain(void **state)
{
	static const uint32_t never[] = {SIZE,  SIZE + 1,     32768,      65535,
					 65536, 65536 + SIZE, 0x80000000, UINT32_MAX};
	unsigned i;
	uint32_t valid;
	struct bed b;

	(void)state;
	CONFORMS("R-HARD-01", "R-SPLIT-38");
	open_busy(&b, 1);
	valid = le16toh(device_avail(&b.dev)->ring[(b.split.published - 1) % SIZE]);
	bed_close(&b);
	for (i = 0; i < ARRAY_LEN(never); i++)
		expect_bad_id(never[i]);
	/* Right in the low 16 bits, and in the low bits that fit the ring. */
	expect_bad_id(65536 + valid);
	expect_bad_id(valid | 0x80000000);
	expect_bad_id(valid + SIZE);
}

static void test_ids_of_free_heads(void **state)
{
	uint32_t valid;
	uint32_t id;
	struct bed b;

	(void)state;
	CONFORMS("R-HARD-02");
	open_busy(&b, 1);
	valid = le16toh(device_avail(&b.dev)->ring[(b.split.published - 1) % SIZE]);
	bed_close(&b);
	for (id = 0; id < SIZE; id++) {
		if (id != valid)
			expect_bad_id(id);
	}
}

static void test_id_used_twice(void **state)
{
	struct bed_chain chain;
	struct ring_used used;
	struct bed b;

	(void)state;
	CONFORMS("R-HARD-02");
	open_busy(&b, 3);
	assert_true(bed_device_take(&b, &chain));
	assert_true(device_give(&b.dev, &chain.chain, 1));
	device_lie(&b.dev, chain.chain.id, 1);
	device_show(&b.dev);
	assert_int_equal(split_pending(&b.split), 2);
	assert_int_equal(split_take(&b.split, &used), 0);
	assert_int_equal(used.head, chain.chain.id);
	assert_int_equal(split_take(&b.split, &used), -EPROTO);
	assert_int_equal(split_out(&b), 2);
	assert_stays_broken(&b);
	bed_close(&b);
}

/* The index moves by @by with @out chains with the device. */
static void expect_bad_jump(unsigned out, unsigned by)
{
	struct bed b;

	open_busy(&b, out);
	device_show_idx(&b.dev, (uint16_t)(b.split.last_used + by));
	if (split_pending(&b.split) != -EPROTO)
		fail_msg("a jump by %u with %u out was accepted", by, out);
	assert_int_equal(split_out(&b), out);
	assert_stays_broken(&b);
	bed_close(&b);
}

static void test_used_index_jumps(void **state)
{
	(void)state;
	CONFORMS("R-HARD-03");
	expect_bad_jump(0, 1);
	expect_bad_jump(3, 4);
	expect_bad_jump(3, SIZE);
	expect_bad_jump(SIZE, SIZE + 1);
	expect_bad_jump(SIZE, 32768);
	expect_bad_jump(SIZE, UINT16_MAX); /* one back */
	expect_bad_jump(0, UINT16_MAX);
}

/* What was pushed and not yet published can't come back. */
static void test_used_index_counts_published_chains_only(void **state)
{
	struct bed b;

	(void)state;
	CONFORMS("R-HARD-03");
	open_busy(&b, 2);
	bed_push_many(&b, 5);
	device_show_idx(&b.dev, (uint16_t)(b.split.last_used + 2));
	assert_int_equal(split_pending(&b.split), 2);
	device_show_idx(&b.dev, (uint16_t)(b.split.last_used + 3));
	assert_int_equal(split_pending(&b.split), -EPROTO);
	bed_close(&b);
}

static void test_the_broken_rule_is_named(void **state)
{
	struct ring_used used;
	struct bed b;

	(void)state;
	open_busy(&b, 1);
	device_lie(&b.dev, SIZE, 0);
	device_show(&b.dev);
	assert_int_equal(split_take(&b.split, &used), -EPROTO);
	assert_string_equal(b.split.rule, "a used id is not in flight (2.7.8)");
	bed_close(&b);
	open_busy(&b, 1);
	device_show_idx(&b.dev, (uint16_t)(b.split.last_used + 2));
	assert_int_equal(split_pending(&b.split), -EPROTO);
	assert_string_equal(b.split.rule, "the used index exceeds the available index (2.7.8)");
	bed_close(&b);
}

/* Random used entries and indices: no chain comes back twice, and none that is not out. */
static void test_random_used_rings(void **state)
{
	uint64_t random = 42;
	unsigned round;

	(void)state;
	CONFORMS("R-HARD-01", "R-HARD-02", "R-HARD-03");
	for (round = 0; round < 3000; round++) {
		bool out[SIZE] = {false};
		unsigned left = 1 + bed_random(&random, SIZE);
		struct ring_used used;
		struct bed b;
		unsigned i;

		open_busy(&b, 0);
		for (i = 0; i < left; i++)
			out[bed_push(&b, 1)] = true;
		split_publish(&b.split);
		for (i = 0; i < SIZE; i++)
			device_lie(&b.dev, bed_random(&random, SIZE + 2), 0);
		device_show_idx(&b.dev,
				(uint16_t)(b.split.last_used + bed_random(&random, SIZE + 2)));
		while (split_pending(&b.split) > 0 && split_take(&b.split, &used) == 0) {
			assert_true(used.head < SIZE && out[used.head]);
			out[used.head] = false;
			left--;
		}
		assert_int_equal(split_out(&b), left);
		bed_close(&b);
	}
}

int hostile_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids_that_name_no_chain),
		cmocka_unit_test(test_ids_of_free_heads),
		cmocka_unit_test(test_id_used_twice),
		cmocka_unit_test(test_used_index_jumps),
		cmocka_unit_test(test_used_index_counts_published_chains_only),
		cmocka_unit_test(test_the_broken_rule_is_named),
		cmocka_unit_test(test_random_used_rings),
	};

	return cmocka_run_group_tests_name("ring/hostile", tests, NULL, NULL);
}
