/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How often the target touches the cache lines that the driver uses with each submit: it writes
 * whether it wants kicks only when that changes, and reads the available index once per batch.
 */
#include "target.h"

#include <errno.h>
#include <linux/virtio_ring.h>

#include "target/ring.h"

#define ENTRIES 4u
#define POISON  0xa5a5u

/* A split ring of which all requests have one readable descriptor. */
struct split {
	struct vring_desc desc[ENTRIES];
	struct {
		uint16_t flags, idx, ring[ENTRIES], used_event;
	} avail;
	struct {
		uint16_t flags, idx;
		struct vring_used_elem ring[ENTRIES];
		uint16_t avail_event;
	} used;
	struct memory memory;
	struct iovec iov[ENTRIES];
	struct ring r;
};

static void make_split(struct split *s, bool event_idx)
{
	unsigned i;

	*s = (struct split){.memory.count = 1};
	s->memory.regions[0] = (struct region){.size = sizeof(*s), .host = (void *)s};
	for (i = 0; i < ENTRIES; i++) {
		s->desc[i].len = htole32(8);
		s->avail.ring[i] = htole16((uint16_t)i);
	}
	s->r = (struct ring){
		.ops = &ring_split_ops,
		.memory = &s->memory,
		.num = ENTRIES,
		.desc = s->desc,
		.driver = &s->avail,
		.device = &s->used,
		.event_idx = event_idx,
		.kick_word = KICK_WORD_NONE,
		.iov = s->iov,
		.iov_max = ENTRIES,
	};
}

static void index_once_per_batch(void **state)
{
	struct split s;
	struct chain c;
	unsigned i;

	(void)state;
	make_split(&s, true);
	s.avail.idx = htole16(3);
	assert_int_equal(ring_pop(&s.r, &c), 1);
	/* Not read while it covers more: a wrong one is not noticed before. */
	s.avail.idx = htole16(1000);
	for (i = 1; i < 3; i++) {
		assert_int_equal(ring_pop(&s.r, &c), 1);
		assert_int_equal(c.id, i);
	}
	assert_int_equal(ring_pop(&s.r, &c), -EINVAL);
	s.avail.idx = htole16(3);
	assert_int_equal(ring_pop(&s.r, &c), 0);
	s.avail.idx = htole16(4);
	assert_int_equal(ring_pop(&s.r, &c), 1);
}

/*
 * Serves @count requests in batches of @batch as serve_requests() does, with kicks disabled.
 * Return: how many times @word was written.
 */
static unsigned writes(struct ring *r, uint16_t *word, unsigned count, unsigned batch)
{
	unsigned n = 0;
	unsigned done;

	for (done = 0; done < count; done += batch) {
		*word = htole16(POISON);
		r->ops->enable_kicks(r, false);
		n += *word != htole16(POISON);
		r->next_avail = (uint16_t)(r->next_avail + batch);
	}
	return n;
}

static void split_flags(void **state)
{
	struct split s;

	(void)state;
	make_split(&s, false);
	assert_int_equal(writes(&s.r, &s.used.flags, 100000, 7), 1);
	s.r.ops->enable_kicks(&s.r, true);
	assert_int_equal(s.used.flags, 0);
	assert_int_equal(writes(&s.r, &s.used.flags, 100000, 7), 1);
}

/* The index stays where it was passed, and is moved before the driver comes around to it again. */
static void split_event(void **state)
{
	static const uint16_t starts[] = {0, 1, 0x7fff, 0x8000, 0xffff};
	struct split s;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		make_split(&s, true);
		s.r.next_avail = starts[i];
		assert_int_equal(writes(&s.r, &s.used.avail_event, 0x40000, 8), 16);
		s.r.ops->enable_kicks(&s.r, true);
		assert_int_equal(le16toh(s.used.avail_event), s.r.next_avail);
		/* Nothing has passed it yet. */
		s.r.ops->enable_kicks(&s.r, false);
		assert_int_equal(le16toh(s.used.avail_event), (uint16_t)(s.r.next_avail - 1));
		s.r.ops->enable_kicks(&s.r, true);
		assert_int_equal(le16toh(s.used.avail_event), s.r.next_avail);
		s.r.next_avail++;
		assert_int_equal(writes(&s.r, &s.used.avail_event, 0x4000, 1), 0);
		assert_int_equal(writes(&s.r, &s.used.avail_event, 1, 1), 1);
	}
}

static void packed_word(void **state)
{
	struct vring_packed_desc_event device;
	struct ring r = {
		.ops = &ring_packed_ops,
		.num = ENTRIES,
		.device = &device,
		.event_idx = true,
		.kick_word = KICK_WORD_NONE,
	};

	(void)state;
	assert_int_equal(writes(&r, &device.flags, 64, 1), 1);
	r.next_avail = 2;
	r.ops->enable_kicks(&r, true);
	assert_int_equal(le16toh(device.flags), VRING_PACKED_EVENT_FLAG_DESC);
	assert_int_equal(le16toh(device.off_wrap), 2);
	r.ops->enable_kicks(&r, false);
	assert_int_equal(le16toh(device.flags), VRING_PACKED_EVENT_FLAG_DISABLE);
}

int lines_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(index_once_per_batch),
		cmocka_unit_test(split_flags),
		cmocka_unit_test(split_event),
		cmocka_unit_test(packed_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
