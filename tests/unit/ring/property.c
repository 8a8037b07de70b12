/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The property that matters, on both formats with all features and sizes: every request comes back
 * exactly once, with its own answer, whatever the device does with their order.
 */
#include <stdlib.h>
#include <string.h>

#include "bed.h"
#include "ring.h"

/* The length that the device gives. */
#define GIVEN 0xfffffff0u

/**
 * struct course - One run
 * @taken: requests that the device has and has not given back, oldest first
 * @reaped: requests that came back; @skipped: those of them without a length of their own
 * @burst: requests that one step moves at most
 * @unshown: slots that the device gave back and hasn't decided on notifications for
 * @asleep: the device looks again only when it is told to; @armed: so does the driver
 */
struct course {
	struct bed bed;
	uint64_t random;
	struct bed_chain *taken;
	unsigned ntaken;
	uint64_t reaped;
	uint64_t skipped;
	unsigned burst;
	unsigned unshown;
	bool asleep;
	bool armed;
};

/**
 * struct plan - What a run does
 * @from: chains that went before, as bed_wind() has it
 * @wrap: how many more it takes to the next wrap: the run goes past it
 * @steps: how many steps it takes at least; @burst: requests in each at most
 */
struct plan {
	uint64_t from;
	uint64_t wrap;
	unsigned steps;
	unsigned burst;
	uint64_t seed;
};

static unsigned dice(struct course *c, unsigned limit)
{
	return bed_random(&c->random, limit);
}

/* Any number up to the limit and the burst; sometimes as many as there can be. */
static unsigned some(struct course *c, unsigned limit)
{
	unsigned most = limit < c->burst ? limit : c->burst;

	return dice(c, 8) ? dice(c, most + 1) : most;
}

static void publish(struct course *c)
{
	if (bed_publish(&c->bed))
		c->asleep = false;
}

static void push_some(struct course *c)
{
	const struct bed_opts *o = &c->bed.opts;
	unsigned count = some(c, c->bed.nfree);
	unsigned most = o->indirect ? BED_ELEMENTS : o->run;

	/* A table is no longer than the ring either (2.7.5.3.1). */
	if (most > o->size)
		most = o->size;

	while (count--)
		bed_push(&c->bed, 1 + dice(c, most));
	if (dice(c, 4))
		publish(c);
}

static void take_some(struct course *c)
{
	unsigned count = some(c, c->bed.count);

	while (count-- && bed_device_take(&c->bed, &c->taken[c->ntaken])) {
		/* Nothing came that it wasn't told of. */
		assert_false(c->asleep);
		c->ntaken++;
	}
}

/* Any of those that the device has. */
static void give_one(struct course *c)
{
	struct bed_chain *chain = &c->taken[dice(c, c->ntaken)];

	bed_give(&c->bed, chain, GIVEN);
	c->unshown += chain->chain.slots;
	*chain = c->taken[--c->ntaken];
}

/* So many of the oldest, by one entry for the last of them. */
static void give_batch(struct course *c, unsigned count)
{
	struct device_chain *batch = calloc(count, sizeof(*batch));
	unsigned i;

	assert_non_null(batch);
	for (i = 0; i < count; i++) {
		batch[i] = c->taken[i].chain;
		bed_answer(&c->taken[i]);
		c->unshown += batch[i].slots;
	}
	device_give_batch(&c->bed.dev, batch, count, GIVEN);
	free(batch);
	c->ntaken -= count;
	memmove(c->taken, c->taken + count, c->ntaken * sizeof(*c->taken));
}

/* The device shows what it gave back: a driver that sleeps hears of it. */
static void show(struct course *c)
{
	c->unshown = 0;
	if (device_show(&c->bed.dev))
		c->armed = false;
	if (c->armed)
		assert_int_equal(bed_pending(&c->bed), 0);
}

static void give_some(struct course *c)
{
	unsigned count = some(c, c->ntaken);

	if (c->bed.opts.in_order && count && dice(c, 2))
		give_batch(c, count);
	else if (c->bed.opts.in_order && count)
		give_batch(c, 1);
	else
		while (count--)
			give_one(c);
	/* At least once per wrap: the model can't tell two wraps apart. */
	if (dice(c, 3) || c->unshown >= c->bed.opts.size)
		show(c);
}

static void reap_some(struct course *c)
{
	unsigned count = some(c, c->bed.count);
	struct ring_used used;

	while (count-- && bed_reap(&c->bed, &used)) {
		assert_true(used.len == GIVEN ||
			    (c->bed.opts.in_order && used.len == RING_LEN_UNKNOWN));
		c->armed = false;
		c->skipped += used.len != GIVEN;
		c->reaped++;
	}
}

