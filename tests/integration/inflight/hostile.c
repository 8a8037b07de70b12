/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Invalid areas and messages. They may break the client that sends them, but not the next client.
 */
#include <sys/mman.h>

#include "client.h"

#define RANDOM_AREAS 300

/* A new client, with a new area and some requests. */
static void works(struct client *c)
{
	unsigned i;

	client_close(c);
	client_reset_rings(c);
	client_begin_with_new_area(c);
	for (i = 0; i < 2 * BUFFERS; i++) {
		client_write(c, i % BUFFERS, (struct write_op){(uint8_t)i, 1});
		client_kick(c, REQUESTS);
		assert_int_equal(client_used(c, REQUESTS), i % BUFFERS);
	}
	client_close(c);
	client_reset_rings(c);
}

/* Invalid SET_INFLIGHT_FD messages. */
static void invalid_set_inflight(void **state)
{
	static const struct inflight bad[] = {
		{.size = 1 << 20, .queues = 0, .entries = ENTRIES},
		{.size = 1 << 20, .queues = RINGS + 1, .entries = ENTRIES},
		{.size = 1 << 20, .queues = RINGS, .entries = 0},
		{.size = UINT64_MAX, .queues = RINGS, .entries = 1025},
		{.size = 1 << 20, .queues = RINGS, .entries = ENTRIES + 4},
		{.size = 1, .queues = RINGS, .entries = ENTRIES},
		{.size = 0, .queues = RINGS, .entries = ENTRIES},
		{.size = 1 << 20, .offset = 8, .queues = RINGS, .entries = ENTRIES},
		{.size = 1 << 20, .offset = UINT64_MAX - 7, .queues = RINGS, .entries = ENTRIES},
		{.size = 1 << 20, .offset = UINT64_MAX - 4095, .queues = RINGS, .entries = ENTRIES},
		{.size = UINT64_MAX, .offset = 1 << 20, .queues = RINGS, .entries = ENTRIES},
		{.size = 1 << 20, .offset = 1, .queues = 1, .entries = 2},
	};
	struct client c;
	int pipe_fd[2];
	unsigned i;

	(void)state;
	assert_int_equal(pipe(pipe_fd), 0);
	client_start(&c, true, false, "--mode=eventfd");
	client_connect(&c);
	client_make_area(&c);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(client_send(&c, SET_INFLIGHT_FD, &bad[i], sizeof(bad[i]), c.area),
				 1);
	assert_int_equal(client_send(&c, SET_INFLIGHT_FD, &c.inflight, 24, -1), 1);
	assert_int_equal(client_send(&c, SET_INFLIGHT_FD, &c.inflight, 16, c.area), 1);
	assert_int_equal(client_send(&c, SET_INFLIGHT_FD, &c.inflight, 24, pipe_fd[0]), 1);
	/* Valid without padding. */
	assert_int_equal(client_send(&c, SET_INFLIGHT_FD, &c.inflight, 20, c.area), 0);
	assert_int_equal(client_start_ring(&c, REQUESTS), 0);
	assert_int_equal(client_set_area(&c), 1);
	works(&c);
	client_end(&c);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

/* GET_INFLIGHT_FD has no error reply: the connection is closed. */
static void invalid_get_inflight(void **state)
{
	static const struct inflight bad[] = {
		{.queues = 0, .entries = ENTRIES},
		{.queues = RINGS + 1, .entries = ENTRIES},
		{.queues = RINGS, .entries = 0},
		{.queues = RINGS, .entries = UINT16_MAX},
	};
	struct inflight ask;
	struct client c;
	unsigned i;
	int fd;

	(void)state;
	client_start(&c, false, false, "--mode=eventfd");
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		client_connect(&c);
		ask = bad[i];
		assert_false(client_request(&c, GET_INFLIGHT_FD, &ask, sizeof(ask), &fd));
		client_close(&c);
	}
	works(&c);
	client_end(&c);
}

/* The area that the target creates can't be truncated. */
static void sealed_area(void **state)
{
	struct client c;

	(void)state;
	client_start(&c, true, false, "--mode=eventfd");
	client_connect(&c);
	client_make_area(&c);
	assert_int_not_equal(ftruncate(c.area, 0), 0);
	assert_int_not_equal(ftruncate(c.area, 1 << 20), 0);
	works(&c);
	client_end(&c);
}

