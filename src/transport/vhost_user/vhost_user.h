/* SPDX-License-Identifier: BSD-3-Clause */
/* The vhost-user transport: a back-end process on this host, reached through a Unix socket. */
#ifndef TRANSPORT_VHOST_USER_H
#define TRANSPORT_VHOST_USER_H

#include "transport/transport.h"

extern const struct transport_ops vhost_user_ops;

#endif
