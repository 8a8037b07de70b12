/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the packed ring off the fast path: layout, setup, long chains, notifications. */
#include <stdlib.h>
#include <string.h>

#include "ring/packed.h"

/* Event structures address a descriptor with 15 bits of index and one of wrap counter. */
#define EVENT_WRAP     (1u << VRING_PACKED_EVENT_F_WRAP_CTR)
#define EVENT_FLAGS(w) ((w) >> 16 & 3)

struct packed_layout packed_layout(unsigned size)
{
	struct packed_layout layout;

	layout.driver = align_up(sizeof(struct vring_packed_desc) * size, CACHE_LINE);
	layout.device = layout.driver + CACHE_LINE;
	layout.bytes = layout.device + CACHE_LINE;
	return layout;
}

int packed_init(struct packed_ring *ring, void *mem, unsigned size, bool event_idx, bool in_order)
{
	struct packed_layout layout = packed_layout(size);

	memset(ring, 0, sizeof(*ring));
	ring->count = calloc(size, sizeof(*ring->count));
	if (!ring->count || (in_order && order_init(&ring->order, size)))
		return -ENOMEM;
	/* Zeroed flags: no descriptor is available or used, and the device wants notifications. */
	memset(mem, 0, layout.bytes);
	ring->desc = mem;
	ring->driver = (void *)((char *)mem + layout.driver);
	ring->device = (void *)((char *)mem + layout.device);
	ring->size = (uint16_t)size;
	/* Both wrap counters start at 1 (2.8.1). */
	ring->avail_bits = PACKED_AVAIL;
	ring->used_bits = PACKED_BITS;
	ring->position = packed_position(ring);
	ring->event_idx = event_idx;
	ring->in_order = in_order;
	packed_disarm(ring);
	return 0;
}

void packed_fini(struct packed_ring *ring)
{
	free(ring->count);
	ring->count = NULL;
	order_fini(&ring->order);
}

int packed_mark_broken(struct packed_ring *ring, const char *rule)
{
	ring->rule = rule;
	return -EPROTO;
}

/* AVAIL and USED are set in every descriptor (2.8.6), inverted in those after a wrap. */
void packed_push_any(struct packed_ring *ring, const struct vring_desc *chain, uint16_t id)
{
	const struct vring_desc *from = chain;

	packed_put_next(ring, from, id);
	ring->fresh++;
	while (le16toh(from->flags) & VRING_DESC_F_NEXT)
		packed_put_next(ring, ++from, id);
	ring->count[id] = (uint16_t)(from - chain + 1);
	if (ring->in_order)
		order_push(&ring->order, id, id);
}

/*
 * ring_event_passed() on indices extended to the current wrap of @ring->next: an index of the
 * previous wrap is moved down by the ring's size.
 */
static bool passed(const struct packed_ring *ring, uint16_t event)
{
	bool wrap = ring->avail_bits == PACKED_AVAIL;
	uint16_t at = event & (EVENT_WRAP - 1);
	uint16_t from = ring->head;

	if (!!(event & EVENT_WRAP) != wrap)
		at = (uint16_t)(at - ring->size);
	if ((ring->head_flags & PACKED_BITS) != ring->avail_bits)
		from = (uint16_t)(from - ring->size);
	return ring_event_passed(at, ring->next, from);
}

/* Loads both fields at once, so that they match (2.8.14). */
static uint32_t load_event(const struct vring_packed_desc_event *event)
{
	return le32toh(__atomic_load_n((const uint32_t *)(const void *)event, __ATOMIC_RELAXED));
}

/* Stores both fields at once, so that the device never combines new flags with an old offset. */
static void store_event(struct vring_packed_desc_event *event, unsigned offset, unsigned flags)
{
	__atomic_store_n((uint32_t *)(void *)event, htole32(offset | flags << 16),
			 __ATOMIC_RELAXED);
}

bool packed_wants_kick(const struct packed_ring *ring)
{
	uint32_t event = load_event(ring->device);

	if (EVENT_FLAGS(event) == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	/* A reserved or unnegotiated value: notify, which costs no more than a kick (2.8.10). */
	if (EVENT_FLAGS(event) != VRING_PACKED_EVENT_FLAG_DESC || !ring->event_idx)
		return true;
	return passed(ring, (uint16_t)event);
}

bool packed_arm(struct packed_ring *ring)
{
	unsigned offset = ring->used | (ring->used_bits ? EVENT_WRAP : 0);

	if (ring->event_idx)
		store_event(ring->driver, offset, VRING_PACKED_EVENT_FLAG_DESC);
	else
		store_event(ring->driver, 0, VRING_PACKED_EVENT_FLAG_ENABLE);
	/*
	 * The event is visible before the flags are read once more (2.8.22): the device stores
	 * flags and then reads the event. Pairs with the device's fence.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return packed_pending(ring) != 0;
}

void packed_disarm(struct packed_ring *ring)
{
	store_event(ring->driver, 0, VRING_PACKED_EVENT_FLAG_DISABLE);
}

bool packed_is_overwritten(const struct packed_ring *ring, uint16_t id, bool batch)
{
	const struct vring_packed_desc *desc;
	uint16_t bits = ring->used_bits;
	uint16_t at = ring->used;
	uint16_t next;

	packed_step(ring, &at, &bits, ring->count[id]);
	desc = &ring->desc[at];
	next = le16toh(__atomic_load_n(&desc->id, __ATOMIC_RELAXED));
	if ((le16toh(__atomic_load_n(&desc->flags, __ATOMIC_RELAXED)) & PACKED_BITS) != bits)
		return false;
	return batch || next == id || next >= ring->size || !ring->count[next];
}

int packed_ready(const struct packed_ring *ring)
{
	uint16_t at = ring->used;
	uint16_t bits = ring->used_bits;
	int ready = 0;

	if (ring->in_order)
		return 1;
	while (ready < ring->in_flight) {
		const struct vring_packed_desc *desc = &ring->desc[at];
		/* Acquire: as in packed_is_used(). */
		uint16_t flags = le16toh(__atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE));
		uint16_t id = le16toh(__atomic_load_n(&desc->id, __ATOMIC_RELAXED));

		if ((flags & PACKED_BITS) != bits || id >= ring->size || !ring->count[id])
			break;
		packed_step(ring, &at, &bits, ring->count[id]);
		ready++;
	}
	return ready;
}
