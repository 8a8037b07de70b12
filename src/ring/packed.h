/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's side of a packed virtqueue over plain memory (virtio 1.4, 2.8); its functions mirror
 * those of split.h. packed_push() copies a chain into the ring from private memory, where the
 * caller keeps it as struct vring_desc, or in the ring's own form for packed_push_one().
 *
 * All bookkeeping is private. Shared memory is only written, except for used descriptors and the
 * device's event structure, each loaded once and checked. See common.h for locking.
 */
#ifndef RING_PACKED_H
#define RING_PACKED_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

#include "ring/order.h"
#include "ring/common.h"
#include "util/bits.h"

/* The ownership bits of a descriptor; their meaning is inverted with each wrap (2.8.1). */
#define PACKED_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED  (1u << VRING_PACKED_DESC_F_USED)
#define PACKED_BITS  (PACKED_AVAIL | PACKED_USED)

/* Offsets of the parts of a ring within one piece of memory; the descriptors are at 0. */
struct packed_layout {
	size_t driver;
	size_t device;
	size_t bytes;
};

/**
 * struct packed_ring - A packed ring
 * @desc: the shared descriptors
 * @driver: the driver's event structure
 * @device: the device's event structure; not written after packed_init()
 * @count: for each id, the number of descriptors of its chain; 0: not in flight.
 *	packed_read_end() does not reset it: its caller tracks what is in flight
 * @size: entries
 * @next: index of the next push
 * @avail_bits: AVAIL and USED of descriptors made available at @next; AVAIL until the first wrap
 * @used: index of the next used descriptor
 * @used_bits: AVAIL and USED of a used descriptor at @used; both until the first wrap
 * @in_flight: chains published and not taken yet
 * @position: @next and its wrap counter at the last publish, in the format of a notification (2.9).
 *	Also read by other threads
 * @fresh: chains pushed and not published
 * @head: first descriptor of these; @head_flags: its flags, written when they are published
 * @taken: chains taken so far, wraps. Not next to @in_flight: gcc would update both with vectors
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated; @in_order: VIRTIO_F_IN_ORDER
 * @order: with VIRTIO_F_IN_ORDER, the chains in flight
 * @rule: the rule that the device broke; NULL if none
 */
struct packed_ring {
	struct vring_packed_desc *desc;
	struct vring_packed_desc_event *driver;
	struct vring_packed_desc_event *device;
	uint16_t *count;
	uint32_t size;
	uint16_t next;
	uint16_t avail_bits;
	uint16_t used;
	uint16_t used_bits;
	uint16_t in_flight;
	uint16_t position;
	uint16_t fresh;
	uint16_t head;
	uint16_t head_flags;
	uint16_t taken;
	bool event_idx;
	bool in_order;
	struct order order;
	const char *rule;
};

/**
 * packed_layout - Compute the offsets of the parts of a ring
 * @size: entries, any number from 1 to RING_MAX_SIZE
 *
 * Each part starts on a cache line, which is stricter than 2.8.10.1 (16, 4 and 4 bytes).
 */
struct packed_layout packed_layout(unsigned size);

/**
 * packed_init - Initialize an empty ring
 * @ring: the ring
 * @mem: packed_layout().bytes of memory shared with the device, aligned to a cache line; is zeroed
 * @size: entries
 * @event_idx, @in_order: VIRTIO_F_EVENT_IDX and VIRTIO_F_IN_ORDER were negotiated
 *
 * Notifications are disabled; packed_arm() requests one.
 *
 * Return: 0 or -ENOMEM. packed_fini() frees private memory and is allowed in either case; @mem
 * still belongs to the caller.
 */
int packed_init(struct packed_ring *ring, void *mem, unsigned size, bool event_idx, bool in_order);
void packed_fini(struct packed_ring *ring);

/* See split_mark_broken(). */
int packed_mark_broken(struct packed_ring *ring, const char *rule);

/* Slow path of packed_push(): chains of any length, with or without IN_ORDER. */
void packed_push_any(struct packed_ring *ring, const struct vring_desc *chain, uint16_t id);

/* Slow path of packed_publish(): whether the device asked for a notification of this batch. */
bool packed_wants_kick(const struct packed_ring *ring);

