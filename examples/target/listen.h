/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listening unix sockets, for vhost-user and control connections.
 */
#ifndef TARGET_LISTEN_H
#define TARGET_LISTEN_H

/*
 * listen_at - create a listening unix stream socket at @path. Replaces a socket left over from a
 * dead process, nothing else.
 * Returns the descriptor, non-blocking, or a negative errno with the error text set.
 */
int listen_at(const char *path);

#endif
