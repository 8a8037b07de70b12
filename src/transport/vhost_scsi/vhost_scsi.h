/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-scsi transport: the SCSI target of the running kernel (LIO), reached through
 * /dev/vhost-scsi. The interface of this folder.
 */
#ifndef TRANSPORT_VHOST_SCSI_H
#define TRANSPORT_VHOST_SCSI_H

#include "transport/transport.h"

/* Addresses: the name of a target in LIO's vhost fabric, such as "naa.5001405324af0000". */
extern const struct transport_ops vhost_scsi_ops;

#endif
