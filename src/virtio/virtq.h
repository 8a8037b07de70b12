/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtqueue of a device: a ring in DMA memory, of either format, and its notifications. The
 * layers above access rings only through this header.
 */
#ifndef VIRTIO_VIRTQ_H
#define VIRTIO_VIRTQ_H

#include "mem/dma.h"
#include "ring/packed.h"
#include "ring/split.h"
#include "transport/transport.h"

struct vscsi_mem;

/* Formats of rings. */
enum virtq_format {
	VIRTQ_SPLIT,
	VIRTQ_SPLIT_IN_ORDER,
	VIRTQ_PACKED,
	VIRTQ_PACKED_ONE, /* untracked chains are one descriptor, in the ring's form */
};

/**
 * struct virtq - A virtqueue
 * @format: selects the member of the union
 * @ring, @packed: the ring
 * @chains: where chains are prepared: the descriptor table of a split ring, otherwise private
 *	memory from which a push copies them to the ring
 * @transport: transport of the device
 * @mem: pool of the ring's memory
 * @memory: the ring's memory
 * @index: virtqueue number
 * @size: entries
 * @started: the device has the virtqueue
 */
struct virtq {
	enum virtq_format format;
	union {
		struct split_ring ring;
		struct packed_ring packed;
	};
	struct vring_desc *chains;
	struct transport *transport;
	struct vscsi_mem *mem;
	void *memory;
	unsigned index;
	unsigned size;
	bool started;
};

/**
 * virtq_init - Create a virtqueue, to be started with virtq_start()
 * @vq: the virtqueue
 * @transport: of the device
 * @mem: pool for the ring
 * @index: virtqueue number
 * @size: entries, a power of two
 * @features: negotiated features; they determine the format
 *
 * Return: 0, or -ENOMEM with its error text set. virtq_fini() is allowed in either case.
 */
int virtq_init(struct virtq *vq, struct transport *transport, struct vscsi_mem *mem, unsigned index,
	       unsigned size, uint64_t features);

/* Frees a virtqueue that the device no longer has. */
void virtq_fini(struct virtq *vq);

/**
 * virtq_renew - Empty a virtqueue that the device no longer has; virtq_start() may follow
 * @features: negotiated features of the new connection; the format must be the same
 *
 * Return: 0, or -ENOMEM with its error text set; then only this or virtq_fini() may follow.
 */
int virtq_renew(struct virtq *vq, uint64_t features);

/**
 * virtq_succeed - Exchange a lost virtqueue for the one that the reconnected device has
 * @vq: the lost one; becomes the other, with nothing pushed. The chains in its table are lost
 * @fresh: the other, of the same format, size and index, empty; becomes the lost one
 */
void virtq_succeed(struct virtq *vq, struct virtq *fresh);

/**
 * virtq_start - Start it on the device, from index 0
 * virtq_pause - Stop it, with chains in flight staying in the ring
 * @base: receives the device's position
 * virtq_resume - Start it again at that position
 *
 * Return: 0, or what the transport returned.
 */
int virtq_start(struct virtq *vq);
int virtq_pause(struct virtq *vq, uint32_t *base);
int virtq_resume(struct virtq *vq, uint32_t base);

/**
 * virtq_table - The table to prepare chains in, @size descriptors
 *
 * A chain is a run of descriptors, each but the last with NEXT set and next naming the following
 * one. The index of the first one, its head, identifies it. It must not change while the device has
 * it, and can be pushed again afterwards.
 */
static inline struct vring_desc *virtq_table(const struct virtq *vq)
{
	return vq->chains;
}

/* Whether indirect tables are packed: of struct vring_packed_desc, with WRITE as the only flag. */
static inline bool virtq_is_packed(const struct virtq *vq)
{
	return vq->format >= VIRTQ_PACKED;
}

/*
 * The position of the next push: stored with each chain, it gives the order of the chains in
 * flight. After a wrap, positions are equal modulo the ring's size.
 */
static inline uint16_t virtq_next_as(const struct virtq *vq, enum virtq_format format)
{
	return format >= VIRTQ_PACKED ? vq->packed.next : vq->ring.next;
}

