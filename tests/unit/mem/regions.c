/* SPDX-License-Identifier: BSD-3-Clause */
/* The set of regions: no overlaps, a maximum number, and removal. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <vscsi/error.h>

#include "mem.h"

#include "conforms.h"
#include "device.h"

static void test_overlaps_are_refused(void **state)
{
	struct shared shared = shared_open(8);
	const size_t page = page_size();
	struct vscsi_mem *mem = small_pool();
	void *block = vscsi_mem_alloc(mem, 2 * MIB, 0);

	CONFORMS("R-VU-35");
	(void)state;
	assert_int_equal(
		vscsi_mem_register(mem, shared.addr + 2 * page, 3 * page, shared.fd, 2 * page), 0);
	/* The same, the start, the end, the middle, a larger one. */
	assert_int_equal(vscsi_mem_register(mem, shared.addr + 2 * page, 3 * page, shared.fd,
					    2 * page),
			 -EEXIST);
	assert_int_equal(vscsi_mem_register(mem, shared.addr + page, 2 * page, shared.fd, page),
			 -EEXIST);
	assert_int_equal(vscsi_mem_register(mem, shared.addr + 4 * page, 2 * page, shared.fd,
					    4 * page),
			 -EEXIST);
	assert_int_equal(vscsi_mem_register(mem, shared.addr + 3 * page, page, shared.fd, 3 * page),
			 -EEXIST);
	assert_int_equal(vscsi_mem_register(mem, shared.addr, 8 * page, shared.fd, 0), -EEXIST);
	/* The pool itself is a region. */
	assert_int_equal(vscsi_mem_register(mem, block, 2 * MIB, -1, 0), -EEXIST);
	/* Adjacent regions don't overlap. */
	assert_int_equal(vscsi_mem_register(mem, shared.addr, 2 * page, shared.fd, 0), 0);
	assert_int_equal(vscsi_mem_register(mem, shared.addr + 5 * page, page, shared.fd, 5 * page),
			 0);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
	shared_close(&shared);
}

static void test_unregister_needs_the_start(void **state)
{
	struct shared shared = shared_open(4);
	struct vscsi_mem *mem = small_pool();
	void *block = vscsi_mem_alloc(mem, 2 * MIB, 0);

	(void)state;
	assert_int_equal(vscsi_mem_register(mem, shared.addr, shared.len, shared.fd, 0), 0);
	assert_int_equal(vscsi_mem_unregister(mem, shared.addr + page_size()), -ENOENT);
	assert_non_null(strstr(vscsi_last_error(), "vscsi_mem_unregister: "));
	assert_int_equal(vscsi_mem_unregister(mem, block), -ENOENT);
	assert_int_equal(vscsi_mem_unregister(mem, shared.addr), 0);
	assert_int_equal(vscsi_mem_unregister(mem, shared.addr), -ENOENT);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
	shared_close(&shared);
}

static void test_duplicated_descriptor_is_closed(void **state)
{
	struct shared shared = shared_open(1);
	struct vscsi_mem *mem = small_pool();
	struct device device = {0};
	struct dma_map *map = device_follow(&device, mem);

	(void)state;
	assert_int_equal(vscsi_mem_register(mem, shared.addr, shared.len, shared.fd, 0), 0);
	assert_true(fcntl(device.regions[1].fd, F_GETFD) >= 0);
	assert_int_equal(vscsi_mem_unregister(mem, shared.addr), 0);
	assert_int_equal(fcntl(device.regions[1].fd, F_GETFD), -1);
	assert_int_equal(vscsi_mem_register(mem, shared.addr, shared.len, shared.fd, 0), 0);
	dma_map_destroy(map);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
	assert_int_equal(fcntl(device.regions[1].fd, F_GETFD), -1);
	assert_true(fcntl(shared.fd, F_GETFD) >= 0);
	shared_close(&shared);
}

