/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls about waiting and waking: eventfds, epoll, and what a process knows of itself. */
#include <poll.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

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
int __real_nanosleep(const struct timespec *want, struct timespec *left);
int __wrap_nanosleep(const struct timespec *want, struct timespec *left);

int __wrap_poll(struct pollfd *fds, nfds_t count, int ms)
{
	return fault_strikes(CALL_POLL) ? -1 : __real_poll(fds, count, ms);
}

int __wrap_eventfd(unsigned count, int flags)
{
	return fault_strikes(CALL_EVENTFD) ? -1 : __real_eventfd(count, flags);
}

int __wrap_eventfd_read(int fd, eventfd_t *value)
{
	return fault_strikes(CALL_EVENTFD_READ) ? -1 : __real_eventfd_read(fd, value);
}

int __wrap_eventfd_write(int fd, eventfd_t value)
{
	int ret = __real_eventfd_write(fd, value);

	return fault_strikes(CALL_EVENTFD_WRITE) ? -1 : ret;
}

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	return fault_strikes(CALL_READ) ? -1 : __real_read(fd, buf, len);
}

int __wrap_epoll_create1(int flags)
{
	return fault_strikes(CALL_EPOLL_CREATE) ? -1 : __real_epoll_create1(flags);
}

int __wrap_epoll_ctl(int set, int op, int fd, struct epoll_event *event)
{
	return fault_strikes(CALL_EPOLL_CTL) ? -1 : __real_epoll_ctl(set, op, fd, event);
}

int __wrap_epoll_wait(int set, struct epoll_event *events, int max, int ms)
{
	return fault_strikes(CALL_EPOLL_WAIT) ? -1 : __real_epoll_wait(set, events, max, ms);
}

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	return fault_strikes(CALL_AFFINITY) ? -1 : __real_sched_getaffinity(pid, size, set);
}

int __wrap_nanosleep(const struct timespec *want, struct timespec *left)
{
	return fault_strikes(CALL_NANOSLEEP) ? -1 : __real_nanosleep(want, left);
}
