/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Creates a listening unix socket.
 */
#include "listen.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "error.h"

/* Whether the path is a socket that no process listens on. */
static int is_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	int stale;
	int fd;

	if (lstat(addr->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return 0;
	stale = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) && errno == ECONNREFUSED;
	close(fd);
	return stale;
}

/* Non-blocking, because a client may disconnect before it is accepted. */
int listen_at(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int rc;
	int fd;

	if (!*path || strlen(path) >= sizeof(addr.sun_path))
		return set_error(ENAMETOOLONG, "the socket path '%s' must have 1 to %zu characters",
				 path, sizeof(addr.sun_path) - 1);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return set_error(errno, "cannot create a socket: %s", strerror(errno));
	rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	if (rc && errno == EADDRINUSE && is_stale(&addr) && !unlink(path))
		rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	if (rc || listen(fd, 16)) {
		rc = set_error(errno, "cannot listen on %s: %s", path, strerror(errno));
		close(fd);
		return rc;
	}
	return fd;
}
