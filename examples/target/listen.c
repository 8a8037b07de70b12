/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Creates and removes listening unix sockets.
 */
#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "error.h"

#define LOCK_TRIES 100
#define LOCK_PAUSE 10000000 /* nanoseconds */

/*
 * Locks the folder of a socket. Returns a descriptor, -EAGAIN if another process keeps the lock
 * (any process can, so the wait is limited), or another negative errno if it can't be locked.
 */
static int lock_folder(const char *path)
{
	static const struct timespec pause = {.tv_nsec = LOCK_PAUSE};
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)] = ".";
	const char *slash = strrchr(path, '/');
	unsigned int tries = 0;
	int rc;
	int fd;

	if (slash) {
		memcpy(folder, path, (size_t)(slash + 1 - path));
		folder[slash + 1 - path] = '\0';
	}
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((rc = flock(fd, LOCK_EX | LOCK_NB)) && ++tries < LOCK_TRIES)
		nanosleep(&pause, NULL);
	if (!rc)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* Whether the path is a socket that no process listens on. */
static bool is_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	bool stale;
	int fd;

	if (lstat(addr->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) && errno == ECONNREFUSED;
	close(fd);
	return stale;
}

/* The file never has more rights than it should, because it gets them from the umask. */
static int bind_file(int fd, const struct sockaddr_un *addr, const struct listen_access *access)
{
	mode_t old = 0;
	int rc;

	if (access && access->mode)
		old = umask(~access->mode & 0777);
	rc = bind(fd, (const struct sockaddr *)addr, sizeof(*addr));
	if (access && access->mode)
		umask(old);
	return rc;
}

/*
 * Between bind() and listen() a socket looks like one left over. So that of two targets that start
 * at once neither replaces the other's, both lock the folder. Without the lock nothing is replaced.
 * Remembers the file: another process can delete it and create its own.
 */
static int bind_and_listen(struct listener *l, const struct sockaddr_un *addr, int fd, bool replace,
			   const struct listen_access *access)
{
	struct stat st;
	int rc;

	rc = bind_file(fd, addr, access);
	if (rc && errno == EADDRINUSE && replace && is_stale(addr) && !unlink(addr->sun_path))
		rc = bind_file(fd, addr, access);
	if (rc)
		return -errno;
	/* Not through a link that was put there meanwhile. */
	if ((access && lchown(addr->sun_path, (uid_t)-1, access->group)) || listen(fd, 16) ||
	    lstat(addr->sun_path, &st)) {
		rc = -errno;
		unlink(addr->sun_path);
		return rc;
	}
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;
}

/* Non-blocking, because a client may disconnect before it is accepted. */
int listener_open(struct listener *l, struct loop *loop, const char *path,
		  const struct listen_access *access)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int folder;
	int rc;
	int fd;

	if (!*path || strlen(path) >= sizeof(addr.sun_path))
		return set_error(ENAMETOOLONG, "the socket path '%s' must have 1 to %zu characters",
				 path, sizeof(addr.sun_path) - 1);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return set_error(errno, "cannot create a socket: %s", strerror(errno));
	folder = lock_folder(path);
	rc = bind_and_listen(l, &addr, fd, folder != -EAGAIN, access);
	if (folder >= 0)
		close(folder);
	if (rc) {
		close(fd);
		return set_error(-rc, "cannot listen on %s: %s%s", path, strerror(-rc),
				 rc == -EPERM ? " (only root and members of a group can give the "
						"socket to it)"
					      : "");
	}
	l->path = path;
	l->watch.fd = fd;
	rc = loop_add(loop, &l->watch, fd);
	if (rc)
		listener_close(l, loop);
	return rc;
}

int listener_adopt(struct listener *l, struct loop *loop, int fd)
{
	int rc;

	l->path = NULL;
	rc = loop_add(loop, &l->watch, fd);
	if (rc)
		close(fd);
	return rc;
}

/* Its inode can't be used again while the socket is open. */
void listener_close(struct listener *l, struct loop *loop)
{
	struct stat st;

	if (l->watch.fd < 0)
		return;
	if (l->path && !lstat(l->path, &st) && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->path);
	loop_remove(loop, &l->watch);
}
