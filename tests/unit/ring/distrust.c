/* SPDX-License-Identifier: BSD-3-Clause */
/* A device that lies in a packed ring, or about the order it uses: it breaks the ring, no more. */
#include <errno.h>
#include <string.h>

#include "bed.h"
#include "ring.h"

#define SIZE 13u

static const char no_chain[] = "a used id is not in flight (2.8.6)";

static void open_busy(struct bed *b, bool packed, bool in_order, unsigned out)
{
	const struct bed_opts opts = {
		.size = packed ? SIZE : 16, .run = 1, .packed = packed, .in_order = in_order};
	struct ring_used used;
	unsigned i;

	bed_open(b, &opts);
	for (i = 0; i < 3 * SIZE + 2; i++) {
		bed_push(b, 1);
		bed_publish(b);
		bed_serve(b);
		assert_true(bed_reap(b, &used));
	}
	for (i = 0; i < out; i++)
		bed_push(b, 1);
	bed_publish(b);
}

static void lie(struct bed *b, uint16_t id)
{
	device_write(&b->dev, b->dev.used_idx, id, 1,
		     (uint16_t)(device_used_bits(&b->dev) | VRING_DESC_F_WRITE));
}

/* Whatever comes after the lie, the ring stays broken. */
static void assert_broken(struct bed *b, const char *rule)
{
	struct ring_used used;
	unsigned out = bed_out(b);

	assert_true(bed_pending(b) > 0);
	assert_int_equal(bed_take(b, &used), -EPROTO);
	assert_string_equal(bed_rule(b), rule);
	assert_int_equal(bed_pending(b), -EPROTO);
	assert_int_equal(bed_out(b), out);
}

static void test_ids_that_name_no_chain(void **state)
{
	static const uint16_t ids[] = {SIZE, SIZE + 1, 256, 32767, 32768, 65535};
	struct bed b;
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-01", "R-HARD-07");
	for (i = 0; i < ARRAY_LEN(ids); i++) {
		open_busy(&b, true, false, 1);
		lie(&b, ids[i]);
		assert_broken(&b, no_chain);
		bed_close(&b);
	}
}

static void test_ids_that_are_not_out(void **state)
{
	struct bed_chain chain;
	struct bed b;
	uint16_t id;

	(void)state;
	CONFORMS("R-HARD-02", "R-HARD-07");
	for (id = 0; id < SIZE; id++) {
		open_busy(&b, true, false, 1);
		assert_true(bed_device_take(&b, &chain));
		lie(&b, id);
		if (id != chain.chain.id)
			assert_broken(&b, no_chain);
		bed_close(&b);
	}
}

static void test_an_id_used_twice(void **state)
{
	struct bed_chain chain;
	struct ring_used used;
	struct bed b;

	(void)state;
	CONFORMS("R-HARD-02");
	open_busy(&b, true, false, 3);
	assert_true(bed_device_take(&b, &chain));
	bed_give(&b, &chain, 1);
	assert_true(bed_reap(&b, &used));
	lie(&b, chain.chain.id);
	assert_broken(&b, no_chain);
	bed_close(&b);
}

/* With nothing out, nothing in the ring is looked at. */
static void test_used_with_nothing_out(void **state)
{
	struct bed b;

	(void)state;
	CONFORMS("R-HARD-03");
	open_busy(&b, true, false, 0);
	lie(&b, 0);
	assert_int_equal(bed_pending(&b), 0);
	/* Pushed is not published. */
	bed_push(&b, 1);
	assert_int_equal(bed_pending(&b), 0);
	bed_close(&b);
}

/* The skip is the driver's own number, whatever the device wrote over the descriptors. */
static void test_scribbled_ring_changes_nothing(void **state)
{
	const struct bed_opts opts = {.size = SIZE, .run = 3, .packed = true};
	struct bed_chain chain;
	struct ring_used used;
	struct bed b;
	unsigned round;

	(void)state;
	CONFORMS("R-HARD-06", "R-HARD-08", "R-PACK-30", "R-PACK-31");
	bed_open(&b, &opts);
	for (round = 0; round < 200; round++) {
		bed_push(&b, 1 + round % 3);
		bed_publish(&b);
		assert_true(bed_device_take(&b, &chain));
		bed_give(&b, &chain, round);
		/* All of the used descriptor that means nothing. */
		device_packed(&b.dev)[chain.chain.first].addr = UINT64_MAX;
		device_packed(&b.dev)[chain.chain.first].flags |=
			htole16(VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT);
		assert_true(bed_reap(&b, &used));
		assert_int_equal(used.len, round);
	}
	bed_close(&b);
}