static void request_something(struct course *c)
{
	switch (dice(c, 6)) {
	case 0:
		c->armed = !bed_arm(&c->bed);
		break;
	case 1:
		bed_disarm(&c->bed);
		c->armed = false;
		break;
	case 2:
		c->asleep = device_sleep(&c->bed.dev);
		break;
	case 3:
		device_poll_mode(&c->bed.dev);
		c->asleep = false;
		break;
	default:
		break;
	}
}

static void finish(struct course *c)
{
	unsigned rounds = 0;

	publish(c);
	c->burst = RING_MAX_SIZE;
	while (bed_out(&c->bed)) {
		assert_true(rounds++ < 1000);
		take_some(c);
		give_some(c);
		show(c);
		reap_some(c);
		assert_null(c->bed.dev.broken);
	}
	assert_true(c->reaped == c->bed.serial);
}

/* Returns how many requests came back without a length. */
static uint64_t run(const struct bed_opts *opts, const struct plan *plan)
{
	struct course c = {.random = plan->seed, .burst = plan->burst};
	unsigned step;

	bed_open(&c.bed, opts);
	bed_wind(&c.bed, plan->from);
	c.taken = calloc(c.bed.count + 1, sizeof(*c.taken));
	assert_non_null(c.taken);
	for (step = 0; step < plan->steps || c.bed.serial <= plan->wrap; step++) {
		push_some(&c);
		take_some(&c);
		give_some(&c);
		reap_some(&c);
		request_something(&c);
		assert_null(c.bed.dev.broken);
	}
	finish(&c);
	free(c.taken);
	bed_close(&c.bed);
	return c.skipped;
}

/*
 * Valgrind takes 30 times as long, and ThreadSanitizer has nothing to see in one thread: both get a
 * little of everything.
 */
static bool in_brief(void)
{
	const char *preload = getenv("LD_PRELOAD");

#ifdef __SANITIZE_THREAD__
	return true;
#endif
	return preload && strstr(preload, "vgpreload");
}

/* With VSCSI_TEST_LONG in the environment there are more rounds, and no size is left out. */
static bool at_length(void)
{
	return getenv("VSCSI_TEST_LONG") && !in_brief();
}

/*
 * Bits 0 and 1 choose the event index and indirect descriptors; bit 2, except in order, whether
 * chains go and come as on the library's request queues.
 */
static struct bed_opts options(bool packed, bool in_order, unsigned size, unsigned run_length,
			       unsigned features)
{
	return (struct bed_opts){
		.size = size,
		.run = run_length,
		.packed = packed,
		.in_order = in_order,
		.event_idx = features & 1,
		.indirect = features & 2,
		.fast = features & 4 && !in_order,
	};
}

/*
 * One run over both wraps: that of the 16 bits of an index, and that of the ring; or, in odd
 * rounds, over the end of a packed ring's first wrap, where its bits change the other way.
 */
static uint64_t run_over_wraps(const struct bed_opts *opts, unsigned steps, unsigned burst,
			       unsigned round)
{
	struct plan plan = {.steps = steps, .burst = burst, .seed = opts->size + 100u * round};

	plan.wrap = 1 + round * 7 % (opts->size < burst ? opts->size : burst);
	plan.from = (round % 2 ? 1 : UINT64_C(65536)) * opts->size - plan.wrap;
	return run(opts, &plan);
}

/* All features with one size. Split rings have sizes that are powers of two. */
static uint64_t run_features(bool packed, bool in_order, unsigned size, unsigned steps)
{
	unsigned most = size < 3 ? size : 3;
	unsigned rounds = at_length() ? 10 : in_brief() ? 1 : 2;
	uint64_t skipped = 0;
	unsigned features;
	unsigned run_length;
	unsigned round;

	if (in_brief() && size > 1024)
		return 0;
	for (run_length = 1; run_length <= most; run_length++) {
		for (features = 0; features < 4; features++) {
			for (round = 0; round < rounds; round++) {
				unsigned fast = ((features >> 1) + round) % 2 * 4;
				struct bed_opts opts = options(packed, in_order, size, run_length,
							       features | fast);

				skipped += run_over_wraps(&opts, steps, RING_MAX_SIZE, round);
			}
		}
	}
	return skipped;
}

/* Steps that move some 10,000 requests in a small ring, and fill a large one a few times. */
static unsigned steps_for(unsigned size)
{
	unsigned steps = size <= 128 ? 100 : size <= 1024 ? 20 : 3;

	return in_brief() ? steps / 5 : steps;
}

