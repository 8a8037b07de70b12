/* SPDX-License-Identifier: BSD-3-Clause */
/* A device that lies in its used ring breaks the ring, and nothing else. */
#include <errno.h>

#include "ring.h"

#define SIZE 16u

/* A ring that has come a long way, with @out chains out: heads 15, 14, ... */
static void open_busy(struct pair *p, unsigned out)
{
	unsigned i;

	pair_open(p, SIZE, false);
	for (i = 0; i < 3 * SIZE; i++) {
		pair_push(p);
		split_publish(&p->ring);
		pair_complete_all(p);
		pair_reap(p);
	}
	pair_push_many(p, out);
	split_publish(&p->ring);
}

/* Whatever comes after the lie, the ring stays broken. */
static void assert_stays_broken(struct pair *p)
{
	assert_non_null(p->ring.rule);
	assert_int_equal(split_pending(&p->ring), -EPROTO);
	device_show_idx(&p->dev, p->ring.last_used);
	assert_int_equal(split_pending(&p->ring), -EPROTO);
}

static void expect_bad_id(uint32_t id)
{
	struct ring_used used;
	struct pair p;

	open_busy(&p, 1);
	device_lie(&p.dev, id, 0);
	device_show(&p.dev);
	assert_int_equal(split_pending(&p.ring), 1);
	if (split_take(&p.ring, &used) != -EPROTO)
		fail_msg("id %u was taken", id);
	assert_int_equal(pair_out(&p), 1);
	assert_stays_broken(&p);
	pair_close(&p);
}

static void test_ids_that_name_no_chain(void **state)
{
	static const uint32_t never[] = {SIZE,  SIZE + 1,     32768,      65535,
					 65536, 65536 + SIZE, 0x80000000, UINT32_MAX};
	unsigned i;
	uint32_t valid;
	struct pair p;

	(void)state;
	CONFORMS("R-HARD-01", "R-SPLIT-38");
	open_busy(&p, 1);
	valid = le16toh(p.dev.avail->ring[(p.ring.published - 1) % SIZE]);
	pair_close(&p);
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
	struct pair p;

	(void)state;
	CONFORMS("R-HARD-02");
	open_busy(&p, 1);
	valid = le16toh(p.dev.avail->ring[(p.ring.published - 1) % SIZE]);
	pair_close(&p);
	for (id = 0; id < SIZE; id++) {
		if (id != valid)
			expect_bad_id(id);
	}
}

static void test_id_used_twice(void **state)
{
	struct ring_used used;
	struct pair p;
	uint16_t head;

	(void)state;
	CONFORMS("R-HARD-02");
	open_busy(&p, 3);
	assert_true(device_take(&p.dev, &head));
	device_use(&p.dev, head, 1);
	device_lie(&p.dev, head, 1);
	device_show(&p.dev);
	assert_int_equal(split_pending(&p.ring), 2);
	assert_int_equal(split_take(&p.ring, &used), 0);
	assert_int_equal(used.head, head);
	assert_int_equal(split_take(&p.ring, &used), -EPROTO);
	assert_int_equal(pair_out(&p), 2);
	assert_stays_broken(&p);
	pair_close(&p);
}

/* The index moves by @by with @out chains with the device. */
static void expect_bad_jump(unsigned out, unsigned by)
{
	struct pair p;

	open_busy(&p, out);
	device_show_idx(&p.dev, (uint16_t)(p.ring.last_used + by));
	if (split_pending(&p.ring) != -EPROTO)
		fail_msg("a jump by %u with %u out was accepted", by, out);
	assert_int_equal(pair_out(&p), out);
	assert_stays_broken(&p);
	pair_close(&p);
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
	struct pair p;

	(void)state;
	CONFORMS("R-HARD-03");
	open_busy(&p, 2);
	pair_push_many(&p, 5);
	device_show_idx(&p.dev, (uint16_t)(p.ring.last_used + 2));
	assert_int_equal(split_pending(&p.ring), 2);
	device_show_idx(&p.dev, (uint16_t)(p.ring.last_used + 3));
	assert_int_equal(split_pending(&p.ring), -EPROTO);
	pair_close(&p);
}

static void test_the_rule_is_a_sentence(void **state)
{
	struct ring_used used;
	struct pair p;

	(void)state;
	open_busy(&p, 1);
	device_lie(&p.dev, SIZE, 0);
	device_show(&p.dev);
	assert_int_equal(split_take(&p.ring, &used), -EPROTO);
	assert_string_equal(p.ring.rule, "a used id is not in flight (2.7.8)");
	pair_close(&p);
	open_busy(&p, 1);
	device_show_idx(&p.dev, (uint16_t)(p.ring.last_used + 2));
	assert_int_equal(split_pending(&p.ring), -EPROTO);
	assert_string_equal(p.ring.rule, "the used index exceeds the available index (2.7.8)");
	pair_close(&p);
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
		unsigned left = 1 + pair_random(&random, SIZE);
		struct ring_used used;
		struct pair p;
		unsigned i;

		open_busy(&p, 0);
		for (i = 0; i < left; i++)
			out[pair_push(&p)] = true;
		split_publish(&p.ring);
		for (i = 0; i < SIZE; i++)
			device_lie(&p.dev, pair_random(&random, SIZE + 2), 0);
		device_show_idx(&p.dev,
				(uint16_t)(p.ring.last_used + pair_random(&random, SIZE + 2)));
		while (split_pending(&p.ring) > 0 && split_take(&p.ring, &used) == 0) {
			assert_true(used.head < SIZE && out[used.head]);
			out[used.head] = false;
			left--;
		}
		assert_int_equal(pair_out(&p), left);
		pair_close(&p);
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
		cmocka_unit_test(test_the_rule_is_a_sentence),
		cmocka_unit_test(test_random_used_rings),
	};

	return cmocka_run_group_tests_name("ring/hostile", tests, NULL, NULL);
}
