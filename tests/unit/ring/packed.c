/* SPDX-License-Identifier: BSD-3-Clause */
/* What is particular to the packed format: layout, wraps, visibility and notifications. */
#include <stdlib.h>
#include <string.h>

#include "bed.h"
#include "ring.h"

#define WRAP  0x8000u
#define GUARD 64

static void open_plain(struct bed *b, unsigned size, bool event_idx)
{
	const struct bed_opts opts = {
		.size = size, .run = 1, .packed = true, .event_idx = event_idx};

	bed_open(b, &opts);
}

static void test_parts_are_aligned_and_zeroed(void **state)
{
	static const unsigned sizes[] = {1, 2, 3, 5, 100, RING_MAX_SIZE - 1, RING_MAX_SIZE};
	unsigned i;

	(void)state;
	CONFORMS("R-PACK-01", "R-PACK-02", "R-PACK-03", "R-PACK-04");
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		struct packed_layout l = packed_layout(sizes[i]);
		char *mem = aligned_alloc(GUARD, l.bytes + 2 * GUARD);
		struct packed_ring ring;
		size_t at;

		assert_non_null(mem);
		/* Table of 2.8.10.1; and no cache line belongs to two parts. */
		assert_true(l.driver >= 16u * sizes[i]);
		assert_int_equal(l.driver % CACHE_LINE, 0);
		assert_int_equal(l.device % CACHE_LINE, 0);
		assert_true(l.device >= l.driver + CACHE_LINE);
		assert_true(l.bytes >= l.device + CACHE_LINE);
		memset(mem, 0xa5, l.bytes + 2 * GUARD);
		assert_int_equal(packed_init(&ring, mem + GUARD, sizes[i], true, false), 0);
		for (at = 0; at < l.bytes; at++) {
			/* Only the driver's flags are not 0: it polls. */
			assert_int_equal(mem[GUARD + at], at == l.driver + 2);
		}
		assert_int_equal((uint8_t)mem[GUARD - 1], 0xa5);
		assert_int_equal((uint8_t)mem[GUARD + l.bytes], 0xa5);
		assert_int_equal(ring.avail_bits, 0x80);
		assert_int_equal(ring.used_bits, 0x8080);
		packed_fini(&ring);
		free(mem);
	}
}

/* What the driver writes and reads, byte by byte. */
static void test_fields_are_little_endian(void **state)
{
	static const uint8_t list[] = {8, 7, 6, 5, 4, 3, 2, 1, 4, 3, 2, 1, 2, 1, 0x81, 0,
				       1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, 1, 0x82, 0};
	const struct vring_desc chain[] = {
		{htole64(0x0102030405060708), htole32(0x01020304), htole16(VRING_DESC_F_NEXT), 0},
		{htole64(1), htole32(9), htole16(VRING_DESC_F_WRITE), 0},
	};
	struct bed b;

	(void)state;
	CONFORMS("R-PACK-06", "R-PACK-09", "R-PACK-10");
	open_plain(&b, 512, false);
	packed_push(&b.packed, chain, 0x102);
	packed_publish(&b.packed);
	assert_memory_equal(b.packed.desc, list, sizeof(list));
	bed_close(&b);
}

static void test_the_first_of_a_batch_is_shown_last(void **state)
{
	struct bed_chain chain;
	struct bed b;
	unsigned i;

	(void)state;
	CONFORMS("R-PACK-22");
	open_plain(&b, 7, false);
	for (i = 0; i < 3; i++)
		bed_push(&b, 1);
	assert_int_equal(b.packed.desc[0].flags, 0);
	assert_int_not_equal(b.packed.desc[1].flags, 0);
	assert_false(bed_device_take(&b, &chain));
	bed_publish(&b);
	for (i = 0; i < 3; i++)
		assert_true(bed_device_take(&b, &chain));
	assert_false(bed_device_take(&b, &chain));
	bed_close(&b);
}

/* One that is pushed and not published leaves no trace that the device would act on. */
static void test_nothing_is_published_twice(void **state)
{
	struct bed b;

	(void)state;
	open_plain(&b, 4, false);
	assert_false(bed_publish(&b));
	bed_push(&b, 1);
	assert_true(bed_publish(&b));
	assert_false(bed_publish(&b));
	bed_close(&b);
}

static void test_used_is_what_both_bits_of_the_wrap_say(void **state)
{
	struct ring_used used;
	struct bed b;
	unsigned wrap;

	(void)state;
	CONFORMS("R-PACK-04", "R-PACK-05", "R-PACK-07");
	open_plain(&b, 2, false);
	for (wrap = 0; wrap < 4; wrap++) {
		bed_push(&b, 1);
		bed_push(&b, 1);
		bed_publish(&b);
		/* The entry is available, or from the previous wrap: nothing to take. */
		assert_int_equal(bed_pending(&b), 0);
		assert_int_equal(bed_take(&b, &used), 1);
		bed_serve(&b);
		assert_int_equal(bed_pending(&b), 2);
		assert_true(bed_reap(&b, &used));
		assert_true(bed_reap(&b, &used));
		assert_false(bed_reap(&b, &used));
	}
	bed_close(&b);
}

