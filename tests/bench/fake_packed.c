/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packed rings (virtio 1.4, 2.8) as a device that trusts its driver sees them. Chains are used in
 * the order in which they were made available, so that one position serves for both.
 */
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "fake_disk.h"
#include "fake_ring.h"

#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED  (1u << VRING_PACKED_DESC_F_USED)

/* What a chain is, gathered as its descriptors go by. */
struct walk {
	const struct virtio_scsi_cmd_req *request;
	struct virtio_scsi_cmd_resp *response;
	struct fake_data in;
	uint32_t written;
};

static void visit(struct walk *walk, const struct vring_packed_desc *desc)
{
	void *at = (void *)(uintptr_t)desc->addr;

	if (!walk->request) {
		walk->request = at;
		return;
	}
	if (!(desc->flags & VRING_DESC_F_WRITE))
		return;
	walk->written += desc->len;
	if (!walk->response)
		walk->response = at;
	else if (!walk->in.at)
		walk->in = (struct fake_data){at, desc->len};
}

static struct vring_packed_desc *position(const struct fake_ring *ring, unsigned behind)
{
	struct vring_packed_desc *table = ring->parts.desc;

	return &table[(ring->taken + behind) % ring->parts.size];
}

/* Visits the whole chain. Return: its last descriptor in the ring; @count receives how many. */
static const struct vring_packed_desc *walk_chain(const struct fake_ring *ring, struct walk *walk,
						  unsigned *count)
{
	const struct vring_packed_desc *desc = position(ring, 0);
	const struct vring_packed_desc *table = (void *)(uintptr_t)desc->addr;

	*count = 1;
	if (desc->flags & VRING_DESC_F_INDIRECT) {
		for (unsigned i = 0; i < desc->len / sizeof(*table); i++)
			visit(walk, &table[i]);
		return desc;
	}
	visit(walk, desc);
	for (; desc->flags & VRING_DESC_F_NEXT; ++*count) {
		desc = position(ring, *count);
		visit(walk, desc);
	}
	return desc;
}

static void serve(struct fake_ring *ring)
{
	struct vring_packed_desc *head = position(ring, 0);
	struct walk walk = {.request = NULL};
	unsigned count;
	uint16_t id = walk_chain(ring, &walk, &count)->id;

	fake_disk_answer(walk.request->cdb, walk.response, &walk.in);
	head->id = id;
	head->len = walk.written;
	/* Release: id, length and response are there before the flags that show them (2.8.22). */
	__atomic_store_n(&head->flags,
			 (uint16_t)((ring->wrap ? AVAIL | USED : 0) | VRING_DESC_F_WRITE),
			 __ATOMIC_RELEASE);
	ring->taken = (uint16_t)(ring->taken + count);
	if (ring->taken >= ring->parts.size) {
		ring->taken = (uint16_t)(ring->taken - ring->parts.size);
		ring->wrap = !ring->wrap;
	}
}

static bool available(const struct fake_ring *ring)
{
	uint16_t flags = __atomic_load_n(&position(ring, 0)->flags, __ATOMIC_ACQUIRE);

	return !!(flags & AVAIL) == ring->wrap && !!(flags & USED) != ring->wrap;
}

unsigned fake_packed_serve(struct fake_ring *ring, unsigned max)
{
	unsigned count;

	for (count = 0; count < max && available(ring); count++)
		serve(ring);
	return count;
}

void fake_packed_polls(struct fake_ring *ring, bool polls)
{
	struct vring_packed_desc_event *event = ring->parts.device;

	__atomic_store_n(&event->flags,
			 polls ? VRING_PACKED_EVENT_FLAG_DISABLE : VRING_PACKED_EVENT_FLAG_ENABLE,
			 __ATOMIC_RELAXED);
}
