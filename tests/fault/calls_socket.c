/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrappers for socket calls. A short transfer moves one byte. */
#include <sys/socket.h>

#include "fault.h"

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __real_socketpair(int domain, int type, int protocol, int *fds);
int __wrap_socketpair(int domain, int type, int protocol, int *fds);
int __real_connect(int fd, const struct sockaddr *addr, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len);
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __real_shutdown(int fd, int how);
int __wrap_shutdown(int fd, int how);
ssize_t __real_send(int fd, const void *buf, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __real_recv(int fd, void *buf, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);

int __wrap_socket(int domain, int type, int protocol)
{
	return fault_injected(CALL_SOCKET) ? -1 : __real_socket(domain, type, protocol);
}

int __wrap_socketpair(int domain, int type, int protocol, int *fds)
{
	return fault_injected(CALL_SOCKETPAIR) ? -1
					       : __real_socketpair(domain, type, protocol, fds);
}

int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return fault_injected(CALL_CONNECT) ? -1 : __real_connect(fd, addr, len);
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	return fault_injected(CALL_GETSOCKOPT) ? -1
					       : __real_getsockopt(fd, level, name, value, len);
}

int __wrap_shutdown(int fd, int how)
{
	int ret = __real_shutdown(fd, how);

	return fault_injected(CALL_SHUTDOWN) ? -1 : ret;
}

ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags)
{
	return fault_injected(CALL_SEND) ? -1 : __real_send(fd, buf, len, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct iovec byte = {msg->msg_iov[0].iov_base, 1};
	struct msghdr less = *msg;

	switch (fault_now(CALL_SENDMSG)) {
	case PASSES:
		return __real_sendmsg(fd, msg, flags);
	case IS_SHORT:
		less.msg_iov = &byte;
		return __real_sendmsg(fd, &less, flags);
	default:
		return -1;
	}
}

ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags)
{
	return fault_injected(CALL_RECV) ? -1 : __real_recv(fd, buf, len, flags);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct iovec *all = msg->msg_iov;
	struct iovec byte = {all[0].iov_base, 1};
	ssize_t got;

	switch (fault_now(CALL_RECVMSG)) {
	case PASSES:
		return __real_recvmsg(fd, msg, flags);
	case IS_SHORT:
		msg->msg_iov = &byte;
		got = __real_recvmsg(fd, msg, flags);
		msg->msg_iov = all;
		return got;
	default:
		return -1;
	}
}
