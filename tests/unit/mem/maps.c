/* SPDX-License-Identifier: BSD-3-Clause */
/* Several devices that follow one pool: when one of them refuses, it has never happened to any. */
#include <errno.h>
#include <string.h>

#include <vscsi/error.h>

#include "mem.h"

#include "device.h"

/* The pool's list puts the last to come first, so 2 is asked before 1, and 1 before 0. */
struct rig {
	struct vscsi_mem *mem;
	struct shared shared;
	struct device devices[3];
	struct dma_map *maps[3];
};

static struct rig rig;

static int setup(void **state)
{
	int i;

	(void)state;
	rig.mem = small_pool();
	rig.shared = shared_open(4);
	for (i = 0; i < 3; i++) {
		rig.devices[i] = (struct device){.shift = (uint64_t)(i + 1) << 40};
		rig.maps[i] = device_follow(&rig.devices[i], rig.mem);
	}
	return 0;
}

static int teardown(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 3; i++)
		dma_map_destroy(rig.maps[i]);
	assert_int_equal(vscsi_mem_destroy(rig.mem), 0);
	shared_close(&rig.shared);
	return 0;
}

static int add(void)
{
	return vscsi_mem_register(rig.mem, rig.shared.addr, rig.shared.len, rig.shared.fd, 0);
}

static int take_back(void)
{
	return vscsi_mem_unregister(rig.mem, rig.shared.addr);
}

/* Whether device @i has the region, in its own book and in its table, which must agree. */
static bool has(int i)
{
	uint64_t iova = 0;
	bool found = translate(rig.maps[i], rig.shared.addr, 1, &iova) == 1;

	assert_int_equal(found, rig.devices[i].mapped >> 1 & 1);
	if (found)
		assert_int_equal(iova, (uintptr_t)rig.shared.addr + rig.devices[i].shift);
	return found;
}

static void expect_all(bool expected)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};
	int i;

	for (i = 0; i < 3; i++)
		assert_int_equal(has(i), expected);
	assert_int_equal(vscsi_mem_get_stats(rig.mem, &stats), 0);
	assert_int_equal(stats.regions, expected);
}

static void test_all_follow(void **state)
{
	(void)state;
	assert_int_equal(add(), 0);
	expect_all(true);
	assert_int_equal(take_back(), 0);
	expect_all(false);
}

static void test_a_late_device_gets_all(void **state)
{
	struct device device = {.shift = 64};
	struct dma_map *map;
	uint64_t iova;

	(void)state;
	assert_int_equal(add(), 0);
	map = device_follow(&device, rig.mem);
	assert_int_equal(device.mapped, 3);
	assert_int_equal(translate(map, rig.shared.addr, 1, &iova), 1);
	dma_map_destroy(map);
	assert_int_equal(device.mapped, 3);
	assert_int_equal(take_back(), 0);
}

static void test_a_late_device_that_refuses(void **state)
{
	struct device device = {.refuse_map = -ENOSPC, .accept = 1};
	struct dma_map *map = NULL;

	(void)state;
	assert_int_equal(add(), 0);
	assert_int_equal(dma_map_create(rig.mem, &device_ops, &device, &map), -ENOSPC);
	assert_null(map);
	assert_int_equal(device.mapped, 0);
	device.accept = 0;
	assert_int_equal(dma_map_create(rig.mem, &device_ops, &device, &map), -ENOSPC);
	dma_map_destroy(NULL);
	expect_all(true);
}

static void test_one_refuses_to_map(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		rig.devices[i].refuse_map = -ENOSPC;
		assert_int_equal(add(), -ENOSPC);
		assert_non_null(strstr(vscsi_last_error(), "refused to map"));
		expect_all(false);
		rig.devices[i].refuse_map = 0;
	}
	assert_int_equal(add(), 0);
	expect_all(true);
}

static void test_one_is_busy(void **state)
{
	int i;

	(void)state;
	assert_int_equal(add(), 0);
	for (i = 0; i < 3; i++) {
		rig.devices[i].busy = 1u << 1;
		assert_int_equal(take_back(), -EBUSY);
		expect_all(true);
		/* Requests in other regions don't matter. */
		rig.devices[i].busy = ~(UINT64_C(1) << 1);
	}
	assert_int_equal(take_back(), 0);
	expect_all(false);
}

/*
 * A request that slips in after the first look is seen by the second, which finds the region
 * hidden.
 */
static void test_one_becomes_busy_meanwhile(void **state)
{
	(void)state;
	assert_int_equal(add(), 0);
	rig.devices[0].busy = 1u << 1;
	rig.devices[0].busy_from = 1;
	assert_int_equal(take_back(), -EBUSY);
	assert_int_equal(rig.devices[0].looks, 2);
	expect_all(true);
	rig.devices[0].busy = 0;
	assert_int_equal(take_back(), 0);
	expect_all(false);
}

static void test_one_refuses_to_unmap(void **state)
{
	int i;

	(void)state;
	assert_int_equal(add(), 0);
	for (i = 0; i < 3; i++) {
		rig.devices[i].refuse_unmap = -EIO;
		assert_int_equal(take_back(), -EIO);
		assert_non_null(strstr(vscsi_last_error(), "refused to unmap"));
		expect_all(true);
		rig.devices[i].refuse_unmap = 0;
	}
	assert_int_equal(take_back(), 0);
	expect_all(false);
}

/* The worst: a device gives the region up, another refuses, and the first won't have it back. */
static void test_one_does_not_take_it_back(void **state)
{
	(void)state;
	assert_int_equal(add(), 0);
	rig.devices[0].refuse_unmap = -EIO;
	rig.devices[2].refuse_map = -ENOSPC;
	assert_int_equal(take_back(), -EIO);
	assert_true(has(0));
	assert_true(has(1));
	assert_false(has(2));
	/* It can still leave the pool. */
	rig.devices[0].refuse_unmap = 0;
	assert_int_equal(take_back(), 0);
	expect_all(false);
}

static void test_one_keeps_what_it_should_give_up(void **state)
{
	(void)state;
	rig.devices[0].refuse_map = -ENOSPC;
	rig.devices[2].refuse_unmap = -EIO;
	assert_true(add() < 0);
	assert_int_equal(rig.devices[2].mapped, 3);
	assert_int_equal(rig.devices[1].mapped, 1);
	assert_int_equal(rig.devices[0].mapped, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int follow_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_follow),
		TEST(test_a_late_device_gets_all),
		TEST(test_a_late_device_that_refuses),
		TEST(test_one_refuses_to_map),
		TEST(test_one_is_busy),
		TEST(test_one_becomes_busy_meanwhile),
		TEST(test_one_refuses_to_unmap),
		TEST(test_one_does_not_take_it_back),
		TEST(test_one_keeps_what_it_should_give_up),
	};

	return cmocka_run_group_tests_name("mem follow", tests, NULL, NULL);
}
