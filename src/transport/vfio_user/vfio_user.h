/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vfio-user transport: a virtio-scsi PCI function that a process serves by a socket. This
 * header is all of it that others see.
 */
#ifndef TRANSPORT_VFIO_USER_H
#define TRANSPORT_VFIO_USER_H

#include "transport/transport.h"

/* Addresses: the path of a socket. */
extern const struct transport_ops vfio_user_ops;

#endif
