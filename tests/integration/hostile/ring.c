/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lies about the ring, told with requests in flight. The device is lost with a message that names
 * the rule, and every request comes back once; or the lie is harmless, and every request completes.
 */
#include "liar.h"

#include <errno.h>

#define INFLIGHT 64u

#define RESPONSE 108u

static const char zeros[LIAR_BLOCK];

/* A lie and what it leads to; @rule NULL: nothing. */
struct ring_lie {
	const char *name;
	const char *rule;
	void (*tell)(struct liar *liar);
};

/* Answers what was kept, as it should be. */
static void serve(struct liar *liar, unsigned i)
{
	liar_serve(liar, LIAR_QUEUE, &liar->kept[i]);
}

static void put(struct liar *liar, uint32_t id)
{
	rig_put(liar->rig, LIAR_QUEUE, id, RESPONSE + LIAR_BLOCK);
}

static void id_of_ring_size(struct liar *liar)
{
	put(liar, rig_size(liar->rig, LIAR_QUEUE));
}

static void id_with_high_bits(struct liar *liar)
{
	put(liar, liar->kept[0].head + 65536u);
}

static void id_largest(struct liar *liar)
{
	put(liar, UINT32_MAX);
}

static void id_never_sent(struct liar *liar)
{
	put(liar, rig_size(liar->rig, LIAR_QUEUE) - 1);
}

static void id_twice(struct liar *liar)
{
	rig_put_quiet(liar->rig, LIAR_QUEUE, liar->kept[0].head, 0);
	put(liar, liar->kept[0].head);
}

static void index_too_far(struct liar *liar)
{
	rig_move_used(liar->rig, LIAR_QUEUE, INFLIGHT + 1);
}

static void index_by_the_ring(struct liar *liar)
{
	rig_move_used(liar->rig, LIAR_QUEUE, (uint16_t)(rig_size(liar->rig, LIAR_QUEUE) + 1));
}

static void index_backwards(struct liar *liar)
{
	rig_move_used(liar->rig, LIAR_QUEUE, UINT16_MAX);
}

static void index_without_entries(struct liar *liar)
{
	memset((char *)rig_used(liar->rig, LIAR_QUEUE) + 4, 0xff,
	       8 * (size_t)rig_size(liar->rig, LIAR_QUEUE));
	rig_move_used(liar->rig, LIAR_QUEUE, INFLIGHT);
}

static void ring_error(struct liar *liar)
{
	rig_err(liar->rig, LIAR_QUEUE);
}

static void hang_up(struct liar *liar)
{
	rig_hang_up(liar->rig);
}

static void unasked_bytes(struct liar *liar)
{
	rig_send_raw(liar->rig, "surprise", 8, 1);
}

/* The rig's thread may be looking at the same bytes. */
static void overwrite(void *at, size_t len)
{
	uint8_t *bytes = at;
	size_t i;

	for (i = 0; i < len; i++)
		__atomic_store_n(&bytes[i], 0xff, __ATOMIC_RELAXED);
}

/* Everything that the driver wrote is overwritten: it must remember for itself. */
static void scribble(struct liar *liar)
{
	unsigned size = rig_size(liar->rig, LIAR_QUEUE);
	unsigned i;

	liar->spoiled = true;
	overwrite(rig_desc(liar->rig, LIAR_QUEUE), 16 * (size_t)size);
	overwrite(rig_avail(liar->rig, LIAR_QUEUE), 4 + 2 * (size_t)size);
	for (i = 0; i < INFLIGHT; i++) {
		overwrite(liar->kept[i].elems[0].addr, liar->kept[i].elems[0].len);
		liar_data(liar, LIAR_QUEUE, &liar->kept[i], zeros, sizeof(zeros));
	}
}

static void calls_for_nothing(struct liar *liar)
{
	unsigned i;

	for (i = 0; i < 1000; i++)
		rig_call(liar->rig, LIAR_QUEUE);
	for (i = INFLIGHT; i-- > 0;)
		serve(liar, i);
}

static void requests_of_all_kinds(struct liar *liar)
{
	unsigned i;

	for (i = 0; i < INFLIGHT; i++) {
		rig_set_used_flags(liar->rig, LIAR_QUEUE, (uint16_t)(i * 2053));
		rig_set_avail_event(liar->rig, LIAR_QUEUE, (uint16_t)(i * 4099));
		serve(liar, i);
	}
}

static const struct ring_lie lies[] = {
	{"used id: size of the ring", "a used id is not in flight", id_of_ring_size},
	{"used id: right in the low 16 bits only", "a used id is not in flight", id_with_high_bits},
	{"used id: 2^32 - 1", "a used id is not in flight", id_largest},
	{"used id: never sent", "a used id is not in flight", id_never_sent},
	{"used id: twice", "a used id is not in flight", id_twice},
	{"used index: one too far", "the used index exceeds", index_too_far},
	{"used index: round the ring", "the used index exceeds", index_by_the_ring},
	{"used index: backwards", "the used index exceeds", index_backwards},
	{"used index: moves, entries are garbage", "a used id is not in flight",
	 index_without_entries},
	{"error descriptor signalled", "a queue is broken", ring_error},
	{"hangs up in the middle of 64 requests", "closed the connection", hang_up},
	{"bytes and descriptors without a request", "bytes without a request", unasked_bytes},
	{"overwrites rings and headers, then answers", NULL, scribble},
	{"1000 calls for nothing, then answers backwards", NULL, calls_for_nothing},
	{"random notification requests", NULL, requests_of_all_kinds},
};

static void expect_all(struct liar *liar)
{
	bool seen[INFLIGHT] = {false};
	struct vscsi_completion done;
	unsigned came = 0;

	while (came < INFLIGHT) {
		if (!vscsi_poll(liar->queue, &done, 1))
			continue;
		assert_int_equal(done.result, 0);
		assert_false(seen[done.user_data]);
		seen[done.user_data] = true;
		came++;
	}
	assert_int_equal(vscsi_poll(liar->queue, &done, 1), 0);
	assert_true(liar_runs(liar));
}

static void ring_lies(void **state)
{
	struct liar *liar = *state;
	const struct ring_lie *lie = liar->ctx;
	uint64_t start;

	CONFORMS("R-HARD-01", "R-HARD-02", "R-HARD-03", "R-HARD-06", "R-HARD-11", "R-HARD-13");
	CONFORMS("R-VU-114", "R-VU-115");
	liar_up(liar);
	liar_hold(liar, INFLIGHT);
	start = now_ms();
	lie->tell(liar);
	if (lie->rule)
		liar_expect_lost(liar, INFLIGHT, lie->rule);
	else
		expect_all(liar);
	assert_true(now_ms() - start < 20000);
	told(lie->name, "%s; 64 of 64 returned once", lie->rule ? lie->rule : "harmless");
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(lies)];
	unsigned i;

	for (i = 0; i < ARRAY_LEN(lies); i++)
		tests[i] = (struct CMUnitTest)LIAR_ROW(ring_lies, &lies[i]);
	return _cmocka_run_group_tests("hostile ring", tests, ARRAY_LEN(tests), NULL, NULL);
}
