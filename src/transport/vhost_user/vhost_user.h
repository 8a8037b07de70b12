/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user transport: a back-end process on this host, reached through a Unix socket. This
 * header is all of it that others see; the protocol and the connection's state stay in the folder.
 */
#ifndef TRANSPORT_VHOST_USER_H
#define TRANSPORT_VHOST_USER_H

#include "transport/transport.h"

/*
 * Addresses: the path of a listening socket, or "fd=N" for a connected one. open() owns the latter
 * when it succeeds; when it fails the caller still does, though a connection on which the back-end
 * broke the protocol has been shut down.
 */
extern const struct transport_ops vhost_user_ops;

#endif
