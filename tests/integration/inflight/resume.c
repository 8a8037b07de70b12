/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The target dies at every step of a request's life, and the next one goes on where it was: each
 * request ends once, and in the order in which it was first taken.
 */
#include <linux/virtio_scsi.h>

#include "client.h"

#define ROUND 5 /* requests at a time */

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
	client_begin_anew(c);
}

/* A new device owes a unit attention, which is what the first command then ends with. */
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

/* All of a round, the first of which was made available first. */
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
	assert_true(client_settled(c, REQUESTS));
}

/**
 * struct death - When the target dies
 * @point: for "die"
 * @count: which of the requests of a round
 * @left: requests that the next target has to carry out
 * @marked: requests that the area says are in flight, right or wrong
 * @left_in_order, @marked_in_order: the same when all are given back at once; a batch is one then
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
	/* Seen together by a target that stands still, so that they are one batch. */
	target_freeze(&c->target);
	write_round(c, first, fill);
	target_thaw(&c->target);
	client_restart(c);
	assert_int_equal(client_marked(c, REQUESTS), c->in_order ? d->marked_in_order : d->marked);
	client_begin(c);
	collect_round(c, first, fill);
	assert_int_equal(target_counter(&c->target, "requests"), left);
	/* What comes after it is as ever, but for the unit attention that is still owed. */
	write_round(c, first + ROUND, (uint8_t)(fill + 1));
	collect_round(c, first + ROUND, (uint8_t)(fill + 1));
	assert_int_equal(target_counter(&c->target, "broken_rings"), 0);
}

/* One client lives on through them all, and its rings go round several times. */
static void every_death(void **state)
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

/* A target that dies with the same request again and again makes it no more than one. */
static void dies_again_and_again(void **state)
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
			/* It may die before it acknowledges. */
			client_start_ring(&c, REQUESTS);
		}
		client_restart(&c);
		client_begin(&c);
		collect_round(&c, 0, 7);
		client_end(&c);
	}
}

/* Heads 3, 0, 6 and 9 of a split ring, taken in another order. */
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

/* The same as lists that go to and fro; entry 12 and those behind it are free. */
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

/* What a target of another kind leaves, which has several requests under way at once. */
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
		/* Nothing is left of it. */
		client_close(&c);
		client_begin(&c);
		client_write(&c, 0, (struct write_op){2, 9});
		client_kick(&c, REQUESTS);
		assert_int_equal(client_used(&c, REQUESTS), 0);
		assert_true(client_idle(&c, REQUESTS));
		client_end(&c);
	}
}

/* A batch as long as a packed ring was shown: its position is the same again, a lap later. */
static void a_whole_lap(void **state)
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
	client_whole_lap(&c, REQUESTS);
	client_begin(&c);
	assert_int_equal(client_marked(&c, REQUESTS), 0);
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

/* A buffer for events that was taken for one is there for the next one, before all others. */
static void buffers_of_events(void **state)
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

/* Stopped and started on one connection; the area goes on with the ring. */
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
			assert_true(
				client_ask(&c, GET_VRING_BASE, state_of, sizeof(state_of), NULL));
			assert_int_equal(state_of[1] & 0x7fff, c.rings[REQUESTS].used);
			close(c.rings[REQUESTS].kick);
			assert_int_equal(client_start_ring(&c, REQUESTS), 0);
		}
		client_end(&c);
	}
}

/* A reset ends what was in flight, so the area isn't written to any more. */
static void reset_forgets(void **state)
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
		TEST(every_death),    TEST(dies_again_and_again), TEST(order_of_counters),
		TEST(a_whole_lap),    TEST(buffers_of_events),    TEST(task_management),
		TEST(stop_and_start), TEST(reset_forgets),
	};

	return client_run("inflight resume", tests, ARRAY_LEN(tests));
}
