/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and their options: "vhost-user:/run/v.sock?queues=4&indirect=off". */
#ifndef API_ADDRESS_H
#define API_ADDRESS_H

#include <vscsi/device.h>

#include "scsi/vpd.h"

/* Longest address: a socket's path has at most 107 bytes, and options are short. */
#define ADDRESS_MAX 1024

/**
 * address_parse - Parse an address and its options
 * @address: the address
 * @where: receives "SCHEME:WHERE", ADDRESS_MAX bytes
 * @opts: options; those in the address are replaced
 * @id: receives the value of id=, SCSI_WWID_SIZE bytes; "" without it
 *
 * Return: 0, or -EINVAL with an error text that names the option and its valid values.
 */
int address_parse(const char *address, char *where, struct vscsi_dev_opts *opts, char *id);

/* Replaces options that are 0 by the defaults in the table of options. */
void address_defaults(struct vscsi_dev_opts *opts);

/**
 * address_check - Check the options, whether from the address or from the option struct
 *
 * Return: 0, or -EINVAL with its error text set.
 */
int address_check(const struct vscsi_dev_opts *opts);

#endif
