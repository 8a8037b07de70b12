/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs the groups of tests of src/transport/pci/ over a function in memory. VFIO itself is not
 * here.
 */
#include "model.h"

int main(void)
{
	int failed = 0;

	failed += capability_tests();
	failed += life_tests();
	failed += queue_tests();
	failed += notify_tests();
	failed += nowait_tests();
	failed += irq_tests();
	failed += dma_tests();
	return failed != 0;
}
