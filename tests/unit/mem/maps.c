/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several devices of one pool: if one of them fails, all are rolled back. syscall() is overridden
 * here, and calls the real one unless the kernel is to have no membarrier(2).
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>

#include <vscsi/error.h>

#include "mem.h"

#include "device.h"

/* Whether the kernel has no membarrier(2), as before Linux 4.14. */
static bool no_membarrier;

long syscall(long number, ...);
typedef long syscall_call(long, ...);

long syscall(long number, ...)
{
	void *found = dlsym(RTLD_NEXT, "syscall");
	syscall_call *call;
	long arg[6];
	va_list ap;
	unsigned i;

	if (no_membarrier && number == SYS_membarrier) {
		errno = ENOSYS;
		return -1;
	}
	va_start(ap, number);
	for (i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	memcpy(&call, &found, sizeof(call));
	return call(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

/* New maps are at the head of the pool's list, so devices are called in the order 2, 1, 0. */
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

static int unregister(void)
{
	return vscsi_mem_unregister(rig.mem, rig.shared.addr);
}

/* Whether device @i has the region, both mapped and in its table. */
static bool has_region(int i)
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
		assert_int_equal(has_region(i), expected);
	assert_int_equal(vscsi_mem_get_stats(rig.mem, &stats), 0);
	assert_int_equal(stats.regions, expected);
}

static void test_region_is_mapped_by_all(void **state)
{
	(void)state;
	assert_int_equal(add(), 0);
	expect_all(true);
	assert_int_equal(unregister(), 0);
	expect_all(false);
}

static void test_new_device_maps_existing_regions(void **state)
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
	assert_int_equal(unregister(), 0);
}

static void test_new_device_fails_to_map(void **state)
{
	struct device device = {.map_error = -ENOSPC, .accept = 1};
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

static void test_map_failure_is_rolled_back(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		rig.devices[i].map_error = -ENOSPC;
		assert_int_equal(add(), -ENOSPC);
		assert_non_null(strstr(vscsi_last_error(), "failed to map"));
		expect_all(false);
		rig.devices[i].map_error = 0;
	}
	assert_int_equal(add(), 0);
	expect_all(true);
}

static void test_busy_region_is_kept(void **state)
{
	int i;

	(void)state;
	assert_int_equal(add(), 0);
	for (i = 0; i < 3; i++) {
		rig.devices[i].busy = 1u << 1;
		assert_int_equal(unregister(), -EBUSY);
		expect_all(true);
		/* Requests in other regions don't matter. */
		rig.devices[i].busy = ~(UINT64_C(1) << 1);
	}
	assert_int_equal(unregister(), 0);
	expect_all(false);
}

/*
 * A request that starts after the first check is detected by the second, when the region is hidden.
 */
static void test_region_becomes_busy_during_removal(void **state)
{
	(void)state;
	assert_int_equal(add(), 0);
	rig.devices[0].busy = 1u << 1;
	rig.devices[0].busy_from = 1;
	assert_int_equal(unregister(), -EBUSY);
	assert_int_equal(rig.devices[0].queries, 2);
	expect_all(true);
	rig.devices[0].busy = 0;
	assert_int_equal(unregister(), 0);
	expect_all(false);
}

/*
 * Without a barrier in other threads there is no telling whether one of them is about to submit, so
 * nothing is removed while a device has the region.
 */
static void test_without_membarrier(void **state)
{
	struct vscsi_mem *mem = small_pool();

	(void)state;
	assert_int_equal(add(), 0);
	no_membarrier = true;
	assert_int_equal(unregister(), -ENOSYS);
	assert_non_null(strstr(vscsi_last_error(), "close the devices of the pool first"));
	expect_all(true);
	/* A pool of no device needs none. */
	assert_int_equal(vscsi_mem_register(mem, rig.shared.addr, rig.shared.len, rig.shared.fd, 0),
			 0);
	assert_int_equal(vscsi_mem_unregister(mem, rig.shared.addr), 0);
	no_membarrier = false;
	assert_int_equal(vscsi_mem_destroy(mem), 0);
	assert_int_equal(unregister(), 0);
	expect_all(false);
}

static void test_unmap_failure_is_rolled_back(void **state)
{
	int i;

	(void)state;
	assert_int_equal(add(), 0);
	for (i = 0; i < 3; i++) {
		rig.devices[i].unmap_error = -EIO;
		assert_int_equal(unregister(), -EIO);
		assert_non_null(strstr(vscsi_last_error(), "failed to unmap"));
		expect_all(true);
		rig.devices[i].unmap_error = 0;
	}
	assert_int_equal(unregister(), 0);
	expect_all(false);
}

/* One device has unmapped the region, another fails, and the first fails to map it again. */
static void test_rollback_fails(void **state)
{
	(void)state;
	assert_int_equal(add(), 0);
	rig.devices[0].unmap_error = -EIO;
	rig.devices[2].map_error = -ENOSPC;
	assert_int_equal(unregister(), -EIO);
	assert_true(has_region(0));
	assert_true(has_region(1));
	assert_false(has_region(2));
	/* The region can still be removed. */
	rig.devices[0].unmap_error = 0;
	assert_int_equal(unregister(), 0);
	expect_all(false);
}

static void test_rollback_of_map_fails(void **state)
{
	(void)state;
	rig.devices[0].map_error = -ENOSPC;
	rig.devices[2].unmap_error = -EIO;
	assert_true(add() < 0);
	assert_int_equal(rig.devices[2].mapped, 3);
	assert_int_equal(rig.devices[1].mapped, 1);
	assert_int_equal(rig.devices[0].mapped, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int maps_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_region_is_mapped_by_all), TEST(test_new_device_maps_existing_regions),
		TEST(test_new_device_fails_to_map), TEST(test_map_failure_is_rolled_back),
		TEST(test_busy_region_is_kept),     TEST(test_region_becomes_busy_during_removal),
		TEST(test_without_membarrier),      TEST(test_unmap_failure_is_rolled_back),
		TEST(test_rollback_fails),          TEST(test_rollback_of_map_fails),
	};

	return cmocka_run_group_tests_name("mem maps", tests, NULL, NULL);
}
