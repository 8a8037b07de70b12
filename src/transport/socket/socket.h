/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unix sockets of a device's process, for the transports that reach it by one: finding it, bytes
 * and descriptors without waiting, and what becomes of the process. What the bytes mean is not
 * known here.
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
 * @path: wherever the working directory is by then; empty: not known
 * @directory: what @path begins with, where the whole path is too long for an address; -1: none
 */
struct socket_path {
	char path[108];
	int directory;
};

/**
 * socket_take_path - Note where to connect to
 * @at: @directory is -1; socket_forget_path()
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
 * Return: 0; -EAGAIN: the listener's backlog is full, and nothing tells when there is room; a
 * negative errno. Sets no error text: socket_explain() does, and returns @err.
 */
int socket_connect(const struct socket_path *at, int *fd);
int socket_explain(const struct socket_path *at, int err);

/* Room for descriptors, aligned as the kernel's control messages must be. */
union socket_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(SOCKET_MAX_FDS * sizeof(int))];
};

/* One control message with all descriptors: the receiver has room for one of them. */
void socket_attach(struct msghdr *msg, union socket_control *control, const int *fds,
		   unsigned nfds);

/**
 * socket_recv - Receive what is there, without waiting
 * @fd: a socket
 * @buf, @len: where to
 * @keep: receives the first descriptor that comes along, where it is -1 before; NULL: none
 * @fds: set to true when other descriptors came along; they are closed
 *
 * Return: bytes; 0 when the peer hung up; -EAGAIN; -EPROTO when more descriptors came than any
 * message has; -EMFILE when this process may have no more of them; -errno.
 */
ssize_t socket_recv(int fd, void *buf, size_t len, int *keep, bool *fds);

/* When @ms milliseconds will have passed, by clock_ns(). */
uint64_t socket_deadline(unsigned ms);

/* Milliseconds left until @deadline, of clock_ns(), rounded up so that poll() doesn't spin. */
int socket_ms_left(uint64_t deadline);

/**
 * struct socket_peer - A process that was cut off while it may have had something to carry out
 * @pidfd: -1: there is none
 * @pid: its number
 *
 * One that hangs may go on later: it is kept in mind until the next connection.
 */
struct socket_peer {
	int pidfd;
	pid_t pid;
};

/* Before the connection is ended: keeps the process in mind, unless it let go by itself. */
void socket_peer_note(struct socket_peer *peer, int fd);
void socket_peer_forget(struct socket_peer *peer);

/* Whether it lives, and is not the one that @fd is connected to now. Forgets it. */
bool socket_peer_outlived(struct socket_peer *peer, int fd);

#endif