/*
 * Whether the descriptor after chain @id, the next to take, is marked used but can't belong to
 * another used chain in flight; @batch: more chains are used with this one. Detects a ring that a
 * dying device filled with zeros, in which chain 0 appears used at every index.
 */
bool packed_is_overwritten(const struct packed_ring *ring, uint16_t id, bool batch);

/* Slow path of packed_take(), with VIRTIO_F_IN_ORDER. */
int packed_take_in_order(struct packed_ring *ring, struct ring_used *used);

/**
 * packed_arm - Request a notification for the next used chain
 *
 * Return: whether used chains are pending already; the device need not send a notification for
 * these.
 */
bool packed_arm(struct packed_ring *ring);

/**
 * packed_ready - Count the chains that can be taken, after packed_pending() returned more than 0
 *
 * Return: the number of valid used chains; with VIRTIO_F_IN_ORDER always 1.
 */
int packed_ready(const struct packed_ring *ring);

/* Disables notifications. The device may still send some. */
void packed_disarm(struct packed_ring *ring);

/* Advances by @count entries and inverts the bits on wrap (2.8.1). */
static inline void packed_step(const struct packed_ring *ring, uint16_t *at, uint16_t *bits,
			       unsigned count)
{
	unsigned to = *at + count;

	if (unlikely(to >= ring->size)) {
		to -= ring->size;
		*bits ^= PACKED_BITS;
	}
	*at = (uint16_t)to;
}

/* Writes a descriptor except its flags. */
static inline void packed_put(struct vring_packed_desc *to, const struct vring_desc *from,
			      uint16_t id)
{
	to->addr = from->addr;
	to->len = from->len;
	/* Only the id of the last descriptor counts (2.8.6); writing it in all is allowed. */
	to->id = htole16(id);
}

/*
 * Writes a descriptor at @next. The device reads descriptors in ring order (2.8.2), so it sees the
 * rest of a batch only after the batch's first descriptor. Only the first one's flags are held back
 * until the publish, whose release orders the whole batch; the others need no ordering.
 */
static inline void packed_put_next(struct packed_ring *ring, const struct vring_desc *from,
				   uint16_t id)
{
	struct vring_packed_desc *desc = &ring->desc[ring->next];
	uint16_t flags = (uint16_t)(le16toh(from->flags) | ring->avail_bits);

	packed_put(desc, from, id);
	if (ring->fresh) {
		__atomic_store_n(&desc->flags, htole16(flags), __ATOMIC_RELAXED);
	} else {
		ring->head = ring->next;
		ring->head_flags = flags;
	}
	packed_step(ring, &ring->next, &ring->avail_bits, 1);
}

/**
 * packed_push - Add a chain; not visible to the device until published
 * @chain: the chain: a descriptor with NEXT set is followed by the next one; its next field is
 *	ignored. The caller ensures that the chains in flight never have more descriptors than the
 *	ring has entries (2.8.17)
 * @id: returned when the chain is taken; less than the ring's size, not in flight
 */
static inline void packed_push(struct packed_ring *ring, const struct vring_desc *chain,
			       uint16_t id)
{
	if (unlikely(le16toh(chain->flags) & VRING_DESC_F_NEXT) || unlikely(ring->in_order)) {
		packed_push_any(ring, chain, id);
		return;
	}
	packed_put_next(ring, chain, id);
	ring->count[id] = 1;
	ring->fresh++;
}

/* The second half of a descriptor in memory: len, id and flags. */
typedef uint64_t __attribute__((may_alias)) packed_half_t;

static inline packed_half_t *packed_half(struct vring_packed_desc *desc)
{
	return (void *)&desc->len;
}

/**
 * packed_push_one - packed_push() for a chain of one descriptor kept in the ring's own form
 * @from: the descriptor, in private memory, with @id set, and without AVAIL and USED in its flags
 *
 * Not with VIRTIO_F_IN_ORDER. Only the two ownership bits change between uses, so a push costs two
 * loads and two stores.
 */
