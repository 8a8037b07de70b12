/* SPDX-License-Identifier: BSD-3-Clause */
/* Taking chains back from a device that uses them in order (virtio 1.4, 2.8.8). */
#include "ring/packed.h"

/*
 * Looks at the descriptor that the device wrote for a batch: where the first of its chains has its
 * own. Return: 0, 1 when there is none, or -EPROTO.
 */
static int open_batch(struct packed_ring *ring)
{
	const struct vring_packed_desc *desc = &ring->desc[ring->used];
	unsigned count;
	uint16_t flags;
	uint32_t len;
	uint16_t id;

	if (!packed_is_used(ring, &flags))
		return 1;
	id = le16toh(__atomic_load_n(&desc->id, __ATOMIC_RELAXED));
	len = le32toh(__atomic_load_n(&desc->len, __ATOMIC_RELAXED));
	count = id >= ring->size ? 0 : order_reach(&ring->order, id);
	/* What was pushed last and not yet shown is not with the device. */
	if (!count || count > ring->out)
		return packed_mark_broken(ring,
					  "a used id names no chain that the device has (2.8.8)");
	order_end(&ring->order, count, flags & VRING_DESC_F_WRITE ? len : 0);
	return 0;
}

int packed_take_in_order(struct packed_ring *ring, struct ring_used *used)
{
	int err = ring->order.ended ? 0 : open_batch(ring);

	if (!err)
		packed_retire(ring, order_take(&ring->order, used));
	return err;
}

/* How many chains end with the one that a used entry names; 0 where that makes no sense. */
static RING_READ_BY_OTHERS unsigned reach_of(const struct packed_ring *ring, uint16_t at,
					     uint16_t bits)
{
	const struct vring_packed_desc *desc = &ring->desc[at];
	/* Acquire: as in packed_is_used(). */
	uint16_t flags = le16toh(__atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE));
	uint16_t id = le16toh(__atomic_load_n(&desc->id, __ATOMIC_RELAXED));
	unsigned reach;

	if ((flags & PACKED_BITS) != bits || id >= ring->size)
		return 0;
	reach = order_reach(&ring->order, id);
	return reach <= ring->out ? reach : 0;
}

RING_READ_BY_OTHERS void packed_walk_batches(const struct packed_ring *ring, uint16_t *at,
					     uint16_t *bits)
{
	unsigned reach = ring->order.ended;
	unsigned i = 0;

	*at = ring->used;
	*bits = ring->used_bits;
	do {
		for (; i < reach; i++)
			packed_step(ring, at, bits, ring->count[order_id(&ring->order, i)]);
		reach = i < ring->out ? reach_of(ring, *at, *bits) : 0;
	} while (reach > i);
}
