/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's side of a packed virtqueue over plain memory (virtio 1.4, 2.8), with the functions
 * of split.h. A chain is copied into the ring when it is pushed; it comes from private memory,
 * where its user keeps it in the form of struct vring_desc, or of the ring for packed_push_one().
 *
 * All bookkeeping is private. Shared memory is written; what is read from it are used descriptors
 * and the device's wish for notifications, each loaded once and checked. One thread at a time.
 */
#ifndef RING_PACKED_H
#define RING_PACKED_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

#include "ring/order.h"
#include "ring/used.h"
#include "util/bits.h"

/* The two bits by which a descriptor tells whose it is, and the one that is set in each lap. */
#define PACKED_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED  (1u << VRING_PACKED_DESC_F_USED)
#define PACKED_BITS  (PACKED_AVAIL | PACKED_USED)

/* Where the parts of a ring lie in one piece of memory; the descriptors come first. */
struct packed_layout {
	size_t driver;
	size_t device;
	size_t bytes;
};

/**
 * struct packed_ring - A ring in use
 * @desc: the shared descriptors
 * @driver: what we tell the device about notifications
 * @device: what the device tells us; never written after the start
 * @count: for each id, how many descriptors its chain has; 0: not with the device. What
 *	packed_read_end() took back keeps its number: its user knows what is with the device
 * @size: entries
 * @next: where the next chain goes
 * @avail_bits: AVAIL and USED of what is made available at @next: AVAIL in the first lap
 * @used: where the next used descriptor comes
 * @used_bits: AVAIL and USED of what is used there: both in the first lap
 * @out: chains that the device can see and that were not taken back
 * @position: @next and its lap when chains were published last, as a notification tells it (2.9).
 *	Read by other threads too
 * @fresh: chains pushed and not yet published
 * @head: first descriptor of these; @head_flags: its flags, held back until they are published
 * @taken: chains taken back, wrapping. Not beside @out: gcc would add to both with vectors
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated; @in_order: VIRTIO_F_IN_ORDER
 * @order: chains that are out, with VIRTIO_F_IN_ORDER
 * @rule: the rule that the device broke, NULL while it behaves
 */
