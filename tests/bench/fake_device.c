/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The transport's operations, and which ring is served how. How the rings are walked is in
 * fake_split.c and fake_packed.c, what the disk answers in fake_disk.c. One device, no checks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "transport/transport.h"

#include "fake_device.h"
#include "fake_ring.h"

/* Most virtqueues, control and event queue included, and most entries of each. */
#define QUEUES     (2 + FAKE_QUEUES)
#define QUEUE_SIZE 32768u

/* The driver chooses by its options. */
#define FEATURES                                                                          \
	(UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC | \
	 UINT64_C(1) << VIRTIO_F_RING_PACKED)

static struct {
	struct transport transport;
	uint64_t features;
	uint8_t status;
	struct fake_ring rings[QUEUES];
} device;

static unsigned queues_offered = 2;
/* More than all rings hold, or each request is counted against it. */
static uint32_t cmd_per_lun = UINT32_MAX;

static bool packed(void)
{
	return device.features >> VIRTIO_F_RING_PACKED & 1;
}

unsigned fake_device_serve(unsigned queue, unsigned max)
{
	struct fake_ring *ring = &device.rings[2 + queue];

	return packed() ? fake_packed_serve(ring, max) : fake_split_serve(ring, max);
}

void fake_device_offer(unsigned queues)
{
	queues_offered = queues;
}

void fake_device_limit(uint32_t requests)
{
	cmd_per_lun = requests ? requests : UINT32_MAX;
}

void fake_device_polls(bool polls)
{
	for (unsigned i = 0; i < QUEUES; i++) {
		if (!device.rings[i].started)
			continue;
		if (packed())
			fake_packed_polls(&device.rings[i], polls);
		else
			fake_split_polls(&device.rings[i], polls);
	}
}

static void op_close(struct transport *t)
{
	(void)t;
	memset(&device, 0, sizeof(device));
}

static int op_get_features(struct transport *t, uint64_t *features)
{
	(void)t;
	*features = FEATURES;
	return 0;
}

static int op_set_features(struct transport *t, uint64_t features)
{
	(void)t;
	device.features = features;
	return 0;
}

static int op_get_status(struct transport *t)
{
	(void)t;
	return device.status;
}

static int op_set_status(struct transport *t, uint8_t status)
{
	(void)t;
	device.status = status;
	for (unsigned i = 0; !status && i < QUEUES; i++)
		device.rings[i].started = false;
	return 0;
}

static int op_read_config(struct transport *t, unsigned offset, void *buf, unsigned len)
{
	const struct virtio_scsi_config config = {
		.num_queues = queues_offered,
		.seg_max = 126,
		.max_sectors = 65536,
		.cmd_per_lun = cmd_per_lun,
		.event_info_size = 16,
		.sense_size = 96,
		.cdb_size = 32,
		.max_lun = FAKE_LUNS - 1,
	};

	(void)t;
	if (offset + len > sizeof(config))
		return -EINVAL;
	memcpy(buf, (const char *)&config + offset, len);
	return 0;
}

static int op_write_config(struct transport *t, unsigned offset, const void *buf, unsigned len)
{
	(void)t;
	(void)offset;
	(void)buf;
	(void)len;
	return -EOPNOTSUPP;
}

static int op_queue_count(struct transport *t)
{
	(void)t;
	return (int)queues_offered + 2;
}

static int op_queue_max(struct transport *t, unsigned index)
{
	(void)t;
	return index < queues_offered + 2 ? (int)QUEUE_SIZE : 0;
}

static int op_queue_start(struct transport *t, const struct transport_queue *queue)
{
	(void)t;
	device.rings[queue->index] =
		(struct fake_ring){.parts = *queue, .wrap = true, .started = true};
	return 0;
}

static int op_queue_stop(struct transport *t, unsigned index, uint32_t *base)
{
	(void)t;
	*base = device.rings[index].taken;
	device.rings[index].started = false;
	return 0;
}

static void op_notify(struct transport *t, unsigned index, uint32_t data)
{
	(void)t;
	(void)data;
	if (index >= 2)
		fake_device_serve(index - 2, QUEUE_SIZE);
}

static int op_mem_map(struct transport *t, const struct dma_region *region, uint64_t *iova)
{
	(void)t;
	*iova = region->addr;
	return 0;
}

static int op_mem_unmap(struct transport *t, const struct dma_region *region, uint64_t iova)
{
	(void)t;
	(void)region;
	(void)iova;
	return 0;
}

static bool op_mem_map_live(struct transport *t)
{
	(void)t;
	return true;
}

static int op_check(struct transport *t, unsigned *what)
{
	(void)t;
	*what = 0;
	return 0;
}

static int op_call_fd(struct transport *t, unsigned index)
{
	(void)t;
	(void)index;
	return -1;
}

static uint64_t op_protocol(struct transport *t)
{
	(void)t;
	return 0;
}

static const struct transport_ops operations = {
	.scheme = "fake",
	.features = FEATURES,
	.close = op_close,
	.get_features = op_get_features,
	.set_features = op_set_features,
	.get_status = op_get_status,
	.set_status = op_set_status,
	.read_config = op_read_config,
	.write_config = op_write_config,
	.queue_count = op_queue_count,
	.queue_max = op_queue_max,
	.queue_start = op_queue_start,
	.queue_stop = op_queue_stop,
	.notify = op_notify,
	.mem_map = op_mem_map,
	.mem_unmap = op_mem_unmap,
	.mem_map_live = op_mem_map_live,
	.check = op_check,
	.call_fd = op_call_fd,
	.protocol = op_protocol,
};

/* The linker puts this in the place of transport_open(). */
int __wrap_transport_open(const char *address, const struct transport_opts *opts,
			  struct transport **out);

int __wrap_transport_open(const char *address, const struct transport_opts *opts,
			  struct transport **out)
{
	(void)address;
	(void)opts;
	device.transport.ops = &operations;
	device.transport.wait = true;
	*out = &device.transport;
	return 0;
}
