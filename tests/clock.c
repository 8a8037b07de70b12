/* SPDX-License-Identifier: BSD-3-Clause */
#include "clock.h"

#include <stdatomic.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

static _Atomic uint64_t ahead_ns;

/* When it was stopped, in nanoseconds of the system's clock; 0: it runs. */
static _Atomic uint64_t stopped_ns;

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __real_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);

static uint64_t to_ns(const struct timespec *ts)
{
	return (uint64_t)ts->tv_sec * NS_PER_S + (uint64_t)ts->tv_nsec;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	uint64_t ahead = atomic_load(&ahead_ns);
	uint64_t stopped = atomic_load(&stopped_ns);
	int ret = __real_clock_gettime(id, ts);
	uint64_t now;

	if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE)
		return ret;
	now = (stopped ? stopped : to_ns(ts)) + ahead;
	*ts = (struct timespec){(time_t)(now / NS_PER_S), (long)(now % NS_PER_S)};
	return ret;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	if (!atomic_load(&stopped_ns))
		return __real_nanosleep(time, left);
	atomic_fetch_add(&ahead_ns, to_ns(time));
	return 0;
}

void clock_stop(bool stop)
{
	struct timespec now;

	if (stop && atomic_load(&stopped_ns))
		return;
	__real_clock_gettime(CLOCK_MONOTONIC, &now);
	atomic_store(&stopped_ns, stop ? to_ns(&now) : 0);
}

void clock_skip(uint64_t ms)
{
	atomic_fetch_add(&ahead_ns, ms * 1000000);
}
