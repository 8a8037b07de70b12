/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A split ring whose device uses chains in order (virtio 1.4, 2.7.9). Descriptors are allocated in
 * table order, so each chain is copied to the next free ones. The rest is in split.c.
 */
#include "ring/split.h"

int split_use_in_order(struct split_ring *ring)
{
	return order_init(&ring->order, (unsigned)ring->mask + 1);
}

void split_push_in_order(struct split_ring *ring, const struct vring_desc *chain, uint16_t head)
{
	uint16_t first = ring->next_desc;
	uint16_t at;
	bool more;

	do {
		at = ring->next_desc;
		ring->next_desc = (uint16_t)((at + 1) & ring->mask);
		more = le16toh(chain->flags) & VRING_DESC_F_NEXT;
		ring->desc[at] = *chain++;
		/* The following descriptor; 0 in the last one (2.7.5.2). */
		ring->desc[at].next = htole16(more ? ring->next_desc : 0);
	} while (more);
	order_push(&ring->order, first, head);
	split_push_untracked(ring, first);
}

/* Reads the used entry of a batch; it is written in place of the entry of its first chain. */
static int open_batch(struct split_ring *ring)
{
	const struct vring_used_elem *elem = &ring->used->ring[ring->last_used & ring->mask];
	uint32_t id = le32toh(__atomic_load_n(&elem->id, __ATOMIC_RELAXED));
	uint32_t len = le32toh(__atomic_load_n(&elem->len, __ATOMIC_RELAXED));
	unsigned count = id > ring->mask ? 0 : order_batch(&ring->order, (uint16_t)id);

	if (!count)
		return split_mark_broken(ring, "a used id is not in flight (2.7.8)");
	/* The index advances by the batch size; chains after it are not used yet (2.7.9). */
	if ((int)count > split_pending(ring))
		return split_mark_broken(ring, "a used id is beyond the used index (2.7.9)");
	order_complete(&ring->order, count, len);
	return 0;
}

int split_take_in_order(struct split_ring *ring, struct ring_used *used)
{
	if (!ring->order.completed && open_batch(ring))
		return -EPROTO;
	order_take(&ring->order, used);
	ring->last_used++;
	return 0;
}
