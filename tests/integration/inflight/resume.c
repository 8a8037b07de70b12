/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The target dies at every step of a request, and the next one continues: each request completes
 * once, in the original order.
 */
#include <linux/virtio_scsi.h>

#include "client.h"

#define ROUND 5 /* requests per round */

static const struct kind {
	bool packed;
	bool in_order;
	const char *mode;
} kinds[] = {
	{false, false, "--mode=eventfd"}, {true, false, "--mode=eventfd"},
	{false, true, "--mode=eventfd"},  {true, true, "--mode=eventfd"},
	{false, false, "--mode=poll"},    {true, true, "--mode=poll"},
};

static void begin_kind(struct client *c, const struct kind *kind)
{
	client_start(c, kind->packed, kind->in_order, kind->mode);
	client_begin_with_new_area(c);
}

/* A new device has a pending unit attention, with which the first command ends. */
static bool was_executed(const struct client *c, unsigned buffer)
{
	const struct virtio_scsi_cmd_resp *resp = (void *)client_buffer(c, REQUESTS, buffer);

	assert_int_equal(resp->response, VIRTIO_SCSI_S_OK);
	if (!resp->status)
		return true;
	assert_int_equal(resp->status, 2);
	assert_int_equal(resp->sense[2] & 0xf, 6);
	return false;
}

static void write_round(struct client *c, unsigned first, uint8_t fill)
{
	unsigned i;

	for (i = 0; i < ROUND; i++)
		client_write(c, (first + i) % BUFFERS,
			     (struct write_op){(uint8_t)i, (uint8_t)(fill + i)});
	client_kick(c, REQUESTS);
}

/* Collects a round; @first was made available first. */
static void collect_round(struct client *c, unsigned first, uint8_t fill)
{
	unsigned buffer;
	unsigned i;

	for (i = 0; i < ROUND; i++) {
		buffer = client_used(c, REQUESTS);
		assert_int_equal(buffer, (first + i) % BUFFERS);
		if (was_executed(c, buffer))
			client_expect_block(i, (uint8_t)(fill + i));
	}
	assert_true(client_idle(c, REQUESTS));
	assert_true(client_completed(c, REQUESTS));
}

/*
 * struct death - When the target dies
 * @point: for "die"
 * @count: which request of a round
 * @left: requests that the next target executes
 * @marked: requests that are in flight according to the area, right or wrong
 * @left_in_order, @marked_in_order: the same with IN_ORDER, where a batch counts as one
 */
static const struct death {
	const char *point;
	unsigned count;
	unsigned left;
	unsigned marked;
	unsigned left_in_order;
	unsigned marked_in_order;
} deaths[] = {
	{"taken", 1, 5, 1, 5, 1},   {"taken", 3, 3, 1, 5, 3},   {"taken", 5, 1, 1, 5, 5},
	{"done", 1, 5, 1, 5, 1},    {"done", 4, 2, 1, 5, 4},    {"linked", 1, 5, 1, 5, 5},
	{"linked", 5, 1, 1, 5, 5},  {"shown", 1, 4, 1, 0, 5},   {"shown", 5, 0, 1, 0, 5},
	{"cleared", 1, 4, 0, 0, 0}, {"cleared", 5, 0, 0, 0, 0},
};

static void die_once(struct client *c, const struct death *d, unsigned round)
{
	bool batch = c->in_order && strcmp(d->point, "taken") && strcmp(d->point, "done");
	unsigned left = c->in_order ? d->left_in_order : d->left;
	unsigned first = round * ROUND;
	uint8_t fill = (uint8_t)(2 * round);

	target_command(&c->target, NULL, 0, "die %s %u", d->point, batch ? 1 : d->count);
	/* The target is stopped meanwhile, so that they become one batch. */
	target_freeze(&c->target);
	write_round(c, first, fill);
	target_thaw(&c->target);
	client_restart(c);
	assert_int_equal(client_in_flight(c, REQUESTS),
			 c->in_order ? d->marked_in_order : d->marked);
	client_begin(c);
	collect_round(c, first, fill);
	assert_int_equal(target_counter(&c->target, "requests"), left);
	/* Everything works afterwards, except for the pending unit attention. */
	write_round(c, first + ROUND, (uint8_t)(fill + 1));
	collect_round(c, first + ROUND, (uint8_t)(fill + 1));
	assert_int_equal(target_counter(&c->target, "broken_rings"), 0);
}

/* One client survives all of them, and its rings wrap several times. */
static void crash_at_every_point(void **state)
{
	struct client c;
	unsigned i;
	unsigned j;

	(void)state;
	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		begin_kind(&c, &kinds[i]);
		for (j = 0; j < ARRAY_LEN(deaths); j++)
			die_once(&c, &deaths[j], j);
		client_end(&c);
	}
}

