/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NUMA policy on a simulated machine: the libnuma functions that the library calls are overridden
 * here. Outside of these tests there is one node.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <numa.h>
#include <numaif.h>

#include <vscsi/error.h>

#include "mem.h"

#include "mem/node.h"

#define MODE_BEFORE MPOL_INTERLEAVE

static struct {
	bool active;
	int max_node;
	int refuse; /* errno for set_mempolicy() */
	int sets;
	int mode;
	unsigned long mask;
	unsigned moves;
	int node; /* node reported for @page */
} fake;

int numa_available(void)
{
	return 0;
}

int numa_max_node(void)
{
	return fake.max_node;
}

long set_mempolicy(int mode, const unsigned long *mask, unsigned long bits)
{
	assert_int_equal(bits, NODE_MAX + 1);
	assert_true(fake.active);
	if (fake.refuse) {
		errno = fake.refuse;
		return -1;
	}
	fake.sets++;
	fake.mode = mode;
	fake.mask = mask[0];
	return 0;
}

long get_mempolicy(int *mode, unsigned long *mask, unsigned long bits, void *addr, unsigned flags)
{
	/* Called by libnuma itself before main(). */
	if (!fake.active) {
		errno = ENOSYS;
		return -1;
	}
	if (addr) {
		assert_int_equal(flags, MPOL_F_NODE | MPOL_F_ADDR);
		*mode = fake.node;
		return 0;
	}
	assert_int_equal(bits, NODE_MAX);
	*mode = fake.mode;
	memset(mask, 0, NODE_MAX / 8);
	mask[0] = fake.mask;
	return 0;
}

long move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status,
		int flags)
{
	unsigned long i;

	assert_int_equal(pid, 0);
	assert_int_equal(flags, MPOL_MF_MOVE);
	for (i = 0; i < count; i++) {
		assert_ptr_equal(pages[i], (char *)pages[0] + 4096 * i);
		assert_int_equal(nodes[i], 0);
		status[i] = 0;
	}
	fake.moves += (unsigned)count;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	return 0;
}

static int setup(void **state)
{
	(void)state;
	fake.active = true;
	fake.mode = MODE_BEFORE;
	fake.mask = 3;
	fake.node = 1;
	return 0;
}

/* Creates a pool on the simulated machine, and checks the node reported for its first page. */
static int create(uint32_t numa)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 2 * MIB, .numa = numa};
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};
	struct vscsi_mem *mem = NULL;
	int err = vscsi_mem_create(&opts, &mem);

	if (err)
		return err;
	assert_int_equal(vscsi_mem_get_stats(mem, &stats), 0);
	assert_int_equal(stats.numa_node, fake.max_node ? 1 : 0);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
	return 0;
}

static void test_one_node_needs_no_policy(void **state)
{
	(void)state;
	assert_int_equal(create(VSCSI_NUMA_NODE(7)), 0);
	assert_int_equal(fake.sets, 0);
}

static void test_the_policy_is_restored(void **state)
{
	(void)state;
	fake.max_node = 1;
	assert_int_equal(create(VSCSI_NUMA_NODE(1)), 0);
	assert_true(fake.sets >= 2);
	assert_int_equal(fake.mode, MODE_BEFORE);
	assert_int_equal(fake.mask, 3);
}

static void test_numbered_node_is_required(void **state)
{
	struct node_policy policy;
	char why[200];

	(void)state;
	fake.max_node = 1;
	assert_int_equal(node_enter(&policy, VSCSI_NUMA_NODE(1), why, sizeof(why)), 0);
	assert_int_equal(fake.mode, MPOL_BIND);
	assert_int_equal(fake.mask, 2);
	node_leave(&policy);
	assert_int_equal(fake.mode, MODE_BEFORE);
	assert_int_equal(create(VSCSI_NUMA_NODE(2)), -EINVAL);
	assert_non_null(strstr(vscsi_last_error(), "no NUMA node 2"));
	assert_int_equal(create(UINT32_MAX), -EINVAL);
	fake.refuse = EPERM;
	assert_int_equal(create(VSCSI_NUMA_NODE(1)), -EPERM);
}

static void test_local_node_is_preferred(void **state)
{
	struct node_policy policy;
	char why[200];

	(void)state;
	fake.max_node = NODE_MAX - 1;
	assert_int_equal(node_enter(&policy, VSCSI_NUMA_LOCAL, why, sizeof(why)), 0);
	assert_int_equal(fake.mode, MPOL_PREFERRED);
	node_leave(&policy);
	fake.refuse = EPERM;
	assert_int_equal(create(VSCSI_NUMA_LOCAL), 0);
	assert_int_equal(fake.mode, MODE_BEFORE);
}

/*
 * The thread is on node 0 because the real machine has no other; the memory is reported on node 1.
 */
static void test_memory_migrates_to_the_thread(void **state)
{
	char *memory = aligned_alloc(4096, 100 * 4096);

	(void)state;
	assert_non_null(memory);
	node_migrate(memory, 100 * 4096);
	assert_int_equal(fake.moves, 0);
	fake.max_node = 1;
	node_migrate(memory, 99 * 4096 + 1);
	assert_int_equal(fake.moves, 100);
	fake.node = 0;
	node_migrate(memory, 100 * 4096);
	assert_int_equal(fake.moves, 100);
	free(memory);
}

int numa_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_node_needs_no_policy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_policy_is_restored, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbered_node_is_required, setup, teardown),
		cmocka_unit_test_setup_teardown(test_local_node_is_preferred, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory_migrates_to_the_thread, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("mem numa", tests, NULL, NULL);
}