static inline void packed_push_one(struct packed_ring *ring, struct vring_packed_desc *from,
				   uint16_t id)
{
	const struct vring_packed_desc bits = {.flags = htole16(ring->avail_bits)};
	/* Kept in a register: the store to the ring may alias anything. */
	uint16_t next = ring->next;
	struct vring_packed_desc *desc = &ring->desc[next];
	uint64_t half = *packed_half(from);
	uint64_t shown;

	memcpy(&shown, &bits.len, sizeof(shown));
	desc->addr = from->addr;
	/* As in packed_put_next(). With neither bit set it is unavailable in every wrap. */
	if (likely(ring->fresh)) {
		half |= shown;
	} else {
		ring->head = next;
		ring->head_flags = (uint16_t)(le16toh(from->flags) | ring->avail_bits);
	}
	__atomic_store_n(packed_half(desc), half, __ATOMIC_RELAXED);
	ring->count[id] = 1;
	ring->fresh++;
	packed_step(ring, &next, &ring->avail_bits, 1);
	ring->next = next;
}

/* Whether the device has disabled notifications, as a polling device does. */
static inline bool packed_notify_off(const struct packed_ring *ring)
{
	uint16_t flags = le16toh(__atomic_load_n(&ring->device->flags, __ATOMIC_RELAXED));

	return (flags & 3) == VRING_PACKED_EVENT_FLAG_DISABLE;
}

/* The next index, and in the highest bit the driver's wrap counter, which starts at 1 (2.9). */
static inline uint16_t packed_position(const struct packed_ring *ring)
{
	return (uint16_t)(ring->next | (ring->avail_bits & PACKED_AVAIL ? 1u << 15 : 0));
}

/**
 * packed_publish - Make everything that was pushed visible to the device
 *
 * Return: whether the device asked for a notification (kick).
 */
static inline bool packed_publish(struct packed_ring *ring)
{
	if (!ring->fresh)
		return false;
	/*
	 * Release: the other fields, the memory they refer to and the rest of the batch are visible
	 * before the flags (2.8.21.1.1). It also orders our earlier reads of recycled memory before
	 * the device's next writes to it. Pairs with the device's acquire of the flags.
	 */
	__atomic_store_n(&ring->desc[ring->head].flags, htole16(ring->head_flags),
			 __ATOMIC_RELEASE);
	ring->in_flight = (uint16_t)(ring->in_flight + ring->fresh);
	ring->fresh = 0;
	__atomic_store_n(&ring->position, packed_position(ring), __ATOMIC_RELAXED);
	/*
	 * The flags are visible before we check whether the device asked for a notification
	 * (2.8.21.3.1): it sets its event and then reads the flags again, so one of the two sides
	 * sees the other. Only a full fence orders a store before a load. Pairs with the device's
	 * fence.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return likely(packed_notify_off(ring)) ? false : packed_wants_kick(ring);
}

/*
 * Whether the next entry is used: both bits equal the wrap counter (2.8.1). Comparing the bits with
 * each other is not enough: they are also equal in a zeroed ring.
 *
 * Acquire: the rest of the descriptor, responses and data are read after the flags. Pairs with the
 * device's release of the flags.
 */
static inline bool packed_is_used(const struct packed_ring *ring, uint16_t *flags)
{
	*flags = le16toh(__atomic_load_n(&ring->desc[ring->used].flags, __ATOMIC_ACQUIRE));
	return (*flags & PACKED_BITS) == ring->used_bits;
}

/**
 * packed_pending - Check whether chains can be taken
 *
 * Return: an upper bound for their number, 0 if there is none; packed_take() finds the end. -EPROTO
 * after packed_mark_broken().
 */
static inline int packed_pending(const struct packed_ring *ring)
{
	uint16_t flags;

	if (unlikely(ring->rule))
		return -EPROTO;
	return ring->in_flight && (ring->order.completed || packed_is_used(ring, &flags))
		       ? ring->in_flight
		       : 0;
}

/* As split_has_one(): the used chain is the only one in flight, or the next entry is not used. */
static inline bool packed_has_one(const struct packed_ring *ring)
{
	unsigned next = ring->used + 1u;
	uint16_t flags;

	if (!ring->in_flight || !packed_is_used(ring, &flags) || unlikely(ring->rule) ||
	    next == ring->size)
		return false;
	flags = le16toh(__atomic_load_n(&ring->desc[next].flags, __ATOMIC_RELAXED));
	return ring->in_flight == 1 || (flags & PACKED_BITS) != ring->used_bits;
}

/* As split_run(), for chains of one descriptor each. */
static inline unsigned packed_run(const struct packed_ring *ring, unsigned count)
{
	unsigned run = (unsigned)ring->size - ring->used;

	return count < run ? count : run;
}

/**
 * struct packed_reader - Cursor over a run of contiguous used descriptors
 * @desc: the next one
 * @bits: its flags if it is used and the device wrote to its buffers
 *
 * Small enough to stay in registers while the run is processed. Only for rings whose chains have
 * one descriptor each.
 */
struct packed_reader {
	const struct vring_packed_desc *desc;
	uint32_t bits;
};

static inline struct packed_reader packed_reader(const struct packed_ring *ring)
{
	return (struct packed_reader){&ring->desc[ring->used],
				      ring->used_bits | VRING_DESC_F_WRITE};
}

/**
 * packed_read - Read the next used descriptor; at most packed_run() of them after packed_pending()
 *
 * @used receives what the device wrote, unchecked: the caller verifies that the id is in flight.
 * End the run with packed_read_end().
 *
 * Return: whether there is one. Returns false as well for one without WRITE, whose length is
 * undefined (2.8.4): packed_take() handles it.
 */
static inline bool packed_read(struct packed_reader *reader, struct ring_used *used)
{
	const struct vring_packed_desc *desc = reader->desc++;
	/* Acquire: as in packed_is_used(). */
	uint32_t flags = le16toh(__atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE));

	if (unlikely((flags & (PACKED_BITS | VRING_DESC_F_WRITE)) != reader->bits))
		return false;
	used->head = le16toh(__atomic_load_n(&desc->id, __ATOMIC_RELAXED));
	used->len = le32toh(__atomic_load_n(&desc->len, __ATOMIC_RELAXED));
	return true;
}

