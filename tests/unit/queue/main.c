/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the groups of tests of src/queue/. */
#include "queue_tests.h"

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
	failed += wakeup_tests();
	failed += late_tests();
	failed += layouts_tests();
	failed += overdue_tests();
	failed += abort_tests();
	failed += sleep_tests();
	failed += recover_tests();
	failed += relapse_tests();
	failed += packed_tests();
	failed += quiet_tests();
	failed += replay_tests();
	failed += shrink_tests();
	failed += stats_tests();
	return failed != 0;
}
