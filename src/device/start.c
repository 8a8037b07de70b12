/* SPDX-License-Identifier: BSD-3-Clause */
/* The steps of the start sequence, and the table that puts them in order. */
#include <errno.h>

#include "device/config.h"
#include "device/device.h"
#include "device/memory.h"
#include "device/rings.h"
#include "util/log.h"

void start_begin(struct vscsi_dev *dev)
{
	dev->start.step = 0;
	dev->start.ring = 0;
}

static int reset(struct vscsi_dev *dev)
{
	int err = virtio_reset(&dev->virtio);

	if (err != -EBUSY)
		return err;
	/* The configuration is being read: wait for that answer first. */
	if (config_read(dev) == -EINPROGRESS)
		return -EINPROGRESS;
	return virtio_reset(&dev->virtio);
}

/*
 * Stops a device that is lost but still connected, because it may write to buffers (virtio 1.4,
 * 3.3.1). If the reset fails, disconnects it; if that doesn't cut it off from memory, this step is
 * in progress until it is cut off.
 */
static int stop(struct vscsi_dev *dev)
{
	int err = 0;

	if (dev->start.stop == START_STOPPED)
		return 0;
	if (dev->start.stop == START_RESET)
		err = reset(dev);
	if (err == -EINPROGRESS)
		return err;
	if (err) {
		virtio_disconnect(&dev->virtio);
		dev->start.stop = START_CUT_OFF;
	}
	if (dev->start.stop == START_CUT_OFF && !virtio_cut_off(&dev->virtio))
		return -EINPROGRESS;
	dev->start.stop = START_STOPPED;
	queue_set_stopped(&dev->queues);
	queue_set_wake(&dev->queues);
	return 0;
}

/*
 * Connects again. A back-end that was abandoned because it hangs may resume later and execute old
 * writes after newer ones, so only reads are sent again.
 */
static int reconnect(struct vscsi_dev *dev)
{
	int err = virtio_reopen(&dev->virtio);

	if (err || !virtio_outlived(&dev->virtio))
		return err;
	log_warn("the abandoned back-end is still running and may execute the requests in flight; "
		 "sending only reads again");
	queue_set_doubt(&dev->queues);
	return 0;
}

static int connect(struct vscsi_dev *dev)
{
	struct transport_opts opts;
	int err;

	if (!device_starting(dev))
		return reconnect(dev);
	err = config_transport_opts(&dev->opts, dev->start.where, &opts);
	return err ? err : virtio_open(&dev->virtio, dev->start.where, &opts);
}

static int negotiate(struct vscsi_dev *dev)
{
	struct virtio_request request = config_features(dev);

	return virtio_negotiate(&dev->virtio, &request);
}

/* Only while opening: a reconnected device gets its memory when the first ring starts. */
static int map_memory(struct vscsi_dev *dev)
{
	int err;

	if (!device_starting(dev))
		return 0;
	/* Lock order: the pool's lock before the device's. No other thread has the device yet. */
	pthread_mutex_unlock(&dev->lock);
	err = device_map_memory(dev);
	pthread_mutex_lock(&dev->lock);
	return err;
}

/*
 * Calls a part of a step for each virtqueue, in ascending order, as some back-ends require. If one
 * is in progress, the next call continues with it.
 */
static int for_each_ring(struct vscsi_dev *dev, int (*take)(struct vscsi_dev *dev, unsigned index))
{
	for (; dev->start.ring < VQ_REQUEST + dev->queues.usable; dev->start.ring++) {
		int err = take(dev, dev->start.ring);

		if (err)
			return err;
	}
	dev->start.ring = 0;
	return 0;
}

static int count_rings(struct vscsi_dev *dev)
{
	return device_starting(dev) ? 0 : rings_check(dev);
}

static int prepare_rings(struct vscsi_dev *dev)
{
	int err;

	if (device_starting(dev))
		return rings_create(dev);
	err = for_each_ring(dev, rings_check_size);
	return err ? err : rings_renew(dev);
}

static int track(struct vscsi_dev *dev)
{
	if (dev->opts.recovery != VSCSI_RECOVERY_EXACT || !device_can_reconnect(dev))
		return 0;
	return rings_track(dev);
}

static int start_rings(struct vscsi_dev *dev)
{
	return for_each_ring(dev, rings_start);
}

static int run(struct vscsi_dev *dev)
{
	return virtio_run(&dev->virtio);
}

static int read_config(struct vscsi_dev *dev)
{
	return config_read(dev);
}

/* The order is that of virtio 1.4, 3.1.1. */
static const struct {
	const char *name;
	int (*take)(struct vscsi_dev *dev);
} steps[] = {
	{"stopping the device", stop},
	{"connecting", connect},
	{"agreeing on features", negotiate},
	{"showing it the memory", map_memory},
	{"reading its configuration", read_config},
	{"counting virtqueues", count_rings},
	{"preparing virtqueues", prepare_rings},
	{"tracking requests in flight", track},
	{"starting virtqueues", start_rings},
	{"setting DRIVER_OK", run},
};

const char *start_step_name(const struct vscsi_dev *dev)
{
	return steps[dev->start.step].name;
}

int start_advance(struct vscsi_dev *dev)
{
	while (dev->start.step < ARRAY_LEN(steps)) {
		int ret = steps[dev->start.step].take(dev);

		if (ret < 0)
			return ret;
		dev->start.step++;
	}
	return 0;
}
