/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every call that can fail fails once at every place, in everything that the library does against
 * a back-end: the errno is right and comes with a sentence, nothing is left over, and what failed
 * works when it is done again.
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
