/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user transport: a back-end process on this host, reached through a Unix socket. The
 * interface of this folder.
 */
#ifndef TRANSPORT_VHOST_USER_H
#define TRANSPORT_VHOST_USER_H

#include "transport/transport.h"

/*
 * Addresses: the path of a listening socket, or "fd=N" for a connected one. If open() succeeds, the
 * library owns the descriptor; if it fails, the caller still does, but a connection on which the
 * back-end broke the protocol has been shut down.
 */
extern const struct transport_ops vhost_user_ops;

#endif
