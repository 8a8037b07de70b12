/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The property that matters, on both formats with all features and sizes: every request comes back
 * exactly once, with its own answer, whatever the device does with their order.
 */
#include <stdlib.h>

#include "bed.h"
#include "ring.h"

/**
 * struct course - One run
 * @taken: requests that the device has and has not given back, oldest first
 * @answered, @reaped: requests that came this far
 * @skipped: requests that came back without a length of their own
 */
struct course {
	struct bed bed;
	uint64_t random;
	struct peer_chain *taken;
	unsigned ntaken;
	uint64_t reaped;
	uint64_t skipped;
};

static unsigned dice(struct course *c, unsigned limit)
{
	return pair_random(&c->random, limit);
}

static void push_some(struct course *c)
{
	const struct bed_opts *o = &c->bed.opts;
	unsigned count = dice(c, c->bed.nfree + 1);
	unsigned most = o->indirect ? PEER_ELEMENTS : o->run;

	while (count--)
		bed_push(&c->bed, 1 + dice(c, most));
	if (dice(c, 4))
		bed_publish(&c->bed);
}

static void take_some(struct course *c)
{
	unsigned count = dice(c, c->bed.count + 1);

	while (count-- && peer_take(&c->bed.peer, &c->taken[c->ntaken]))
		c->ntaken++;
}

/* Any of those that the device has. */
static void give_one(struct course *c)
{
	struct peer_chain *chain = &c->taken[dice(c, c->ntaken)];

	bed_answer(chain);
	peer_check(&c->bed.peer, chain);
	peer_use(&c->bed.peer, chain, (uint32_t)-1);
	*chain = c->taken[--c->ntaken];
}

/* So many of the oldest, by one entry for the last of them. */
static void give_batch(struct course *c, unsigned count)
{
	struct peer_chain last = c->taken[count - 1];
	unsigned i;

	last.slots = 0;
	for (i = 0; i < count; i++) {
		bed_answer(&c->taken[i]);
		peer_check(&c->bed.peer, &c->taken[i]);
		last.slots = (uint16_t)(last.slots + c->taken[i].slots);
	}
	peer_use(&c->bed.peer, &last, (uint32_t)-1);
	c->ntaken -= count;
	for (i = 0; i < c->ntaken; i++)
		c->taken[i] = c->taken[i + count];
}

static void give_some(struct course *c)
{
	unsigned count = dice(c, c->ntaken + 1);

	if (c->bed.opts.in_order && count && dice(c, 2))
		give_batch(c, count);
	else if (c->bed.opts.in_order && count)
		give_batch(c, 1);
	else
		while (count--)
			give_one(c);
	if (dice(c, 3))
		peer_show(&c->bed.peer);
}

static void reap_some(struct course *c)
{
	unsigned count = dice(c, c->bed.count + 1);
	struct ring_used used;

	while (count-- && bed_reap(&c->bed, &used)) {
		assert_true(used.len == (uint32_t)-1 || (c->bed.opts.in_order && !used.len));
		c->skipped += !used.len;
		c->reaped++;
	}
}

static void wish_something(struct course *c)
{
	switch (dice(c, 6)) {
	case 0:
		bed_arm(&c->bed);
		break;
	case 1:
		bed_disarm(&c->bed);
		break;
	case 2:
		peer_sleep(&c->bed.peer);
		break;
	case 3:
		peer_poll_mode(&c->bed.peer);
		break;
	default:
		break;
	}
}

static void finish(struct course *c)
{
	unsigned rounds = 0;

	bed_publish(&c->bed);
	while (bed_out(&c->bed)) {
		assert_true(rounds++ < 1000);
		take_some(c);
		give_some(c);
		peer_show(&c->bed.peer);
		reap_some(c);
		assert_null(c->bed.peer.broken);
	}
	assert_true(c->reaped == c->bed.serial);
}

/* Returns how many requests came back without a length. */
static uint64_t run(const struct bed_opts *opts, unsigned steps, uint64_t seed)
{
	struct course c = {.random = seed};

	bed_open(&c.bed, opts);
	c.taken = calloc(c.bed.count + 1, sizeof(*c.taken));
	assert_non_null(c.taken);
	while (steps--) {
		push_some(&c);
		take_some(&c);
		give_some(&c);
		reap_some(&c);
		wish_something(&c);
	}
	finish(&c);
	free(c.taken);
	bed_close(&c.bed);
	return c.skipped;
}

/* All features with one size. Split rings have sizes that are powers of two. */
static uint64_t run_features(bool packed, bool in_order, unsigned size, unsigned steps)
{
	unsigned most = size < 3 ? size : 3;
	uint64_t skipped = 0;
	unsigned features;
	unsigned run_length;

	for (run_length = 1; run_length <= most; run_length++) {
		for (features = 0; features < 4; features++) {
			const struct bed_opts opts = {
				.size = size,
				.run = run_length,
				.packed = packed,
				.in_order = in_order,
				.event_idx = features & 1,
				.indirect = features & 2,
			};

			skipped += run(&opts, steps, size + 100u * features);
		}
	}
	return skipped;
}

static void test_split(void **state)
{
	unsigned size;

	(void)state;
	for (size = 1; size <= 1024; size *= 4)
		run_features(false, false, size, 100);
	run_features(false, false, RING_MAX_SIZE, 3);
}

static void test_split_in_order(void **state)
{
	uint64_t skipped = 0;
	unsigned size;

	(void)state;
	CONFORMS("R-ORD-01", "R-ORD-02", "R-ORD-03", "R-ORD-04", "R-ORD-05", "R-ORD-06",
		 "R-ORD-09");
	for (size = 1; size <= 1024; size *= 2)
		skipped += run_features(false, true, size, 100);
	skipped += run_features(false, true, RING_MAX_SIZE, 3);
	assert_true(skipped > 1000);
}

static const unsigned packed_sizes[] = {1, 2, 3, 4, 5, 7, 16, 100, 127, 1024};

static void test_packed(void **state)
{
	unsigned i;

	(void)state;
	CONFORMS("R-PACK-02", "R-PACK-05", "R-PACK-06", "R-PACK-08", "R-PACK-09", "R-PACK-10",
		 "R-PACK-11", "R-PACK-12", "R-PACK-13", "R-PACK-18", "R-PACK-19");
	for (i = 0; i < ARRAY_LEN(packed_sizes); i++)
		run_features(true, false, packed_sizes[i], 200);
	run_features(true, false, RING_MAX_SIZE, 3);
	run_features(true, false, RING_MAX_SIZE - 1, 3);
}

static void test_packed_features(void **state)
{
	(void)state;
	CONFORMS("R-PACK-28", "R-PACK-30", "R-PACK-31", "R-PACK-39", "R-PACK-40", "R-PACK-43");
	/* A prime number of entries, and chains of all lengths begin at each of them. */
	run_features(true, false, 13, 5000);
}

static void test_packed_in_order(void **state)
{
	uint64_t skipped = 0;
	unsigned i;

	(void)state;
	CONFORMS("R-ORD-01", "R-ORD-08", "R-ORD-09");
	for (i = 0; i < ARRAY_LEN(packed_sizes); i++)
		skipped += run_features(true, true, packed_sizes[i], 200);
	skipped += run_features(true, true, RING_MAX_SIZE, 3);
	assert_true(skipped > 1000);
}

int property_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),           cmocka_unit_test(test_split_in_order),
		cmocka_unit_test(test_packed),          cmocka_unit_test(test_packed_features),
		cmocka_unit_test(test_packed_in_order),
	};

	return cmocka_run_group_tests_name("ring/property", tests, NULL, NULL);
}
