/* SPDX-License-Identifier: BSD-3-Clause */
/* Split rings (virtio 1.4, 2.7) as a device that trusts its driver sees them. */
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "fake_disk.h"
#include "fake_ring.h"

/* The descriptors of a chain: its indirect table, or those in the ring from the head on. */
static const struct vring_desc *chain(const struct fake_ring *ring, uint16_t head)
{
	const struct vring_desc *desc = (const struct vring_desc *)ring->parts.desc + head;

	return desc->flags & VRING_DESC_F_INDIRECT ? (void *)(uintptr_t)desc->addr : desc;
}

static const struct vring_desc *next_in_chain(const struct fake_ring *ring,
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
static uint32_t serve(const struct fake_ring *ring, uint16_t head)
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

unsigned fake_split_serve(struct fake_ring *ring, unsigned max)
{
	struct vring_avail *avail = ring->parts.driver;
	struct vring_used *used = ring->parts.device;
	const uint16_t mask = (uint16_t)(ring->parts.size - 1);
	uint16_t idx = __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE);
	unsigned count = (uint16_t)(idx - ring->taken);

	if (count > max)
		count = max;
	for (unsigned i = 0; i < count; i++) {
		uint16_t head = avail->ring[ring->taken & mask];

		used->ring[ring->taken & mask] =
			(struct vring_used_elem){.id = head, .len = serve(ring, head)};
		ring->taken++;
		/* One store for each request, as SPDK's and QEMU's devices do. */
		__atomic_store_n(&used->idx, ring->taken, __ATOMIC_RELEASE);
	}
	return count;
}

void fake_split_polls(struct fake_ring *ring, bool polls)
{
	struct vring_used *used = ring->parts.device;

	__atomic_store_n(&used->flags, polls ? VRING_USED_F_NO_NOTIFY : 0, __ATOMIC_RELAXED);
}