struct packed_ring {
	struct vring_packed_desc *desc;
	struct vring_packed_desc_event *driver;
	struct vring_packed_desc_event *device;
	uint16_t *count;
	uint16_t size;
	uint16_t next;
	uint16_t avail_bits;
	uint16_t used;
	uint16_t used_bits;
	uint16_t out;
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
 * packed_layout - Compute where the parts of a ring go
 * @size: entries, 1 to RING_MAX_SIZE, any number
 *
 * Each part begins with a cache line, which is more than 2.8.10.1 asks for (16, 4 and 4).
 */
struct packed_layout packed_layout(unsigned size);

/**
 * packed_init - Start with an empty ring
 * @ring: the ring
 * @mem: packed_layout().bytes of memory aligned to a cache line, shared with the device; is zeroed
 * @size: entries
 * @event_idx, @in_order: VIRTIO_F_EVENT_IDX and VIRTIO_F_IN_ORDER were negotiated
 *
 * The device is told that no notifications are needed: packed_arm() asks for one.
 *
 * Return: 0, or -ENOMEM. packed_fini() frees what is private, in either case; @mem stays the
 * caller's.
 */
int packed_init(struct packed_ring *ring, void *mem, unsigned size, bool event_idx, bool in_order);
void packed_fini(struct packed_ring *ring);

/* As split_mark_broken(). */
int packed_mark_broken(struct packed_ring *ring, const char *rule);

/* packed_push() for any chain and any ring. */
void packed_push_any(struct packed_ring *ring, const struct vring_desc *chain, uint16_t id);

/* Behind packed_publish(): whether the device wants to hear of the batch from @head on. */
bool packed_wants_kick(const struct packed_ring *ring);

/* Behind packed_take() with VIRTIO_F_IN_ORDER. */
int packed_take_in_order(struct packed_ring *ring, struct ring_used *used);

/* Behind packed_resume_base() with VIRTIO_F_IN_ORDER: where the batches end that the device has used. */
void packed_walk_batches(const struct packed_ring *ring, uint16_t *at, uint16_t *bits);

/**
 * packed_arm - Ask the device for a notification of the next used chain
 *
 * Return: whether used chains are there already; then there may be no notification for them.
 */
bool packed_arm(struct packed_ring *ring);

/**
 * packed_ready - Count the chains that can be taken, when packed_pending() has found some
 *
 * Return: their number, as far as they are chains that the device has; with VIRTIO_F_IN_ORDER 1.
 */
int packed_ready(const struct packed_ring *ring);

/* Tells the device that no notifications are needed. It may send some all the same. */
void packed_disarm(struct packed_ring *ring);

/*
 * The place behind the last descriptor that the device has used, and in the highest bit its wrap
 * counter, as far as used descriptors make sense. From any thread, for a device that was lost: see
 * RING_READ_BY_OTHERS.
 */
uint16_t packed_resume_base(const struct packed_ring *ring);

/*
 * As split_pushed(), for descriptors: a chain of several is named several times. A used descriptor
 * has taken the place of what was there, whose chain is older than all that are still shown then.
 */
uint16_t packed_pushed(const struct packed_ring *ring, unsigned back);

/* Goes on by @count entries, into the next lap at the end of the ring (2.8.1). */
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

/* Writes a descriptor but its flags. */
static inline void packed_put(struct vring_packed_desc *to, const struct vring_desc *from,
			      uint16_t id)
{
	to->addr = from->addr;
	to->len = from->len;
	/* Only that of the last one counts (2.8.6); in all of them it is right in any case. */
	to->id = htole16(id);
}

/*
 * Writes a descriptor at the next place. The device looks at one entry after the other (2.8.2): it
 * meets those behind the first of a batch after that one, which is shown last and orders all of
 * them. So only that one is held back, and no order is needed here.
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
 * packed_push - Put a chain behind those already pushed; the device can't see it yet
 * @chain: the chain: a descriptor with NEXT set is followed by the next one; where its next field
 *	points is not looked at. The ring has room for all of it: the user sees to it that the
 *	chains that are out have no more descriptors than the ring has entries (2.8.17)
 * @id: the user's name for it, below the ring's size, not with the device now
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

/* The second half of a descriptor, as it is in memory: len, id and flags. */
typedef uint64_t __attribute__((may_alias)) packed_half_t;

static inline packed_half_t *packed_half(struct vring_packed_desc *desc)
{
	return (void *)&desc->len;
}

/**
 * packed_push_one - As packed_push(), for a chain of one descriptor that is kept in the ring's form
 * @from: the descriptor, in private memory, with @id in it and without AVAIL and USED in its flags
 *
 * Not with VIRTIO_F_IN_ORDER. What changes from one time to the next are two bits, so a descriptor
 * is two loads and two stores.
 */
static inline void packed_push_one(struct packed_ring *ring, struct vring_packed_desc *from,
				   uint16_t id)
{
	const struct vring_packed_desc bits = {.flags = htole16(ring->avail_bits)};
	struct vring_packed_desc *desc = &ring->desc[ring->next];
	uint64_t half = *packed_half(from);
	uint64_t shown;

	memcpy(&shown, &bits.len, sizeof(shown));
	desc->addr = from->addr;
	/* As in packed_put_next(). Neither bit: not available in any lap. */
	if (likely(ring->fresh)) {
		half |= shown;
	} else {
		ring->head = ring->next;
		ring->head_flags = (uint16_t)(le16toh(from->flags) | ring->avail_bits);
	}
	__atomic_store_n(packed_half(desc), half, __ATOMIC_RELAXED);
	ring->count[id] = 1;
	ring->fresh++;
	packed_step(ring, &ring->next, &ring->avail_bits, 1);
}

/* Whether the device wants no notification at all: what a device that polls says. */
static inline bool packed_is_deaf(const struct packed_ring *ring)
{
	uint16_t flags = le16toh(__atomic_load_n(&ring->device->flags, __ATOMIC_RELAXED));

	return (flags & 3) == VRING_PACKED_EVENT_FLAG_DISABLE;
}

/* The next place, and in the highest bit the driver's wrap counter: 1 in the first lap (2.9). */
static inline uint16_t packed_position(const struct packed_ring *ring)
{
	return (uint16_t)(ring->next | (ring->avail_bits & PACKED_AVAIL ? 1u << 15 : 0));
}

/**
 * packed_publish - Show the device everything that was pushed
 *
 * Return: whether the device wants a notification.
 */
static inline bool packed_publish(struct packed_ring *ring)
{
	if (!ring->fresh)
		return false;
	/*
	 * Release: the rest of the descriptors, what they refer to and all behind them are there
	 * before the flags that show them (2.8.21.1.1). It also keeps our earlier reads of recycled
	 * memory before the device's next writes to it. Pairs with the device's acquire of the
	 * flags.
	 */
	__atomic_store_n(&ring->desc[ring->head].flags, htole16(ring->head_flags),
			 __ATOMIC_RELEASE);
	ring->out = (uint16_t)(ring->out + ring->fresh);
	ring->fresh = 0;
	__atomic_store_n(&ring->position, packed_position(ring), __ATOMIC_RELAXED);
	/*
	 * The flags are visible before we look whether the device sleeps (2.8.21.3.1): it stores
	 * its wish and then reads the flags again, and one of us must see the other. Only a full
	 * fence orders a store before a load. Pairs with the device's fence.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return likely(packed_is_deaf(ring)) ? false : packed_wants_kick(ring);
}

/*
 * Whether the next entry is used: both bits are those of the lap (2.8.1). That they are equal is
 * not enough: in a ring of zeros they are, too.
 *
 * Acquire: the rest of the descriptor, responses and data are read after the flags that show them.
 * Pairs with the device's release of the flags.
 */
static inline bool packed_is_used(const struct packed_ring *ring, uint16_t *flags)
{
	*flags = le16toh(__atomic_load_n(&ring->desc[ring->used].flags, __ATOMIC_ACQUIRE));
	return (*flags & PACKED_BITS) == ring->used_bits;
}

/**
 * packed_pending - Look whether chains can be taken
 *
 * Return: how many there are at most, 0 when there is none; packed_take() tells the end. -EPROTO
 * after packed_mark_broken().
 */
static inline int packed_pending(const struct packed_ring *ring)
{
	uint16_t flags;

	if (unlikely(ring->rule))
		return -EPROTO;
	return ring->out && (ring->order.ended || packed_is_used(ring, &flags)) ? ring->out : 0;
}

/* As split_has_one(): it is the only one out, or the entry behind it is not used. */
static inline bool packed_has_one(const struct packed_ring *ring)
{
	unsigned next = ring->used + 1u;
	uint16_t flags;

	if (!ring->out || !packed_is_used(ring, &flags) || unlikely(ring->rule) ||
	    next == ring->size)
		return false;
	flags = le16toh(__atomic_load_n(&ring->desc[next].flags, __ATOMIC_RELAXED));
	return ring->out == 1 || (flags & PACKED_BITS) != ring->used_bits;
}

/* As split_run(), for chains of one descriptor each: up to the end of the ring. */
static inline unsigned packed_run(const struct packed_ring *ring, unsigned count)
{
	unsigned run = (unsigned)ring->size - ring->used;

	return count < run ? count : run;
}

/**
 * struct packed_reader - Where a run of used descriptors is being read
 * @desc: the next one
 * @bits: its flags when it is used and the device wrote to its chain
 *
 * A copy of what reading needs, so that it stays in registers while the run is dealt with. For
 * chains of one descriptor each.
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
 * packed_read - Read the next used descriptor of packed_run(), if there is one
 *
 * What the device wrote, and no more: that it has such a chain is for the caller to check. He ends
 * the run with packed_read_end(), and reads no more than packed_pending() said.
 *
 * Return: whether there was one. One without WRITE, whose length means nothing (2.8.4), is left to
 * packed_take().
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

/* Ends a run of @count chains; whether they were with the device is what the caller knows. */
static inline void packed_read_end(struct packed_ring *ring, unsigned count)
{
	packed_step(ring, &ring->used, &ring->used_bits, count);
	ring->out = (uint16_t)(ring->out - count);
	ring->taken = (uint16_t)(ring->taken + count);
}

/* Takes a chain out of the books: 2.8.6 has the driver remember how far to skip. */
static inline void packed_retire(struct packed_ring *ring, uint16_t id)
{
	packed_step(ring, &ring->used, &ring->used_bits, ring->count[id]);
	ring->count[id] = 0;
	ring->out--;
	ring->taken++;
}

/**
 * packed_take - Take one chain back, at most as many as packed_pending() said
 * @used: receives its id, which was with the device and no longer is. Where packed_read_end() is
 *	used too, that it was with the device is for the caller to check
 *
 * Return: 0; 1 when there is none left; -EPROTO when the descriptor names no chain that is with the
 * device, as far as @count tells.
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
	/* An id without descriptors was never given, or given back before. */
	if (unlikely(id >= ring->size || !ring->count[id]))
		return packed_mark_broken(ring,
					  "a used id names no chain that the device has (2.8.6)");
	used->head = id;
	used->len = le32toh(__atomic_load_n(&desc->len, __ATOMIC_RELAXED));
	/* Without WRITE the length means nothing (2.8.4). */
	if (unlikely(!(flags & VRING_DESC_F_WRITE)))
		used->len = 0;
	packed_retire(ring, id);
	return 0;
}

#endif
