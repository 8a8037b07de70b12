/* SPDX-License-Identifier: BSD-3-Clause */
/* Without libnuma nodes can't be chosen, and a caller that wants one is told. */
#include <errno.h>

#include "mem.h"

#include "error_text.h"

static int create(uint32_t numa)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 2 * MIB, .numa = numa};
	struct vscsi_mem_stats stats = {.size = sizeof(stats), .numa_node = 1};
	struct vscsi_mem *mem = NULL;
	int err = vscsi_mem_create(&opts, &mem);

	if (err)
		return err;
	assert_int_equal(vscsi_mem_get_stats(mem, &stats), 0);
	assert_int_equal(stats.numa_node, 0);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
	return 0;
}

static void test_a_node_is_refused(void **state)
{
	(void)state;
	assert_int_equal(create(VSCSI_NUMA_NODE(0)), -EOPNOTSUPP);
	expect_error_text("without libnuma");
	expect_error_text("NUMA node 0");
	assert_int_equal(create(UINT32_MAX), -EOPNOTSUPP);
}

static void test_the_own_node_is_not(void **state)
{
	(void)state;
	assert_int_equal(create(VSCSI_NUMA_LOCAL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_node_is_refused),
		cmocka_unit_test(test_the_own_node_is_not),
	};

	return cmocka_run_group_tests_name("mem without libnuma", tests, NULL, NULL);
}
