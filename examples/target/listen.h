/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listening unix sockets, for vhost-user and control connections.
 */
#ifndef TARGET_LISTEN_H
#define TARGET_LISTEN_H

#include <sys/types.h>

#include "loop.h"

struct listener {
	struct watch watch; /* the socket, non-blocking; fd -1: not open */
	const char *path;
	dev_t dev; /* of the socket's file */
	ino_t ino;
};

/*
 * listener_open - listen on a new unix stream socket, and watch it.
 * @w: what to call for each client, with fd -1
 * @path: of the socket; must stay valid. A socket left over from a dead process is replaced,
 *	nothing else.
 * Returns 0 or a negative errno with the error text set; l->watch.fd is then -1.
 */
int listener_open(struct listener *l, struct loop *loop, const char *path);

/*
 * listener_close - stop listening, and remove the socket's file unless there is another one at the
 * path now. Does nothing if it is not open.
 */
void listener_close(struct listener *l, struct loop *loop);

#endif
