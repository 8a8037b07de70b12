/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of open LUNs. Private to this folder. All functions need the table's lock. */
#ifndef LUN_TABLE_H
#define LUN_TABLE_H

#include "lun/lun.h"

/* Adds a LUN to a list, and removes it. */
void lun_table_push(struct vscsi_lun **list, struct vscsi_lun *lun);
void lun_table_pull(struct vscsi_lun **list, struct vscsi_lun *lun);

/* Updates lun_table.doubts, and makes revalidation due now. */
void lun_table_count(struct lun_table *table);

/* Changes the state to GONE. */
void lun_table_set_gone(struct vscsi_lun *lun);

/* Changes the state to SUSPECT and (re)starts revalidation; lun_table_count() has to follow. */
void lun_table_doubt(struct vscsi_lun *lun);

/*
 * Compares the names that the LUN of the handle's address has now with those of when it was opened.
 * One that was asked for its names and had none has none.
 */
enum scsi_identity_match lun_compare_names(const struct vscsi_lun *lun,
					   const struct scsi_identity *now);

static inline bool lun_has_address(const struct vscsi_lun *lun, unsigned target, unsigned number)
{
	return lun->io.target == target && lun->io.number == number;
}

#endif
