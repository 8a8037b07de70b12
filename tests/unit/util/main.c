/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the groups of tests of src/util/; none of them needs a device. */
#include "util.h"

int main(void)
{
	int failed = 0;

	failed += abi_tests();
	failed += bits_tests();
	failed += error_tests();
	failed += lock_tests();
	failed += log_tests();
	failed += options_tests();
	failed += version_tests();
	return failed != 0;
}
