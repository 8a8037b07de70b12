/* SPDX-License-Identifier: BSD-3-Clause */
/* Functions that several sync calls use. */
#ifndef API_SYNC_H
#define API_SYNC_H

#include <vscsi/device.h>
#include <vscsi/sync.h>

/* vscsi_sync_command() without error_enter(), for calls that are based on it. */
int sync_command(struct vscsi_lun *lun, const struct vscsi_command *command,
		 struct vscsi_completion *completion);

/* As vscsi_dev_scan(), but allocates the result: the caller frees @found with free(). */
int dev_scan(struct vscsi_dev *dev, struct vscsi_lun_addr **found);

#endif
