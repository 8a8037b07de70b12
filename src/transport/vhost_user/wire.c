/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sends and receives bytes and descriptors without waiting, until a deadline, without raising
 * SIGPIPE or leaking descriptors; vu_wait_ready() waits. message.c interprets the bytes.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/vhost_user/session.h"
#include "util/clock.h"
#include "util/error.h"

/* Milliseconds between two attempts while a listener's backlog is full. */
#define BACKLOG_MS 1

void vu_begin(struct vu *vu, enum vu_phase phase)
{
	vu->exchange.phase = phase;
	vu->exchange.deadline = socket_deadline(vu->timeout_ms);
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

/* Serves the channel too: a back-end may wait for an answer there before it answers here. */
int vu_wait_ready(struct transport *t, int timeout_ms)
{
	struct vu *vu = vu_of(t);
	struct pollfd fds[2] = {{.fd = vu->fd, .events = POLLIN},
				{.fd = vu->channel.fd, .events = POLLIN}};
	int ms = socket_ms_left(vu->exchange.deadline);
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
 * Returns -EINPROGRESS until the deadline, however much the back-end sends. Serves the channel for
 * callers that don't wait, which may never call vu_wait_ready().
 */
static int go_on_later(struct vu *vu)
{
	if (!vu->t.wait)
		vu_channel_serve(vu);
	if (!vu_is_late(vu))
		return -EINPROGRESS;
	return vu_fail(vu, error_set(-ETIMEDOUT,
				     "the back-end gave no answer within %u ms; disconnecting%s",
				     vu->timeout_ms,
				     vu->offered ? ""
						 : " (is it stopped, or does it serve only one "
						   "client at a time?)"));
}

/* Every kind of disconnection has the same errno for the layer above. */
static int hung_up(struct vu *vu)
{
	return vu_fail(vu,
		       error_set(-ENOTCONN, "the back-end closed the connection%s",
				 vu->offered ? ""
					     : " without an answer (has it reached its limit of "
					       "clients? see its log)"));
}

/*
 * MSG_DONTWAIT instead of a non-blocking socket: a handed-over socket may be shared with other
 * processes that expect it to block. A message that can't be sent completely ends the connection
 * (vhost-user, "Communication").
 */
int vu_send(struct vu *vu)
{
	struct vu_exchange *x = &vu->exchange;
	union socket_control control;
	ssize_t n;

	while (x->sent < x->len) {
		struct iovec iov = {.iov_base = x->out + x->sent, .iov_len = x->len - x->sent};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

		/* The descriptors are sent with the first byte. */
		if (x->sent == 0 && x->nfds)
			socket_attach(&msg, &control, x->fds, x->nfds);
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

/* A stream socket may return fewer bytes than were sent; only 0 means that it was closed. */
int vu_read(struct vu *vu, size_t len)
{
	struct vu_exchange *x = &vu->exchange;
	bool fds = false;
	ssize_t n;

	while (x->got < len) {
		n = socket_recv(vu->fd, (char *)&x->in + x->got, len - x->got,
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
						 "answer than the protocol allows"));
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
