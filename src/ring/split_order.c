/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A split ring whose device uses chains in order (virtio 1.4, 2.7.9). Descriptors are then taken in
 * the order of the table, so a chain is copied to where its turn is; everything else is split.c's.
 */
#include "ring/split.h"

int split_use_in_order(struct split_ring *ring)
{
	return order_init(&ring->order, ring->mask + 1u);
}

void split_push_in_order(struct split_ring *ring, const struct vring_desc *chain, uint16_t head)
{
	uint16_t first = ring->place;
	uint16_t at;
	bool more;

	do {
		at = ring->place;
		ring->place = (uint16_t)((at + 1) & ring->mask);
		more = le16toh(chain->flags) & VRING_DESC_F_NEXT;
		ring->desc[at] = *chain++;
		/* The one that follows in the table, 0 behind the last (2.7.5.2). */
		ring->desc[at].next = htole16(more ? ring->place : 0);
	} while (more);
	order_push(&ring->order, first, head);
	split_push_untracked(ring, first);
}

/* Looks at the entry of a batch, which is where the first of its chains would have its own. */
static int open_batch(struct split_ring *ring)
{
	const struct vring_used_elem *elem = &ring->used->ring[ring->last_used & ring->mask];
	uint32_t id = le32toh(__atomic_load_n(&elem->id, __ATOMIC_RELAXED));
	uint32_t len = le32toh(__atomic_load_n(&elem->len, __ATOMIC_RELAXED));
	unsigned count = id > ring->mask ? 0 : order_reach(&ring->order, (uint16_t)id);

	if (!count)
		return split_mark_broken(ring,
					 "a used id names no chain that the device has (2.7.8)");
	/* The index grows by the size of the batch: a chain behind it has not been used (2.7.9). */
	if ((int)count > split_pending(ring))
		return split_mark_broken(ring,
					 "a used id is behind what the used index covers (2.7.9)");
	order_end(&ring->order, count, len);
	return 0;
}

int split_take_in_order(struct split_ring *ring, struct ring_used *used)
{
	if (!ring->order.ended && open_batch(ring))
		return -EPROTO;
	order_take(&ring->order, used);
	ring->last_used++;
	return 0;
}
