/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The SIGBUS handler.
 */
#include "fault.h"

#include <signal.h>
#include <string.h>

__thread sigjmp_buf fault_escape;

/* The fault is synchronous, in the target's own copying, so a jump out of it is safe. */
static void on_bus_error(int sig)
{
	(void)sig;
	siglongjmp(fault_escape, 1);
}

void fault_guard(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_bus_error;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGBUS, &sa, NULL);
}
