/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the groups of tests of src/lun/. */
#include "fixture.h"

int main(void)
{
	int failed = 0;

	failed += probe_tests();
	failed += identity_tests();
	failed += state_tests();
	failed += revalidate_tests();
	failed += doubt_tests();
	failed += open_tests();
	failed += scan_tests();
	return failed != 0;
}
