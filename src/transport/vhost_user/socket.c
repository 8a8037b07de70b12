/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Gets the main socket, by path or handed over, and ends it. What goes over it is not known here.
 * A handed-over socket may have been accepted from a listener, so that the front-end is the server
 * (vhost-user, "Introduction").
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport/vhost_user/session.h"
#include "util/error.h"

/* A number with nothing before or behind it; -1 for anything else. */
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

/* Fails for what is no socket at all, and -1 is no value of the options asked for. */
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
	/* The caller keeps it if anything fails from here on. */
	vu->fd = fd;
	vu->owned = false;
	return 0;
}

/*
 * A Unix connect() waits while the listener's backlog is full; only SO_SNDTIMEO limits that, since
 * poll() knows nothing of it. One interrupted by a signal has not begun and can be repeated.
 */
static int connect_within(int fd, const struct sockaddr_un *addr, unsigned ms)
{
	/* One more: a limit of 0 would be none. */
	struct timeval limit = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 + 1};
	int ret;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)))
		return -errno;
	do {
		ret = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	} while (ret && errno == EINTR);
	if (ret)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return 0;
}

static int connect_path(struct vu *vu, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int ret;

	if (!*path)
		return error_set(-EINVAL, "the address names no socket; write vhost-user:PATH");
	if (strlen(path) >= sizeof(addr.sun_path))
		return error_set(-ENAMETOOLONG, "the path of a socket can have %zu bytes: \"%s\"",
				 sizeof(addr.sun_path) - 1, path);
	strcpy(addr.sun_path, path);
	vu->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (vu->fd < 0)
		return error_set(-errno, "making a socket failed: %s", strerror(errno));
	vu->owned = true;
	ret = connect_within(vu->fd, &addr, vu->timeout_ms);
	if (ret) {
		close(vu->fd);
		vu->fd = -1;
		return error_set(ret,
				 "connecting to \"%s\" failed: %s; is a back-end listening there?",
				 path, strerror(-ret));
	}
	return 0;
}

int vu_connect(struct vu *vu, const char *where)
{
	if (strncmp(where, "fd=", 3) == 0)
		return take_over(vu, where + 3);
	return connect_path(vu, where);
}

int vu_fail(struct vu *vu, int err)
{
	if (vu->fd >= 0) {
		/*
		 * The caller of open() may hold the socket too; the back-end is to see the end now.
		 */
		shutdown(vu->fd, SHUT_RDWR);
		/* Until the end it isn't clear whose it is: see hand_back(). */
		if (vu->handed_over)
			vu->ended = vu->fd;
		else if (vu->owned)
			close(vu->fd);
	}
	vu->fd = -1;
	vu_channel_close(vu);
	vu_wake_all(vu);
	return err;
}