/* The client's own area can: before it is used, and while it is in use. */
static void truncated_area(void **state)
{
	struct client c;
	unsigned i;

	(void)state;
	for (i = 0; i < 4; i++) {
		client_start(&c, i & 1, false, "--mode=eventfd");
		client_own_area(&c);
		client_connect(&c);
		assert_int_equal(client_set_area(&c), 0);
		if (i & 2) {
			assert_int_equal(ftruncate(c.area, 0), 0);
			assert_int_not_equal(client_start_ring(&c, REQUESTS), 0);
		} else {
			assert_int_equal(client_start_ring(&c, REQUESTS), 0);
			assert_int_equal(ftruncate(c.area, 0), 0);
			client_write(&c, 0, (struct write_op){0, 1});
			client_kick(&c, REQUESTS);
		}
		assert_true(client_lost(&c));
		works(&c);
		client_end(&c);
	}
}

/* Each case corrupts a valid area with two requests in flight. */
static void spoil_split(struct split_area *a, unsigned how)
{
	switch (how) {
	case 0:
		a->version = 2;
		break;
	case 1:
		a->features = 1;
		break;
	case 2:
		a->desc_num = ENTRIES - 1;
		break;
	case 3:
		a->desc_num = UINT16_MAX;
		break;
	case 4: /* more requests used than possible */
		a->used_idx = 2000;
		break;
	case 5:
		a->used_idx--;
		a->last_batch_head = ENTRIES;
		break;
	default:
		a->used_idx = (uint16_t)(a->used_idx - 2);
		a->last_batch_head = 6;
		a->desc[6].next = UINT16_MAX;
	}
}

#define SPLIT_CASES 7

static void spoil_packed(struct packed_area *a, unsigned how)
{
	unsigned head = 0;

	while (a->desc[head].inflight != 1)
		head++;
	switch (how) {
	case 0:
		a->version = UINT16_MAX;
		break;
	case 1:
		a->features = UINT64_C(1) << 63;
		break;
	case 2:
		a->desc_num = ENTRIES + 1;
		break;
	case 3:
		a->used_idx = ENTRIES;
		break;
	case 4:
		a->old_used_idx = UINT16_MAX;
		break;
	case 5:
		a->used_wrap_counter = 2;
		break;
	case 6:
		a->old_used_wrap_counter = 255;
		break;
	case 7: /* a loop in the free list */
		a->desc[ENTRIES - 1].next = a->old_free_head;
		break;
	case 8: /* it ends at once, and most entries are in no list */
		a->old_free_head = UINT16_MAX;
		break;
	case 9:
		a->desc[head].num = 0;
		break;
	case 10:
		a->desc[head].num = UINT16_MAX;
		break;
	case 11:
		a->desc[head].last = (uint16_t)(ENTRIES - 1);
		break;
	case 12: /* a loop in the list of a request */
		a->desc[head].next = (uint16_t)head;
		break;
	case 13: /* it continues with a free entry */
		a->desc[head].next = a->old_free_head;
		break;
	default: /* two requests share descriptors */
		a->desc[(head + 3) % ENTRIES].next = a->desc[head].next;
	}
}

#define PACKED_CASES 15

/* Two requests are in flight: the target died before completing either. */
static void leave_two(struct client *c)
{
	client_begin_with_new_area(c);
	target_command(&c->target, NULL, 0, "die taken 2");
	client_write(c, 0, (struct write_op){0, 1});
	client_write(c, 1, (struct write_op){0, 2});
	client_kick(c, REQUESTS);
	client_restart(c);
}

static void corrupted_areas(void **state)
{
	struct client c;
	unsigned packed;
	unsigned i;

	(void)state;
	for (packed = 0; packed < 2; packed++) {
		client_start(&c, packed, true, "--mode=eventfd");
		for (i = 0; i < (packed ? PACKED_CASES : SPLIT_CASES); i++) {
			leave_two(&c);
			if (packed)
				spoil_packed(&c.packed_area[REQUESTS], i);
			else
				spoil_split(&c.split[REQUESTS], i);
			client_connect(&c);
			assert_int_equal(client_set_area(&c), 0);
			assert_int_equal(client_start_ring(&c, REQUESTS), 1);
			/* The other rings are not affected. */
			assert_int_equal(client_start_ring(&c, EVENTS), 0);
			works(&c);
		}
		client_end(&c);
	}
}

