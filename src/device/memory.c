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

/*
 * The device hung up over a change, or its rings can't go on: it is reconnected as after any loss.
 * One that broke the protocol is not. @text is what went wrong first.
 */
static void lose(struct vscsi_dev *dev, int err, const char *text)
{
	if (err == -EPROTO && device_running(dev))
		device_fail(dev, text);
	else if (device_running(dev))
		reconnect_begin(dev, text, INFLIGHT_REPLAY, false);
}

/* The connection has ended, and with it what the device knew of our memory. */
static bool is_lost(int err)
{
	return err == -ENOTCONN || err == -ETIMEDOUT || err == -EPROTO;
}

static int change_memory(struct vscsi_dev *dev, const struct dma_region *region, uint64_t *iova,
			 bool map)
{
	return map ? virtio_mem_map(&dev->virtio, region, iova)
		   : virtio_mem_unmap(&dev->virtio, region, *iova);
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
		err = change_memory(dev, region, iova, map);
	if (is_lost(err))
		return err;
	/* The text of what failed first is that of the call. */
	if (err)
		error_keep(true);
	resumed = resume_all(dev, bases);
	if (err)
		error_keep(false);
	/* The change itself stays: a device that reconnects is shown what there is then. */
	if (resumed)
		lose(dev, resumed, error_text());
	return !err && map && device_failed(dev) ? resumed : err;
}

static int change(struct vscsi_dev *dev, const struct dma_region *region, uint64_t *iova, bool map)
{
	int unmapped;
	int err;

	pthread_mutex_lock(&dev->lock);
	/*
	 * One that is being closed by another thread is about to leave the pool. Before the start
	 * nothing runs, and a lost device has no memory to change.
	 */
	if (device_state(dev) == DEV_CLOSED)
		err = 0;
	else if (device_failed(dev))
		err = map ? error_set(-ENOTCONN,
				      "a device that uses the pool is lost: %s; close it first",
				      dev->failure)
			  : 0;
	else if (device_state(dev) == DEV_RECONNECTING)
		err = error_set(-EBUSY, "a device that uses the pool is lost and reconnecting; "
					"try again later");
	else if (device_running(dev) && !virtio_mem_map_live(&dev->virtio))
		err = change_stopped(dev, region, iova, map);
	else
		err = change_memory(dev, region, iova, map);
	if (is_lost(err)) {
		error_keep(true);
		/* It can't reach the memory: this forgets it for the next connection. */
		unmapped = map ? err : virtio_mem_unmap(&dev->virtio, region, *iova);
		lose(dev, err, error_text());
		error_keep(false);
		err = unmapped;
	}
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
