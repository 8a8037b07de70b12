/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listening unix sockets, for vhost-user and control connections.
 */
#ifndef TARGET_LISTEN_H
#define TARGET_LISTEN_H

#include <sys/types.h>

#include "loop.h"

/* Which processes may connect. */
struct listen_access {
	mode_t mode; /* of the socket's file; 0: as the umask has it */
	gid_t group; /* its group; (gid_t)-1: the process's */
};

struct listener {
	struct watch watch; /* the socket, non-blocking; fd -1: not open */
	const char *path;   /* NULL: another process's */
	dev_t dev;          /* of the socket's file */
	ino_t ino;
};

/*
 * listener_adopt - watch a listening unix stream socket that another process has made, and leave
 * its file alone.
 * @fd: taken over, on failure too
 * Returns 0 or a negative errno with the error text set.
 */
int listener_adopt(struct listener *l, struct loop *loop, int fd);

/*
 * listener_open - listen on a new unix stream socket, and watch it.
 * @w: what to call for each client, with fd -1
 * @path: of the socket; must stay valid. A socket left over from a dead process is replaced,
 *	nothing else.
 * @access: NULL: as any new file
 * Returns 0 or a negative errno with the error text set; l->watch.fd is then -1.
 */
int listener_open(struct listener *l, struct loop *loop, const char *path,
		  const struct listen_access *access);

/*
 * listener_close - stop listening, and remove the socket's file unless there is another one at the
 * path now. Does nothing if it is not open.
 */
void listener_close(struct listener *l, struct loop *loop);

#endif
