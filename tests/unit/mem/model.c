/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The heap against a simple model with one number per unit. Both must return the same address: the
 * lowest that fits, or none.
 */
#include <stdlib.h>
#include <string.h>

#include "mem.h"

#include "mem/heap.h"
#include "util/bits.h"

#define BASE      ((uintptr_t)0x7f0000000000 + 64)
#define MOST      3000
#define ROUNDS    6000
#define MOST_LIVE 256

struct model {
	struct heap *heap;
	uint32_t units;
	uint16_t owner[MOST]; /* 0: free */
	struct {
		uintptr_t addr;
		uint32_t units;
	} live[MOST_LIVE];
	unsigned count;
	uint64_t seed;
};

static bool is_free(const struct model *model, uint32_t first, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (model->owner[first + i])
			return false;
	}
	return true;
}

static uintptr_t expect_alloc(const struct model *model, uint32_t want, size_t align)
{
	uintptr_t addr;
	uint32_t first;

	for (first = 0; first + want <= model->units; first++) {
		addr = BASE + (uintptr_t)first * HEAP_UNIT;
		if (addr % align == 0 && is_free(model, first, want))
			return addr;
	}
	return 0;
}

static void mark(struct model *model, uintptr_t addr, uint32_t count, uint16_t owner)
{
	uint32_t first = (uint32_t)((addr - BASE) / HEAP_UNIT);
	uint32_t i;

	for (i = 0; i < count; i++) {
		assert_int_equal(!model->owner[first + i], !!owner);
		model->owner[first + i] = owner;
	}
}

static void check_stats(const struct model *model)
{
	struct heap_stats stats;
	uint32_t used = 0;
	uint32_t run = 0;
	uint32_t longest = 0;
	uint32_t i;

	for (i = 0; i < model->units; i++) {
		run = model->owner[i] ? 0 : run + 1;
		longest = run > longest ? run : longest;
		used += !!model->owner[i];
	}
	heap_get_stats(model->heap, &stats);
	assert_int_equal(stats.largest_free, longest * HEAP_UNIT);
	assert_int_equal(stats.used, used * HEAP_UNIT);
	assert_int_equal(stats.blocks, model->count);
}

/* Mostly small, sometimes large, to create holes of all sizes. */
static size_t random_len(struct model *model)
{
	const uint32_t most = next_random(&model->seed) % 8 ? 8 : model->units;

	return 1 + next_random(&model->seed) % (most * HEAP_UNIT);
}

static void step_alloc(struct model *model)
{
	const size_t len = random_len(model);
	const size_t align = (size_t)HEAP_UNIT << next_random(&model->seed) % 8;
	const uint32_t want = (uint32_t)(align_up(len, HEAP_UNIT) / HEAP_UNIT);
	const uintptr_t expected = expect_alloc(model, want, align);

	assert_int_equal(heap_alloc(model->heap, len, align), expected);
	if (!expected)
		return;
	mark(model, expected, want, 1);
	model->live[model->count].addr = expected;
	model->live[model->count++].units = want;
}

static void step_free(struct model *model)
{
	const unsigned pick = next_random(&model->seed) % model->count;
	const uintptr_t addr = model->live[pick].addr;

	assert_int_equal(heap_free(model->heap, addr), 0);
	mark(model, addr, model->live[pick].units, 0);
	model->live[pick] = model->live[--model->count];
	assert_true(heap_free(model->heap, addr) < 0);
}

static void run(uint32_t units, uint64_t seed)
{
	struct model *model = calloc(1, sizeof(*model));
	unsigned i;

	assert_non_null(model);
	model->units = units;
	model->seed = seed;
	model->heap = heap_create(BASE, (size_t)units * HEAP_UNIT);
	assert_non_null(model->heap);
	for (i = 0; i < ROUNDS; i++) {
		if (model->count && (model->count == MOST_LIVE || next_random(&model->seed) % 2))
			step_free(model);
		else
			step_alloc(model);
		if (i % 16 == 0)
			check_stats(model);
	}
	while (model->count)
		step_free(model);
	check_stats(model);
	/* All free blocks have merged. */
	assert_int_equal(heap_alloc(model->heap, (size_t)units * HEAP_UNIT, 0), BASE);
	heap_destroy(model->heap);
	free(model);
}

static void test_against_the_model(void **state)
{
	/* Around word sizes and powers of two. */
	static const uint32_t sizes[] = {1, 2, 63, 64, 65, 127, 128, 129, 1000, 2048, MOST};
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(sizes); i++)
		run(sizes[i], 0x9e3779b97f4a7c15 + i);
}

int model_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_the_model),
	};

	return cmocka_run_group_tests_name("mem model", tests, NULL, NULL);
}
