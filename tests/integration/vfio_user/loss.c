/* SPDX-License-Identifier: BSD-3-Clause */
/* A server that dies and comes back. */
#include "user.h"

int loss_tests(void)
{
	return 0;
}