static inline uint16_t virtq_next(const struct virtq *vq)
{
	return virtq_next_as(vq, vq->format);
}

/* Adds a chain after those already pushed; the device can't see it yet. */
static inline void virtq_push(struct virtq *vq, uint16_t head)
{
	if (likely(vq->format == VIRTQ_SPLIT))
		split_push(&vq->ring, head);
	else if (virtq_is_packed(vq))
		packed_push(&vq->packed, &vq->chains[head], head);
	else
		split_push_in_order(&vq->ring, &vq->chains[head], head);
}

/*
 * virtq_push() for callers that track heads in flight themselves; @format is the virtqueue's, a
 * constant at the call site.
 */
static inline void virtq_push_untracked_as(struct virtq *vq, enum virtq_format format,
					   uint16_t head)
{
	if (likely(format == VIRTQ_SPLIT))
		split_push_untracked(&vq->ring, head);
	else if (format == VIRTQ_PACKED_ONE)
		packed_push_one(&vq->packed, (void *)&vq->chains[head], head);
	else if (format == VIRTQ_PACKED)
		packed_push(&vq->packed, &vq->chains[head], head);
	else
		split_push_in_order(&vq->ring, &vq->chains[head], head);
}

static inline void virtq_push_untracked(struct virtq *vq, uint16_t head)
{
	virtq_push_untracked_as(vq, vq->format, head);
}

/**
 * virtq_publish - Make everything that was pushed visible to the device
 *
 * Return: whether virtq_kick() must follow.
 */
static inline bool virtq_publish(struct virtq *vq)
{
	return virtq_is_packed(vq) ? packed_publish(&vq->packed) : split_publish(&vq->ring);
}

/* Number of chains that were published and not taken. */
static inline unsigned virtq_in_flight(const struct virtq *vq)
{
	if (virtq_is_packed(vq))
		return vq->packed.in_flight;
	return (uint16_t)(vq->ring.published - vq->ring.last_used);
}

/*
 * The position that a notification carries (virtio 1.4, 2.9): the available index of a split ring,
 * the next index and wrap counter of a packed one. The former is read from shared memory, because
 * struct split_ring belongs to the thread that publishes; a device that overwrites it only misleads
 * itself.
 */
static inline uint32_t virtq_position(const struct virtq *vq)
{
	if (virtq_is_packed(vq))
		return __atomic_load_n(&vq->packed.position, __ATOMIC_RELAXED);
	return le16toh(__atomic_load_n(&vq->ring.avail->idx, __ATOMIC_RELAXED));
}

/* Notifies the device: one system call at most. Any thread. */
static inline void virtq_kick(const struct virtq *vq)
{
	struct transport *t = vq->transport;

	t->ops->notify(t, vq->index, transport_notifies_data(t) ? virtq_position(vq) : 0);
}

/* Upper bound of the chains that can be taken, 0 if none; or -EPROTO with virtq_rule() set. */
static inline int virtq_pending_in(struct virtq *vq, bool packed)
{
	return packed ? packed_pending(&vq->packed) : split_pending(&vq->ring);
}

static inline int virtq_pending(struct virtq *vq)
{
	return virtq_pending_in(vq, virtq_is_packed(vq));
}

/* Takes one chain: 0; 1 if none is left; or -EPROTO with virtq_rule() set. */
static inline int virtq_take(struct virtq *vq, struct ring_used *used)
{
	if (likely(vq->format == VIRTQ_SPLIT))
		return split_take(&vq->ring, used);
	if (virtq_is_packed(vq))
		return packed_take(&vq->packed, used);
	return split_take_in_order(&vq->ring, used);
}

/* virtq_take() for chains pushed untracked: the caller checks that the head is in flight. */
static inline int virtq_take_untracked(struct virtq *vq, struct ring_used *used)
{
	const struct vring_used_elem *reader;

	if (unlikely(vq->format != VIRTQ_SPLIT))
		return virtq_take(vq, used);
	reader = split_reader(&vq->ring);
	*used = split_read(&reader);
	split_read_end(&vq->ring, 1);
	return 0;
}

