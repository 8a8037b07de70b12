/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"

int main(void)
{
	return habits_tests() + hostile_tests() + kick_tests() + nowait_tests();
}
