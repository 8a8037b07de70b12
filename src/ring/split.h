/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's side of a split virtqueue over plain memory (virtio 1.4, 2.7). It publishes heads of
 * descriptor chains and takes them back; what the chains carry is the business of its user, who
 * writes them straight into the descriptor table or into indirect tables.
 *
 * All bookkeeping is private. Shared memory is written; what is read from it are the used index,
 * used entries and the device's wish for notifications, each loaded once and checked. One thread at
 * a time.
 */
#ifndef RING_SPLIT_H
#define RING_SPLIT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

#include "ring/order.h"
#include "ring/used.h"
#include "util/bits.h"

/* Where the parts of a ring lie in one piece of memory. */
struct split_layout {
	size_t avail;
	size_t used;
	size_t bytes;
};

/**
 * struct split_ring - A ring in use
 * @desc, @avail, @used: the shared parts
 * @entries: the available ring's entries
 * @used_event: what we tell the device: notify behind this used index
 * @avail_event: what the device tells us: notify behind this available index
 * @live: for each head, whether its chain is with the device
 * @mask: size - 1
 * @next: available index of the next push, not yet published
 * @published: available index that the device can see
 * @last_used: used index up to which all is taken
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated
 * @rule: the rule that the device broke, NULL while it behaves
 * @place: where in the table the next chain goes, in order
 * @order: chains that are out, with VIRTIO_F_IN_ORDER
 */
struct split_ring {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	__virtio16 *entries;
	__virtio16 *used_event;
	__virtio16 *avail_event;
	bool *live;
	uint32_t mask;
	uint16_t next;
	uint16_t published;
	uint16_t last_used;
	bool event_idx;
	const char *rule;
	uint16_t place;
	struct order order;
};

/**
 * split_layout - Compute where the parts of a ring go
 * @size: entries, a power of two up to RING_MAX_SIZE
 *
 * The parts are aligned to cache lines, which is more than 2.7.1 asks for (16, 2 and 4), so that
 * the lines that the two sides write are never the same. The event fields are always included.
 */
struct split_layout split_layout(unsigned size);

/**
 * split_init - Start with an empty ring
 * @ring: the ring
 * @mem: split_layout().bytes of memory aligned to a cache line, shared with the device; is zeroed
 * @size: entries, a power of two up to RING_MAX_SIZE
 * @event_idx: whether VIRTIO_F_EVENT_IDX was negotiated
 *
 * The device is told that no notifications are needed: split_arm() asks for one.
 *
 * Return: 0, or -ENOMEM. split_fini() frees what is private; @mem stays the caller's.
 */
int split_init(struct split_ring *ring, void *mem, unsigned size, bool event_idx);
void split_fini(struct split_ring *ring);

/**
 * split_use_in_order - Take VIRTIO_F_IN_ORDER in use (virtio 1.4, 2.7.9)
 *
 * Right after split_init(). From then on chains go out with split_push_in_order() and come back
 * with split_take_in_order(); all else stays the same.
 *
 * Return: 0, or -ENOMEM; split_fini() either way.
 */
int split_use_in_order(struct split_ring *ring);

/**
 * split_push_in_order - As split_push(), with descriptors taken in the order of the table (2.7.5)
 * @chain: the chain, in private memory: a descriptor with NEXT set is followed by the next one;
 *	where its next field points is not looked at. The table has room for it: the user sees to it
 *	that the chains that are out have no more descriptors than the ring has entries
 * @head: the user's name for it
 */
void split_push_in_order(struct split_ring *ring, const struct vring_desc *chain, uint16_t head);

/**
 * split_take_in_order - As split_take(), from a device that may end a batch with its last chain
 *
 * Return: 0, or -EPROTO when the entry names no chain that is with the device, or one behind those
 * that the used index covers.
 */
int split_take_in_order(struct split_ring *ring, struct ring_used *used);

/**
 * split_mark_broken - Note that the device broke a rule
 * @rule: the sentence
 *
 * Return: -EPROTO, from now on also by split_pending().
 */
int split_mark_broken(struct split_ring *ring, const char *rule);

/**
 * split_arm - Ask the device for a notification of the next used chain
 *
 * Return: whether used chains are there already; then there may be no notification for them.
 */
bool split_arm(struct split_ring *ring);

/* Tells the device that no notifications are needed. It may send some all the same. */
void split_disarm(struct split_ring *ring);

/**
 * split_pushed - Tell which chain was pushed as the @back-th last, 1 to size
 *
 * In order it is known privately. Else it is read in shared memory, where what a device wrote over
 * it is no more than a wrong answer. For the way back from a device that was lost.
 */
uint16_t split_pushed(const struct split_ring *ring, unsigned back);

/**
 * split_push_untracked - Put a chain behind those already pushed, and note nothing
 * @head: as for split_push()
 *
 * For who keeps a note of which heads the device has in what he has to write anyhow. Chains that
 * were put so are taken with split_read().
 */
