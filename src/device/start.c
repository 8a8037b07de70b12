/* SPDX-License-Identifier: BSD-3-Clause */
/* The steps of the start sequence, and the table that puts them in order. */
#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "device/config.h"
#include "device/control.h"
#include "device/device.h"
#include "device/events.h"
#include "device/memory.h"
#include "device/rings.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/log.h"

/* What a step returns that has begun another run instead of going on with this one. */
#define RESTARTED 1

/*
 * How long LUNs may take to report their identity, and a device that was reached to get as far as
 * continuing, before requests are replayed rather than continued. Never longer than half of the
 * time that it may still be away.
 */
#define VERIFY_MS   1000u
#define CONTINUE_MS 10000u

void start_begin(struct vscsi_dev *dev, enum start_purpose purpose)
{
	dev->start.purpose = purpose;
	dev->start.step = 0;
	dev->start.ring = 0;
}

/* Until when to wait for something with this limit: replaying needs time, too. */
static uint64_t time_for(const struct vscsi_dev *dev, uint64_t now, unsigned ms)
{
	uint64_t limit = dev->reconnect.limit_ms;
	uint64_t half = limit > now ? (limit - now) / 2 : 0;

	return now + (half < ms ? half : ms);
}

/*
 * A device that doesn't track requests in flight any more, or has other disks or features, can't
 * continue with them: they are sent again to one that has what that needs.
 */
static int replay_instead(struct vscsi_dev *dev, const char *why)
{
	log_warn("requests in flight are replayed: %s", why);
	virtio_disconnect(&dev->virtio);
	rings_end_verify(dev);
	lun_table_suspect_again(&dev->luns);
	queue_set_replay_only(&dev->queues);
	start_begin(dev, START_FRESH);
	return RESTARTED;
}

static bool continues(const struct vscsi_dev *dev)
{
	return dev->start.purpose == START_VERIFY || dev->start.purpose == START_CONTINUE;
}

/*
 * A device that is lost but connected may still write to buffers: it is stopped first (virtio 1.4,
 * 3.3.1). One that doesn't stop is disconnected, which is all that can be done.
 */
static int stop(struct vscsi_dev *dev)
{
	int err;

	if (!dev->start.stop)
		return 0;
	err = virtio_reset(&dev->virtio);
	/* The configuration is being read: its answer comes first. */
	if (err == -EBUSY && config_read(dev) == -EINPROGRESS)
		return -EINPROGRESS;
	if (err == -EBUSY)
		err = virtio_reset(&dev->virtio);
	if (err == -EINPROGRESS)
		return err;
	if (err)
		virtio_disconnect(&dev->virtio);
	dev->start.stop = false;
	queue_set_stopped(&dev->queues);
	queue_set_wake(&dev->queues);
	return 0;
}

static int reconnect(struct vscsi_dev *dev)
{
	int err;

	/* Over this connection LUNs were verified: another one may lead to another device. */
	if (dev->start.purpose == START_CONTINUE)
		return 0;
	err = virtio_reopen(&dev->virtio, dev->start.purpose == START_VERIFY);
	if (err || dev->start.purpose == START_FRESH)
		return err;
	if (!dev->start.continue_ms)
		dev->start.continue_ms = time_for(dev, clock_ms(), CONTINUE_MS);
	return 0;
}

static int connect(struct vscsi_dev *dev)
{
	struct transport_opts opts;
	int err;

	if (dev->start.purpose != START_OPEN)
		return reconnect(dev);
	err = config_transport_opts(&dev->opts, dev->start.where, &opts);
	return err ? err : virtio_open(&dev->virtio, dev->start.where, &opts);
}

static int negotiate(struct vscsi_dev *dev)
{
	struct virtio_request request = config_features(dev, continues(dev));
	int err = virtio_negotiate(&dev->virtio, &request);

	if (err == -EOPNOTSUPP && continues(dev))
		return replay_instead(dev, "the device lacks features that they were made for");
	if (err)
		return err;
	if (continues(dev) && !virtio_tracked(&dev->virtio))
		return replay_instead(dev, "the device no longer tracks them");
	return 0;
}

/* A reconnected device is shown its memory when its first ring starts. */
static int map_memory(struct vscsi_dev *dev)
{
	int err;

	if (dev->start.purpose != START_OPEN)
		return 0;
	/* The pool's lock comes before the device's, which nobody else knows yet. */
	pthread_mutex_unlock(&dev->lock);
	err = device_map_memory(dev);
	pthread_mutex_lock(&dev->lock);
	return err;
}

static int prepare_rings(struct vscsi_dev *dev)
{
	unsigned usable = dev->queues.usable;
	int err;

	if (dev->start.purpose == START_OPEN)
		return rings_create(dev);
	/* The device was reset since LUNs were verified. */
	rings_end_verify(dev);
	err = rings_check(dev);
	if (err)
		return err;
	if (continues(dev) && dev->queues.usable != usable)
		return replay_instead(dev, "the device has another number of queues");
	return rings_renew(dev);
}

static int track(struct vscsi_dev *dev)
{
	if (dev->start.purpose == START_VERIFY || !device_can_reconnect(dev))
		return 0;
	return rings_track(dev);
}

/* In ascending order: there are back-ends that start with the first gap. */
static int start_rings(struct vscsi_dev *dev)
{
	unsigned count = VQ_REQUEST + dev->queues.usable;
	int err = 0;

	while (dev->start.ring < count && !err) {
		err = rings_start(dev, dev->start.ring);
		dev->start.ring += err == 0;
	}
	if (err == -EIO && dev->start.purpose == START_CONTINUE)
		return replay_instead(dev, "the device refuses to continue with them");
	return err;
}

static int run(struct vscsi_dev *dev)
{
	return virtio_run(&dev->virtio);
}

/*
 * Before the device continues with requests in flight, its LUNs are verified on virtqueues of their
 * own: what it had begun would go to another disk otherwise. Then it is reset, and continues over
 * the same connection.
 */
static int verify(struct vscsi_dev *dev)
{
	unsigned looks = LOOKS;
	unsigned lost;
	unsigned doubts;

	if (dev->start.purpose != START_VERIFY)
		return 0;
	if (rings_verify_begin(dev))
		dev->start.verify_ms = time_for(dev, clock_ms(), VERIFY_MS);
	do {
		doubts = events_revalidate(dev, dev->verify, &lost);
		if (lost)
			return replay_instead(dev, "a LUN is gone or another one");
	} while (doubts && --looks && device_pump_on(dev->verify) > 0);
	if (doubts && clock_ms() < dev->start.verify_ms)
		return -EINPROGRESS;
	if (doubts)
		return replay_instead(dev, "a LUN doesn't report its identity");
	start_begin(dev, START_CONTINUE);
	return RESTARTED;
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
	{"preparing virtqueues", prepare_rings},
	{"tracking requests in flight", track},
	{"starting virtqueues", start_rings},
	{"setting DRIVER_OK", run},
	{"verifying LUNs", verify},
};

const char *start_step_name(const struct vscsi_dev *dev)
{
	return steps[dev->start.step].name;
}

int start_advance(struct vscsi_dev *dev)
{
	if (continues(dev) && dev->start.continue_ms && clock_ms() >= dev->start.continue_ms)
		replay_instead(dev, "the device doesn't get as far as continuing with them");
	while (dev->start.step < ARRAY_LEN(steps)) {
		int ret = steps[dev->start.step].take(dev);

		if (ret < 0)
			return ret;
		dev->start.step += ret == 0;
	}
	return 0;
}
