/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the groups of tests of src/device/. */
#include "device_tests.h"

int main(void)
{
	int failed = 0;

	failed += hostile_tests();
	failed += event_tests();
	failed += flood_tests();
	failed += task_tests();
	failed += memory_tests();
	failed += reconnect_tests();
	failed += identity_tests();
	failed += swap_tests();
	failed += open_tests();
	failed += config_tests();
	failed += event_list_tests();
	failed += verify_tests();
	failed += attempt_tests();
	failed += small_tests();
	failed += keep_tests();
	return failed != 0;
}
