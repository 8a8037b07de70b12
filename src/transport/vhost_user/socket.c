/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connects the main socket, or takes over one of the caller, and ends it. A handed-over socket may
 * have been accepted from a listener, so that the front-end is the server (vhost-user,
 * "Introduction").
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/vhost_user/session.h"
#include "util/error.h"

/* Parses a decimal number; -1 for anything else. */
static int parse_fd(const char *text)
{
	char *end;
	long value;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || *end || value > 0x7fffffff)
		return -1;
	return (int)value;
}

/* -1 if @fd is not a socket. The options read here are never -1. */
static int socket_option(int fd, int option)
{
	int value;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) ? -1 : value;
}

static int take_over(struct vu *vu, const char *text)
{
	int fd = parse_fd(text);

	if (fd < 0)
		return error_set(-EINVAL, "fd=%s is not the number of a file descriptor", text);
	if (socket_option(fd, SO_DOMAIN) != AF_UNIX || socket_option(fd, SO_TYPE) != SOCK_STREAM)
		return error_set(
			-EINVAL,
			"file descriptor %d is not a Unix stream socket; hand over one that is "
			"connected to a vhost-user back-end",
			fd);
	/* Until open() succeeds the caller keeps the descriptor. */
	vu->fd = fd;
	vu->owned = false;
	return 0;
}

int vu_take_address(struct vu *vu, const char *where)
{
	if (strncmp(where, "fd=", 3) == 0)
		return take_over(vu, where + 3);
	vu->owned = true;
	return socket_take_path(&vu->at, where, "vhost-user");
}

/*
 * Tries once, without blocking: the backlog may be full, and the kernel doesn't signal when there
 * is room. Each attempt has a socket of its own, so that a failed attempt leaves none.
 */
int vu_connect(struct vu *vu, void *arg)
{
	int fd;
	int ret;

	(void)arg;
	if (vu->fd >= 0)
		return 0;
	if (vu->exchange.phase == VU_IDLE)
		vu_begin(vu, VU_CONNECTING);
	ret = socket_connect(&vu->at, &fd);
	if (ret == -EAGAIN && !vu_is_late(vu))
		return -EINPROGRESS;
	vu->exchange.phase = VU_IDLE;
	if (ret == -EAGAIN)
		ret = -ETIMEDOUT;
	if (ret)
		return socket_explain(&vu->at, ret);
	vu->fd = fd;
	return 0;
}

int vu_fail(struct vu *vu, int err)
{
	if (vu->fd >= 0) {
		if (vu->running)
			socket_peer_note(&vu->left, vu->fd);
		/*
		 * The caller of open() may have a duplicate, so close() alone would not reach the
		 * back-end.
		 */
		shutdown(vu->fd, SHUT_RDWR);
		/* Kept until close(), because hand_back() may return it to the caller. */
		if (vu->handed_over)
			vu->ended = vu->fd;
		else if (vu->owned)
			close(vu->fd);
	}
	vu->fd = -1;
	vu->steps = NULL;
	vu_forget_message(vu);
	vu_channel_close(vu);
	vu_wake_all(vu);
	return err;
}
