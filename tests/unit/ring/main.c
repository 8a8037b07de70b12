/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the groups of tests of src/ring/. */
#include "ring.h"

int main(void)
{
	int failed = 0;

	failed += rules_tests();
	failed += layout_tests();
	failed += order_tests();
	failed += notify_tests();
	failed += hostile_tests();
	failed += packed_tests();
	failed += distrust_tests();
	failed += property_tests();
	failed += sleep_tests();
	return failed != 0;
}
