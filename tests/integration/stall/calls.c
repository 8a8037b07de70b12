/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls that wait for what a descriptor belongs to. They can block unless the descriptor, or a flag
 * of the call, says otherwise.
 */
#include "calls.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __real_recv(int fd, void *buf, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __real_send(int fd, const void *buf, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags);
int __real_connect(int fd, const struct sockaddr *addr, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len);
ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);
int __real_eventfd_read(int fd, eventfd_t *value);
int __wrap_eventfd_read(int fd, eventfd_t *value);
int __real_eventfd_write(int fd, eventfd_t value);
int __wrap_eventfd_write(int fd, eventfd_t value);

/* A regular file is always there. */
static bool can_block(int fd)
{
	struct stat st;

	if (fstat(fd, &st) || S_ISREG(st.st_mode))
		return false;
	return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/* Notes a call with these flags, and has them say that it doesn't wait. */
static int watch_socket(const char *call, int fd, int flags)
{
	char text[64];

	blocking_before();
	if (!blocking_watched() || flags & MSG_DONTWAIT || !can_block(fd))
		return flags;
	snprintf(text, sizeof(text), "%s() without MSG_DONTWAIT", call);
	blocking_add(text);
	return flags | MSG_DONTWAIT;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return __real_recvmsg(fd, msg, watch_socket("recvmsg", fd, flags));
}

ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags)
{
	return __real_recv(fd, buf, len, watch_socket("recv", fd, flags));
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return __real_sendmsg(fd, msg, watch_socket("sendmsg", fd, flags));
}

ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags)
{
	return __real_send(fd, buf, len, watch_socket("send", fd, flags));
}

/* Notes a call of a descriptor that can block; it doesn't from now on. */
static void watch_fd(const char *call, int fd)
{
	char text[64];

	if (!blocking_watched() || !can_block(fd))
		return;
	snprintf(text, sizeof(text), "%s() of a descriptor that can block", call);
	blocking_add(text);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	blocking_before();
	watch_fd("connect", fd);
	return __real_connect(fd, addr, len);
}

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	watch_fd("read", fd);
	return __real_read(fd, buf, len);
}

int __wrap_eventfd_read(int fd, eventfd_t *value)
{
	watch_fd("eventfd_read", fd);
	return __real_eventfd_read(fd, value);
}

int __wrap_eventfd_write(int fd, eventfd_t value)
{
	watch_fd("eventfd_write", fd);
	return __real_eventfd_write(fd, value);
}
