/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fails every call that can fail, once at every point, in everything that the library does with a
 * back-end. Checks that the errno is correct and has an error text, that nothing leaks, and that
 * the operation works when it is repeated.
 */
#include <stdlib.h>
#include <unistd.h>

#include "scenario.h"

int main(void)
{
	char folder[] = "/tmp/vscsi.XXXXXX";
	int failed;

	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	failed = run_scenarios("mem", mem_scenarios, mem_scenario_count);
	failed += run_scenarios("device", device_scenarios, device_scenario_count);
	failed += run_scenarios("io", io_scenarios, io_scenario_count);
	unlink("fault.sock");
	if (chdir("/") || rmdir(folder))
		return 1;
	return failed != 0;
}
