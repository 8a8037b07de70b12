/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether the logical units of a device that is back are the ones that it had: before anything is
 * sent again, as it would go to another disk else.
 */
#ifndef LUN_RECOGNIZE_H
#define LUN_RECOGNIZE_H

#include "device/dev.h"

/**
 * recognize_all - Ask each LUN that is open for its identity and size
 * @dev: negotiated and running underneath, not yet shown to anybody; locked
 * @wait: a LUN that isn't there may still come: that is a failure then
 *
 * Those that are missing, others, or smaller are marked as gone: their requests end with -ENODEV.
 *
 * Return: how many were marked, or a negative errno with its sentence set.
 */
int recognize_all(struct vscsi_dev *dev, bool wait);

#endif
