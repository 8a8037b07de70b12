/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's side of a split virtqueue over plain memory (virtio 1.4, 2.7). It publishes the
 * heads of descriptor chains and takes them back. The caller writes the descriptors, straight into
 * the descriptor table or into indirect tables.
 *
 * All bookkeeping is private. Shared memory is only written, except for the used index, the used
 * entries and the device's notification setting; each of these is loaded once and checked. See
 * common.h for locking.
 */
#ifndef RING_SPLIT_H
#define RING_SPLIT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

#include "ring/order.h"
#include "ring/common.h"
#include "util/bits.h"

/* Offsets of the parts of a ring within one piece of memory; the descriptor table is at 0. */
struct split_layout {
	size_t avail;
	size_t used;
	size_t bytes;
};

/**
 * struct split_ring - A split ring
 * @desc, @avail, @used: the shared parts
 * @entries: the entries of the available ring
 * @used_event: written by the driver: notify once the used index passes this value
 * @avail_event: written by the device: notify once the available index passes this value
 * @live: for each head, whether its chain is in flight
 * @mask: size - 1
 * @next: available index of the next push
 * @published: available index that the device can see
 * @last_used: used index up to which all chains were taken
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated
 * @rule: the rule that the device broke; NULL if none
 * @next_desc: with VIRTIO_F_IN_ORDER, descriptor index of the next push
 * @order: with VIRTIO_F_IN_ORDER, the chains in flight
 */
struct split_ring {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	__virtio16 *entries;
	__virtio16 *used_event;
	__virtio16 *avail_event;
	bool *live;
	size_t mask;
	uint16_t next;
	uint16_t published;
	uint16_t last_used;
	bool event_idx;
	const char *rule;
	uint16_t next_desc;
	struct order order;
};

/**
 * split_layout - Compute the offsets of the parts of a ring
 * @size: entries, a power of two up to RING_MAX_SIZE
 *
 * Each part is aligned to a cache line, which is stricter than 2.7.1 (16, 2 and 4 bytes), so that
 * driver and device never write to the same line. The event fields are always included.
 */
struct split_layout split_layout(unsigned size);

/**
 * split_init - Initialize an empty ring
 * @ring: the ring
 * @mem: split_layout().bytes of memory shared with the device, aligned to a cache line; is zeroed
 * @size: entries, a power of two up to RING_MAX_SIZE
 * @event_idx: whether VIRTIO_F_EVENT_IDX was negotiated
 *
 * Notifications are disabled; split_arm() requests one.
 *
 * Return: 0 or -ENOMEM. split_fini() frees private memory; @mem still belongs to the caller.
 */
int split_init(struct split_ring *ring, void *mem, unsigned size, bool event_idx);
void split_fini(struct split_ring *ring);

/**
 * split_use_in_order - Enable VIRTIO_F_IN_ORDER (virtio 1.4, 2.7.9)
 *
 * Call it right after split_init(). From then on use split_push_in_order() and
 * split_take_in_order() instead of the other push and take functions.
 *
 * Return: 0 or -ENOMEM; split_fini() is allowed in either case.
 */
int split_use_in_order(struct split_ring *ring);

/**
 * split_push_in_order - split_push() that allocates descriptors in table order (2.7.5)
 * @chain: the chain, in private memory: a descriptor with NEXT set is followed by the next one;
 *	its next field is ignored. The caller ensures that the chains in flight never have more
 *	descriptors than the ring has entries
 * @head: returned when the chain is taken
 */
void split_push_in_order(struct split_ring *ring, const struct vring_desc *chain, uint16_t head);

/**
 * split_take_in_order - split_take() from a device that may complete a batch with its last chain
 *
 * Return: 0, or -EPROTO if the entry names a chain that is not in flight, or a batch larger than
 * the used index has advanced.
 */
int split_take_in_order(struct split_ring *ring, struct ring_used *used);

/**
 * split_mark_broken - Record that the device broke a rule
 * @rule: description of the rule, a static string
 *
 * Return: -EPROTO, which split_pending() returns too from now on.
 */
int split_mark_broken(struct split_ring *ring, const char *rule);

/**
 * split_arm - Request a notification for the next used chain
 *
 * Return: whether used chains are pending already; the device need not send a notification for
 * these.
 */
bool split_arm(struct split_ring *ring);

/* Disables notifications. The device may still send some. */
void split_disarm(struct split_ring *ring);

/**
 * split_push_untracked - split_push() without marking the head as in flight
 * @head: as for split_push()
 *
 * For callers that track heads in flight themselves; they take chains with split_read().
 */
static inline void split_push_untracked(struct split_ring *ring, uint16_t head)
{
	/* Relaxed: the device reads this entry only after the index has passed it (2.7.13.2). */
	__atomic_store_n(&ring->entries[ring->next & ring->mask], htole16(head), __ATOMIC_RELAXED);
	ring->next++;
}

/**
 * split_push - Add a chain to the available ring; not visible to the device until published
 * @head: index of the chain's first descriptor, not in flight. Each head can be in flight only
 *	once, so there is always room (2.7.13)
 */
static inline void split_push(struct split_ring *ring, uint16_t head)
{
	ring->live[head] = true;
	split_push_untracked(ring, head);
}

/**
 * split_publish - Make everything that was pushed visible to the device
 *
 * Return: whether the device asked for a notification (kick).
 */
