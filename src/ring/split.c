/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the split ring off the fast path: layout, setup and notifications. */
#include <stdlib.h>
#include <string.h>

#include "ring/split.h"

struct split_layout split_layout(unsigned size)
{
	size_t desc = sizeof(struct vring_desc) * size;
	size_t avail = sizeof(uint16_t) * (3 + (size_t)size);
	size_t used = sizeof(uint16_t) * 3 + sizeof(struct vring_used_elem) * size;
	struct split_layout layout;

	layout.avail = align_up(desc, CACHE_LINE);
	layout.used = align_up(layout.avail + avail, CACHE_LINE);
	layout.bytes = align_up(layout.used + used, CACHE_LINE);
	return layout;
}

int split_init(struct split_ring *ring, void *mem, unsigned size, bool event_idx)
{
	struct split_layout layout = split_layout(size);

	memset(ring, 0, sizeof(*ring));
	ring->live = calloc(size, sizeof(*ring->live));
	if (!ring->live)
		return -ENOMEM;
	/* Zeroed flags: the device wants notifications until it says otherwise (2.7.10.1). */
	memset(mem, 0, layout.bytes);
	ring->desc = mem;
	ring->avail = (void *)((char *)mem + layout.avail);
	ring->used = (void *)((char *)mem + layout.used);
	ring->entries = ring->avail->ring;
	ring->used_event = &ring->avail->ring[size];
	ring->avail_event = (void *)&ring->used->ring[size];
	ring->mask = size - 1;
	ring->event_idx = event_idx;
	split_disarm(ring);
	return 0;
}

void split_fini(struct split_ring *ring)
{
	free(ring->live);
	ring->live = NULL;
	order_fini(&ring->order);
}

int split_mark_broken(struct split_ring *ring, const char *rule)
{
	ring->rule = rule;
	return -EPROTO;
}

bool split_arm(struct split_ring *ring)
{
	uint16_t idx;

	if (ring->event_idx)
		__atomic_store_n(ring->used_event, htole16(ring->last_used), __ATOMIC_RELAXED);
	else
		__atomic_store_n(&ring->avail->flags, htole16(0), __ATOMIC_RELAXED);
	/*
	 * The event is visible before the index is read once more (2.7.14): the device stores the
	 * index and then reads the event. Pairs with the device's fence.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	idx = le16toh(__atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE));
	return idx != ring->last_used;
}

void split_disarm(struct split_ring *ring)
{
	/*
	 * With EVENT_IDX the flag stays 0 (2.7.7.1). An event index that was just passed is reached
	 * again only after 65,535 more chains.
	 */
	if (ring->event_idx)
		__atomic_store_n(ring->used_event, htole16((uint16_t)(ring->last_used - 1)),
				 __ATOMIC_RELAXED);
	else
		__atomic_store_n(&ring->avail->flags, htole16(VRING_AVAIL_F_NO_INTERRUPT),
				 __ATOMIC_RELAXED);
}
