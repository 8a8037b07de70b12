/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration space of a virtio-scsi device (virtio 1.4, 5.6.4): read once as a whole, every
 * field made safe before anything is computed from it. A device that has none gets the defaults of
 * the specification.
 */
#include <errno.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include "device/dev.h"
#include "scsi/lun_addr.h"
#include "util/error.h"

/* 128 KiB times 512: what a device without limits of its own gets. */
#define DEFAULT_MAX_SECTORS 0xffffu
#define MAX_EVENT_SIZE      4096u
#define MIN_EVENT_SIZE      16u

static uint32_t limit(uint32_t value, uint32_t min, uint32_t max)
{
	return value < min ? min : value > max ? max : value;
}

static uint32_t or_default(uint32_t value, uint32_t without)
{
	return value ? value : without;
}

/* Every field is 32 bits, the two 16-bit ones excepted, and little-endian. */
static void take(struct dev_limits *limits, const struct virtio_scsi_config *config)
{
	uint32_t seg_max = le32toh(config->seg_max);

	limits->queues = le32toh(config->num_queues);
	limits->seg_max = or_default(seg_max, 1);
	limits->max_sectors = or_default(le32toh(config->max_sectors), DEFAULT_MAX_SECTORS);
	limits->cmd_per_lun = or_default(le32toh(config->cmd_per_lun), 1);
	limits->event_size =
		limit(le32toh(config->event_info_size), MIN_EVENT_SIZE, MAX_EVENT_SIZE);
	limits->max_target = limit(le16toh(config->max_target), 0, SCSI_MAX_TARGET);
	limits->max_lun = limit(le32toh(config->max_lun), 0, SCSI_MAX_LUN);
}

/* Puts one of the two writable fields to the value that our headers are laid out for. */
static int set_size(struct vscsi_dev *dev, unsigned offset, uint32_t now, uint32_t wanted,
		    const char *name)
{
	uint32_t value = htole32(wanted);
	int err;

	if (now == wanted)
		return 0;
	err = virtio_write_config(&dev->virtio, offset, &value, sizeof(value));
	if (!err)
		err = virtio_read_config(&dev->virtio, offset, &value, sizeof(value));
	if (err)
		return err;
	if (le32toh(value) != wanted)
		return error_set(-ENOTSUP,
				 "the device insists on a %s of %u; only %u is known here", name,
				 le32toh(value), wanted);
	return 0;
}

/* Both of them; while nothing is in flight, which after the start is not ours to say (5.6.4). */
static int set_sizes(struct vscsi_dev *dev, const struct virtio_scsi_config *config)
{
	int err =
		set_size(dev, offsetof(struct virtio_scsi_config, sense_size),
			 le32toh(config->sense_size), VIRTIO_SCSI_SENSE_DEFAULT_SIZE, "sense_size");

	if (err)
		return err;
	return set_size(dev, offsetof(struct virtio_scsi_config, cdb_size),
			le32toh(config->cdb_size), VIRTIO_SCSI_CDB_DEFAULT_SIZE, "cdb_size");
}

int dev_read_limits(struct vscsi_dev *dev)
{
	struct dev_limits limits = {
		.queues = MAX_QUEUES,
		.seg_max = SLOT_MAX_SEGS,
		.max_sectors = DEFAULT_MAX_SECTORS,
		.cmd_per_lun = UINT32_MAX,
		.event_size = MIN_EVENT_SIZE,
		.max_target = SCSI_MAX_TARGET,
		.max_lun = SCSI_MAX_LUN,
	};
	struct virtio_scsi_config config;
	int err;

	err = virtio_read_config(&dev->virtio, 0, &config, sizeof(config));
	if (err && err != -ENOTSUP)
		return err;
	if (!err) {
		if (!config.num_queues)
			return error_set(
				-EPROTO,
				"the device's configuration says that it has no request queue");
		take(&limits, &config);
		err = dev_running(dev) ? 0 : set_sizes(dev, &config);
		if (err)
			return err;
	}
	dev->limits = limits;
	return 0;
}

struct dev_limits dev_get_limits(struct vscsi_dev *dev)
{
	struct dev_limits limits;

	pthread_mutex_lock(&dev->lock);
	limits = dev->limits;
	pthread_mutex_unlock(&dev->lock);
	return limits;
}