static void test_only_the_next_entry_is_polled(void **state)
{
	struct bed_chain chains[2];
	struct ring_used used;
	struct bed b;

	(void)state;
	CONFORMS("R-PACK-45");
	open_plain(&b, 5, false);
	bed_push(&b, 1);
	bed_push(&b, 1);
	bed_publish(&b);
	assert_true(bed_device_take(&b, &chains[0]));
	assert_true(bed_device_take(&b, &chains[1]));
	/* The device may reorder its writes (2.8.12): the second one comes first. */
	device_write(&b.dev, 1, chains[1].chain.id, 0, device_used_bits(&b.dev));
	assert_int_equal(bed_pending(&b), 0);
	device_write(&b.dev, 0, chains[0].chain.id, 0, device_used_bits(&b.dev));
	assert_int_equal(bed_take(&b, &used), 0);
	assert_int_equal(used.head, chains[0].chain.id);
	assert_int_equal(bed_take(&b, &used), 0);
	assert_int_equal(used.head, chains[1].chain.id);
	bed_close(&b);
}

static void test_a_length_without_write_means_nothing(void **state)
{
	struct ring_used used;
	struct bed b;

	(void)state;
	CONFORMS("R-PACK-32");
	open_plain(&b, 5, false);
	bed_push(&b, 1);
	bed_publish(&b);
	device_write(&b.dev, 0, 0, 77, device_used_bits(&b.dev));
	assert_int_equal(bed_take(&b, &used), 0);
	assert_int_equal(used.len, RING_LEN_UNKNOWN);
	bed_push(&b, 1);
	bed_publish(&b);
	device_write(&b.dev, 1, 1, UINT32_MAX, device_used_bits(&b.dev) | VRING_DESC_F_WRITE);
	assert_int_equal(bed_take(&b, &used), 0);
	assert_true(used.len == UINT32_MAX);
	bed_close(&b);
}

/* Brings a ring whose requests are all back to where @steps went through it. */
static void open_at(struct bed *b, unsigned size, unsigned steps, bool event_idx)
{
	struct ring_used used;

	open_plain(b, size, event_idx);
	while (steps--) {
		bed_push(b, 1);
		bed_publish(b);
		bed_serve(b);
		assert_true(bed_reap(b, &used));
	}
}

/* A batch of @count that begins after @steps, and a device that named one place. */
static bool kicks(unsigned size, unsigned steps, unsigned count, uint16_t place, uint16_t flags)
{
	struct bed b;
	bool kick;

	open_at(&b, size, steps, true);
	device_request(&b.dev, flags, place);
	while (count--)
		bed_push(&b, 1);
	kick = bed_publish(&b);
	bed_close(&b);
	return kick;
}

/* Whether the place is among the entries of the batch: one by one, with no formula. */
static bool is_passed(unsigned size, unsigned steps, unsigned count, uint16_t place)
{
	unsigned i;

	for (i = steps; i < steps + count; i++) {
		unsigned wrap = i / size % 2;

		if (place == (i % size | (wrap ? 0 : WRAP)))
			return true;
	}
	return false;
}

static void test_every_place_that_a_device_can_name(void **state)
{
	unsigned size;
	unsigned steps;
	unsigned count;
	unsigned place;

	(void)state;
	CONFORMS("R-PACK-37");
	for (size = 1; size <= 5; size++) {
		for (steps = 0; steps < 3 * size; steps++) {
			for (count = 1; count <= size; count++) {
				for (place = 0; place < 2 * size; place++) {
					uint16_t at =
						(uint16_t)(place < size ? place
									: (place - size) | WRAP);

					assert_int_equal(kicks(size, steps, count, at, 2),
							 is_passed(size, steps, count, at));
				}
			}
		}
	}
}

/* The largest ring, where 15 bits are all in use. */
static void test_places_in_the_largest_ring(void **state)
{
	const uint16_t last = RING_MAX_SIZE - 1;
	struct ring_used used;
	struct bed b;
	unsigned i;

	(void)state;
	CONFORMS("R-PACK-37");
	open_plain(&b, RING_MAX_SIZE, true);
	device_request(&b.dev, VRING_PACKED_EVENT_FLAG_DESC, last | WRAP);
	for (i = 0; i < last; i++)
		bed_push(&b, 1);
	assert_false(bed_publish(&b));
	bed_push(&b, 1);
	assert_true(bed_publish(&b));
	bed_serve(&b);
	while (bed_reap(&b, &used))
		;
	/* All of the next wrap at once: it passes any event index in that wrap, and no other. */
	device_request(&b.dev, VRING_PACKED_EVENT_FLAG_DESC, last);
	for (i = 0; i < RING_MAX_SIZE; i++)
		bed_push(&b, 1);
	assert_true(bed_publish(&b));
	bed_close(&b);
}

