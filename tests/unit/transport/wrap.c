/* SPDX-License-Identifier: BSD-3-Clause */
/* System calls as a test wants them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>

#include "wrap.h"

#define NS_PER_S 1000000000u

_Thread_local struct wraps wraps;

static _Thread_local unsigned calls;

ssize_t __real_send(int fd, const void *buf, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags);
ssize_t __real_recv(int fd, void *buf, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
int __real_connect(int fd, const struct sockaddr *addr, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len);
int __real_getsockopt(int fd, int level, int option, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *len);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __real_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

/* Whether a call is not made, because it could wait. */
static bool is_refused(bool waits)
{
	if (!wraps.no_waiting || !waits)
		return false;
	wraps.waits++;
	errno = EDEADLK;
	return true;
}

/*
 * Whether a call fails without being made. Every third one: with every second one, a caller that
 * alternates between two sockets would never make progress on one of them.
 */
static bool strikes(bool waits)
{
	if (is_refused(waits))
		return true;
	errno = wraps.err;
	return wraps.err && calls++ % 3 == 0;
}

static size_t cut(size_t len)
{
	return wraps.limit && len > wraps.limit ? wraps.limit : len;
}

ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags)
{
	if (is_refused(!(flags & MSG_DONTWAIT)))
		return -1;
	return __real_send(fd, buf, len, flags);
}

ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags)
{
	if (is_refused(!(flags & MSG_DONTWAIT)))
		return -1;
	return __real_recv(fd, buf, len, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct iovec iov = msg->msg_iov[0];
	struct msghdr less = *msg;

	if (strikes(!(flags & MSG_DONTWAIT)))
		return -1;
	iov.iov_len = cut(iov.iov_len);
	less.msg_iov = &iov;
	return __real_sendmsg(fd, &less, flags);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct iovec *all = msg->msg_iov;
	struct iovec iov = all[0];
	ssize_t n;

	if (strikes(!(flags & MSG_DONTWAIT)))
		return -1;
	iov.iov_len = cut(iov.iov_len);
	msg->msg_iov = &iov;
	n = __real_recvmsg(fd, msg, flags);
	msg->msg_iov = all;
	return n;
}

int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	if (is_refused(!(fcntl(fd, F_GETFL) & O_NONBLOCK)))
		return -1;
	return __real_connect(fd, addr, len);
}

int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	int ret = __real_getsockopt(fd, level, option, value, len);

	if (!ret && option == SO_PEERCRED && wraps.peer)
		((struct ucred *)value)->pid = wraps.peer > 0 ? wraps.peer : 0;
	return ret;
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return strikes(timeout != 0) ? -1 : __real_poll(fds, n, timeout);
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	if (is_refused(true))
		return -1;
	return __real_nanosleep(time, left);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int ret = __real_clock_gettime(id, ts);

	if (ret || id != CLOCK_MONOTONIC)
		return ret;
	ts->tv_sec += (time_t)(wraps.clock_ns / NS_PER_S);
	ts->tv_nsec += (long)(wraps.clock_ns % NS_PER_S);
	if (ts->tv_nsec >= (long)NS_PER_S) {
		ts->tv_sec++;
		ts->tv_nsec -= (long)NS_PER_S;
	}
	return 0;
}
