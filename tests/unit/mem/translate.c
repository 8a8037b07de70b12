/* SPDX-License-Identifier: BSD-3-Clause */
/* dma_translate() at the edges of regions, across them, outside, and after changes. */
#include "mem.h"

#include "conforms.h"
#include "device.h"

#define SHIFT (UINT64_C(1) << 40)

/* A device with the middle two of four pages mapped, as two regions; and the pool. */
struct rig {
	struct vscsi_mem *mem;
	struct shared shared;
	struct device device;
	struct dma_map *map;
	size_t page;
	char *first;
	char *second;
};

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig.mem = small_pool();
	rig.shared = shared_open(4);
	rig.page = page_size();
	rig.first = rig.shared.addr + rig.page;
	rig.second = rig.first + rig.page;
	rig.device = (struct device){.shift = SHIFT};
	assert_int_equal(vscsi_mem_register(rig.mem, rig.first, rig.page, rig.shared.fd, rig.page),
			 0);
	rig.map = device_follow(&rig.device, rig.mem);
	assert_int_equal(
		vscsi_mem_register(rig.mem, rig.second, rig.page, rig.shared.fd, 2 * rig.page), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dma_map_destroy(rig.map);
	assert_int_equal(vscsi_mem_destroy(rig.mem), 0);
	shared_close(&rig.shared);
	return 0;
}

static void expect(const char *addr, size_t len, size_t got)
{
	uint64_t iova = 0;

	assert_int_equal(translate(rig.map, addr, len, &iova), got);
	if (got)
		assert_int_equal(iova, (uintptr_t)addr + SHIFT);
}

static void test_inside(void **state)
{
	void *block = vscsi_mem_alloc(rig.mem, 2 * MIB, 0);

	CONFORMS("R-VU-37");
	(void)state;
	expect(rig.first, rig.page, rig.page);
	expect(rig.first + 10, 20, 20);
	expect(rig.second + rig.page - 1, 1, 1);
	expect(block, 2 * MIB, 2 * MIB);
}

static void test_outside(void **state)
{
	char foreign = 0;

	CONFORMS("R-VU-37");
	(void)state;
	expect(&foreign, 1, 0);
	expect(NULL, 1, 0);
	expect(rig.first - 1, 1, 0);
	expect(rig.first - 1, rig.page, 0);
	expect(rig.second + rig.page, 1, 0);
	expect((char *)UINTPTR_MAX, 1, 0);
}

static void test_buffer_across_regions_is_split(void **state)
{
	CONFORMS("R-VU-37");
	(void)state;
	expect(rig.second - 100, 300, 100);
	expect(rig.second, 200, 200);
	expect(rig.first, 2 * rig.page, rig.page);
}

static void test_lengths_that_wrap(void **state)
{
	CONFORMS("R-VU-37");
	(void)state;
	expect(rig.first + 10, SIZE_MAX, rig.page - 10);
	expect(rig.second, SIZE_MAX - (uintptr_t)rig.second + 2, rig.page);
}

static void test_cache_and_region_set(void **state)
{
	struct dma_cache cache = {.version = 0};
	uint64_t iova;
	uint64_t set = 0;

	(void)state;
	assert_int_equal(dma_translate(rig.map, &cache, rig.first, 1, &iova, &set), 1);
	assert_int_equal(cache.span.start, (uintptr_t)rig.first);
	assert_int_equal(set, cache.span.set);
	assert_int_equal(dma_translate(rig.map, &cache, rig.first + 9, 1, &iova, &set), 1);
	assert_int_equal(set, cache.span.set);
	assert_int_equal(dma_translate(rig.map, &cache, rig.second, 1, &iova, &set), 1);
	assert_int_equal(__builtin_popcountll(set), 2);
	/* A failed lookup changes nothing, including one just after a region. */
	set = 0;
	assert_int_equal(dma_translate(rig.map, &cache, &cache, 1, &iova, &set), 0);
	assert_int_equal(dma_translate(rig.map, &cache, rig.second + rig.page, 1, &iova, &set), 0);
	assert_int_equal(set, 0);
	assert_int_equal(iova, (uintptr_t)rig.second + SHIFT);
}

static bool whole(const struct dma_cache *cache, const char *addr, size_t len)
{
	bool found = dma_cache_covers(cache, addr, len) && dma_current(rig.map, &cache->version);

	if (found)
		assert_int_equal((uintptr_t)addr + cache->span.delta, (uintptr_t)addr + SHIFT);
	return found;
}

static void test_cache_covers_one_region(void **state)
{
	struct dma_cache cache = {.version = 0};
	uint64_t iova;
	uint64_t set = 0;

	(void)state;
	assert_false(whole(&cache, rig.first, 1));
	assert_int_equal(dma_translate(rig.map, &cache, rig.first, 1, &iova, &set), 1);
	assert_true(whole(&cache, rig.first, rig.page));
	assert_true(whole(&cache, rig.second - 1, 1));
	assert_false(whole(&cache, rig.first, rig.page + 1));
	assert_false(whole(&cache, rig.first + 1, rig.page));
	assert_false(whole(&cache, rig.first + 1, SIZE_MAX));
	assert_false(whole(&cache, rig.first - 1, 1));
	assert_false(whole(&cache, rig.second, 1));
	assert_int_equal(vscsi_mem_unregister(rig.mem, rig.second), 0);
	assert_false(whole(&cache, rig.first, 1));
}

static void test_cache_is_invalidated(void **state)
{
	struct dma_cache cache = {.version = 0};
	uint64_t iova;
	uint64_t set = 0;

	(void)state;
	assert_int_equal(dma_translate(rig.map, &cache, rig.first, 8, &iova, &set), 8);
	assert_int_equal(vscsi_mem_unregister(rig.mem, rig.first), 0);
	assert_int_equal(dma_translate(rig.map, &cache, rig.first, 8, &iova, &set), 0);
	assert_int_equal(dma_translate(rig.map, &cache, rig.second, 8, &iova, &set), 8);
	assert_int_equal(vscsi_mem_register(rig.mem, rig.first, rig.page, rig.shared.fd, rig.page),
			 0);
	assert_int_equal(dma_translate(rig.map, &cache, rig.first, 8, &iova, &set), 8);
}

int translate_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_outside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buffer_across_regions_is_split, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_lengths_that_wrap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cache_and_region_set, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cache_covers_one_region, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cache_is_invalidated, setup, teardown),
	};

	return cmocka_run_group_tests_name("mem translate", tests, NULL, NULL);
}
