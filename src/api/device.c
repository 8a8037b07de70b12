/* SPDX-License-Identifier: BSD-3-Clause */
/* <vscsi/device.h> */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vscsi/device.h>

#include "api/address.h"
#include "api/sync.h"
#include "device/device.h"
#include "device/events.h"
#include "lun/scan.h"
#include "util/error.h"
#include "util/export.h"
#include "util/options.h"

/* The option is passed on as a number. */
_Static_assert(VSCSI_IOMMU_GROUP == TRANSPORT_IOMMU_GROUP && VSCSI_IOMMU_FD == TRANSPORT_IOMMU_FD &&
		       VSCSI_IOMMU_NONE == TRANSPORT_IOMMU_NONE,
	       "the public values of the option are those of the transport");

EXPORT int vscsi_dev_open(const char *address, const struct vscsi_dev_opts *user,
			  struct vscsi_dev **out)
{
	struct vscsi_dev_opts opts;
	char where[ADDRESS_MAX];
	char id[SCSI_WWID_SIZE];
	int err;

	error_enter(__func__);
	err = options_copy(&opts, sizeof(opts), user);
	if (!err)
		err = address_parse(address, where, &opts, id);
	if (!err)
		err = address_check(&opts);
	if (err)
		return err;
	address_defaults(&opts);
	err = device_open(where, &opts, out);
	if (!err)
		memcpy((*out)->lun_id, id, sizeof(id));
	return err;
}

EXPORT int vscsi_dev_close(struct vscsi_dev *dev)
{
	unsigned luns;
	unsigned handles;

	error_enter(__func__);
	if (!dev)
		return 0;
	luns = lun_table_open(&dev->luns);
	handles = atomic_load(&dev->handles);
	if (luns || handles)
		return error_set(-EBUSY, "%u LUNs and %u queues are still open; close them first",
				 luns, handles);
	if (dev->queues.forked)
		device_abandon(dev);
	else
		device_close(dev);
	return 0;
}

EXPORT int vscsi_dev_shutdown(struct vscsi_dev *dev)
{
	int err;

	error_enter(__func__);
	err = device_check(dev);
	if (!err)
		device_shutdown(dev);
	return err;
}

int dev_scan(struct vscsi_dev *dev, struct vscsi_lun_addr **found)
{
	unsigned spins = 0;
	struct scan *scan;
	int ret;

	ret = scan_begin(&dev->luns, &scan);
	if (ret)
		return ret;
	while ((ret = scan_step(scan, found)) == -EINPROGRESS)
		device_wait(dev, &spins);
	scan_end(scan);
	return ret;
}

EXPORT int vscsi_dev_scan(struct vscsi_dev *dev, struct vscsi_lun_addr *out, unsigned max)
{
	struct vscsi_lun_addr *found = NULL;
	int count;

	error_enter(__func__);
	if (max && !out)
		return error_set(-EINVAL, "%u elements of NULL", max);
	count = device_check(dev);
	if (!count)
		count = dev_scan(dev, &found);
	if (count < 0)
		return count;
	if (max && found)
		memcpy(out, found, sizeof(*out) * (max < (unsigned)count ? max : (unsigned)count));
	events_set_known(dev, found, (unsigned)count);
	return count;
}

EXPORT int vscsi_dev_poll_events(struct vscsi_dev *dev, struct vscsi_event *out, unsigned max)
{
	int err;

	error_enter(__func__);
	err = device_check(dev);
	return err ? err : device_poll_events(dev, out, max);
}

EXPORT int vscsi_dev_fd(struct vscsi_dev *dev)
{
	int err;

	error_enter(__func__);
	err = device_check(dev);
	return err ? err : watch_get(dev);
}

/* A device's state as in struct vscsi_dev_info. */
static uint32_t public_state(const struct vscsi_dev *dev)
{
	switch (device_state(dev)) {
	case DEV_RUNNING:
		return VSCSI_DEV_RUNNING;
	case DEV_RECONNECTING:
		return VSCSI_DEV_RECONNECTING;
	default:
		return VSCSI_DEV_FAILED;
	}
}

EXPORT int vscsi_dev_get_info(struct vscsi_dev *dev, struct vscsi_dev_info *out)
{
	const struct ioq *first = dev->queues.ioqs[0];
	struct vscsi_dev_info info = {
		.queue_size = first->vq.size,
		.depth = first->depth,
		.max_segs = first->max_segs,
		.state = public_state(dev),
		.errors = queue_set_errors(&dev->queues),
	};
	int err;

	error_enter(__func__);
	err = device_check(dev);
	if (err)
		return err;
	pthread_mutex_lock(&dev->lock);
	info.queues = dev->queues.usable;
	info.offered = dev->virtio.offered;
	info.negotiated = dev->virtio.features;
	info.protocol_features = virtio_protocol(&dev->virtio);
	info.max_target = dev->limits.max_target;
	info.max_lun = dev->limits.max_lun;
	info.max_sectors = dev->limits.max_sectors;
	info.cmd_per_lun = dev->limits.cmd_per_lun;
	info.seg_max = dev->limits.seg_max;
	pthread_mutex_unlock(&dev->lock);
	snprintf(info.transport, sizeof(info.transport), "%s", virtio_scheme(&dev->virtio));
	return info_copy(out, &info, sizeof(info));
}

EXPORT struct vscsi_mem *vscsi_dev_mem(struct vscsi_dev *dev)
{
	return dev->mem;
}
