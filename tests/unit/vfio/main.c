/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the tests of the ways to a function: each with the stand-in of the kernel. */
#include "kernel.h"

int main(void)
{
	int failed = 0;

	failed += iommufd_tests();
	failed += group_tests();
	failed += type1_tests();
	failed += noiommu_tests();
	failed += space_tests();
	return failed != 0;
}
