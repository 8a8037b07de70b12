/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device side of the rings and the transport's operations; what the disk answers is in
 * fake_disk.c. One device, one thread, no checks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "transport/transport.h"

#include "fake_device.h"
#include "fake_disk.h"

/* Most virtqueues, control and event queue included, and most entries of each. */
#define QUEUES     (2 + FAKE_QUEUES)
#define QUEUE_SIZE 32768u

/* On cache lines of its own: each queue may be served by another thread. */
struct ring {
	_Alignas(64) struct transport_queue parts;
	uint16_t taken;
	bool started;
};

static struct {
	struct transport transport;
	uint64_t features;
	uint8_t status;
	struct ring rings[QUEUES];
} device;

static unsigned queues_offered = 2;

/* The descriptors of a chain: its indirect table, or those in the ring from the head on. */
static const struct vring_desc *chain(const struct ring *ring, uint16_t head)
{
	const struct vring_desc *desc = (const struct vring_desc *)ring->parts.desc + head;

	return desc->flags & VRING_DESC_F_INDIRECT ? (void *)(uintptr_t)desc->addr : desc;
}

static const struct vring_desc *next_in_chain(const struct ring *ring,
					      const struct vring_desc *table,
					      const struct vring_desc *desc)
{
	const struct vring_desc *ring_table = ring->parts.desc;
	bool direct = table >= ring_table && table < ring_table + ring->parts.size;

	if (!(desc->flags & VRING_DESC_F_NEXT))
		return NULL;
	return (direct ? ring_table : table) + desc->next;
}

/* Finds header, response and data-in segments, and lets the disk answer. */
static uint32_t serve(const struct ring *ring, uint16_t head)
{
	const struct vring_desc *table = chain(ring, head);
	const struct virtio_scsi_cmd_req *request = (void *)(uintptr_t)table->addr;
	struct virtio_scsi_cmd_resp *response = NULL;
	const struct vring_desc *desc = table;
	struct fake_data in = {NULL, 0};
	uint32_t written = 0;

	for (; desc; desc = next_in_chain(ring, table, desc)) {
		if (!(desc->flags & VRING_DESC_F_WRITE))
			continue;
		written += desc->len;
		if (!response)
			response = (void *)(uintptr_t)desc->addr;
		else if (!in.at)
			in = (struct fake_data){(void *)(uintptr_t)desc->addr, desc->len};
	}
	fake_disk_answer(request->cdb, response, &in);
	return written;
}

unsigned fake_device_serve(unsigned queue, unsigned max)
{
	struct ring *ring = &device.rings[2 + queue];
	struct vring_avail *avail = ring->parts.driver;
	struct vring_used *used = ring->parts.device;
	const uint16_t mask = (uint16_t)(ring->parts.size - 1);
	uint16_t idx = __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE);
	unsigned served;

	for (served = 0; ring->taken != idx && served < max; served++, ring->taken++) {
		uint16_t head = avail->ring[ring->taken & mask];

		used->ring[ring->taken & mask] =
			(struct vring_used_elem){.id = head, .len = serve(ring, head)};
	}
	/* Not when nothing came: the driver's next look would find the line gone for no reason. */
	if (served)
		__atomic_store_n(&used->idx, ring->taken, __ATOMIC_RELEASE);
	return served;
}

void fake_device_offer(unsigned queues)
{
	queues_offered = queues;
}

void fake_device_polls(bool polls)
{
	for (unsigned i = 0; i < QUEUES; i++) {
		struct vring_used *used = device.rings[i].parts.device;

		if (device.rings[i].started)
			__atomic_store_n(&used->flags, polls ? VRING_USED_F_NO_NOTIFY : 0,
					 __ATOMIC_RELAXED);
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
	*features = UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC;
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
		/* No limit, or each request would be counted against it. */
		.cmd_per_lun = UINT32_MAX,
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
	return -ENOTSUP;
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
	device.rings[queue->index] = (struct ring){.parts = *queue, .started = true};
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
	.features = UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC,
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
	*out = &device.transport;
	return 0;
}
