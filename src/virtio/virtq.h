/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtqueue of a device: a ring in DMA memory, and the way to notify the device of it. What
 * src/core/ sees of rings is this; the ring's format is decided here.
 */
#ifndef VIRTIO_VIRTQ_H
#define VIRTIO_VIRTQ_H

#include "mem/dma.h"
#include "ring/split.h"
#include "transport/transport.h"

struct vscsi_mem;

/**
 * struct virtq - A virtqueue
 * @ring: the ring
 * @transport: to notify through
 * @mem: pool that the ring's memory is from
 * @memory: that memory
 * @index: virtqueue number
 * @size: entries
 * @started: the device has it
 * @kicks: notifications sent
 */
struct virtq {
	struct split_ring ring;
	struct transport *transport;
	struct vscsi_mem *mem;
	void *memory;
	unsigned index;
	unsigned size;
	bool started;
	uint64_t kicks;
};

/**
 * virtq_init - Make a virtqueue that the device doesn't know of yet
 * @vq: the virtqueue
 * @transport: of the device
 * @mem: pool for the ring
 * @index: virtqueue number
 * @size: entries, a power of two
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated
 *
 * Return: 0, or -ENOMEM with its sentence set. virtq_fini() is allowed in either case.
 */
int virtq_init(struct virtq *vq, struct transport *transport, struct vscsi_mem *mem, unsigned index,
	       unsigned size, bool event_idx);

/* Frees a virtqueue that the device no longer has. */
void virtq_fini(struct virtq *vq);

/**
 * virtq_renew - Empty a virtqueue that the device no longer has; virtq_start() may follow
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated this time
 *
 * Return: 0, or -ENOMEM with its sentence set; then only this or virtq_fini() may follow.
 */
int virtq_renew(struct virtq *vq, bool event_idx);

/**
 * virtq_succeed - Go on with another virtqueue that the device has in the place of a lost one
 * @vq: the lost one; becomes the other, with nothing pushed and its descriptor table copied over
 * @fresh: the other, of the same size and index, empty; becomes the lost one
 */
void virtq_succeed(struct virtq *vq, struct virtq *fresh);

/*
 * Which chain was offered as the @back-th last, 1 to @size: a hint, as a device can write over it.
 */
static inline uint16_t virtq_offered(const struct virtq *vq, unsigned back)
{
	return split_offered(&vq->ring, back);
}

/**
 * virtq_start - Give it to the device, from index 0
 * virtq_pause - Take it back for a moment; chains stay where they are
 * @base: receives where the device stood
 * virtq_resume - Give it back where it stood
 * virtq_reset - Take it back for good and empty it: what was in it is forgotten on both sides, and
 *	virtq_start() or virtq_fini() may follow (virtio 1.4, 2.6.1). The caller finishes the
 *	requests
 *
 * Return: 0, or what the transport returned; virtq_reset() also -ENOMEM: then only virtq_fini() is
 * allowed.
 */
int virtq_start(struct virtq *vq);
int virtq_pause(struct virtq *vq, uint32_t *base);
int virtq_resume(struct virtq *vq, uint32_t base);
int virtq_reset(struct virtq *vq);

/* The descriptor table, for chains that lie in the ring itself. */
static inline struct vring_desc *virtq_table(const struct virtq *vq)
{
	return vq->ring.desc;
}

/* Puts a chain behind those already pushed; the device can't see it yet. */
static inline void virtq_push(struct virtq *vq, uint16_t head)
{
	split_push(&vq->ring, head);
}

/* The same for who knows by himself which heads the device has: see split_offer(). */
static inline void virtq_offer(struct virtq *vq, uint16_t head)
{
	split_offer(&vq->ring, head);
}

/**
 * virtq_publish - Show the device what was pushed
 *
 * Return: whether virtq_kick() has to follow.
 */
static inline bool virtq_publish(struct virtq *vq)
{
	return split_publish(&vq->ring);
}

/*
 * Where the ring stands, as a notification tells it: a split ring's available index (virtio 1.4,
 * 2.9). It is read where the device reads it, since the ring's own note belongs to the thread that
 * publishes; a wrong one would only mislead the device about itself.
 */
static inline uint32_t virtq_position(const struct virtq *vq)
{
	return le16toh(__atomic_load_n(&vq->ring.avail->idx, __ATOMIC_RELAXED));
}

/* Notifies the device: one system call at most. Any thread. */
static inline void virtq_kick(const struct virtq *vq)
{
	struct transport *t = vq->transport;

	t->ops->notify(t, vq->index, t->notify_data ? virtq_position(vq) : 0);
}

/* Both at once, for those who share the virtqueue with nobody. */
static inline void virtq_submit(struct virtq *vq)
{
	if (virtq_publish(vq))
		virtq_kick(vq);
}

/* How many chains the device gave back, or -EPROTO with virtq_rule() set. */
static inline int virtq_pending(struct virtq *vq)
{
	return split_pending(&vq->ring);
}

/* Takes one of them back: 0, or -EPROTO with virtq_rule() set. */
static inline int virtq_take(struct virtq *vq, struct split_used *used)
{
	return split_take(&vq->ring, used);
}

/*
 * Reading what virtq_offer() gave, after virtq_pending(): a reader, an entry that is not checked
 * yet, and the end. virtq_broken() notes the rule that a check found broken; returns -EPROTO.
 */
static inline struct split_reader virtq_reader(const struct virtq *vq)
{
	return split_reader(&vq->ring);
}

static inline struct split_used virtq_read(struct split_reader *reader)
{
	return split_read(reader);
}

static inline void virtq_read_end(struct virtq *vq, const struct split_reader *reader)
{
	split_read_end(&vq->ring, reader);
}

static inline int virtq_broken(struct virtq *vq, const char *rule)
{
	return split_broken(&vq->ring, rule);
}

/* The rule that the device broke on this ring, as a sentence; NULL while it behaves. */
static inline const char *virtq_rule(const struct virtq *vq)
{
	return vq->ring.rule;
}

/* The descriptor that the device signals for this virtqueue, -1 for none. */
static inline int virtq_fd(const struct virtq *vq)
{
	return vq->transport->ops->call_fd(vq->transport, vq->index);
}

/* Makes the descriptor unreadable: 0 or a negative errno; and makes it readable. */
int virtq_fd_clear(struct virtq *vq);
void virtq_fd_wake(struct virtq *vq);

/* Asks for a notification; whether chains are there already. virtq_disarm() takes the wish back. */
static inline bool virtq_arm(struct virtq *vq)
{
	return split_arm(&vq->ring);
}

static inline void virtq_disarm(struct virtq *vq)
{
	split_disarm(&vq->ring);
}

#endif
