/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket: one command per line, one reply per line ("ok", "error: ..." or JSON).
 */
#ifndef TARGET_CONTROL_H
#define TARGET_CONTROL_H

#include "device.h"
#include "listen.h"

#define CONTROL_CLIENTS 8     /* further connections are closed */
#define CONTROL_LINE    1024  /* longest command in bytes */
#define CONTROL_REPLIES 65536 /* bytes of replies that wait for the client to read them */

/* A connection, or a free entry. */
struct control_client {
	struct watch watch; /* fd -1: free */
	struct device *device;
	bool ended;              /* nothing more is received */
	char line[CONTROL_LINE]; /* received, not executed; the last command may be incomplete */
	size_t have;             /* bytes of it */
	char replies[CONTROL_REPLIES]; /* not sent yet */
	size_t reply_len;
};

/* The listening socket and its clients. */
struct control {
	struct listener listener;
	struct device *device;
	struct control_client clients[CONTROL_CLIENTS];
};

/*
 * control_open - listen at @path for commands to @d.
 * Without a path there is no control socket; control_close() is allowed nevertheless.
 * Returns 0 or a negative errno with the error text set.
 */
int control_open(struct control *c, struct device *d, const char *path);

/* control_close - disconnect all clients, stop listening and remove the socket. */
void control_close(struct control *c);

#endif
