/* SPDX-License-Identifier: BSD-3-Clause */
/* See threads.h. The set of processors is kept: a thread that was moved sees only its own. */
#include "threads.h"

#include <sched.h>
#include <time.h>

static cpu_set_t allowed;

static double read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double clock_seconds(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

double clock_thread_seconds(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

unsigned threads_processors(void)
{
	if (!CPU_COUNT(&allowed))
		sched_getaffinity(0, sizeof(allowed), &allowed);
	return (unsigned)CPU_COUNT(&allowed);
}

void threads_pin(unsigned nth)
{
	unsigned count = threads_processors();
	cpu_set_t one;

	if (!count)
		return;
	CPU_ZERO(&one);
	nth %= count;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed) || nth--)
			continue;
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}
