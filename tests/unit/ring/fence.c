/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * No thread sleeps for ever: the places where a store must be visible before a load, in every
 * interleaving of both sides that a machine with store buffers has. Without the fence of either
 * side each test must find a loss, which shows that it would notice one that went missing.
 *
 * The same races between two real threads are in sleep.c.
 */
#include "bed.h"
#include "explore.h"

#define SIZE 4u

/**
 * struct scene - Both sides of a ring, and what a run found
 * @opts: the ring
 * @kicked, @called: a notification was wanted of the driver, of the device
 * @asleep: the side that asked to be notified found nothing, and sleeps
 * @wrong: a chain came otherwise than it was sent
 */
struct scene {
	struct bed_opts opts;
	struct bed bed;
	bool kicked;
	bool called;
	bool asleep;
	bool wrong;
};

static void begin(struct scene *s)
{
	bed_open(&s->bed, &s->opts);
	s->kicked = false;
	s->called = false;
	s->asleep = false;
	s->wrong = false;
}

static bool end(struct scene *s, bool woken)
{
	bool good = (!s->asleep || woken) && !s->wrong && !s->bed.dev.broken;

	s->bed.dev.broken = NULL;
	bed_close(&s->bed);
	return good;
}

/* The device polls, finds nothing and wants to sleep while the driver publishes. */
static void begin_with_device_awake(void *ctx)
{
	struct scene *s = ctx;

	begin(s);
	device_poll_mode(&s->bed.dev);
}

static void driver_publishes(void *ctx)
{
	struct scene *s = ctx;

	bed_push_many(&s->bed, 2);
	s->kicked = bed_publish(&s->bed);
}

static void device_falls_asleep(void *ctx)
{
	struct scene *s = ctx;
	struct bed_chain chain;
	uint64_t serial = 0;

	s->asleep = device_sleep(&s->bed.dev);
	while (!s->asleep && bed_device_take(&s->bed, &chain)) {
		const struct cell *cell = chain.elems[0].at;

		/* In order, and complete: the index or the flags came after everything else. */
		s->wrong |= cell->request != ++serial;
	}
	s->wrong |= !s->asleep && !serial;
}

static bool device_was_woken(void *ctx)
{
	struct scene *s = ctx;

	return end(s, s->kicked);
}

/* The driver has a chain out and wants to sleep while the device gives it back. */
static void begin_with_chain_out(void *ctx)
{
	struct scene *s = ctx;

	begin(s);
	bed_push(&s->bed, 1);
	bed_publish(&s->bed);
}

static void driver_falls_asleep(void *ctx)
{
	struct scene *s = ctx;

	s->asleep = !bed_arm(&s->bed);
	s->wrong |= !s->asleep && bed_pending(&s->bed) <= 0;
}

static void device_gives_back(void *ctx)
{
	struct scene *s = ctx;
	struct bed_chain chain;

	while (bed_device_take(&s->bed, &chain)) {
		bed_give(&s->bed, &chain, 1);
		s->called |= device_show(&s->bed.dev);
	}
}

static bool driver_was_woken(void *ctx)
{
	struct scene *s = ctx;

	return end(s, s->called);
}

/* @no_fence: as in struct explore; @loses: there must be a loss, and else none. */
static void run(const struct explore *what, struct scene *s, unsigned no_fence, bool loses)
{
	struct explore copy = *what;
	unsigned failures;
	unsigned runs;

	copy.ctx = s;
	copy.no_fence = no_fence;
	copy.first = loses;
	failures = explore(&copy, &runs);
	print_message("%s, %s, without fences 0x%x: %u of %u interleavings lose\n",
		      s->opts.packed ? "packed" : "split",
		      s->opts.event_idx ? "event index" : "flags", no_fence, failures, runs);
	assert_int_equal(failures != 0, loses);
	assert_true(loses || runs > 50);
}

static void run_all(const struct explore *what)
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		struct scene s = {
			.opts = {.size = SIZE,
				 .run = 1,
				 .packed = i & 1,
				 .event_idx = i & 2,
				 .fast = true,
				 .threads = true},
		};

		run(what, &s, 0, false);
		run(what, &s, 1u << EXPLORE_DRIVER, true);
		run(what, &s, 1u << EXPLORE_DEVICE, true);
	}
}

static void test_publish(void **state)
{
	const struct explore what = {
		.begin = begin_with_device_awake,
		.sides = {driver_publishes, device_falls_asleep},
		.end = device_was_woken,
	};

	(void)state;
	CONFORMS("R-MB-24", "R-SPLIT-34", "R-PACK-34", "R-MB-03", "R-MB-11");
	run_all(&what);
}

static void test_arm(void **state)
{
	const struct explore what = {
		.begin = begin_with_chain_out,
		.sides = {driver_falls_asleep, device_gives_back},
		.end = driver_was_woken,
	};

	(void)state;
	CONFORMS("R-MB-24", "R-SPLIT-39", "R-MB-07", "R-MB-15");
	run_all(&what);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_publish),
		cmocka_unit_test(test_arm),
	};

	return cmocka_run_group_tests_name("ring/fence", tests, NULL, NULL);
}
