/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket: one command a line, one answer a line ("ok", "error: ..." or JSON).
 */
#ifndef TARGET_CONTROL_H
#define TARGET_CONTROL_H

#include "device.h"

#define CONTROL_CLIENTS 8    /* more are turned away */
#define CONTROL_LINE    1024 /* the longest command, in bytes */

/* One connection, or a free place for one. */
struct control_client {
	struct watch watch; /* fd -1: free */
	struct device *device;
	char line[CONTROL_LINE]; /* what came of a command so far */
	size_t have;             /* bytes of it */
};

/* The listening socket and its clients. Lives as long as the process. */
struct control {
	struct watch watch; /* the listening socket */
	struct device *device;
	struct control_client clients[CONTROL_CLIENTS];
};

/*
 * control_open - listen at @path for commands to @d.
 * With NULL for a path there is no control socket, and control_close() may still be called.
 * Returns 0 or a negative errno with a sentence.
 */
int control_open(struct control *c, struct device *d, const char *path);

/* control_close - end with all clients, stop listening and remove the socket. */
void control_close(struct control *c);

#endif