/* A target that repeatedly dies with the same request does not duplicate it. */
static void repeated_crashes(void **state)
{
	static const char *const points[] = {"taken", "done", "linked"};
	struct client c;
	unsigned i;
	unsigned j;

	(void)state;
	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		begin_kind(&c, &kinds[i]);
		target_command(&c.target, NULL, 0, "die taken 1");
		write_round(&c, 0, 7);
		for (j = 0; j < ARRAY_LEN(points); j++) {
			client_restart(&c);
			target_command(&c.target, NULL, 0, "die %s 1", points[j]);
			client_connect(&c);
			assert_int_equal(client_set_area(&c), 0);
			/* It may die before the acknowledgement. */
			client_start_ring(&c, REQUESTS);
		}
		client_restart(&c);
		client_begin(&c);
		collect_round(&c, 0, 7);
		client_end(&c);
	}
}

/* Heads 3, 0, 6 and 9 of a split ring, taken in a different order. */
static void leave_split(struct split_area *a)
{
	static const uint64_t counters[] = {7, 3, UINT64_MAX - 1, 4};
	unsigned i;

	a->desc_num = ENTRIES;
	for (i = 0; i < ARRAY_LEN(counters); i++) {
		a->desc[3 * i].inflight = 1;
		a->desc[3 * i].counter = counters[i];
	}
	a->version = 1;
}

/* The same as lists in arbitrary order; entries from 12 on are free. */
static void leave_packed(const struct client *c, struct packed_area *a)
{
	static const uint64_t counters[] = {7, 3, UINT64_MAX - 1, 4};
	static const uint8_t lists[][3] = {{11, 0, 5}, {1, 10, 2}, {3, 9, 8}, {7, 6, 4}};
	const struct packed_desc {
		uint64_t addr;
		uint32_t len;
		uint16_t id;
		uint16_t flags;
	} *ring = (void *)(c->shared + REQUESTS * 4096);
	unsigned i;
	unsigned j;

	a->desc_num = ENTRIES;
	a->used_wrap_counter = 1;
	a->old_used_wrap_counter = 1;
	a->free_head = 12;
	a->old_free_head = 12;
	for (i = 12; i < ENTRIES; i++)
		a->desc[i].next = (uint16_t)(i + 1);
	for (i = 0; i < ARRAY_LEN(lists); i++) {
		a->desc[lists[i][0]].inflight = 1;
		a->desc[lists[i][0]].counter = counters[i];
		a->desc[lists[i][0]].num = 3;
		a->desc[lists[i][0]].last = lists[i][2];
		for (j = 0; j < 3; j++) {
			struct packed_state *s = &a->desc[lists[i][j]];

			s->next = j < 2 ? lists[i][j + 1] : 77;
			s->addr = ring[3 * i + j].addr;
			s->len = ring[3 * i + j].len;
			s->id = ring[3 * i + j].id;
			s->flags = ring[3 * i + j].flags;
		}
	}
	a->version = 1;
}

/* An area from a target of another kind, which has several requests in flight at once. */
static void order_of_counters(void **state)
{
	static const unsigned order[] = {1, 3, 0, 2, 4};
	struct client c;
	unsigned round;
	unsigned i;

	(void)state;
	for (round = 0; round < 2; round++) {
		client_start(&c, round, false, "--mode=eventfd");
		client_own_area(&c);
		for (i = 0; i < ARRAY_LEN(order); i++)
			client_write(&c, i, (struct write_op){1, (uint8_t)(i + 1)});
		if (c.packed)
			leave_packed(&c, &c.packed_area[REQUESTS]);
		else
			leave_split(&c.split[REQUESTS]);
		client_begin(&c);
		for (i = 0; i < ARRAY_LEN(order); i++) {
			assert_int_equal(client_used(&c, REQUESTS), order[i]);
			assert_int_equal(was_executed(&c, order[i]), i > 0);
		}
		client_expect_block(1, 5);
		/* Nothing is left in flight. */
		client_close(&c);
		client_begin(&c);
		client_write(&c, 0, (struct write_op){2, 9});
		client_kick(&c, REQUESTS);
		assert_int_equal(client_used(&c, REQUESTS), 0);
		assert_true(client_idle(&c, REQUESTS));
		client_end(&c);
	}
}

