/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Moves bytes and descriptors over the sockets as far as that goes without waiting, never beyond a
 * deadline, with no signal and no descriptor left over; and waits for more. What the bytes mean is
 * message.c's business.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/vhost_user/session.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/fd.h"

#define NS_PER_MS UINT64_C(1000000)

/* Milliseconds between two looks at a listener's backlog. */
#define BACKLOG_MS 1

/* Room for descriptors, aligned as the kernel's control messages must be. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(VU_MAX_FDS * sizeof(int))];
};

void vu_begin(struct vu *vu, enum vu_phase phase)
{
	vu->exchange.phase = phase;
	vu->exchange.deadline = clock_ns() + vu->timeout_ms * NS_PER_MS;
}

bool vu_is_late(const struct vu *vu)
{
	return clock_ns() >= vu->exchange.deadline;
}

void vu_forget_message(struct vu *vu)
{
	if (vu->exchange.fd >= 0)
		close(vu->exchange.fd);
	vu->exchange.fd = -1;
	vu->exchange.phase = VU_IDLE;
}

/* Milliseconds that are left, rounded up so that poll() doesn't spin through the last one. */
static int ms_left(uint64_t deadline)
{
	uint64_t at = clock_ns();
	uint64_t ms;

	if (at >= deadline)
		return 0;
	ms = (deadline - at + NS_PER_MS - 1) / NS_PER_MS;
	return ms > 0x7fffffff ? 0x7fffffff : (int)ms;
}

/* The back-end's channel is served: it may want an answer there before it gives one here. */
int vu_wait_ready(struct transport *t, int timeout_ms)
{
	struct vu *vu = vu_of(t);
	struct pollfd fds[2] = {{.fd = vu->fd, .events = POLLIN},
				{.fd = vu->channel.fd, .events = POLLIN}};
	int ms = ms_left(vu->exchange.deadline);
	int n;

	if (vu->exchange.phase == VU_IDLE)
		return 0;
	if (vu->exchange.phase == VU_SENDING)
		fds[0].events = POLLOUT;
	if (vu->exchange.phase == VU_CONNECTING && ms > BACKLOG_MS)
		ms = BACKLOG_MS;
	if (timeout_ms >= 0 && ms > timeout_ms)
		ms = timeout_ms;
	n = poll(fds, 2, ms);
	if (n < 0 && errno != EINTR)
		return error_set(-errno, "waiting for the back-end failed: %s", strerror(errno));
	if (n > 0 && fds[1].revents)
		vu_channel_serve(vu);
	return 0;
}

/*
 * Nothing more can be done now. However much the back-end sends, the deadline ends it. A caller
 * that doesn't wait may never come by vu_wait_ready().
 */
static int go_on_later(struct vu *vu)
{
	if (!vu->t.wait)
		vu_channel_serve(vu);
	if (!vu_is_late(vu))
		return -EINPROGRESS;
	return vu_fail(vu, error_set(-ETIMEDOUT,
				     "the back-end gave no answer within %u ms; disconnecting",
				     vu->timeout_ms));
}

/* However the end shows, to the layer above it is one and the same. */
static int hung_up(struct vu *vu)
{
	return vu_fail(vu, error_set(-ENOTCONN, "the back-end closed the connection"));
}

/* One control message with all descriptors: the receiver has room for one of them. */
static void attach(struct msghdr *msg, union control *control, const int *fds, unsigned nfds)
{
	struct cmsghdr *cmsg;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control->bytes;
	msg->msg_controllen = CMSG_SPACE(nfds * sizeof(int));
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, nfds * sizeof(int));
}

/*
 * MSG_DONTWAIT instead of a non-blocking socket: one that was passed in may be shared with other
 * processes that expect it to block. What can't be sent whole ends the connection (vhost-user,
 * "Communication").
 */
int vu_send(struct vu *vu)
{
	struct vu_exchange *x = &vu->exchange;
	union control control;
	ssize_t n;

	while (x->sent < x->len) {
		struct iovec iov = {.iov_base = x->out + x->sent, .iov_len = x->len - x->sent};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

		/* The descriptors go with the first byte; the rest follows bare. */
		if (x->sent == 0 && x->nfds)
			attach(&msg, &control, x->fds, x->nfds);
		n = sendmsg(vu->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0)
			x->sent += (size_t)n;
		else if (errno == EAGAIN)
			return go_on_later(vu);
		else if (errno == EPIPE || errno == ECONNRESET)
			return hung_up(vu);
		else if (errno != EINTR)
			return vu_fail(vu, error_set(-errno, "sending to the back-end failed: %s",
						     strerror(errno)));
	}
	return 0;
}

/*
 * One descriptor at most is ever wanted; the others are closed as they come: at no time are there
 * more of them than one recvmsg() takes. Returns how many came.
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

ssize_t vu_recv(int fd, void *buf, size_t len, int *keep, bool *fds)
{
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	union control control;
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
	 * The kernel has closed those that found no room, but what they were for is lost. With room
	 * left in @control, it was this process that could have no more files.
	 */
	return count < VU_MAX_FDS ? -EMFILE : -EPROTO;
}

/* Stream sockets cut where they like; a short read is no end, only a read of nothing is. */
int vu_read(struct vu *vu, size_t len)
{
	struct vu_exchange *x = &vu->exchange;
	bool fds = false;
	ssize_t n;

	while (x->got < len) {
		n = vu_recv(vu->fd, (char *)&x->in + x->got, len - x->got,
			    x->takes_fd ? &x->fd : NULL, &fds);
		if (n == -EMFILE)
			return vu_fail(vu, error_set(-EMFILE,
						     "receiving a file descriptor from the "
						     "back-end failed; allow this process more "
						     "open files"));
		if (fds || n == -EPROTO)
			return vu_fail(vu,
				       error_set(-EPROTO,
						 "the back-end sent more file descriptors with an "
						 "answer than it has"));
		if (n == 0 || n == -ECONNRESET)
			return hung_up(vu);
		if (n == -EAGAIN)
			return go_on_later(vu);
		if (n < 0)
			return vu_fail(vu, error_set((int)n, "reading from the back-end failed: %s",
						     strerror((int)-n)));
		x->got += (size_t)n;
	}
	return 0;
}

int vu_quiet(struct vu *vu, void *arg)
{
	char byte;
	ssize_t n;

	(void)arg;
	if (vu->fd < 0)
		return error_set(-ENOTCONN,
				 "the connection to the back-end is lost; open the device again");
	do {
		n = recv(vu->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return vu_fail(vu, error_set(-EPROTO, "the back-end sent bytes without a request"));
	if (n < 0 && errno == EAGAIN)
		return 0;
	return hung_up(vu);
}
