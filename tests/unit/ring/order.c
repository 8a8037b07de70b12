/* SPDX-License-Identifier: BSD-3-Clause */
/* Chains go out in order and come back in any, each exactly once, for ever. */
#include <stdlib.h>

#include "ring.h"

#define MANY 200000u

/* The 16-bit indices go round several times on the smallest and on the largest ring. */
static void run_many(unsigned size, unsigned batch, bool event_idx)
{
	unsigned done = 0;
	struct pair p;

	pair_open(&p, size, event_idx);
	while (done < MANY) {
		pair_push_many(&p, batch);
		split_publish(&p.ring);
		pair_complete_all(&p);
		assert_int_equal(split_pending(&p.ring), batch);
		assert_int_equal(pair_reap_all(&p), batch);
		done += batch;
	}
	assert_int_equal(p.ring.published, (uint16_t)done);
	assert_int_equal(p.ring.last_used, (uint16_t)done);
	assert_int_equal(pair_out(&p), 0);
	pair_close(&p);
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
	struct pair p;
	uint16_t head;

	(void)state;
	CONFORMS("R-SPLIT-17");
	pair_open(&p, 8, false);
	pair_push_many(&p, 3);
	assert_false(device_take(&p.dev, &head));
	split_publish(&p.ring);
	assert_true(device_take(&p.dev, &head));
	assert_true(device_take(&p.dev, &head));
	assert_true(device_take(&p.dev, &head));
	assert_false(device_take(&p.dev, &head));
	pair_close(&p);
}

static void test_publishing_nothing_changes_nothing(void **state)
{
	struct pair p;

	(void)state;
	CONFORMS("R-SPLIT-17");
	pair_open(&p, 8, false);
	assert_false(split_publish(&p.ring));
	pair_push(&p);
	assert_true(split_publish(&p.ring));
	assert_false(split_publish(&p.ring));
	assert_int_equal(p.dev.avail->idx, htole16(1));
	pair_close(&p);
}

static void test_every_entry_can_be_out_at_once(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, 64, true);
	pair_push_many(&p, 64);
	split_publish(&p.ring);
	assert_int_equal(pair_out(&p), 64);
	pair_complete_all(&p);
	assert_int_equal(pair_reap_all(&p), 64);
	pair_close(&p);
}

/* What one run of the property test keeps. */
struct run {
	struct pair p;
	uint64_t random;
	uint16_t *taken; /* heads that the device has, in no order */
	unsigned ntaken;
	uint64_t *serial; /* for each head, the chain that it stands for now */
	uint64_t taken_sum;
	uint64_t reaped_sum;
	uint64_t reaped;
};

static void push_some(struct run *r)
{
	unsigned count = pair_random(&r->random, r->p.nfree + 1);

	while (count--) {
		uint16_t head = pair_push(&r->p);

		r->serial[head] = r->p.serial;
	}
	if (pair_random(&r->random, 4))
		split_publish(&r->p.ring);
}

/* Chains come out of the ring in the order in which they were pushed; the device keeps some. */
static void take_some(struct run *r)
{
	unsigned count = pair_random(&r->random, r->p.dev.size + 1);
	uint64_t serial;
	uint16_t head;

	while (count-- && device_take(&r->p.dev, &head)) {
		serial = le64toh(r->p.dev.desc[head].addr);
		assert_int_equal(serial, r->serial[head]);
		r->taken_sum += serial;
		r->taken[r->ntaken++] = head;
	}
}

static void complete_some(struct run *r)
{
	unsigned count = pair_random(&r->random, r->ntaken + 1);

	while (count--) {
		unsigned which = pair_random(&r->random, r->ntaken);
		uint16_t head = r->taken[which];

		r->taken[which] = r->taken[--r->ntaken];
		device_use(&r->p.dev, head, (uint32_t)r->serial[head]);
	}
	if (pair_random(&r->random, 3))
		device_show(&r->p.dev);
}

static void reap_some(struct run *r)
{
	unsigned count = pair_random(&r->random, r->p.dev.size + 1);

	while (count-- && split_pending(&r->p.ring) > 0) {
		struct ring_used used = pair_reap(&r->p);

		/* The device put the serial number into the length. */
		assert_int_equal(used.len, (uint32_t)r->serial[used.head]);
		r->reaped_sum += used.len;
		r->reaped++;
	}
}

static void wish_something(struct run *r)
{
	switch (pair_random(&r->random, 6)) {
	case 0:
		split_arm(&r->p.ring);
		break;
	case 1:
		split_disarm(&r->p.ring);
		break;
	case 2:
		device_wish(&r->p.dev, (uint16_t)pair_random(&r->random, 65536),
			    (uint16_t)pair_random(&r->random, 65536));
		break;
	default:
		break;
	}
}

static void finish_run(struct run *r)
{
	split_publish(&r->p.ring);
	while (pair_out(&r->p)) {
		take_some(r);
		complete_some(r);
		device_show(&r->p.dev);
		reap_some(r);
	}
	assert_int_equal(r->reaped, r->p.serial);
	assert_int_equal(r->reaped_sum, r->taken_sum);
	assert_int_equal(r->reaped_sum, r->p.serial * (r->p.serial + 1) / 2);
}

static void run_random(unsigned size, bool event_idx, uint64_t seed, unsigned steps)
{
	struct run r = {.random = seed};

	pair_open(&r.p, size, event_idx);
	r.taken = calloc(size, sizeof(*r.taken));
	r.serial = calloc(size, sizeof(*r.serial));
	while (steps--) {
		push_some(&r);
		take_some(&r);
		complete_some(&r);
		reap_some(&r);
		wish_something(&r);
	}
	finish_run(&r);
	free(r.taken);
	free(r.serial);
	pair_close(&r.p);
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
	struct pair p;

	(void)state;
	CONFORMS("R-HARD-06", "R-SPLIT-41");
	pair_open(&p, 16, false);
	for (round = 0; round < 100; round++) {
		pair_push_many(&p, 16);
		split_publish(&p.ring);
		pair_complete_all(&p);
		for (i = 0; i < 16; i++) {
			p.dev.desc[i].next = htole16((uint16_t)(round * 7 + i));
			p.dev.desc[i].flags = 0xffff;
			p.dev.avail->ring[i] = 0xffff;
		}
		assert_int_equal(pair_reap_all(&p), 16);
	}
	assert_int_equal(p.nfree, 16);
	pair_close(&p);
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
