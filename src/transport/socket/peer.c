/* SPDX-License-Identifier: BSD-3-Clause */
/* The process at the other end of a connection. */
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "transport/socket/socket.h"
#include "util/fd.h"

/* The process that listens, or created the socket pair; 0 if it is in another PID namespace. */
static pid_t peer_of(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) ? 0 : cred.pid;
}

static bool has_event(int fd, short events)
{
	struct pollfd pfd = {.fd = fd, .events = events};

	return poll(&pfd, 1, 0) > 0 && pfd.revents;
}

void socket_peer_note(struct socket_peer *peer, int fd)
{
	/* A process that closed the connection no longer carries out requests. */
	if (has_event(fd, POLLRDHUP))
		return;
	socket_peer_forget(peer);
	peer->pid = peer_of(fd);
	if (peer->pid)
		peer->pidfd = fd_raise((int)syscall(SYS_pidfd_open, peer->pid, 0));
}

void socket_peer_forget(struct socket_peer *peer)
{
	if (peer->pidfd >= 0)
		close(peer->pidfd);
	peer->pidfd = -1;
}

bool socket_peer_outlived(struct socket_peer *peer, int fd)
{
	bool lives =
		peer->pidfd >= 0 && !has_event(peer->pidfd, POLLIN) && peer_of(fd) != peer->pid;

	socket_peer_forget(peer);
	return lives;
}