/* A batch as long as a packed ring is published: the position is the same, one wrap later. */
static void batch_as_long_as_ring(void **state)
{
	struct packed_area *a;
	struct client c;
	unsigned i;

	(void)state;
	client_start(&c, true, true, "--mode=eventfd");
	client_own_area(&c);
	a = &c.packed_area[REQUESTS];
	*a = (struct packed_area){.version = 1,
				  .desc_num = ENTRIES,
				  .old_free_head = ENTRIES,
				  .old_used_wrap_counter = 1};
	for (i = 0; i < ENTRIES; i++)
		a->desc[i].next = (uint16_t)(i + 1);
	a->desc[0].inflight = 1;
	a->desc[0].num = ENTRIES;
	a->desc[0].last = ENTRIES - 1;
	client_whole_ring(&c, REQUESTS);
	client_begin(&c);
	assert_int_equal(client_in_flight(&c, REQUESTS), 0);
	write_round(&c, 0, 1);
	collect_round(&c, 0, 1);
	client_end(&c);
}

static void expect_event(struct client *c, unsigned buffer)
{
	const struct virtio_scsi_event *event = (void *)client_buffer(c, EVENTS, buffer);

	assert_int_equal(client_used(c, EVENTS), buffer);
	assert_int_equal(event->event, VIRTIO_SCSI_T_PARAM_CHANGE);
	assert_int_equal(event->reason, 0x092a);
}

/* An event buffer that was taken is used for the next event, before all others. */
static void event_buffers(void **state)
{
	struct client c;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		begin_kind(&c, &kinds[i]);
		client_event(&c, 0);
		client_event(&c, 1);
		client_event(&c, 2);
		target_command(&c.target, NULL, 0, "resize 0:0 2M");
		expect_event(&c, 0);
		target_command(&c.target, NULL, 0, "die taken 1");
		target_command(&c.target, NULL, 0, "resize 0:0 1M");
		client_restart(&c);
		client_begin(&c);
		assert_true(client_idle(&c, EVENTS));
		target_command(&c.target, NULL, 0, "resize 0:0 2M");
		expect_event(&c, 1);
		target_command(&c.target, NULL, 0, "resize 0:0 1M");
		expect_event(&c, 2);
		assert_int_equal(target_counter(&c.target, "events_missed"), 0);
		client_end(&c);
	}
}

static void task_management(void **state)
{
	struct client c;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		begin_kind(&c, &kinds[i]);
		target_command(&c.target, NULL, 0, "die taken 1");
		client_reset_unit(&c, 4);
		client_reset_unit(&c, 2);
		client_kick(&c, CONTROL);
		client_restart(&c);
		client_begin(&c);
		assert_int_equal(client_used(&c, CONTROL), 4);
		assert_int_equal(client_used(&c, CONTROL), 2);
		assert_int_equal(*client_buffer(&c, CONTROL, 4), VIRTIO_SCSI_S_OK);
		assert_int_equal(target_counter(&c.target, "tmfs"), 2);
		client_end(&c);
	}
}

/* Stopped and started on one connection; the area continues with the ring. */
static void stop_and_start(void **state)
{
	uint32_t state_of[2] = {REQUESTS, 0};
	struct client c;
	unsigned i;
	unsigned j;

	(void)state;
	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		begin_kind(&c, &kinds[i]);
		for (j = 0; j < 7; j++) {
			write_round(&c, j * ROUND, (uint8_t)j);
			collect_round(&c, j * ROUND, (uint8_t)j);
			assert_true(client_request(&c, GET_VRING_BASE, state_of, sizeof(state_of),
						   NULL));
			assert_int_equal(state_of[1] & 0x7fff, c.rings[REQUESTS].used);
			close(c.rings[REQUESTS].kick);
			assert_int_equal(client_start_ring(&c, REQUESTS), 0);
		}
		client_end(&c);
	}
}

/* A reset discards what is in flight, and the area is no longer written to. */
static void reset_clears_area(void **state)
{
	/* VERSION_1 and PROTOCOL_FEATURES */
	const uint64_t features = UINT64_C(1) << 32 | UINT64_C(1) << 30;
	struct client c;

	(void)state;
	client_start(&c, false, false, "--mode=eventfd");
	client_own_area(&c);
	client_connect(&c);
	assert_int_equal(client_set_area(&c), 0);
	assert_int_equal(client_send(&c, RESET_OWNER, NULL, 0, -1), 0);
	assert_int_equal(client_send(&c, SET_FEATURES, &features, sizeof(features), -1), 0);
	assert_int_equal(client_start_ring(&c, REQUESTS), 0);
	client_write(&c, 0, (struct write_op){0, 1});
	client_kick(&c, REQUESTS);
	assert_int_equal(client_used(&c, REQUESTS), 0);
	assert_int_equal(c.split[REQUESTS].version, 0);
	client_end(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(crash_at_every_point),  TEST(repeated_crashes),  TEST(order_of_counters),
		TEST(batch_as_long_as_ring), TEST(event_buffers),     TEST(task_management),
		TEST(stop_and_start),        TEST(reset_clears_area),
	};

	return client_run("inflight resume", tests, ARRAY_LEN(tests));
}
