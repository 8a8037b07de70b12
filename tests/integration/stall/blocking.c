/* SPDX-License-Identifier: BSD-3-Clause */
/* What is watched, what was noted, and calls that sleep. Those about descriptors: calls.c. */
#include "blocking.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/futex.h>

#include "calls.h"
#include "clock.h"

/* Different notes that are kept, and their length. */
#define NOTES 16u
#define NOTE  192u

/* More looks at the clock than any function needs that doesn't wait for it. */
#define MOST_READS 1000u

/* More than a moment, on any machine. */
#define MOMENT_S 10

/* How long a call sleeps that would sleep for ever. */
#define FOREVER_MS 1000

static _Thread_local struct {
	const char *function; /* NULL: not watched */
	int left_ms;
	unsigned reads;
} scope;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char notes[NOTES][NOTE];
static unsigned noted;
static unsigned total;

bool blocking_moments;
void (*blocking_settle)(void);
void (*blocking_contended)(void);
_Thread_local void (*blocking_before_socket)(void);

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_poll(struct pollfd *fds, nfds_t count, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int ms);
int __real_epoll_wait(int set, struct epoll_event *events, int max, int ms);
int __wrap_epoll_wait(int set, struct epoll_event *events, int max, int ms);
int __real_nanosleep(const struct timespec *want, struct timespec *left);
int __wrap_nanosleep(const struct timespec *want, struct timespec *left);
int __real_sched_yield(void);
int __wrap_sched_yield(void);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

void blocking_enter(const char *function, int may_ms)
{
	scope.left_ms = may_ms;
	scope.reads = 0;
	scope.function = function;
}

void blocking_leave(void)
{
	scope.function = NULL;
}

bool blocking_watched(void)
{
	return scope.function;
}

void blocking_add(const char *what)
{
	char text[NOTE];
	unsigned i;

	snprintf(text, sizeof(text), "%.100s: %.80s", scope.function, what);
	__real_pthread_mutex_lock(&lock);
	total++;
	for (i = 0; i < noted && strcmp(notes[i], text) != 0; i++)
		;
	if (i == noted && noted < NOTES)
		strcpy(notes[noted++], text);
	pthread_mutex_unlock(&lock);
}

unsigned blocking_count(void)
{
	return total;
}

const char *blocking_note(unsigned number)
{
	return number < noted ? notes[number] : NULL;
}

void blocking_forget(void)
{
	total = noted = 0;
}

void blocking_expect_none(void)
{
	unsigned count = total;
	unsigned i;

	for (i = 0; i < noted; i++)
		print_error("blocks: %s\n", notes[i]);
	blocking_forget();
	if (count)
		fail_msg("%u calls that can block", count);
}

/* What the hooks do is their own business. */
static void hook(void (*function)(void))
{
	const char *watched = scope.function;

	if (!function)
		return;
	scope.function = NULL;
	function();
	scope.function = watched;
}

void blocking_before(void)
{
	hook(blocking_before_socket);
}

void blocking_clock_read(void)
{
	if (!scope.function || ++scope.reads < MOST_READS)
		return;
	if (scope.reads == MOST_READS)
		blocking_add("waits for the clock");
	/* So that it gets what it waits for. */
	clock_skip(1);
}

/* Whether a watched thread may sleep for so long; a note otherwise. */
static bool may_sleep(const char *call, int ms)
{
	char text[64];

	if (ms >= 0 && ms <= scope.left_ms)
		return true;
	snprintf(text, sizeof(text), "%s() for %d ms, %d are left", call, ms, scope.left_ms);
	blocking_add(text);
	return false;
}

/* Lets time pass for a watched thread without waiting. */
static void pass_time(int ms)
{
	if (ms < 0)
		ms = FOREVER_MS;
	clock_skip((uint64_t)ms);
	scope.left_ms -= ms < scope.left_ms ? ms : scope.left_ms;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int ms)
{
	bool may;
	int ret;

	if (!scope.function || !ms)
		return __real_poll(fds, count, ms);
	may = may_sleep("poll", ms);
	if (may && !clock_is_frozen()) {
		ret = __real_poll(fds, count, ms);
		if (!ret)
			scope.left_ms -= ms;
		return ret;
	}
	ret = __real_poll(fds, count, 0);
	if (!ret) {
		hook(blocking_settle);
		ret = __real_poll(fds, count, 0);
	}
	if (!ret)
		pass_time(ms);
	return ret;
}

/* The library has no use of it to sleep. */
int __wrap_epoll_wait(int set, struct epoll_event *events, int max, int ms)
{
	if (!scope.function || !ms)
		return __real_epoll_wait(set, events, max, ms);
	blocking_add("epoll_wait() with a time");
	return __real_epoll_wait(set, events, max, 0);
}

int __wrap_nanosleep(const struct timespec *want, struct timespec *left)
{
	int ms = (int)(want->tv_sec * 1000 + (want->tv_nsec + 999999) / 1000000);
	bool may;

	if (!scope.function)
		return __real_nanosleep(want, left);
	may = may_sleep("nanosleep", ms);
	if (may && !clock_is_frozen())
		__real_nanosleep(want, left);
	hook(blocking_settle);
	pass_time(ms);
	return 0;
}

int __wrap_sched_yield(void)
{
	if (scope.function)
		blocking_add("sched_yield()");
	return __real_sched_yield();
}

/* A lock that isn't free. */
static void contended(const char *what)
{
	blocking_add(what);
	hook(blocking_contended);
}

/* The library's own lock sleeps by futex(2), after it has looked a few times. */
long __wrap_syscall(long number, ...)
{
	const struct timespec moment = {.tv_sec = MOMENT_S};
	long arg[6];
	va_list ap;
	unsigned i;
	long ret;

	va_start(ap, number);
	for (i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if (scope.function && number == SYS_futex && (arg[1] & FUTEX_CMD_MASK) == FUTEX_WAIT) {
		if (blocking_moments) {
			ret = __real_syscall(number, arg[0], arg[1], arg[2], &moment, 0L, 0L);
			if (!ret || errno != ETIMEDOUT)
				return ret;
		}
		contended("waits for a lock by futex(2)");
	}
	return __real_syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	struct timespec limit;

	if (!scope.function)
		return __real_pthread_mutex_lock(mutex);
	if (!pthread_mutex_trylock(mutex))
		return 0;
	if (blocking_moments) {
		clock_gettime(CLOCK_REALTIME, &limit);
		limit.tv_sec += MOMENT_S;
		if (!pthread_mutex_timedlock(mutex, &limit))
			return 0;
	}
	contended("waits for a mutex");
	return __real_pthread_mutex_lock(mutex);
}
