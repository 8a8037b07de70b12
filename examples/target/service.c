/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Socket activation, notification, privileges.
 */
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "error.h"
#include "identity.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

static int socket_option(int fd, int option)
{
	socklen_t len = sizeof(int);
	int value = -1;

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) ? -1 : value;
}

/* A process that inherits the variables from the one that they are meant for ignores them. */
int service_socket(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	bool one = count && !strcmp(count, "1");

	if (!pid || !count || strtol(pid, NULL, 10) != getpid())
		return -ENOENT;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (!one)
		return set_error(EINVAL, "the service manager must pass one socket (LISTEN_FDS=1)");
	if (socket_option(FIRST_FD, SO_DOMAIN) != AF_UNIX ||
	    socket_option(FIRST_FD, SO_TYPE) != SOCK_STREAM ||
	    socket_option(FIRST_FD, SO_ACCEPTCONN) != 1)
		return set_error(EINVAL, "the socket from the service manager must be a listening "
					 "unix stream socket (ListenStream=PATH, Accept=no)");
	if (fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) || fcntl(FIRST_FD, F_SETFL, O_NONBLOCK))
		return set_error(errno, "the socket from the service manager is unusable: %s",
				 strerror(errno));
	return FIRST_FD;
}

uint64_t service_socket_place(int fd)
{
	struct sockaddr_un addr = {0};
	socklen_t len = sizeof(addr) - 1;

	return getsockname(fd, (struct sockaddr *)&addr, &len) ? 0 : identity_path(addr.sun_path);
}

/* Nothing depends on whether it arrives. '@': an abstract name, which has no terminator. */
void service_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (!len || len >= sizeof(addr.sun_path) || !strchr("/@", *path))
		return;
	memcpy(addr.sun_path, path, len);
	if (*path == '@')
		addr.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&addr,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

int service_find_user(const char *name, struct service_user *out)
{
	const struct passwd *entry = getpwnam(name);

	if (!entry)
		return set_error(ENOENT, "there is no user '%s'", name);
	*out = (struct service_user){name, entry->pw_uid, entry->pw_gid};
	return 0;
}

int service_drop_privileges(const struct service_user *user)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return set_error(errno, "cannot renounce privileges: %s", strerror(errno));
	if (!user->name)
		return 0;
	if (initgroups(user->name, user->gid) || setresgid(user->gid, user->gid, user->gid) ||
	    setresuid(user->uid, user->uid, user->uid))
		return set_error(errno, "cannot become user '%s': %s", user->name, strerror(errno));
	return 0;
}
