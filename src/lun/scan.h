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

#endif
