/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes and descriptors between the rig and the front-end. Nothing is checked here. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig/internal.h"

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(RIG_MAX_FDS * sizeof(int))];
};

/* More than there is room for are closed, and the count tells that there were too many. */
static void keep_fds(struct msghdr *msg, struct message *m)
{
	struct cmsghdr *cmsg;
	size_t i;
	int fd;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		for (i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= cmsg->cmsg_len; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
			if (m->nfds < RIG_MAX_FDS)
				m->fds[m->nfds++] = fd;
			else
				close(fd);
		}
	}
}

/* Blocks: a front-end that sends half a message is up to the test's own limit. */
static bool read_exactly(int fd, void *buf, size_t len, struct message *m)
{
	union control control;
	char *at = buf;
	ssize_t n;

	while (len) {
		struct iovec iov = {at, len};
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes),
		};

		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		keep_fds(&msg, m);
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * The first byte is read alone: descriptors that belong to a message have to be there with it. At
 * most @limit bytes are read; false when that, or the end, comes before all of it.
 */
bool wire_read_head(int fd, struct message *m, size_t limit)
{
	char *head = (char *)&m->head;

	if (limit == 0 || !read_exactly(fd, head, 1, m))
		return false;
	m->first_nfds = m->nfds;
	if (!read_exactly(fd, head + 1, least(limit, sizeof(m->head)) - 1, m))
		return false;
	return limit >= sizeof(m->head);
}

bool wire_read_payload(int fd, struct message *m, size_t limit)
{
	size_t left = m->head.size;
	size_t room = least(left, sizeof(m->payload));
	char sink[256];

	if (limit < left) {
		read_exactly(fd, m->payload, least(limit, room), m);
		return false;
	}
	if (!read_exactly(fd, m->payload, room, m))
		return false;
	/* What doesn't fit has to leave the socket nevertheless. */
	for (left -= room; left; left -= room) {
		room = least(left, sizeof(sink));
		if (!read_exactly(fd, sink, room, m))
			return false;
	}
	return true;
}

static void attach(struct msghdr *msg, union control *control, int file, unsigned nfds)
{
	struct cmsghdr *cmsg;
	unsigned i;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control->bytes;
	msg->msg_controllen = CMSG_SPACE(nfds * sizeof(int));
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
	for (i = 0; i < nfds; i++)
		memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &file, sizeof(file));
}

/*
 * Descriptors of /dev/null go with the first byte: the receiver can only count and close them.
 */
bool wire_write(int fd, const void *bytes, size_t len, unsigned nfds, int file, bool bytewise)
{
	const char *at = bytes;
	union control control;
	int null = nfds && !file ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
	bool ok = true;
	ssize_t n;

	while (len && ok) {
		struct iovec iov = {(void *)(uintptr_t)at, bytewise ? 1 : len};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

		if (nfds)
			attach(&msg, &control, file ? file : null, nfds);
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
		ok = n > 0 || (n < 0 && errno == EINTR);
		if (n <= 0)
			continue;
		nfds = 0;
		at += n;
		len -= (size_t)n;
	}
	if (null >= 0)
		close(null);
	return ok;
}

void wire_close_fds(struct message *m)
{
	unsigned i;

	for (i = 0; i < m->nfds; i++) {
		if (m->fds[i] >= 0)
			close(m->fds[i]);
	}
	m->nfds = 0;
}