/*
 * With IN_ORDER, the length that the device reported for the batch of the chain taken last; it
 * applies to all chains of the batch. 0 otherwise.
 */
static inline uint32_t virtq_batch_len(const struct virtq *vq)
{
	const struct order *order = virtq_is_packed(vq) ? &vq->packed.order : &vq->ring.order;

	return order->len;
}

/*
 * Fast path for chains pushed untracked, after virtq_pending(): a reader that stays in registers,
 * virtq_read() for the next entry, unchecked (false if there is none), and virtq_read_end() with
 * the number taken. Not for IN_ORDER; for a packed ring only if each chain is one descriptor.
 * @packed is the ring's format, a constant at the call site.
 */
struct virtq_reader {
	const struct vring_used_elem *split;
	struct packed_reader packed;
};

static inline struct virtq_reader virtq_reader(const struct virtq *vq, bool packed)
{
	struct virtq_reader reader = {0};

	if (packed)
		reader.packed = packed_reader(&vq->packed);
	else
		reader.split = split_reader(&vq->ring);
	return reader;
}

/* Whether exactly one chain can be taken; if not, call virtq_pending_in(). */
static inline bool virtq_has_one(const struct virtq *vq, bool packed)
{
	return packed ? packed_has_one(&vq->packed) : split_has_one(&vq->ring);
}

/* How many of @count entries a reader can read before the ring wraps. */
static inline unsigned virtq_run(const struct virtq *vq, bool packed, unsigned count)
{
	return packed ? packed_run(&vq->packed, count) : split_run(&vq->ring, count);
}

static inline bool virtq_read(struct virtq_reader *reader, bool packed, struct ring_used *used)
{
	if (packed)
		return packed_read(&reader->packed, used);
	*used = split_read(&reader->split);
	return true;
}

static inline void virtq_read_end(struct virtq *vq, bool packed, unsigned count)
{
	if (packed)
		packed_read_end(&vq->packed, count);
	else
		split_read_end(&vq->ring, count);
}

/* Records that the device broke a rule. Returns -EPROTO. */
static inline int virtq_mark_broken(struct virtq *vq, const char *rule)
{
	return virtq_is_packed(vq) ? packed_mark_broken(&vq->packed, rule)
				   : split_mark_broken(&vq->ring, rule);
}

/* Number of chains taken so far; wraps. */
static inline uint16_t virtq_taken(const struct virtq *vq)
{
	return virtq_is_packed(vq) ? vq->packed.taken : vq->ring.last_used;
}

/* Number of chains that can be taken; a packed ring with IN_ORDER returns 1 for any number. */
static inline int virtq_ready(struct virtq *vq)
{
	int pending = virtq_pending(vq);

	return pending > 0 && virtq_is_packed(vq) ? packed_ready(&vq->packed) : pending;
}

/* The rule that the device broke on this ring, as an error text; NULL if none. */
static inline const char *virtq_rule(const struct virtq *vq)
{
	return virtq_is_packed(vq) ? vq->packed.rule : vq->ring.rule;
}

/* The file descriptor that the device signals for this virtqueue, -1 for none. */
static inline int virtq_fd(const struct virtq *vq)
{
	return vq->transport->ops->call_fd(vq->transport, vq->index);
}

/* Make the file descriptor unreadable (0, or a negative errno) and readable. */
int virtq_fd_clear(struct virtq *vq);
void virtq_fd_wake(struct virtq *vq);

/*
 * Requests a notification. Return: whether chains can be taken already. virtq_disarm() withdraws
 * the request.
 */
static inline bool virtq_arm(struct virtq *vq)
{
	return virtq_is_packed(vq) ? packed_arm(&vq->packed) : split_arm(&vq->ring);
}

static inline void virtq_disarm(struct virtq *vq)
{
	if (virtq_is_packed(vq))
		packed_disarm(&vq->packed);
	else
		split_disarm(&vq->ring);
}

#endif