/* Random used descriptors: no chain comes back twice, and none that is not out. */
static void test_random_rings(void **state)
{
	uint64_t random = 42;
	unsigned round;

	(void)state;
	CONFORMS("R-HARD-01", "R-HARD-02", "R-HARD-03", "R-HARD-09");
	for (round = 0; round < 4000; round++) {
		bool in_order = round % 2;
		unsigned out = 1 + bed_random(&random, SIZE);
		bool seen[SIZE] = {false};
		struct ring_used used;
		unsigned taken = 0;
		struct bed b;
		unsigned i;

		open_busy(&b, true, in_order, out);
		for (i = 0; i < SIZE; i++) {
			/* Mostly as if each entry of this wrap were used. */
			bool turn = (i < b.dev.used_idx) ^ !bed_random(&random, 4);
			uint16_t bits = device_used_bits(&b.dev);

			device_write(&b.dev, i, (uint16_t)bed_random(&random, SIZE + 2), 0,
				     (uint16_t)(turn ? bits ^ PACKED_BITS : bits));
		}
		while (bed_pending(&b) > 0 && bed_take(&b, &used) == 0) {
			assert_true(used.head < SIZE && b.cells[used.head].out);
			assert_false(seen[used.head]);
			seen[used.head] = true;
			assert_true(++taken <= out);
		}
		assert_int_equal(b.packed.in_flight, out - taken);
		b.dev.broken = NULL;
		bed_close(&b);
	}
}

/* A batch can't end with what was pushed and not published. */
static void test_batch_beyond_what_is_published(void **state)
{
	static const char rule[] = "a used id is not in flight (2.8.8)";
	struct bed b;
	uint16_t id;

	(void)state;
	CONFORMS("R-HARD-03", "R-HARD-10");
	open_busy(&b, true, true, 2);
	bed_push(&b, 1);
	id = b.packed.order.fifo[(uint16_t)(b.packed.order.next - 1) & b.packed.order.mask].id;
	lie(&b, id);
	assert_broken(&b, rule);
	bed_close(&b);
	open_busy(&b, true, true, 1);
	lie(&b, SIZE);
	assert_broken(&b, rule);
	bed_close(&b);
}

/* An id that was never out: its place is that of another chain. */
static void test_in_order_id_that_was_never_out(void **state)
{
	const struct bed_opts opts = {.size = SIZE, .run = 1, .packed = true, .in_order = true};
	struct bed b;

	(void)state;
	CONFORMS("R-HARD-02");
	bed_open(&b, &opts);
	bed_push(&b, 1);
	bed_publish(&b);
	lie(&b, 1);
	assert_broken(&b, "a used id is not in flight (2.8.8)");
	bed_close(&b);
}

/* Split, in order: the id against what is out, and the batch against the used index. */
static void test_split_in_order(void **state)
{
	struct bed_chain chains[2];
	struct bed b;

	(void)state;
	CONFORMS("R-HARD-01", "R-HARD-02", "R-HARD-03", "R-HARD-10");
	open_busy(&b, false, true, 2);
	assert_true(bed_device_take(&b, &chains[0]));
	assert_true(bed_device_take(&b, &chains[1]));
	/* The index covers one chain, and the entry ends two. */
	device_lie(&b.dev, chains[1].chain.id, 0);
	device_show(&b.dev);
	assert_broken(&b, "a used id is beyond the used index (2.7.9)");
	bed_close(&b);
	open_busy(&b, false, true, 2);
	device_lie(&b.dev, 16, 0);
	device_show(&b.dev);
	assert_broken(&b, "a used id is not in flight (2.7.8)");
	bed_close(&b);
	open_busy(&b, false, true, 1);
	/* It was in flight one wrap ago. */
	device_lie(&b.dev, (b.dev.place + 5u) % 16, 0);
	device_show(&b.dev);
	assert_broken(&b, "a used id is not in flight (2.7.8)");
	bed_close(&b);
}

int distrust_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids_that_name_no_chain),
		cmocka_unit_test(test_ids_that_are_not_out),
		cmocka_unit_test(test_an_id_used_twice),
		cmocka_unit_test(test_used_with_nothing_out),
		cmocka_unit_test(test_scribbled_ring_changes_nothing),
		cmocka_unit_test(test_random_rings),
		cmocka_unit_test(test_batch_beyond_what_is_published),
		cmocka_unit_test(test_in_order_id_that_was_never_out),
		cmocka_unit_test(test_split_in_order),
	};

	return cmocka_run_group_tests_name("ring/distrust", tests, NULL, NULL);
}
