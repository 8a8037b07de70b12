/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include <errno.h>

int unit_open_named(struct vscsi_dev *dev, uint32_t target, uint32_t lun,
		    const struct vscsi_lun_opts *opts, struct vscsi_lun **out)
{
	int ret = vscsi_lun_open_by_id(dev, NULL, opts, out);

	return ret == -ENOENT ? vscsi_lun_open(dev, target, lun, opts, out) : ret;
}