/* An area for smaller rings, as QEMU 10 requests it: the ring works and is not tracked. */
static void small_area(void **state)
{
	struct client c;
	unsigned packed;
	char *area;
	uint64_t i;

	(void)state;
	for (packed = 0; packed < 2; packed++) {
		client_start(&c, packed, false, "--mode=eventfd");
		client_connect(&c);
		c.inflight = (struct inflight){.queues = RINGS, .entries = ENTRIES / 2};
		assert_true(client_request(&c, GET_INFLIGHT_FD, &c.inflight, sizeof(c.inflight),
					   &c.area));
		area = mmap(NULL, c.inflight.size, PROT_READ, MAP_SHARED, c.area, 0);
		assert_ptr_not_equal(area, MAP_FAILED);
		assert_int_equal(client_set_area(&c), 0);
		close(c.area);
		c.area = -1;
		assert_int_equal(client_start_ring(&c, REQUESTS), 0);
		client_write(&c, 0, (struct write_op){0, 1});
		client_kick(&c, REQUESTS);
		assert_int_equal(client_used(&c, REQUESTS), 0);
		for (i = 0; i < c.inflight.size; i++)
			assert_int_equal(area[i], 0);
		munmap(area, c.inflight.size);
		client_end(&c);
	}
}

static void mismatched_area(void **state)
{
	uint64_t features;
	struct client c;

	(void)state;
	client_start(&c, false, false, "--mode=eventfd");
	client_connect(&c);
	client_make_area(&c);
	assert_int_equal(client_set_area(&c), 0);
	/* VERSION_1, PROTOCOL_FEATURES, and now packed rings. */
	features = UINT64_C(1) << 32 | UINT64_C(1) << 30 | UINT64_C(1) << 34;
	assert_int_equal(client_send(&c, SET_FEATURES, &features, sizeof(features), -1), 0);
	c.packed = true;
	assert_int_equal(client_start_ring(&c, REQUESTS), 1);
	works(&c);
	client_end(&c);
}

/* Writes pseudo-random numbers to the ring's part, most of them small. */
static void write_random(struct client *c, uint32_t *seed)
{
	size_t part = c->inflight.size / RINGS;
	uint16_t *words = (uint16_t *)(c->mapped + REQUESTS * part);
	unsigned i;

	for (i = 0; i < 24; i++) {
		*seed = *seed * 1664525 + 1013904223;
		words[(*seed >> 8) % (i & 1 ? 64 : part / 2)] =
			(uint16_t)(i & 2 ? *seed >> 16 : (*seed >> 16) % 6);
	}
	/* With a valid head they are parsed further. */
	if (!(*seed >> 30))
		return;
	memset(words, 0, 8);
	words[4] = 1;
	words[5] = ENTRIES;
}

/* The area contains random data, and changes while the target works. */
static void random_areas(void **state)
{
	uint32_t seed = 1;
	struct client c;
	unsigned packed;
	unsigned round;
	unsigned i;

	(void)state;
	for (packed = 0; packed < 2; packed++) {
		client_start(&c, packed, true, "--mode=eventfd");
		client_own_area(&c);
		for (round = 0; round < RANDOM_AREAS; round++) {
			client_reset_rings(&c);
			client_connect(&c);
			assert_int_equal(client_set_area(&c), 0);
			client_start_ring(&c, REQUESTS);
			for (i = 0; i < 3; i++)
				client_write(&c, i, (struct write_op){0, 1});
			client_kick(&c, REQUESTS);
			write_random(&c, &seed);
			client_close(&c);
		}
		works(&c);
		client_end(&c);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(invalid_set_inflight), TEST(invalid_get_inflight), TEST(sealed_area),
		TEST(truncated_area),       TEST(corrupted_areas),      TEST(small_area),
		TEST(mismatched_area),      TEST(random_areas),
	};

	return client_run("inflight hostile", tests, ARRAY_LEN(tests));
}
