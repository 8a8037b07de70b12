/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that joins or leaves while the device runs. Transports that can't change their memory with
 * rings running have them stopped for that moment, which is safe only while nothing is in flight.
 */
#include <errno.h>

#include "device/device.h"
#include "device/memory.h"
#include "device/rings.h"
#include "util/error.h"

static bool in_flight(const struct vscsi_dev *dev)
{
	unsigned i;

	for (i = 0; i < dev->queues.count; i++) {
		if (ioq_uses_lun(dev->queues.ioqs[i], NULL))
			return true;
	}
	return false;
}

/* Stops all virtqueues and notes their positions; resume_all() starts those that are stopped. */
static int pause_all(struct vscsi_dev *dev, uint32_t *bases)
{
	unsigned i;
	int err = 0;

	for (i = 0; i < VQ_REQUEST + dev->queues.usable && !err; i++)
		err = virtq_pause(rings_at(dev, i), &bases[i]);
	return err;
}

static int resume_all(struct vscsi_dev *dev, const uint32_t *bases)
{
	unsigned i;
	int err = 0;

	for (i = 0; i < VQ_REQUEST + dev->queues.usable && !err; i++) {
		if (!rings_at(dev, i)->started)
			err = virtq_resume(rings_at(dev, i), bases[i]);
	}
	return err;
}

/* Changes the memory of a device whose rings must not run meanwhile. Device locked. */
static int change_stopped(struct vscsi_dev *dev, const struct dma_region *region, uint64_t *iova,
			  bool map)
{
	uint32_t bases[VQ_REQUEST + MAX_QUEUES];
	int resumed;
	int err;

	if (in_flight(dev))
		return error_set(-EBUSY,
				 "requests are in flight, and this device has to be stopped to "
				 "change its memory; call vscsi_poll() until all are returned");
	err = pause_all(dev, bases);
	if (!err)
		err = map ? virtio_mem_map(&dev->virtio, region, iova)
			  : virtio_mem_unmap(&dev->virtio, region, *iova);
	resumed = resume_all(dev, bases);
	/* A device that can't continue at its position is of no use any more. */
	if (resumed)
		device_fail(dev, error_text());
	return err ? err : resumed;
}

static int change(struct vscsi_dev *dev, const struct dma_region *region, uint64_t *iova, bool map)
{
	int err;

	pthread_mutex_lock(&dev->lock);
	/* Before the start nothing runs, and a lost device has no memory to change. */
	if (device_failed(dev))
		err = map ? error_set(-ENOTCONN,
				      "a device that uses the pool is lost: %s; close it first",
				      dev->failure)
			  : 0;
	else if (device_state(dev) == DEV_RECONNECTING)
		err = error_set(-EBUSY, "a device that uses the pool is lost and reconnecting; "
					"try again later");
	else if (device_running(dev) && !virtio_mem_map_live(&dev->virtio))
		err = change_stopped(dev, region, iova, map);
	else if (map)
		err = virtio_mem_map(&dev->virtio, region, iova);
	else
		err = virtio_mem_unmap(&dev->virtio, region, *iova);
	/*
	 * It hung up over this, or broke the protocol, after which it is not reconnected; the
	 * error text stays that of the caller's failure.
	 */
	if (err == -ENOTCONN && device_running(dev))
		reconnect_begin(dev, error_text(), INFLIGHT_REPLAY, false);
	if (err == -EPROTO && device_running(dev))
		device_fail(dev, error_text());
	pthread_mutex_unlock(&dev->lock);
	return err;
}

static int map(void *ctx, const struct dma_region *region, uint64_t *iova)
{
	return change(ctx, region, iova, true);
}

static int unmap(void *ctx, const struct dma_region *region, uint64_t iova)
{
	return change(ctx, region, &iova, false);
}

/* Locked against the start, in which queues are being made; some may be missing after it failed. */
static bool busy(void *ctx, uint64_t regions)
{
	struct vscsi_dev *dev = ctx;
	bool found = false;
	unsigned i;

	pthread_mutex_lock(&dev->lock);
	for (i = 0; dev->queues.ioqs && i < dev->queues.count && !found; i++)
		found = dev->queues.ioqs[i] && ioq_uses_regions(dev->queues.ioqs[i], regions);
	pthread_mutex_unlock(&dev->lock);
	return found;
}

int device_map_memory(struct vscsi_dev *dev)
{
	static const struct dma_map_ops ops = {.map = map, .unmap = unmap, .busy = busy};

	return dma_map_create(dev->mem, &ops, dev, &dev->queues.map);
}
