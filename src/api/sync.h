/* SPDX-License-Identifier: BSD-3-Clause */
/* What the calls that wait have in common. */
#ifndef API_SYNC_H
#define API_SYNC_H

#include <vscsi/device.h>
#include <vscsi/sync.h>

/* vscsi_sync_command(), for a call with an error text of its own. */
int sync_command(struct vscsi_lun *lun, const struct vscsi_command *command,
		 struct vscsi_completion *completion);

/* vscsi_dev_scan(); @found is to be freed with free(). Return: as that. */
int dev_scan(struct vscsi_dev *dev, struct vscsi_lun_addr **found);

#endif
