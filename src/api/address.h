/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and their options: "vhost-user:/run/v.sock?queues=4&indirect=off". */
#ifndef API_ADDRESS_H
#define API_ADDRESS_H

#include <vscsi/device.h>

#include "scsi/vpd.h"

/* Longest address: a socket's path has at most 107 bytes, and options are short. */
#define ADDRESS_MAX 1024

/**
 * address_parse - Split an address and take over its options
 * @address: the address
 * @where: receives "SCHEME:WHERE", ADDRESS_MAX bytes
 * @opts: options; those of the address replace what is there
 * @id: receives the value of id=, SCSI_WWID_SIZE bytes; "" without it
 *
 * Return: 0, or -EINVAL with an error text that names the option and what it takes.
 */
int address_parse(const char *address, char *where, struct vscsi_dev_opts *opts, char *id);

/* Sets limits that are 0 to their defaults, which the table of options tells. */
void address_defaults(struct vscsi_dev_opts *opts);

/**
 * address_check - Check options from wherever they came
 *
 * Return: 0, or -EINVAL with its error text set.
 */
int address_check(const struct vscsi_dev_opts *opts);

#endif