static inline void split_push_untracked(struct split_ring *ring, uint16_t head)
{
	/*
	 * The device reads this slot only after the index has passed it (2.7.13.2): no order here.
	 */
	__atomic_store_n(&ring->entries[ring->next & ring->mask], htole16(head), __ATOMIC_RELAXED);
	ring->next++;
}

/**
 * split_push - Put a chain behind those already pushed; the device can't see it yet
 * @head: index of the chain's first descriptor, not with the device now. As heads are in the table
 *	only once, there is always room (2.7.13).
 */
static inline void split_push(struct split_ring *ring, uint16_t head)
{
	ring->live[head] = true;
	split_push_untracked(ring, head);
}

/**
 * split_publish - Show the device everything that was pushed
 *
 * Return: whether the device wants a notification.
 */
static inline bool split_publish(struct split_ring *ring)
{
	uint16_t from = ring->published;
	uint16_t to = ring->next;
	uint16_t event;

	if (to == from)
		return false;
	/*
	 * Release: descriptors, headers and ring slots are there before the index that shows them
	 * (2.7.13.3.1). It also keeps our earlier reads of recycled memory before the device's next
	 * writes to it. Pairs with the device's acquire of the index.
	 */
	__atomic_store_n(&ring->avail->idx, htole16(to), __ATOMIC_RELEASE);
	ring->published = to;
	/*
	 * The index is visible before we look whether the device sleeps (2.7.13.4.1): it stores its
	 * wish and then reads the index again, and one of us must see the other. Only a full fence
	 * orders a store before a load. Pairs with the device's fence.
	 *
	 * On x86-64 it is a locked instruction, the only one on the path of a queue that is not
	 * shared: once a batch, measured at 1.8 ns there (AMD EPYC, gcc 12) with the lines at hand.
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
 * Acquire, once for the batch: used entries, responses and data are read after the index that shows
 * them (2.7.14). Pairs with the device's release of the index.
 *
 * Return: their number, or -EPROTO when the index moved farther than chains were out.
 */
static inline int split_pending(struct split_ring *ring)
{
	uint16_t idx = le16toh(__atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE));
	uint16_t count = (uint16_t)(idx - ring->last_used);

	if (unlikely(ring->rule))
		return -EPROTO;
	/* Every chain that the device has lies between what was taken and what was published. */
	if (unlikely(count > (uint16_t)(ring->published - ring->last_used)))
		return split_mark_broken(ring,
					 "the used index moved past what was available (2.7.8)");
	return count;
}

/*
 * Whether exactly one chain can be taken. If not, split_pending() says what there is, and whether a
 * rule was broken before: that need not be found by who takes one that is right.
 */
static inline bool split_has_one(const struct split_ring *ring)
{
	/* Acquire: as in split_pending(). */
	uint16_t idx = le16toh(__atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE));

	return (uint16_t)(idx - ring->last_used) == 1 && ring->published != ring->last_used;
}

/* How many of @count entries can be read in a row, up to the end of the ring. */
static inline unsigned split_run(const struct split_ring *ring, unsigned count)
{
	unsigned run = ring->mask + 1 - (ring->last_used & ring->mask);

	return count < run ? count : run;
}

/*
 * Where a run of used entries is being read; stays in a register while they are dealt with. Begins
 * at the first one that was not taken, and does not wrap.
 */
static inline const struct vring_used_elem *split_reader(const struct split_ring *ring)
{
	return &ring->used->ring[ring->last_used & ring->mask];
}

/**
 * split_read - Read the next used entry, one of split_run() after split_pending()
 *
 * Return: what the device wrote, and no more: that the head was offered with split_push_untracked(), and not
 * taken since, is for the caller to check (2.7.8). He ends the run with split_read_end().
 */
static inline struct ring_used split_read(const struct vring_used_elem **reader)
{
	const struct vring_used_elem *elem = (*reader)++;

	return (struct ring_used){le32toh(__atomic_load_n(&elem->id, __ATOMIC_RELAXED)),
				  le32toh(__atomic_load_n(&elem->len, __ATOMIC_RELAXED))};
}

/* Ends a run, of which @count were taken. */
static inline void split_read_end(struct split_ring *ring, unsigned count)
{
	ring->last_used = (uint16_t)(ring->last_used + count);
}

/**
 * split_take - Take one chain back, after split_pending() said that there is one
 * @used: receives its head, which was with the device and no longer is
 *
 * Return: 0, or -EPROTO when the entry names no chain that is with the device.
 */
static inline int split_take(struct split_ring *ring, struct ring_used *used)
{
	const struct vring_used_elem *elem = &ring->used->ring[ring->last_used & ring->mask];

	used->head = le32toh(__atomic_load_n(&elem->id, __ATOMIC_RELAXED));
	used->len = le32toh(__atomic_load_n(&elem->len, __ATOMIC_RELAXED));
	/*
	 * All 32 bits count (2.7.8). A head that is not live was never given, or given back before.
	 */
	if (unlikely(used->head > ring->mask || !ring->live[used->head]))
		return split_mark_broken(ring,
					 "a used id names no chain that the device has (2.7.8)");
	ring->live[used->head] = false;
	ring->last_used++;
	return 0;
}

#endif
