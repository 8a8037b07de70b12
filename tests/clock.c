/* SPDX-License-Identifier: BSD-3-Clause */
#include "clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic uint64_t ahead_ms;

/* When it was stopped, in nanoseconds of the system's clock; 0: it runs. */
static _Atomic uint64_t stopped_ns;

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	uint64_t ahead = atomic_load(&ahead_ms);
	uint64_t stopped = atomic_load(&stopped_ns);
	int ret = __real_clock_gettime(id, ts);

	if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE)
		return ret;
	if (stopped) {
		ts->tv_sec = (time_t)(stopped / 1000000000);
		ts->tv_nsec = (long)(stopped % 1000000000);
	}
	ts->tv_sec += (time_t)(ahead / 1000);
	ts->tv_nsec += (long)(ahead % 1000) * 1000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_nsec -= 1000000000;
		ts->tv_sec++;
	}
	return ret;
}

void clock_stop(bool stop)
{
	struct timespec now;

	__real_clock_gettime(CLOCK_MONOTONIC, &now);
	atomic_store(&stopped_ns,
		     stop ? (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec : 0);
}

void clock_skip(uint64_t ms)
{
	atomic_fetch_add(&ahead_ms, ms);
}
