/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtqueue of a device: a ring in DMA memory, and the way to notify the device of it. What
 * the layers above see of rings is this; the ring's format is decided here.
 */
#ifndef VIRTIO_VIRTQ_H
#define VIRTIO_VIRTQ_H

#include "mem/dma.h"
#include "ring/packed.h"
#include "ring/split.h"
#include "transport/transport.h"

struct vscsi_mem;

/* Formats of rings. The first is the one that the hot path is laid out for. */
enum virtq_format {
	VIRTQ_SPLIT,
	VIRTQ_SPLIT_IN_ORDER,
	VIRTQ_PACKED,
	VIRTQ_PACKED_ONE, /* untracked chains are one descriptor, in the ring's form */
};

/**
 * struct virtq - A virtqueue
 * @format: decides which of the two rings it is
 * @ring, @packed: the ring
 * @chains: where chains are prepared: the table of a split ring itself, else private memory from
 *	which they are copied to their turn in the ring
 * @transport: to notify through
 * @mem: pool that the ring's memory is from
 * @memory: that memory
 * @index: virtqueue number
 * @size: entries
 * @started: the device has it
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
 * virtq_init - Make a virtqueue that the device doesn't know of yet
 * @vq: the virtqueue
 * @transport: of the device
 * @mem: pool for the ring
 * @index: virtqueue number
 * @size: entries, a power of two
 * @features: what was negotiated; it decides the format
 *
 * Return: 0, or -ENOMEM with its error text set. virtq_fini() is allowed in either case.
 */
int virtq_init(struct virtq *vq, struct transport *transport, struct vscsi_mem *mem, unsigned index,
	       unsigned size, uint64_t features);

/* Frees a virtqueue that the device no longer has. */
void virtq_fini(struct virtq *vq);

/**
 * virtq_renew - Empty a virtqueue that the device no longer has; virtq_start() may follow
 * @features: what was negotiated this time; the format is the same
 *
 * Return: 0, or -ENOMEM with its error text set; then only this or virtq_fini() may follow.
 */
int virtq_renew(struct virtq *vq, uint64_t features);

/**
 * virtq_succeed - Go on with another virtqueue that the device has in the place of a lost one
 * @vq: the lost one; becomes the other, with nothing pushed. The chains in its table are lost
 * @fresh: the other, of the same format, size and index, empty; becomes the lost one
 */
void virtq_succeed(struct virtq *vq, struct virtq *fresh);

/**
 * virtq_start - Give it to the device, from index 0
 * virtq_pause - Take it back for a moment; chains stay where they are
 * @base: receives the position of the device
 * virtq_resume - Give it back at its position
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
 * one. Its head, the index of its first, is its name. It stays as it is while the device has it,
 * and can be pushed again afterwards.
 */
static inline struct vring_desc *virtq_table(const struct virtq *vq)
{
	return vq->chains;
}

/* Whether indirect tables have the packed form: struct vring_packed_desc, WRITE the only flag. */
static inline bool virtq_is_packed(const struct virtq *vq)
{
	return vq->format >= VIRTQ_PACKED;
}

/*
 * Where the next chain is pushed: kept with each chain, this gives the order of those in flight.
 * Positions are equal modulo the ring's size once they wrap.
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
 * virtq_publish - Show the device what was pushed
 *
 * Return: whether virtq_kick() has to follow.
 */
static inline bool virtq_publish(struct virtq *vq)
{
	return virtq_is_packed(vq) ? packed_publish(&vq->packed) : split_publish(&vq->ring);
}

/* Chains that are published and not taken yet. */
static inline unsigned virtq_in_flight(const struct virtq *vq)
{
	if (virtq_is_packed(vq))
		return vq->packed.in_flight;
	return (uint16_t)(vq->ring.published - vq->ring.last_used);
}

/*
 * Where the ring stands, as a notification tells it (virtio 1.4, 2.9): a split ring's available
 * index, a packed one's next place and wrap counter. The former is read where the device reads it,
 * since the ring's own note belongs to the thread that publishes; a wrong one would only mislead
 * the device about itself.
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

/* Both at once, for a virtqueue that is not shared. */
static inline void virtq_submit(struct virtq *vq)
{
	if (virtq_publish(vq))
		virtq_kick(vq);
}

/* How many chains the device gave back at most, 0 if none; or -EPROTO with virtq_rule() set. */
static inline int virtq_pending_in(struct virtq *vq, bool packed)
{
	return packed ? packed_pending(&vq->packed) : split_pending(&vq->ring);
}

static inline int virtq_pending(struct virtq *vq)
{
	return virtq_pending_in(vq, virtq_is_packed(vq));
}

/* Takes one of them back: 0; 1 when none is left; or -EPROTO with virtq_rule() set. */
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
 * The length that an in-order device gave for the batch that was taken last, or part of it, which
 * stands for all chains in it; 0 where no device works in order.
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

/* Whether exactly one chain can be taken; if not, virtq_pending_in() says what there is. */
static inline bool virtq_has_one(const struct virtq *vq, bool packed)
{
	return packed ? packed_has_one(&vq->packed) : split_has_one(&vq->ring);
}

/* How many of @count entries it can read; there may be more after them. */
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

/* Notes a rule that a check found broken. Returns -EPROTO. */
static inline int virtq_mark_broken(struct virtq *vq, const char *rule)
{
	return virtq_is_packed(vq) ? packed_mark_broken(&vq->packed, rule)
				   : split_mark_broken(&vq->ring, rule);
}

/* Counts the chains that were taken back, and wraps. */
static inline uint16_t virtq_taken(const struct virtq *vq)
{
	return virtq_is_packed(vq) ? vq->packed.taken : vq->ring.last_used;
}

/* Counts those that can be taken; 1 where they can be, and only taking them tells how many. */
static inline int virtq_ready(struct virtq *vq)
{
	int pending = virtq_pending(vq);

	return pending > 0 && virtq_is_packed(vq) ? packed_ready(&vq->packed) : pending;
}

/* The rule that the device broke on this ring, as an error text; NULL while it behaves. */
static inline const char *virtq_rule(const struct virtq *vq)
{
	return virtq_is_packed(vq) ? vq->packed.rule : vq->ring.rule;
}

/* The descriptor that the device signals for this virtqueue, -1 for none. */
static inline int virtq_fd(const struct virtq *vq)
{
	return vq->transport->ops->call_fd(vq->transport, vq->index);
}

/* Makes the descriptor unreadable: 0 or a negative errno; and makes it readable. */
int virtq_fd_clear(struct virtq *vq);
void virtq_fd_wake(struct virtq *vq);

/*
 * Asks for a notification; whether chains are there already. virtq_disarm() takes the request back.
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
