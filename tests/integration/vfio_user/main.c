/* SPDX-License-Identifier: BSD-3-Clause */
#include "user.h"

int main(void)
{
	return io_tests() + loss_tests();
}