static void test_maximum_number_of_regions(void **state)
{
	struct shared shared = shared_open(VSCSI_MEM_MAX_REGIONS + 1);
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};
	struct vscsi_mem *mem = small_pool();
	const size_t page = page_size();
	struct device device = {0};
	struct dma_map *map = device_follow(&device, mem);
	size_t i;

	(void)state;
	for (i = 0; i < VSCSI_MEM_MAX_REGIONS; i++)
		assert_int_equal(vscsi_mem_register(mem, shared.addr + i * page, page, shared.fd,
						    i * page),
				 0);
	assert_int_equal(vscsi_mem_register(mem, shared.addr + i * page, page, shared.fd, i * page),
			 -ENOSPC);
	assert_int_equal(vscsi_mem_get_stats(mem, &stats), 0);
	assert_int_equal(stats.regions, VSCSI_MEM_MAX_REGIONS);
	assert_int_equal(device.mapped, (UINT64_C(1) << DMA_MAX_REGIONS) - 1);
	assert_int_equal(vscsi_mem_unregister(mem, shared.addr + 7 * page), 0);
	assert_int_equal(vscsi_mem_register(mem, shared.addr + i * page, page, shared.fd, i * page),
			 0);
	dma_map_destroy(map);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
	shared_close(&shared);
}

/* Whether the current table is sorted and without overlaps, in addresses and IOVAs. */
static void check_table(const struct dma_map *map, unsigned count)
{
	const struct dma_table *table = &map->tables[dma_version(map) % 2];
	unsigned i;
	unsigned k;

	assert_int_equal(table->count, count);
	for (i = 0; i < count; i++) {
		for (k = i + 1; k < count; k++) {
			const struct dma_entry *a = &table->entries[i];
			const struct dma_entry *b = &table->entries[k];
			uint64_t low = a->start + a->delta;
			uint64_t high = b->start + b->delta;

			assert_true(a->start + a->len <= b->start);
			assert_true(low + a->len <= high || high + b->len <= low);
			assert_int_equal(a->set & b->set, 0);
		}
	}
}

#define PAGES 40

/* Registers the pages from @first on if none is registered, and expects -EEXIST otherwise. */
static unsigned step_register(struct vscsi_mem *mem, const struct shared *shared, uint8_t *owner,
			      unsigned first, unsigned count)
{
	bool taken = false;
	unsigned i;

	for (i = first; i < first + count; i++)
		taken |= owner[i] != 0;
	assert_int_equal(vscsi_mem_register(mem, shared->addr + first * page_size(),
					    count * page_size(), shared->fd, first * page_size()),
			 taken ? -EEXIST : 0);
	if (taken)
		return 0;
	memset(owner + first, 2, count);
	owner[first] = 1;
	return 1;
}

static unsigned step_unregister(struct vscsi_mem *mem, const struct shared *shared, uint8_t *owner,
				unsigned first)
{
	assert_int_equal(vscsi_mem_unregister(mem, shared->addr + first * page_size()),
			 owner[first] == 1 ? 0 : -ENOENT);
	if (owner[first] != 1)
		return 0;
	do
		owner[first++] = 0;
	while (owner[first] == 2);
	return 1;
}

static void test_random_regions_never_overlap(void **state)
{
	struct shared shared = shared_open(PAGES);
	struct vscsi_mem *mem = small_pool();
	struct device device = {.shift = UINT64_C(1) << 32};
	struct dma_map *map = device_follow(&device, mem);
	uint8_t owner[PAGES + 1] = {0};
	unsigned regions = 1;
	uint64_t seed = 4711;
	unsigned first;
	unsigned i;

	CONFORMS("R-VU-34", "R-VU-35");
	(void)state;
	for (i = 0; i < 2000; i++) {
		first = next_random(&seed) % PAGES;
		if (next_random(&seed) % 2)
			regions += step_register(mem, &shared, owner, first,
						 1 + next_random(&seed) % 5 % (PAGES - first));
		else
			regions -= step_unregister(mem, &shared, owner, first);
		check_table(map, regions);
	}
	dma_map_destroy(map);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
	shared_close(&shared);
}

int regions_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overlaps_are_refused),
		cmocka_unit_test(test_unregister_needs_the_start),
		cmocka_unit_test(test_duplicated_descriptor_is_closed),
		cmocka_unit_test(test_maximum_number_of_regions),
		cmocka_unit_test(test_random_regions_never_overlap),
	};

	return cmocka_run_group_tests_name("mem regions", tests, NULL, NULL);
}
