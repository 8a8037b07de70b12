/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PCI transport: a virtio-scsi function, bound to vfio-pci, of the machine that we run in. This
 * header is all of it that others see.
 */
#ifndef TRANSPORT_PCI_H
#define TRANSPORT_PCI_H

#include "transport/transport.h"

/* Addresses: "DDDD:BB:DD.F", domain, bus, device and function in hexadecimal. */
extern const struct transport_ops pci_ops;

#endif
