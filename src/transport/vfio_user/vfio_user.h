/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vfio-user transport: a virtio-scsi PCI function that a process serves over a socket. The
 * interface of this folder.
 */
#ifndef TRANSPORT_VFIO_USER_H
#define TRANSPORT_VFIO_USER_H

#include "transport/transport.h"

/* Addresses: the path of a socket. */
extern const struct transport_ops vfio_user_ops;

#endif
