/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the groups of tests of src/api/. */
#include "api.h"

int main(void)
{
	int failed = 0;

	failed += address_tests();
	failed += by_id_tests();
	failed += lun_info_tests();
	failed += sync_tests();
	failed += sync_parts_tests();
	failed += drain_tests();
	failed += no_probe_tests();
	failed += options_tests();
	failed += owner_tests();
	failed += reserve_tests();
	failed += shutdown_tests();
	failed += timeout_tests();
	failed += wait_tests();
	failed += watch_tests();
	return failed != 0;
}
