/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which logical unit a program's arguments name.
 */
#ifndef EXAMPLES_COMMON_UNIT_H
#define EXAMPLES_COMMON_UNIT_H

#include <stdint.h>

#include <vscsi/lun.h>

/*
 * unit_open_named - Open the unit whose identity is in the address of the device, else that at an
 * address
 * @dev: the device
 * @target, @lun: used if the address has no identity
 * @opts: as for vscsi_lun_open()
 * @out: receives the unit: vscsi_lun_close()
 *
 * Return: as vscsi_lun_open_by_id() and vscsi_lun_open().
 */
int unit_open_named(struct vscsi_dev *dev, uint32_t target, uint32_t lun,
		    const struct vscsi_lun_opts *opts, struct vscsi_lun **out);

#endif
