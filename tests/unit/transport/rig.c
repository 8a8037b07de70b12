/* SPDX-License-Identifier: BSD-3-Clause */
/* The rig itself: it reports every violation, and nothing else. */
#include <poll.h>

#include <linux/virtio_ring.h>

#include "fixture.h"

#define QUEUE   2
#define SPACE   8192 /* of one ring in area 0, as the fixture lays them out */
#define HEADER  (19 + 32)
#define ANSWER  (12 + 96)
#define BUFFERS (64 * 1024) /* where buffers begin in area 0 */

/* The driver's side of ring QUEUE, by hand. */
struct side {
	struct fx fx;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint64_t data;
};

static struct vring_desc desc(uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	return (struct vring_desc){htole64(addr), htole32(len), htole16(flags), htole16(next)};
}

static void lay_chain(struct side *s)
{
	s->desc[0] = desc(s->data, HEADER, VRING_DESC_F_NEXT, 1);
	s->desc[1] = desc(s->data + 512, ANSWER, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
	s->desc[2] = desc(s->data + 4096, 4096, VRING_DESC_F_WRITE, 0);
}

static void up(struct side *s, uint64_t features)
{
	char *at;

	s->fx = fx_new();
	s->fx.ropts.features &= features;
	fx_run(&s->fx, 3);
	at = (char *)(uintptr_t)s->fx.areas[0].addr + QUEUE * SPACE;
	s->desc = (struct vring_desc *)at;
	s->avail = (struct vring_avail *)(at + FX_SIZE * 16);
	s->used = (struct vring_used *)(at + SPACE / 2);
	s->data = s->fx.areas[0].addr + BUFFERS;
	lay_chain(s);
}

static void expose(struct side *s, uint16_t head)
{
	uint16_t idx = le16toh(s->avail->idx);

	s->avail->ring[idx % FX_SIZE] = htole16(head);
	__atomic_store_n(&s->avail->idx, htole16((uint16_t)(idx + 1)), __ATOMIC_RELEASE);
}

static void down(struct side *s)
{
	fx_down(&s->fx);
}

/* Takes the chain and expects a report about @rule. */
static void expect_violation(struct side *s, const char *rule)
{
	struct rig_chain chain;
	const char *said;

	expose(s, 0);
	rig_take(s->fx.rig, QUEUE, &chain);
	said = rig_violation(s->fx.rig);
	assert_non_null(said);
	assert_non_null(strstr(said, rule));
	down(s);
}

static void test_good_chain(void **state)
{
	struct rig_reply reply = {
		.status = 2, .sense = "abc", .sense_len = 3, .data = "hello", .len = 5};
	struct rig_chain chain;
	struct side s;

	(void)state;
	up(&s, UINT64_MAX);
	assert_false(rig_take(s.fx.rig, QUEUE, &chain));
	strcpy((char *)(uintptr_t)s.data + 19, "cdb");
	expose(&s, 0);
	assert_int_equal(rig_available(s.fx.rig, QUEUE), 1);
	assert_true(rig_take(s.fx.rig, QUEUE, &chain));
	assert_int_equal(chain.count, 3);
	assert_int_equal(chain.readable, 1);
	assert_string_equal((const char *)rig_command(&chain)->cdb, "cdb");
	assert_int_equal(rig_data_in_room(&chain), 4096);
	rig_complete(s.fx.rig, QUEUE, &chain, &reply);
	assert_int_equal(le16toh(s.used->idx), 1);
	assert_int_equal(le32toh(s.used->ring[0].id), 0);
	assert_int_equal(le32toh(s.used->ring[0].len), ANSWER + 5);
	assert_string_equal((char *)(uintptr_t)s.data + 4096, "hello");
	/* It is free again. */
	expose(&s, 0);
	assert_true(rig_take(s.fx.rig, QUEUE, &chain));
	down(&s);
}

static void test_indirect_chain(void **state)
{
	struct rig_chain chain;
	struct side s;

	(void)state;
	up(&s, UINT64_MAX);
	memcpy((char *)(uintptr_t)s.data + 1024, s.desc, 48);
	s.desc[5] = desc(s.data + 1024, 48, VRING_DESC_F_INDIRECT, 0);
	expose(&s, 5);
	assert_true(rig_take(s.fx.rig, QUEUE, &chain));
	assert_true(chain.indirect);
	assert_int_equal(chain.count, 3);
	assert_int_equal(chain.head, 5);
	down(&s);
}

static void test_direct_rules(void **state)
{
	struct side s;

	(void)state;
	up(&s, UINT64_MAX);
	s.desc[2].flags = htole16(0);
	expect_violation(&s, "R-SPLIT-05");
	up(&s, UINT64_MAX);
	s.desc[2].flags = htole16(VRING_DESC_F_WRITE | VRING_DESC_F_NEXT);
	s.desc[2].next = htole16(1);
	expect_violation(&s, "loop");
	up(&s, UINT64_MAX);
	s.desc[1].next = htole16(FX_SIZE);
	expect_violation(&s, "R-SPLIT-09");
	up(&s, UINT64_MAX);
	s.desc[2].len = htole32(0);
	expect_violation(&s, "R-SPLIT-16");
	up(&s, UINT64_MAX);
	s.desc[2].addr = htole64(s.data + FX_AREA);
	expect_violation(&s, "R-VU-37");
	up(&s, UINT64_MAX);
	s.desc[2].addr = htole64(UINT64_MAX - 100);
	expect_violation(&s, "R-VU-37");
	up(&s, UINT64_MAX);
	s.desc[0].len = htole32(HEADER + 1);
	expect_violation(&s, "R-SCSI-28");
	up(&s, UINT64_MAX);
	s.desc[1].len = htole32(ANSWER - 1);
	expect_violation(&s, "R-SCSI-27");
	up(&s, UINT64_MAX);
	s.desc[0].flags |= htole16(8);
	expect_violation(&s, "flags");
}

/* Moves the chain into an indirect table of descriptor 0, which @spoil then spoils. */
static void indirect(uint64_t features, void (*spoil)(struct side *s, struct vring_desc *table),
		     const char *rule)
{
	struct vring_desc *table;
	struct side s;

	up(&s, features);
	table = (struct vring_desc *)(uintptr_t)(s.data + 1024);
	memcpy(table, s.desc, 48);
	s.desc[0] = desc(s.data + 1024, 48, VRING_DESC_F_INDIRECT, 0);
	if (spoil)
		spoil(&s, table);
	expect_violation(&s, rule);
}

static void with_next(struct side *s, struct vring_desc *table)
{
	(void)table;
	s->desc[0].flags |= htole16(VRING_DESC_F_NEXT);
}

static void with_write(struct side *s, struct vring_desc *table)
{
	(void)table;
	s->desc[0].flags |= htole16(VRING_DESC_F_WRITE);
}

static void odd_length(struct side *s, struct vring_desc *table)
{
	(void)table;
	s->desc[0].len = htole32(47);
}

static void left_over(struct side *s, struct vring_desc *table)
{
	(void)table;
	s->desc[0].len = htole32(64);
}

static void nested(struct side *s, struct vring_desc *table)
{
	(void)s;
	table[2].flags |= htole16(VRING_DESC_F_INDIRECT);
}

static void endless(struct side *s, struct vring_desc *table)
{
	(void)s;
	table[2].flags |= htole16(VRING_DESC_F_NEXT);
	table[2].next = htole16(2);
}

static void test_indirect_rules(void **state)
{
	(void)state;
	indirect(~RIG_F_INDIRECT, NULL, "R-SPLIT-11");
	indirect(UINT64_MAX, with_next, "R-SPLIT-14");
	indirect(UINT64_MAX, with_write, "R-SPLIT-15");
	indirect(UINT64_MAX, odd_length, "R-SPLIT-15");
	indirect(UINT64_MAX, left_over, "R-SPLIT-15");
	indirect(UINT64_MAX, nested, "R-SPLIT-12");
	indirect(UINT64_MAX, endless, "R-SPLIT-08");
}

static void test_ring_rules(void **state)
{
	struct rig_chain chain;
	struct side s;

	(void)state;
	up(&s, UINT64_MAX);
	s.avail->flags = htole16(1);
	expect_violation(&s, "R-SPLIT-20");
	up(&s, ~RIG_F_EVENT_IDX);
	s.avail->flags = htole16(1);
	expose(&s, 0);
	assert_true(rig_take(s.fx.rig, QUEUE, &chain));
	down(&s);
	up(&s, UINT64_MAX);
	s.avail->idx = htole16(FX_SIZE);
	expect_violation(&s, "R-SPLIT-17");
	up(&s, UINT64_MAX);
	s.used->idx = htole16(1);
	expect_violation(&s, "R-SPLIT-40");
	up(&s, UINT64_MAX);
	expose(&s, 0);
	assert_true(rig_take(s.fx.rig, QUEUE, &chain));
	expect_violation(&s, "in flight");
}

static void test_chain_that_changes_in_flight(void **state)
{
	struct rig_chain chain;
	struct side s;

	(void)state;
	up(&s, UINT64_MAX);
	expose(&s, 0);
	assert_true(rig_take(s.fx.rig, QUEUE, &chain));
	s.desc[2].len = htole32(8192);
	rig_put(s.fx.rig, QUEUE, 0, 0);
	assert_non_null(strstr(rig_violation(s.fx.rig), "changed"));
	down(&s);
}

static void test_lies_about_completions(void **state)
{
	struct rig_chain chain;
	struct side s;

	(void)state;
	up(&s, UINT64_MAX);
	expose(&s, 0);
	assert_true(rig_take(s.fx.rig, QUEUE, &chain));
	rig_put_quiet(s.fx.rig, QUEUE, 65536, 5);
	assert_int_equal(le16toh(s.used->idx), 0);
	rig_put(s.fx.rig, QUEUE, 0, 0xffffffff);
	assert_int_equal(le16toh(s.used->idx), 2);
	assert_int_equal(le32toh(s.used->ring[0].id), 65536);
	assert_int_equal(le32toh(s.used->ring[1].len), 0xffffffff);
	rig_put(s.fx.rig, QUEUE, 0, 1);
	rig_move_used(s.fx.rig, QUEUE, 100);
	assert_int_equal(le16toh(s.used->idx), 103);
	down(&s);
}

static void complete_good(struct rig *rig, unsigned queue, const struct rig_chain *chain, void *ctx)
{
	static const struct rig_reply reply = {.data = "served", .len = 7};
	_Atomic unsigned *completed = ctx;

	++*completed;
	rig_complete(rig, queue, chain, &reply);
}

/* With a callback the rig serves by itself: a kick is all that is needed. */
static void test_rig_serves(void **state)
{
	_Atomic unsigned completed = 0;
	struct side s;
	struct pollfd call = {.events = POLLIN};

	(void)state;
	s.fx = fx_new();
	s.fx.ropts.on_chain = complete_good;
	s.fx.ropts.ctx = &completed;
	fx_run(&s.fx, 3);
	s.desc = (struct vring_desc *)(uintptr_t)(s.fx.areas[0].addr + QUEUE * SPACE);
	s.avail = (struct vring_avail *)(s.desc + FX_SIZE);
	s.data = s.fx.areas[0].addr + BUFFERS;
	lay_chain(&s);
	expose(&s, 0);
	s.fx.t->ops->notify(s.fx.t, QUEUE, 0);
	call.fd = s.fx.t->ops->call_fd(s.fx.t, QUEUE);
	assert_int_equal(poll(&call, 1, 5000), 1);
	assert_int_equal(completed, 1);
	assert_string_equal((char *)(uintptr_t)s.data + 4096, "served");
	down(&s);
}

int rig_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_chain),
		cmocka_unit_test(test_indirect_chain),
		cmocka_unit_test(test_direct_rules),
		cmocka_unit_test(test_indirect_rules),
		cmocka_unit_test(test_ring_rules),
		cmocka_unit_test(test_chain_that_changes_in_flight),
		cmocka_unit_test(test_lies_about_completions),
		cmocka_unit_test(test_rig_serves),
	};

	return cmocka_run_group_tests_name("rig", tests, NULL, NULL);
}
