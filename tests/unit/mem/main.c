/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the groups of tests of src/mem/; none of them needs a device. */
#include "mem.h"

int main(void)
{
	int failed = 0;

	failed += layout_tests();
	failed += heap_tests();
	failed += model_tests();
	failed += pool_tests();
	failed += hugepages_tests();
	failed += shortage_tests();
	failed += faults_tests();
	failed += numa_tests();
	failed += sharing_tests();
	failed += check_tests();
	failed += regions_tests();
	failed += translate_tests();
	failed += maps_tests();
	failed += threads_tests();
	return failed != 0;
}
