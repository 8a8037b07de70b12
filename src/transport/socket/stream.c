/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transfers bytes and descriptors over a stream socket without waiting, and closes every descriptor
 * that the caller doesn't want.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/socket/socket.h"
#include "util/clock.h"
#include "util/fd.h"

#define NS_PER_MS UINT64_C(1000000)

uint64_t socket_deadline(unsigned ms)
{
	return clock_ns() + ms * NS_PER_MS;
}

int socket_ms_left(uint64_t deadline)
{
	uint64_t at = clock_ns();
	uint64_t ms;

	if (at >= deadline)
		return 0;
	ms = (deadline - at + NS_PER_MS - 1) / NS_PER_MS;
	return ms > 0x7fffffff ? 0x7fffffff : (int)ms;
}

void socket_attach(struct msghdr *msg, union socket_control *control, const int *fds, unsigned nfds)
{
	struct cmsghdr *cmsg;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control->bytes;
	/* Sizes of this kind are a size_t in glibc, a socklen_t in musl. */
	msg->msg_controllen = (socklen_t)CMSG_SPACE(nfds * sizeof(int));
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = (socklen_t)CMSG_LEN(nfds * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, nfds * sizeof(int));
}

/*
 * At most one descriptor is wanted; the others are closed at once, so that never more are open than
 * one recvmsg() receives. Returns how many arrived.
 */
static unsigned take_received(struct msghdr *msg, int *keep, bool *fds)
{
	struct cmsghdr *cmsg;
	unsigned count = 0;
	size_t i;
	int fd;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= cmsg->cmsg_len; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
			count++;
			if (keep && *keep < 0) {
				*keep = fd_raise(fd);
				if (*keep < 0)
					msg->msg_flags |= MSG_CTRUNC;
				continue;
			}
			close(fd);
			*fds = true;
		}
	}
	return count;
}

ssize_t socket_recv(int fd, void *buf, size_t len, int *keep, bool *fds)
{
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	union socket_control control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	unsigned count;
	ssize_t n;

	do {
		/* Close-on-exec from the start: another thread may fork at any moment. */
		n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	count = take_received(&msg, keep, fds);
	if (!(msg.msg_flags & MSG_CTRUNC))
		return n;
	/*
	 * The kernel closed the descriptors that didn't fit, so the message is useless. With room
	 * left in @control, this process has reached its limit of open files.
	 */
	return count < SOCKET_MAX_FDS ? -EMFILE : -EPROTO;
}
