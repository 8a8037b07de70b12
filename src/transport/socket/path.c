/* SPDX-License-Identifier: BSD-3-Clause */
/* The path of a socket, and connecting to it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport/socket/socket.h"
#include "util/error.h"
#include "util/fd.h"

/* Opens the directory of a socket whose absolute path is longer than the kernel accepts. */
static int hold_directory(struct socket_path *at, const char *where)
{
	const char *slash = strrchr(where, '/');
	char name[sizeof(at->path)] = ".";
	int len;

	if (slash)
		snprintf(name, sizeof(name), "%.*s", (int)(slash - where), where);
	at->directory = fd_raise(open(name, O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (at->directory < 0)
		return error_set(-errno, "opening \"%s\", the directory of the socket, failed: %m",
				 name);
	len = snprintf(at->path, sizeof(at->path), "/proc/self/fd/%d", at->directory);
	if (access(at->path, F_OK) == 0)
		len += snprintf(at->path + len, sizeof(at->path) - (size_t)len, "/%s",
				slash ? slash + 1 : where);
	else
		len = sizeof(at->path);
	if ((size_t)len < sizeof(at->path))
		return 0;
	return error_set(-ENAMETOOLONG,
			 "\"%s\" is relative, and the absolute path of a socket can have %zu "
			 "bytes; give the socket a shorter path",
			 where, sizeof(at->path) - 1);
}

/* Makes the path absolute: the application may change its directory before the next connection. */
int socket_take_path(struct socket_path *at, const char *where, const char *scheme)
{
	char cwd[PATH_MAX];
	int len;

	if (!*where)
		return error_set(-EINVAL, "the address names no socket; write %s:PATH", scheme);
	if (strlen(where) >= sizeof(at->path))
		return error_set(-ENAMETOOLONG, "the path of a socket can have %zu bytes: \"%s\"",
				 sizeof(at->path) - 1, where);
	if (*where == '/') {
		strcpy(at->path, where);
		return 0;
	}
	if (!getcwd(cwd, sizeof(cwd)))
		return error_set(-errno, "finding the directory that \"%s\" is relative to: %m",
				 where);
	len = snprintf(at->path, sizeof(at->path), "%s/%s", cwd[1] ? cwd : "", where);
	return (size_t)len < sizeof(at->path) ? 0 : hold_directory(at, where);
}

void socket_forget_path(struct socket_path *at)
{
	if (at->directory >= 0)
		close(at->directory);
	at->directory = -1;
}

int socket_connect(const struct socket_path *at, int *fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int ret;

	strcpy(addr.sun_path, at->path);
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

int socket_explain(const struct socket_path *at, int err)
{
	return error_set(err, "connecting to \"%s\" failed: %s; %s", at->path, strerror(-err),
			 remedy(err));
}
