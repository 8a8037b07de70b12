/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs all of this program's tests. */
#include "peer.h"

int main(void)
{
	int failed = personality_tests();

	failed += size_tests();
	failed += start_tests();
	return failed != 0;
}
