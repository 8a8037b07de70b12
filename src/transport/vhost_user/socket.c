/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Gets the main socket, by path or handed over, and ends it. What goes over it is not known here.
 * A handed-over socket may have been accepted from a listener, so that the front-end is the server
 * (vhost-user, "Introduction").
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport/vhost_user/session.h"
#include "util/error.h"
#include "util/fd.h"

/* A number with nothing before or after it; -1 for anything else. */
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

/* Fails for what is no socket at all, and none of the options asked for can be -1. */
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

/* Holds the directory of a socket whose whole path is longer than the kernel takes. */
static int hold_directory(struct vu *vu, const char *where)
{
	const char *slash = strrchr(where, '/');
	char name[sizeof(vu->path)] = ".";
	int len;

	if (slash)
		snprintf(name, sizeof(name), "%.*s", (int)(slash - where), where);
	vu->directory = fd_raise(open(name, O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (vu->directory < 0)
		return error_set(-errno, "opening \"%s\", the directory of the socket, failed: %m",
				 name);
	len = snprintf(vu->path, sizeof(vu->path), "/proc/self/fd/%d", vu->directory);
	if (access(vu->path, F_OK) == 0)
		len += snprintf(vu->path + len, sizeof(vu->path) - (size_t)len, "/%s",
				slash ? slash + 1 : where);
	else
		len = sizeof(vu->path);
	if ((size_t)len < sizeof(vu->path))
		return 0;
	return error_set(-ENAMETOOLONG,
			 "\"%s\" is relative, and the path of a socket from / on can have %zu "
			 "bytes; give the socket a shorter one",
			 where, sizeof(vu->path) - 1);
}

/* The application may change its working directory, and the back-end is to be found again. */
static int take_path(struct vu *vu, const char *where)
{
	char cwd[PATH_MAX];
	int len;

	if (*where == '/') {
		strcpy(vu->path, where);
		return 0;
	}
	if (!getcwd(cwd, sizeof(cwd)))
		return error_set(-errno, "finding the directory that \"%s\" is relative to: %m",
				 where);
	len = snprintf(vu->path, sizeof(vu->path), "%s/%s", cwd[1] ? cwd : "", where);
	return (size_t)len < sizeof(vu->path) ? 0 : hold_directory(vu, where);
}

int vu_take_address(struct vu *vu, const char *where)
{
	if (strncmp(where, "fd=", 3) == 0)
		return take_over(vu, where + 3);
	if (!*where)
		return error_set(-EINVAL, "the address names no socket; write vhost-user:PATH");
	if (strlen(where) >= sizeof(vu->path))
		return error_set(-ENAMETOOLONG, "the path of a socket can have %zu bytes: \"%s\"",
				 sizeof(vu->path) - 1, where);
	vu->owned = true;
	return take_path(vu, where);
}

/* One attempt. -EAGAIN: the listener's backlog is full. */
static int try_to_connect(const char *path, int *fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int ret;

	strcpy(addr.sun_path, path);
	*fd = fd_raise(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (*fd < 0)
		return -errno;
	do {
		ret = connect(*fd, (const struct sockaddr *)&addr, sizeof(addr));
	} while (ret && errno == EINTR);
	if (!ret)
		return 0;
	ret = -errno;
	close(*fd);
	return ret;
}

static const char *remedy(int err)
{
	switch (err) {
	case -EACCES:
	case -EPERM:
		return "let this user write to the socket, and search the directories on the way";
	case -EMFILE:
		return "allow this process more open files";
	default:
		return "is a back-end listening there?";
	}
}

/*
 * A socket that doesn't block: the backlog may be full, and nothing tells when there is room. Each
 * attempt has a socket of its own, so that none is left when there is no further one.
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
	ret = try_to_connect(vu->path, &fd);
	if (ret == -EAGAIN && !vu_is_late(vu))
		return -EINPROGRESS;
	vu->exchange.phase = VU_IDLE;
	if (ret == -EAGAIN)
		ret = -ETIMEDOUT;
	if (ret)
		return error_set(ret, "connecting to \"%s\" failed: %s; %s", vu->path,
				 strerror(-ret), remedy(ret));
	vu->fd = fd;
	return 0;
}

int vu_fail(struct vu *vu, int err)
{
	if (vu->fd >= 0) {
		vu_peer_note(vu);
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
	vu->steps = NULL;
	vu_forget_message(vu);
	vu_channel_close(vu);
	vu_wake_all(vu);
	return err;
}
