/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The library's clock, by the linker's --wrap: the system's, put forward as a test likes, so that a
 * limit passes when the back-end has what it will not answer, and never before. Waiting for a
 * socket ends often enough to notice that.
 */
#include <poll.h>
#include <stdatomic.h>
#include <time.h>

#include "clock.h"

/* Longest wait for a socket, in milliseconds. */
#define WAIT_MS 10

static _Atomic uint64_t ahead_ms;

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __real_poll(struct pollfd *fds, nfds_t count, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int ms);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	uint64_t ahead = atomic_load(&ahead_ms);
	int ret = __real_clock_gettime(id, ts);

	if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE)
		return ret;
	ts->tv_sec += (time_t)(ahead / 1000);
	ts->tv_nsec += (long)(ahead % 1000) * 1000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_nsec -= 1000000000;
		ts->tv_sec++;
	}
	return ret;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int ms)
{
	return __real_poll(fds, count, ms < 0 || ms > WAIT_MS ? WAIT_MS : ms);
}

void clock_skip(uint64_t ms)
{
	atomic_fetch_add(&ahead_ms, ms);
}
