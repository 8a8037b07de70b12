/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding a LUN by one of its names. A state machine like those of lun.h.
 */
#ifndef LUN_FIND_H
#define LUN_FIND_H

#include <vscsi/device.h>

#include "scsi/identity.h"

struct lun_find;
struct lun_table;

/**
 * lun_find_begin - Begin to search for a LUN
 * @table: table of the device
 * @id: one of its names, as scsi_identity_text() has it
 * @addrs, @count: LUNs that a scan found. Like @id they must stay until lun_find_end()
 * @out: receives the search
 *
 * Return: 0, or -ENOMEM with the text set.
 */
int lun_find_begin(struct lun_table *table, const char *id, const struct vscsi_lun_addr *addrs,
		   unsigned count, struct lun_find **out);

/**
 * lun_find_step - Advance a search
 * @out: receives the LUN that has the name; @identity: receives its identity
 *
 * Return: 0; -EINPROGRESS; or a negative errno with the text set: -ENODEV if no LUN has the name,
 * -ENOTUNIQ if two have it.
 */
int lun_find_step(struct lun_find *find, struct vscsi_lun_addr *out,
		  struct scsi_identity *identity);

/* Ends a search at any time. */
void lun_find_end(struct lun_find *find);

#endif
