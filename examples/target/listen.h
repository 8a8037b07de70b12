/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listening unix sockets, and the little that their two users share.
 */
#ifndef TARGET_LISTEN_H
#define TARGET_LISTEN_H

/*
 * listen_at - make a listening unix stream socket at @path. A socket that a dead process left
 * there is replaced; anything else is not.
 * Returns the descriptor, non-blocking, or a negative errno with a sentence.
 */
int listen_at(const char *path);

#endif
