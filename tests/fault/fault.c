/* SPDX-License-Identifier: BSD-3-Clause */
/* Which call fails, and how. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "fault.h"

static _Thread_local struct {
	bool on;
	bool struck;
	const struct fault *fault;
	unsigned left; /* calls of its kind until the one that fails, itself included */
	unsigned calls[CALLS];
} armed;

static atomic_long blocks;

void fault_arm(const struct fault *fault, unsigned n)
{
	memset(&armed, 0, sizeof(armed));
	armed.fault = fault;
	armed.left = n;
	armed.on = true;
}

bool fault_disarm(void)
{
	armed.on = false;
	return armed.struck;
}

unsigned fault_calls(enum call call)
{
	return armed.calls[call];
}

enum how fault_now(enum call call)
{
	if (!armed.on)
		return GOES_ON;
	armed.calls[call]++;
	if (!armed.fault || armed.fault->call != call)
		return GOES_ON;
	if (armed.struck ? !armed.fault->lasts : --armed.left)
		return GOES_ON;
	armed.struck = true;
	errno = armed.fault->err;
	return armed.fault->how;
}

bool fault_strikes(enum call call)
{
	return fault_now(call) != GOES_ON;
}

long fault_blocks(void)
{
	return blocks;
}

void fault_count_blocks(long more)
{
	blocks += more;
}
