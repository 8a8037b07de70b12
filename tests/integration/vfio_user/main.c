/* SPDX-License-Identifier: BSD-3-Clause */
#include "user.h"

int main(void)
{
	return loss_tests() + io_tests();
}