/* Ends a run of @count chains. The caller has verified that they were in flight. */
static inline void packed_read_end(struct packed_ring *ring, unsigned count)
{
	packed_step(ring, &ring->used, &ring->used_bits, count);
	ring->in_flight = (uint16_t)(ring->in_flight - count);
	ring->taken = (uint16_t)(ring->taken + count);
}

/* Removes a chain; its length tells how far to skip (2.8.6). */
static inline void packed_retire(struct packed_ring *ring, uint16_t id)
{
	packed_step(ring, &ring->used, &ring->used_bits, ring->count[id]);
	ring->count[id] = 0;
	ring->in_flight--;
	ring->taken++;
}

/**
 * packed_take - Take one chain; at most as many as packed_pending() returned
 * @used: receives its id, which is no longer in flight, and its length. A caller that also uses
 *	packed_read_end() verifies itself that the id was in flight
 *
 * Return: 0; 1 if no chain is left; -EPROTO if the descriptor names a chain that is not in flight
 * according to @count.
 */
static inline int packed_take(struct packed_ring *ring, struct ring_used *used)
{
	const struct vring_packed_desc *desc = &ring->desc[ring->used];
	uint16_t flags;
	uint16_t id;

	if (unlikely(ring->in_order))
		return packed_take_in_order(ring, used);
	if (!packed_is_used(ring, &flags))
		return 1;
	id = le16toh(__atomic_load_n(&desc->id, __ATOMIC_RELAXED));
	/* A count of 0: the id was never pushed or was already taken. */
	if (unlikely(id >= ring->size || !ring->count[id]))
		return packed_mark_broken(ring, "a used id is not in flight (2.8.6)");
	used->head = id;
	used->len = le32toh(__atomic_load_n(&desc->len, __ATOMIC_RELAXED));
	/* Without WRITE the length is undefined (2.8.4). */
	if (unlikely(!(flags & VRING_DESC_F_WRITE))) {
		if (packed_is_overwritten(ring, id, false))
			return packed_mark_broken(ring, "a used id is not in flight (2.8.6)");
		used->len = RING_LEN_UNKNOWN;
	}
	packed_retire(ring, id);
	return 0;
}

#endif
