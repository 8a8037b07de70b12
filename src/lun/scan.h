/* SPDX-License-Identifier: BSD-3-Clause */
/* Finding every logical unit of a device. */
#ifndef LUN_SCAN_H
#define LUN_SCAN_H

#include "device/dev.h"

/**
 * scan_all - Find every logical unit
 * @dev: the device
 * @out: receives a list in the order of target and LUN, for free(); NULL when there are none
 *
 * Return: their number, or a negative errno with its sentence set.
 */
int scan_all(struct vscsi_dev *dev, struct vscsi_lun_addr **out);

/**
 * scan_identities - Ask all LUNs that are open who they are now
 * @dev: the device
 *
 * Handles whose address another disk has are gone then. One that doesn't answer stays as it is.
 *
 * Return: 0, or a negative errno with its sentence set: the device as a whole doesn't answer.
 */
int scan_identities(struct vscsi_dev *dev);

#endif