static void test_flags_of_the_device(void **state)
{
	struct bed b;

	(void)state;
	CONFORMS("R-PACK-35", "R-PACK-36", "R-PACK-38", "R-PACK-44", "R-MB-12");
	assert_true(kicks(4, 1, 1, 0, 0));
	assert_false(kicks(4, 1, 1, 1 | WRAP, 1));
	assert_true(kicks(4, 1, 1, 0, 3));
	/* Reserved bits are not looked at. */
	assert_false(kicks(4, 1, 1, 0, 0xfffd));
	/* Without the event index there are no places: better one kick too many. */
	open_plain(&b, 4, false);
	device_request(&b.dev, VRING_PACKED_EVENT_FLAG_DESC, 3);
	bed_push(&b, 1);
	assert_true(bed_publish(&b));
	bed_close(&b);
}

/* The driver requests a notification for the next used entry, in each wrap, and only there. */
static void test_arm_names_the_next_entry(void **state)
{
	const struct vring_packed_desc_event *event;
	struct ring_used used;
	unsigned steps;
	struct bed b;

	(void)state;
	CONFORMS("R-PACK-39", "R-PACK-40", "R-PACK-41");
	for (steps = 0; steps < 12; steps++) {
		open_at(&b, 3, steps, true);
		event = (const void *)b.packed.driver;
		assert_int_equal(event->flags, htole16(1));
		bed_push(&b, 1);
		bed_publish(&b);
		assert_false(bed_arm(&b));
		assert_int_equal(event->flags, htole16(2));
		assert_int_equal(event->off_wrap,
				 htole16((uint16_t)(steps % 3 | (steps / 3 % 2 ? 0 : WRAP))));
		assert_true(bed_serve(&b));
		assert_true(bed_arm(&b));
		bed_disarm(&b);
		assert_int_equal(event->flags, htole16(1));
		assert_true(bed_reap(&b, &used));
		bed_close(&b);
	}
}

static void test_arm_without_event_index(void **state)
{
	const struct vring_packed_desc_event *event;
	struct ring_used used;
	struct bed b;

	(void)state;
	CONFORMS("R-PACK-39", "R-PACK-42");
	open_plain(&b, 4, false);
	event = (const void *)b.packed.driver;
	bed_push(&b, 1);
	bed_publish(&b);
	assert_false(bed_arm(&b));
	assert_int_equal(event->flags, htole16(0));
	assert_true(bed_serve(&b));
	/* Looked at once more after the request: what came before it is seen. */
	assert_true(bed_arm(&b));
	assert_true(bed_reap(&b, &used));
	assert_false(bed_arm(&b));
	bed_disarm(&b);
	bed_push(&b, 1);
	bed_publish(&b);
	assert_false(bed_serve(&b));
	bed_close(&b);
}

/* Of a batch that was ended with one entry, the rest is there without another one. */
static void test_arm_in_the_middle_of_a_batch(void **state)
{
	const struct bed_opts opts = {.size = 8, .run = 1, .packed = true, .in_order = true};
	struct device_chain batch[3];
	struct bed_chain chain;
	struct ring_used used;
	struct bed b;
	unsigned i;

	(void)state;
	CONFORMS("R-ORD-08");
	bed_open(&b, &opts);
	for (i = 0; i < 3; i++)
		bed_push(&b, 1);
	bed_publish(&b);
	for (i = 0; i < 3; i++) {
		assert_true(bed_device_take(&b, &chain));
		bed_answer(&chain);
		batch[i] = chain.chain;
	}
	device_give_batch(&b.dev, batch, 3, 77);
	assert_true(bed_reap(&b, &used));
	assert_int_equal(used.len, RING_LEN_UNKNOWN);
	assert_true(bed_arm(&b));
	assert_true(bed_reap(&b, &used));
	assert_int_equal(used.len, RING_LEN_UNKNOWN);
	assert_true(bed_reap(&b, &used));
	assert_int_equal(used.len, 77);
	assert_false(bed_arm(&b));
	bed_close(&b);
}

int packed_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_are_aligned_and_zeroed),
		cmocka_unit_test(test_fields_are_little_endian),
		cmocka_unit_test(test_the_first_of_a_batch_is_shown_last),
		cmocka_unit_test(test_nothing_is_published_twice),
		cmocka_unit_test(test_used_is_what_both_bits_of_the_wrap_say),
		cmocka_unit_test(test_only_the_next_entry_is_polled),
		cmocka_unit_test(test_a_length_without_write_means_nothing),
		cmocka_unit_test(test_every_place_that_a_device_can_name),
		cmocka_unit_test(test_places_in_the_largest_ring),
		cmocka_unit_test(test_flags_of_the_device),
		cmocka_unit_test(test_arm_names_the_next_entry),
		cmocka_unit_test(test_arm_without_event_index),
		cmocka_unit_test(test_arm_in_the_middle_of_a_batch),
	};

	return cmocka_run_group_tests_name("ring/packed", tests, NULL, NULL);
}
