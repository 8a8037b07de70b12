/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opens and closes a device. struct vscsi_dev refers to everything that opening creates, and one
 * function frees it, however far opening got.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "device/device.h"
#include "device/events.h"
#include "device/rings.h"
#include "queue/timeout.h"
#include "util/error.h"
#include "util/ticks.h"

#define DEFAULT_POOL (UINT64_C(16) << 20)

static int take_pool(struct vscsi_dev *dev)
{
	struct vscsi_mem_opts opts = {
		.size = sizeof(opts),
		.flags = VSCSI_MEM_ORDINARY,
		.bytes = dev->opts.mem_bytes ? dev->opts.mem_bytes : DEFAULT_POOL,
	};
	int err;

	dev->mem = dev->opts.mem;
	if (!dev->mem) {
		err = dma_pool_create(&opts, &dev->mem);
		if (err)
			return err;
		dev->own_mem = true;
	}
	dev->queues.mem = dev->mem;
	return 0;
}

/* Takes the steps of the start sequence until all are done, and waits between them. Locked. */
static int start(struct vscsi_dev *dev)
{
	int err;

	start_begin(dev);
	while ((err = start_advance(dev)) == -EINPROGRESS) {
		err = virtio_wait_ready(&dev->virtio, -1);
		if (err)
			return err;
	}
	if (err)
		return dev->virtio.transport ? virtio_fail(&dev->virtio, err) : err;
	/* Buffers posted before DRIVER_OK are notified now, never earlier (3.1.1). */
	virtq_kick(events_virtq(dev));
	atomic_store(&dev->queues.features, dev->virtio.features);
	queue_set_run(&dev->queues);
	device_set_state(dev, DEV_RUNNING);
	return 0;
}

/* A child process has only one thread, so no other thread uses the device meanwhile. */
static void in_child(struct fork_entry *entry)
{
	struct vscsi_dev *dev = (void *)((char *)entry - offsetof(struct vscsi_dev, fork));

	queue_set_fork(&dev->queues);
	lun_table_in_child(&dev->luns);
}

int device_open(const char *where, const struct vscsi_dev_opts *opts, struct vscsi_dev **out)
{
	struct vscsi_dev *dev = calloc(1, sizeof(*dev));
	int err;

	if (!dev)
		return error_set(-ENOMEM, "out of memory");
	dev->opts = *opts;
	pthread_mutex_init(&dev->lock, NULL);
	pthread_mutex_init(&dev->queues.lock, NULL);
	lun_table_init(&dev->luns);
	watch_init(&dev->watch);
	dev->queues.measured = opts->stats == VSCSI_ON;
	if (dev->queues.measured)
		dev->queues.ticks_scale = ticks_scale();
	dev->queues.report = opts->recovery == VSCSI_RECOVERY_REPORT;
	dev->luns.timeout_ms = opts->timeout_ms;
	dev->luns.io_timeout_ms = opts->io_timeout_ms;
	dev->luns.lost = dev->failure;
	timeout_set(&dev->queues, 0, opts->io_timeout_ms);
	dev->start.where = where;
	err = take_pool(dev);
	if (!err) {
		pthread_mutex_lock(&dev->lock);
		err = start(dev);
		pthread_mutex_unlock(&dev->lock);
	}
	dev->fork.in_child = in_child;
	if (!err)
		err = fork_watch(&dev->fork);
	if (err) {
		error_keep(true);
		virtio_hand_back(&dev->virtio);
		device_close(dev);
		error_keep(false);
		return err;
	}
	*out = dev;
	return 0;
}

/*
 * Stops the device from accessing memory (3.3.1), at the latest by closing the transport. Changes
 * the state under the same lock: until the map is destroyed, threads that register memory use both.
 */
static void cut_off(struct vscsi_dev *dev)
{
	pthread_mutex_lock(&dev->lock);
	if (!*dev->failure)
		snprintf(dev->failure, sizeof(dev->failure), "it is being closed");
	virtio_close(&dev->virtio);
	device_set_state(dev, DEV_CLOSED);
	queue_set_kill(&dev->queues);
	pthread_mutex_unlock(&dev->lock);
}

/* Collects abandoned calls, after the device was cut off. */
static void drain_calls(struct vscsi_dev *dev)
{
	while (dev->sync && device_pump(dev) > 0)
		;
}

/* Frees a device that can no longer access memory, or that belongs to the parent process. */
static void destroy(struct vscsi_dev *dev)
{
	rings_destroy(dev);
	lun_table_fini(&dev->luns);
	watch_fini(&dev->watch);
	if (dev->own_mem)
		dma_pool_destroy(dev->mem);
	pthread_mutex_destroy(&dev->queues.lock);
	pthread_mutex_destroy(&dev->lock);
	free(dev);
}

/*
 * Cuts the device off first, then removes it from the pool, so that no other thread checks its
 * requests any more, and then frees the memory.
 */
void device_close(struct vscsi_dev *dev)
{
	error_keep(true);
	fork_forget(&dev->fork);
	cut_off(dev);
	dma_map_destroy(dev->queues.map);
	events_end_scan(dev);
	drain_calls(dev);
	destroy(dev);
	error_keep(false);
}

/* Scans and abandoned calls in flight belong to the parent, and are not freed. */
void device_abandon(struct vscsi_dev *dev)
{
	error_keep(true);
	fork_forget(&dev->fork);
	virtio_abandon(&dev->virtio);
	dma_map_destroy(dev->queues.map);
	destroy(dev);
	error_keep(false);
}
