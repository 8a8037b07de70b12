/* SPDX-License-Identifier: BSD-3-Clause */
/* Taking chains from a device that uses them in order (virtio 1.4, 2.8.8). */
#include "ring/packed.h"

/*
 * Reads the used descriptor of a batch; it is written at the index of the batch's first chain.
 * Returns 0, 1 if there is none, or -EPROTO.
 */
static int open_batch(struct packed_ring *ring)
{
	const struct vring_packed_desc *desc = &ring->desc[ring->used];
	const struct order *order = &ring->order;
	unsigned count;
	uint16_t flags;
	uint32_t len;
	uint16_t id;

	if (!packed_is_used(ring, &flags))
		return 1;
	id = le16toh(__atomic_load_n(&desc->id, __ATOMIC_RELAXED));
	len = le32toh(__atomic_load_n(&desc->len, __ATOMIC_RELAXED));
	count = id >= ring->size ? 0 : order_batch(order, id);
	/*
	 * Chains pushed and not published yet are not in flight. Inside a batch no descriptor but
	 * the first is written.
	 */
	if (!count || count > ring->in_flight ||
	    (!(flags & VRING_DESC_F_WRITE) &&
	     packed_is_overwritten(ring, order_first(order), count > 1)))
		return packed_mark_broken(ring, "a used id is not in flight (2.8.8)");
	order_complete(&ring->order, count, flags & VRING_DESC_F_WRITE ? len : RING_LEN_UNKNOWN);
	return 0;
}

int packed_take_in_order(struct packed_ring *ring, struct ring_used *used)
{
	int err = ring->order.completed ? 0 : open_batch(ring);

	if (!err)
		packed_retire(ring, order_take(&ring->order, used));
	return err;
}
