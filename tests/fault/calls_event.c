/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrappers for event calls (eventfd, epoll, poll), and for queries about the process. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "fault.h"

int __real_poll(struct pollfd *fds, nfds_t count, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int ms);
int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);
int __real_eventfd_read(int fd, eventfd_t *value);
int __wrap_eventfd_read(int fd, eventfd_t *value);
int __real_eventfd_write(int fd, eventfd_t value);
int __wrap_eventfd_write(int fd, eventfd_t value);
ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);
int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __real_epoll_ctl(int set, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int set, int op, int fd, struct epoll_event *event);
int __real_epoll_wait(int set, struct epoll_event *events, int max, int ms);
int __wrap_epoll_wait(int set, struct epoll_event *events, int max, int ms);
int __real_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int __real_timerfd_create(int clock, int flags);
int __wrap_timerfd_create(int clock, int flags);
int __real_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __real_nanosleep(const struct timespec *want, struct timespec *left);
int __wrap_nanosleep(const struct timespec *want, struct timespec *left);

int __wrap_poll(struct pollfd *fds, nfds_t count, int ms)
{
	return fault_injected(CALL_POLL) ? -1 : __real_poll(fds, count, ms);
}

int __wrap_eventfd(unsigned count, int flags)
{
	return fault_injected(CALL_EVENTFD) ? -1 : __real_eventfd(count, flags);
}

int __wrap_eventfd_read(int fd, eventfd_t *value)
{
	return fault_injected(CALL_EVENTFD_READ) ? -1 : __real_eventfd_read(fd, value);
}

int __wrap_eventfd_write(int fd, eventfd_t value)
{
	int ret = __real_eventfd_write(fd, value);

	return fault_injected(CALL_EVENTFD_WRITE) ? -1 : ret;
}

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	return fault_injected(CALL_READ) ? -1 : __real_read(fd, buf, len);
}

int __wrap_epoll_create1(int flags)
{
	return fault_injected(CALL_EPOLL_CREATE) ? -1 : __real_epoll_create1(flags);
}

int __wrap_epoll_ctl(int set, int op, int fd, struct epoll_event *event)
{
	return fault_injected(CALL_EPOLL_CTL) ? -1 : __real_epoll_ctl(set, op, fd, event);
}

int __wrap_epoll_wait(int set, struct epoll_event *events, int max, int ms)
{
	return fault_injected(CALL_EPOLL_WAIT) ? -1 : __real_epoll_wait(set, events, max, ms);
}

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	return fault_injected(CALL_AFFINITY) ? -1 : __real_sched_getaffinity(pid, size, set);
}

int __wrap_nanosleep(const struct timespec *want, struct timespec *left)
{
	return fault_injected(CALL_NANOSLEEP) ? -1 : __real_nanosleep(want, left);
}

int __wrap_timerfd_create(int clock, int flags)
{
	return fault_injected(CALL_TIMERFD) ? -1 : __real_timerfd_create(clock, flags);
}

/* It returns its error. */
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	return fault_injected(CALL_ATFORK) ? errno : __real_pthread_atfork(prepare, parent, child);
}
