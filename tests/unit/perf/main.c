/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the groups of tests of vscsi-perf's parts; none of them needs a device. */
#include "perf.h"

#include "perf/crc32c.h"

int main(void)
{
	int failed = 0;

	crc32c_init();
	failed += figures_tests();
	failed += fit_tests();
	failed += jobfile_tests();
	failed += options_tests();
	failed += pace_tests();
	failed += pattern_tests();
	failed += skew_tests();
	failed += verify_tests();
	failed += workload_tests();
	return failed != 0;
}
