/* SPDX-License-Identifier: BSD-3-Clause */
/* Chains go out in order and come back in any, each exactly once, for ever. */
#include <stdlib.h>

#include "bed.h"
#include "ring.h"

#define MANY 200000u

/* The 16-bit indices go round several times on the smallest and on the largest ring. */
static void run_many(unsigned size, unsigned batch, bool event_idx)
{
	unsigned done = 0;
	struct bed b;

	bed_open_split(&b, size, event_idx);
	while (done < MANY) {
		bed_push_many(&b, batch);
		split_publish(&b.split);
		bed_serve(&b);
		assert_int_equal(split_pending(&b.split), batch);
		assert_int_equal(bed_reap_all(&b), batch);
		done += batch;
	}
	assert_int_equal(b.split.published, (uint16_t)done);
	assert_int_equal(b.split.last_used, (uint16_t)done);
	assert_int_equal(bed_out(&b), 0);
	bed_close(&b);
}

static void test_indices_wrap(void **state)
{
	(void)state;
	CONFORMS("R-SPLIT-02", "R-SPLIT-18", "R-SPLIT-37");
	run_many(1, 1, false);
	run_many(2, 1, false);
	run_many(2, 2, true);
	run_many(256, 77, true);
	run_many(RING_MAX_SIZE, RING_MAX_SIZE, true);
	run_many(RING_MAX_SIZE, 12345, false);
}

static void test_pushed_is_invisible_until_published(void **state)
{
	struct bed_chain chain;
	struct bed b;
	unsigned i;

	(void)state;
	CONFORMS("R-SPLIT-17");
	bed_open_split(&b, 8, false);
	bed_push_many(&b, 3);
	assert_false(bed_device_take(&b, &chain));
	split_publish(&b.split);
	for (i = 0; i < 3; i++)
		assert_true(bed_device_take(&b, &chain));
	assert_false(bed_device_take(&b, &chain));
	bed_close(&b);
}

static void test_publishing_nothing_changes_nothing(void **state)
{
	struct bed b;

	(void)state;
	CONFORMS("R-SPLIT-17");
	bed_open_split(&b, 8, false);
	assert_false(split_publish(&b.split));
	bed_push(&b, 1);
	assert_true(split_publish(&b.split));
	assert_false(split_publish(&b.split));
	assert_int_equal(device_avail(&b.dev)->idx, htole16(1));
	bed_close(&b);
}

static void test_every_entry_can_be_out_at_once(void **state)
{
	struct bed b;

	(void)state;
	bed_open_split(&b, 64, true);
	bed_push_many(&b, 64);
	split_publish(&b.split);
	assert_int_equal(bed_out(&b), 64);
	bed_serve(&b);
	assert_int_equal(bed_reap_all(&b), 64);
	bed_close(&b);
}

/* What one run of the property test keeps. */
struct run {
	struct bed b;
	uint64_t random;
	struct bed_chain *taken; /* what the device has, in no order */
	unsigned ntaken;
	uint64_t *serial; /* for each head, the chain that it stands for now */
	uint64_t taken_sum;
	uint64_t reaped_sum;
	uint64_t reaped;
};

static void push_some(struct run *r)
{
	unsigned count = bed_random(&r->random, r->b.nfree + 1);

	while (count--) {
		uint16_t head = bed_push(&r->b, 1);

		r->serial[head] = r->b.serial;
	}
	if (bed_random(&r->random, 4))
		split_publish(&r->b.split);
}

/* Chains come out of the ring in the order in which they were pushed; the device keeps some. */
static void take_some(struct run *r)
{
	unsigned count = bed_random(&r->random, r->b.dev.size + 1);

	for (; count-- && bed_device_take(&r->b, &r->taken[r->ntaken]); r->ntaken++) {
		const struct bed_chain *chain = &r->taken[r->ntaken];
		const struct cell *cell = chain->elems[0].at;

		assert_int_equal(cell->request, r->serial[chain->chain.id]);
		r->taken_sum += cell->request;
	}
}

