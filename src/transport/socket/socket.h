/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unix sockets, for the transports whose device is a process: resolving the path, transferring
 * bytes and descriptors without waiting, and finding out whether the process still runs. Does not
 * interpret the bytes.
 */
#ifndef TRANSPORT_SOCKET_SOCKET_H
#define TRANSPORT_SOCKET_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Most descriptors of a message, sent or received. */
#define SOCKET_MAX_FDS 8u

/**
 * struct socket_path - Where a process listens
 * @path: independent of the working directory; empty: not known
 * @directory: descriptor that @path refers to if the absolute path is too long; -1: none
 */
struct socket_path {
	char path[108];
	int directory;
};

/**
 * socket_take_path - Store the path to connect to
 * @at: with @directory -1; to be freed with socket_forget_path()
 * @where: path of a socket, relative to the working directory as it is now
 * @scheme: of the address, for the error text
 *
 * Return: 0; -EINVAL, -ENAMETOOLONG; or what getcwd() or open() of the socket's directory said.
 */
int socket_take_path(struct socket_path *at, const char *where, const char *scheme);
void socket_forget_path(struct socket_path *at);

/**
 * socket_connect - Try once to connect, without waiting
 * @fd: receives the socket, which doesn't block
 *
 * Return: 0; -EAGAIN: the listener's backlog is full, and the kernel does not signal when there is
 * room; a negative errno. Sets no error text: socket_explain() does, and returns @err.
 */
int socket_connect(const struct socket_path *at, int *fd);
int socket_explain(const struct socket_path *at, int err);

/* Room for descriptors, aligned as the kernel's control messages must be. */
union socket_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(SOCKET_MAX_FDS * sizeof(int))];
};

/* Attaches all descriptors in one control message, because receivers have room for only one. */
void socket_attach(struct msghdr *msg, union socket_control *control, const int *fds,
		   unsigned nfds);

/**
 * socket_recv - Receive what is there, without waiting
 * @fd: a socket
 * @buf, @len: receives the bytes
 * @keep: if -1, receives the first descriptor that arrives with them; NULL: none is wanted
 * @fds: set to true if other descriptors arrived; they are closed
 *
 * Return: bytes; 0 when the peer hung up; -EAGAIN; -EPROTO if more descriptors arrived than any
 * message has; -EMFILE if this process has reached its limit of open files; -errno.
 */
ssize_t socket_recv(int fd, void *buf, size_t len, int *keep, bool *fds);

/* The time in @ms milliseconds, in clock_ns() time. */
uint64_t socket_deadline(unsigned ms);

/* Milliseconds until @deadline, rounded up so that poll() doesn't spin. */
int socket_ms_left(uint64_t deadline);

/**
 * struct socket_peer - A process that was disconnected while it may have had requests in flight
 * @pidfd: -1: there is none
 * @pid: its number
 *
 * A process that hangs may resume later, so it is remembered until the next connection.
 */
struct socket_peer {
	int pidfd;
	pid_t pid;
};

/* Call it before ending a connection: remembers the process, unless it closed the connection. */
void socket_peer_note(struct socket_peer *peer, int fd);
void socket_peer_forget(struct socket_peer *peer);

/* Whether the process still runs, and is not the one that @fd is connected to. Forgets it. */
bool socket_peer_outlived(struct socket_peer *peer, int fd);

#endif
