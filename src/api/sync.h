/* SPDX-License-Identifier: BSD-3-Clause */
/* What the calls that wait have in common. */
#ifndef API_SYNC_H
#define API_SYNC_H

#include <vscsi/sync.h>

/* vscsi_sync_command(), for a call with an error text of its own. */
int sync_command(struct vscsi_lun *lun, const struct vscsi_command *command,
		 struct vscsi_completion *completion);

#endif