static void complete_some(struct run *r)
{
	unsigned count = bed_random(&r->random, r->ntaken + 1);

	while (count--) {
		unsigned which = bed_random(&r->random, r->ntaken);
		struct bed_chain chain = r->taken[which];

		r->taken[which] = r->taken[--r->ntaken];
		bed_give(&r->b, &chain, (uint32_t)r->serial[chain.chain.id]);
	}
	if (bed_random(&r->random, 3))
		device_show(&r->b.dev);
}

static void reap_some(struct run *r)
{
	unsigned count = bed_random(&r->random, r->b.dev.size + 1);

	struct ring_used used;

	while (count-- && bed_reap(&r->b, &used)) {
		/* The device put the serial number into the length. */
		assert_int_equal(used.len, (uint32_t)r->serial[used.head]);
		r->reaped_sum += used.len;
		r->reaped++;
	}
}

static void request_something(struct run *r)
{
	switch (bed_random(&r->random, 6)) {
	case 0:
		split_arm(&r->b.split);
		break;
	case 1:
		split_disarm(&r->b.split);
		break;
	case 2:
		device_request(&r->b.dev, (uint16_t)bed_random(&r->random, 65536),
			       (uint16_t)bed_random(&r->random, 65536));
		break;
	default:
		break;
	}
}

static void finish_run(struct run *r)
{
	split_publish(&r->b.split);
	while (bed_out(&r->b)) {
		take_some(r);
		complete_some(r);
		device_show(&r->b.dev);
		reap_some(r);
	}
	assert_int_equal(r->reaped, r->b.serial);
	assert_int_equal(r->reaped_sum, r->taken_sum);
	assert_int_equal(r->reaped_sum, r->b.serial * (r->b.serial + 1) / 2);
}

static void run_random(unsigned size, bool event_idx, uint64_t seed, unsigned steps)
{
	struct run r = {.random = seed};

	bed_open_split(&r.b, size, event_idx);
	/* One more than there can be: asking for what isn't there takes room too. */
	r.taken = calloc(size + 1, sizeof(*r.taken));
	r.serial = calloc(size, sizeof(*r.serial));
	while (steps--) {
		push_some(&r);
		take_some(&r);
		complete_some(&r);
		reap_some(&r);
		request_something(&r);
	}
	finish_run(&r);
	free(r.taken);
	free(r.serial);
	bed_close(&r.b);
}

static void test_every_chain_comes_back_exactly_once(void **state)
{
	uint64_t seed;
	unsigned size;

	(void)state;
	CONFORMS("R-SPLIT-17", "R-SPLIT-18", "R-SPLIT-37", "R-SPLIT-38", "R-SPLIT-40",
		 "R-SPLIT-41");
	for (size = 1; size <= 1024; size *= 2) {
		for (seed = 1; seed <= 2; seed++)
			run_random(size, seed % 2, seed * size, 300);
	}
}

/*
 * Bookkeeping is private: the device scribbles over all that it may write and much that it may not.
 */
static void test_scribbled_table_changes_nothing(void **state)
{
	unsigned round;
	unsigned i;
	struct bed b;

	(void)state;
	CONFORMS("R-HARD-06", "R-SPLIT-41");
	bed_open_split(&b, 16, false);
	for (round = 0; round < 100; round++) {
		bed_push_many(&b, 16);
		split_publish(&b.split);
		bed_serve(&b);
		for (i = 0; i < 16; i++) {
			device_desc(&b.dev)[i].next = htole16((uint16_t)(round * 7 + i));
			device_desc(&b.dev)[i].flags = 0xffff;
			device_avail(&b.dev)->ring[i] = 0xffff;
		}
		assert_int_equal(bed_reap_all(&b), 16);
	}
	assert_int_equal(b.nfree, 16);
	bed_close(&b);
}

int order_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_indices_wrap),
		cmocka_unit_test(test_pushed_is_invisible_until_published),
		cmocka_unit_test(test_publishing_nothing_changes_nothing),
		cmocka_unit_test(test_every_entry_can_be_out_at_once),
		cmocka_unit_test(test_every_chain_comes_back_exactly_once),
		cmocka_unit_test(test_scribbled_table_changes_nothing),
	};

	return cmocka_run_group_tests_name("ring/order", tests, NULL, NULL);
}
