/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The process at the other end of a connection. One that is cut off with rings running, because it
 * hangs, may go on later and carry out what is in them: its process is kept in mind until the next
 * connection.
 */
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "transport/vhost_user/session.h"
#include "util/fd.h"

/* The process that listens, or made the pair; 0: not known, as it is in another namespace. */
static pid_t peer_of(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) ? 0 : cred.pid;
}

static bool shows(int fd, short events)
{
	struct pollfd pfd = {.fd = fd, .events = events};

	return poll(&pfd, 1, 0) > 0 && pfd.revents;
}

void vu_peer_note(struct vu *vu)
{
	/* A back-end that closed the connection has let go of the rings. */
	if (!vu->running || shows(vu->fd, POLLRDHUP))
		return;
	vu_peer_forget(vu);
	vu->left_pid = peer_of(vu->fd);
	if (vu->left_pid)
		vu->left = fd_raise((int)syscall(SYS_pidfd_open, vu->left_pid, 0));
}

void vu_peer_forget(struct vu *vu)
{
	if (vu->left >= 0)
		close(vu->left);
	vu->left = -1;
}

bool vu_outlived(struct transport *t)
{
	struct vu *vu = vu_of(t);
	bool lives = vu->left >= 0 && !shows(vu->left, POLLIN) && peer_of(vu->fd) != vu->left_pid;

	vu_peer_forget(vu);
	return lives;
}
