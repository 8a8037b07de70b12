/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The requested features, and the configuration space (virtio 1.4, 5.6.4), which is read as a
 * whole; every field is validated before it is used. Without one, the limits have defaults.
 */
#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "device/config.h"
#include "device/device.h"
#include "scsi/lun_addr.h"
#include "util/error.h"

/* In units of 512 bytes, 32 MiB: for a device that reports no limit. */
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

/* Converts and limits every field. */
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

/* Sets one of the two writable fields to the size that the slots have. */
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
		return error_set(-EOPNOTSUPP,
				 "the device insists on a %s of %u; only %u is supported", name,
				 le32toh(value), wanted);
	return 0;
}

/* Sets both fields, before the start: no request may be in flight (5.6.4). */
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

/* Copies the limits to the table of LUNs, which threads read without the device's lock. */
static void tell_luns(struct vscsi_dev *dev)
{
	struct lun_table *luns = &dev->luns;

	pthread_mutex_lock(&luns->lock);
	luns->limits.max_sectors = dev->limits.max_sectors;
	luns->limits.cmd_per_lun = dev->limits.cmd_per_lun;
	luns->limits.max_target = dev->limits.max_target;
	luns->limits.max_lun = dev->limits.max_lun;
	pthread_mutex_unlock(&luns->lock);
}

int config_read(struct vscsi_dev *dev)
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
	if (err && err != -EOPNOTSUPP)
		return err;
	if (!err) {
		if (!config.num_queues)
			return error_set(
				-EPROTO,
				"the device's configuration space reports no request queue");
		take(&limits, &config);
		err = device_running(dev) ? 0 : set_sizes(dev, &config);
		if (err)
			return err;
	}
	dev->limits = limits;
	tell_luns(dev);
	return 0;
}

/* Adds a feature to the request, by the value of its option. */
static void request(struct virtio_request *out, unsigned bit, uint32_t how)
{
	if (how != VSCSI_OFF)
		out->want |= VIRTIO_BIT(bit);
	if (how == VSCSI_ON)
		out->must |= VIRTIO_BIT(bit);
}

/* The same for a feature that rings and slots depend on: after a reconnect it can't change. */
static void request_laid_out(const struct vscsi_dev *dev, struct virtio_request *out, unsigned bit,
			     uint32_t how)
{
	if (dev->queues.ioqs)
		how = queue_set_has(&dev->queues, bit) ? VSCSI_ON : VSCSI_OFF;
	request(out, bit, how);
}

struct virtio_request config_features(const struct vscsi_dev *dev)
{
	const struct vscsi_dev_opts *o = &dev->opts;
	struct virtio_request out = {0, 0};

	request_laid_out(dev, &out, VIRTIO_RING_F_INDIRECT_DESC, o->indirect);
	request_laid_out(dev, &out, VIRTIO_F_RING_PACKED, o->packed);
	request_laid_out(dev, &out, VIRTIO_F_IN_ORDER, o->in_order);
	request(&out, VIRTIO_RING_F_EVENT_IDX, o->event_idx);
	request(&out, VIRTIO_SCSI_F_HOTPLUG, o->hotplug);
	request(&out, VIRTIO_SCSI_F_CHANGE, o->change);
	request(&out, VIRTIO_SCSI_F_INOUT, o->inout);
	request(&out, VIRTIO_F_NOTIFICATION_DATA, o->notify_data);
	request(&out, VIRTIO_F_NOTIF_CONFIG_DATA, o->notify_config);
	return out;
}

/* Sets the text for an option that the transport doesn't have. */
static int refuse_option(const char *where, const char *name)
{
	int len = (int)strcspn(where, ":");

	return error_set(-EINVAL, "%.*s devices have no option %s; leave it out", len, where, name);
}

int config_transport_opts(const struct vscsi_dev_opts *o, const char *where,
			  struct transport_opts *out)
{
	const uint64_t possible = virtio_possible_features(where);
	const struct {
		uint32_t how;
		const char *name;
	} switches[] = {
		{o->mq, "mq"},
		{o->reply_ack, "reply_ack"},
		{o->config, "config"},
		{o->mem_slots, "mem_slots"},
		{o->reset_device, "reset_device"},
		{o->status, "status"},
		{o->backend_req, "backend_req"},
		{o->recovery == VSCSI_RECOVERY_EXACT ? VSCSI_ON : VSCSI_OFF, "inflight"},
	};
	unsigned i;

	*out = (struct transport_opts){
		.timeout_ms = o->timeout_ms, .guest_base = o->guest_base, .iommu = o->iommu};
	for (i = 0; possible && i < ARRAY_LEN(switches); i++) {
		uint64_t mask = virtio_protocol_mask(where, switches[i].name);

		/*
		 * Tracking is not an option of the address: rings_track() reports that it is
		 * missing.
		 */
		if (switches[i].how && !mask && i + 1 < ARRAY_LEN(switches))
			return refuse_option(where, switches[i].name);
		if (switches[i].how == VSCSI_OFF)
			out->protocol_off |= mask;
		if (switches[i].how == VSCSI_ON)
			out->protocol_must |= mask;
	}
	if (!possible)
		return 0;
	if (o->guest_base && !virtio_has_option(where, "guest_base"))
		return refuse_option(where, "guest_base");
	if (o->iommu && !virtio_has_option(where, "iommu"))
		return refuse_option(where, "iommu");
	if (o->notify_data && !(possible & VIRTIO_BIT(VIRTIO_F_NOTIFICATION_DATA)))
		return refuse_option(where, "notify_data");
	if (o->notify_config && !(possible & VIRTIO_BIT(VIRTIO_F_NOTIF_CONFIG_DATA)))
		return refuse_option(where, "notify_config");
	return 0;
}
