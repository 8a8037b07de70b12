/* SPDX-License-Identifier: BSD-3-Clause */
/* A clock that can be stopped and put forward. */
#include "clock.h"

#include <stdatomic.h>
#include <time.h>

#include "blocking.h"

#define SECOND UINT64_C(1000000000)

static _Atomic int64_t ahead_ns;
static _Atomic uint64_t frozen_ns; /* 0: it runs */
static _Atomic uint64_t skipped_ms;

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

static uint64_t running_ns(void)
{
	struct timespec ts;

	__real_clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec + (uint64_t)ahead_ns;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	uint64_t now = frozen_ns;

	if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE && id != CLOCK_MONOTONIC_RAW)
		return __real_clock_gettime(id, ts);
	blocking_clock_read();
	if (!now)
		now = running_ns();
	ts->tv_sec = (time_t)(now / SECOND);
	ts->tv_nsec = (long)(now % SECOND);
	return 0;
}

void clock_freeze(void)
{
	if (!frozen_ns)
		frozen_ns = running_ns();
}

void clock_thaw(void)
{
	uint64_t at = frozen_ns;

	if (!at)
		return;
	ahead_ns += (int64_t)(at - running_ns());
	frozen_ns = 0;
}

bool clock_is_frozen(void)
{
	return frozen_ns;
}

void clock_skip(uint64_t ms)
{
	skipped_ms += ms;
	if (frozen_ns)
		frozen_ns += ms * 1000000;
	else
		ahead_ns += (int64_t)ms * 1000000;
}

uint64_t clock_skipped(void)
{
	return skipped_ms;
}
