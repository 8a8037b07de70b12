/* SPDX-License-Identifier: BSD-3-Clause */
/* Decides which call fails, and how. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "fault.h"

static _Thread_local struct {
	bool on;
	bool injected;
	const struct fault *fault;
	unsigned left; /* calls of this kind up to and including the one that fails */
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
	return armed.injected;
}

unsigned fault_calls(enum call call)
{
	return armed.calls[call];
}

enum how fault_now(enum call call)
{
	if (!armed.on)
		return PASSES;
	armed.calls[call]++;
	if (!armed.fault || armed.fault->call != call)
		return PASSES;
	if (armed.injected ? !armed.fault->permanent : --armed.left)
		return PASSES;
	armed.injected = true;
	errno = armed.fault->err;
	return armed.fault->how;
}

bool fault_injected(enum call call)
{
	return fault_now(call) != PASSES;
}

long fault_blocks(void)
{
	return blocks;
}

void fault_count_blocks(long more)
{
	blocks += more;
}
