/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the groups of tests of src/core/. */
#include "core.h"

int main(void)
{
	int failed = 0;

	failed += bytes_tests();
	failed += answer_tests();
	failed += length_tests();
	failed += retry_tests();
	failed += limit_tests();
	failed += handle_tests();
	failed += share_tests();
	failed += bell_tests();
	failed += hostile_tests();
	failed += event_tests();
	failed += event_list_tests();
	failed += flood_tests();
	failed += task_tests();
	failed += late_tests();
	failed += age_tests();
	failed += abort_tests();
	failed += sleep_tests();
	failed += sync_tests();
	failed += parts_tests();
	failed += probe_tests();
	failed += memory_tests();
	failed += recover_tests();
	failed += relapse_tests();
	failed += loop_tests();
	failed += identity_tests();
	failed += swap_tests();
	failed += verify_tests();
	failed += shrink_tests();
	failed += packed_tests();
	failed += address_tests();
	failed += open_tests();
	failed += config_tests();
	return failed != 0;
}