static inline bool split_publish(struct split_ring *ring)
{
	uint16_t from = ring->published;
	uint16_t to = ring->next;
	uint16_t event;

	if (to == from)
		return false;
	/*
	 * Release: descriptors, command headers and ring entries are visible before the index that
	 * covers them (2.7.13.3.1). It also orders our earlier reads of recycled memory before the
	 * device's next writes to it. Pairs with the device's acquire of the index.
	 */
	__atomic_store_n(&ring->avail->idx, htole16(to), __ATOMIC_RELEASE);
	ring->published = to;
	/*
	 * The index is visible before we check whether the device asked for a notification
	 * (2.7.13.4.1): it sets its event and then reads the index again, so one of the two sides
	 * sees the other. Only a full fence orders a store before a load. Pairs with the device's
	 * fence.
	 *
	 * On x86-64 this is the only locked instruction on the path of an unshared queue: once per
	 * batch, measured at 1.8 ns with the lines in cache (AMD EPYC, gcc 12).
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!ring->event_idx)
		return !(le16toh(__atomic_load_n(&ring->used->flags, __ATOMIC_RELAXED)) &
			 VRING_USED_F_NO_NOTIFY);
	event = le16toh(__atomic_load_n(ring->avail_event, __ATOMIC_RELAXED));
	return ring_event_passed(event, to, from);
}

/**
 * split_pending - Count the chains that can be taken
 *
 * Acquire, once per batch: used entries, responses and data are read after the index that covers
 * them (2.7.14). Pairs with the device's release of the index.
 *
 * Return: their number, or -EPROTO if the index advanced by more than the chains in flight.
 */
static inline int split_pending(struct split_ring *ring)
{
	uint16_t idx = le16toh(__atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE));
	uint16_t count = (uint16_t)(idx - ring->last_used);

	if (unlikely(ring->rule))
		return -EPROTO;
	/* All chains in flight lie between the last one taken and the last one published. */
	if (unlikely(count > (uint16_t)(ring->published - ring->last_used)))
		return split_mark_broken(ring,
					 "the used index exceeds the available index (2.7.8)");
	return count;
}

/* Whether any published chain has not been taken. */
static inline bool split_has_any(const struct split_ring *ring)
{
	return ring->published != ring->last_used;
}

/*
 * Whether exactly one chain can be taken. If not, call split_pending(): it counts them, and it also
 * reports a rule broken earlier, which this check skips.
 */
static inline bool split_has_one(const struct split_ring *ring)
{
	/* Acquire: as in split_pending(). */
	uint16_t idx = le16toh(__atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE));

	return (uint16_t)(idx - ring->last_used) == 1 && split_has_any(ring);
}

/*
 * How far the used index is ahead of what was taken, unchecked. 0: nothing is used. 1: check
 * split_has_any(). More: call split_pending().
 */
static inline uint16_t split_ahead(const struct split_ring *ring)
{
	/* Acquire: as in split_pending(). */
	uint16_t idx = le16toh(__atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE));

	return (uint16_t)(idx - ring->last_used);
}

/* How many of @count entries are contiguous, that is, before the end of the ring. */
static inline unsigned split_run(const struct split_ring *ring, unsigned count)
{
	unsigned run = (unsigned)(ring->mask + 1 - (ring->last_used & ring->mask));

	return count < run ? count : run;
}

/*
 * Cursor over a run of contiguous used entries, small enough to stay in a register while the run is
 * processed. It starts at the first entry not taken yet and does not wrap.
 */
static inline const struct vring_used_elem *split_reader(const struct split_ring *ring)
{
	return &ring->used->ring[ring->last_used & ring->mask];
}

/**
 * split_read - Read the next used entry; at most split_run() of them after split_pending()
 *
 * End the run with split_read_end().
 *
 * Return: what the device wrote, unchecked. The caller verifies that the head was pushed with
 * split_push_untracked() and not taken since (2.7.8).
 */
static inline struct ring_used split_read(const struct vring_used_elem **reader)
{
	const struct vring_used_elem *elem = (*reader)++;

	return (struct ring_used){le32toh(__atomic_load_n(&elem->id, __ATOMIC_RELAXED)),
				  le32toh(__atomic_load_n(&elem->len, __ATOMIC_RELAXED))};
}

/* Ends a run of which @count entries were taken. */
static inline void split_read_end(struct split_ring *ring, unsigned count)
{
	ring->last_used = (uint16_t)(ring->last_used + count);
}

/**
 * split_take - Take one chain, after split_pending() returned more than 0
 * @used: receives its head, which is no longer in flight, and its length
 *
 * Return: 0, or -EPROTO if the entry names a chain that is not in flight.
 */
static inline int split_take(struct split_ring *ring, struct ring_used *used)
{
	const struct vring_used_elem *elem = &ring->used->ring[ring->last_used & ring->mask];

	used->head = le32toh(__atomic_load_n(&elem->id, __ATOMIC_RELAXED));
	used->len = le32toh(__atomic_load_n(&elem->len, __ATOMIC_RELAXED));
	/*
	 * Compare all 32 bits (2.7.8). A head that is not live was never pushed or already taken.
	 */
	if (unlikely(used->head > ring->mask || !ring->live[used->head]))
		return split_mark_broken(ring, "a used id is not in flight (2.7.8)");
	ring->live[used->head] = false;
	ring->last_used++;
	return 0;
}

#endif