static void test_split(void **state)
{
	unsigned size;

	(void)state;
	for (size = 1; size <= RING_MAX_SIZE; size *= 2)
		run_features(false, false, size, steps_for(size));
}

static void test_split_in_order(void **state)
{
	uint64_t skipped = 0;
	unsigned size;

	(void)state;
	CONFORMS("R-ORD-01", "R-ORD-02", "R-ORD-03", "R-ORD-04", "R-ORD-05", "R-ORD-06",
		 "R-ORD-09");
	for (size = 1; size <= RING_MAX_SIZE; size *= 2)
		skipped += run_features(false, true, size, steps_for(size));
	assert_true(skipped > (in_brief() ? 100 : 1000));
}

static const unsigned packed_sizes[] = {1, 2, 3, 4, 5, 7, 16, 100, 127, 1024, 4099, 32767, 32768};

static void test_packed(void **state)
{
	unsigned i;

	(void)state;
	CONFORMS("R-PACK-02", "R-PACK-05", "R-PACK-06", "R-PACK-08", "R-PACK-09", "R-PACK-10",
		 "R-PACK-11", "R-PACK-12", "R-PACK-13", "R-PACK-18", "R-PACK-19");
	for (i = 0; i < ARRAY_LEN(packed_sizes); i++)
		run_features(true, false, packed_sizes[i], steps_for(packed_sizes[i]));
}

static void test_packed_features(void **state)
{
	(void)state;
	CONFORMS("R-PACK-28", "R-PACK-30", "R-PACK-31", "R-PACK-39", "R-PACK-40", "R-PACK-43");
	/* A prime number of entries, and chains of all lengths begin at each of them. */
	run_features(true, false, 13, in_brief() ? 500 : 2500);
}

static void test_packed_in_order(void **state)
{
	uint64_t skipped = 0;
	unsigned i;

	(void)state;
	CONFORMS("R-ORD-01", "R-ORD-08", "R-ORD-09");
	for (i = 0; i < ARRAY_LEN(packed_sizes); i++)
		skipped += run_features(true, true, packed_sizes[i], steps_for(packed_sizes[i]));
	assert_true(skipped > (in_brief() ? 100 : 1000));
}

static void run_size(unsigned size, unsigned features)
{
	unsigned round = size + features;
	unsigned run_length = 1 + round % (size < 3 ? size : 3);
	struct bed_opts opts =
		options(true, features & 4, size, run_length, features ^ size % 2 * 4);

	run_over_wraps(&opts, 6, 16, round);
}

/*
 * A packed ring may have any number of entries. Up to 256 each has its turn, with every combination
 * of features; of the larger ones every 509th, and the rest when there is time, with two of the
 * combinations, which change with the size.
 */
static void test_packed_every_size(void **state)
{
	unsigned features;
	unsigned size;

	(void)state;
	CONFORMS("R-PACK-02");
	for (size = 1; size <= (in_brief() ? 40 : RING_MAX_SIZE); size++) {
		bool all = size <= 256 || size % 509 == 0;

		for (features = 0; features < 8; features++) {
			if (all || (at_length() && (size + features) % 4 == 0))
				run_size(size, features);
		}
	}
}

/* No winding on: as many requests as it takes for all indices to wrap by themselves. */
static void test_wraps_by_itself(void **state)
{
	static const unsigned sizes[][2] = {{1, 4}, {1, 5}};
	unsigned i;

	(void)state;
	if (in_brief()) {
		print_message("all of it takes long: VSCSI_TEST_BRIEF is set\n");
		skip();
	}
	for (i = 0; i < 2 * 8 * ARRAY_LEN(sizes[0]); i++) {
		bool packed = i & 8;
		unsigned size = sizes[packed][i / 16];
		unsigned run_length = size < 3 ? 1 : 1 + i % 3;
		const struct bed_opts opts =
			options(packed, i & 4, size, run_length, i | (i & 2) << 1);
		struct plan plan = {.wrap = 65600, .burst = RING_MAX_SIZE, .seed = i};

		if (at_length())
			plan.wrap *= 10;
		run(&opts, &plan);
	}
}

int property_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),           cmocka_unit_test(test_split_in_order),
		cmocka_unit_test(test_packed),          cmocka_unit_test(test_packed_features),
		cmocka_unit_test(test_packed_in_order), cmocka_unit_test(test_packed_every_size),
		cmocka_unit_test(test_wraps_by_itself),
	};

	return cmocka_run_group_tests_name("ring/property", tests, NULL, NULL);
}
