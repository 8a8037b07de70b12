/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fast paths of reads and writes: one template for one buffer and one for several segments,
 * made for each layout (layout.h) with everything that makes the layout a constant. They call
 * nothing. Counted with gcc 12 on x86-64: 67 instructions for a read of one buffer on a split ring.
 */
#include "queue/credit.h"
#include "queue/fair.h"
#include "queue/path.h"
#include "queue/stats.h"
#include "queue/transfer.h"
#include "scsi/cdb.h"

/**
 * struct transfer - What a function is made for, besides its layout; constants, never in memory
 * @wide: with a 16-byte CDB
 * @write: it is a write
 */
struct transfer {
	struct layout l;
	bool wide;
	bool write;
};

/* The shape that a slot must have for it. */
ALWAYS_INLINE uint16_t shape_for(struct transfer t, unsigned segs)
{
	unsigned table = t.write ? SHAPE(segs, 0) : SHAPE(0, segs);

	return (uint16_t)(table | (t.wide ? SHAPE_16 : SHAPE_10) | (t.l.direct ? SHAPE_DIRECT : 0));
}

/* Whether a transfer is valid except for its buffers, and its handle may take a slot. */
ALWAYS_INLINE bool is_allowed(const struct vscsi_queue *queue, const struct io_lun *lun,
			      uint32_t blocks, struct transfer t)
{
	const _Atomic uint32_t *most = t.l.counted ? lun->counted_blocks : lun->fast_blocks;

	if (unlikely(lun->set != queue->ioq->set) ||
	    unlikely(blocks - 1 >= atomic_load_explicit(&most[t.write], memory_order_relaxed)))
		return false;
	return !t.l.shared || likely(share_may_take(queue));
}

/* The same, and the queue holds a credit for the LUN, if it is counted. */
ALWAYS_INLINE bool is_plain(const struct vscsi_queue *queue, const struct io_lun *lun,
			    uint32_t blocks, struct transfer t)
{
	if (unlikely(!is_allowed(queue, lun, blocks, t)))
		return false;
	return !t.l.counted || likely(credit_of(lun, queue->ioq)->left);
}

/* The data descriptors of a slot that has its shape. */
ALWAYS_INLINE struct vring_desc *data_descs(const struct ioq *ioq, const struct slot *slot,
					    struct transfer t)
{
	if (!t.l.direct)
		return header_data(slot->header);
	return virtq_table(&ioq->vq) + slot->head + descs_before_data(t.write);
}

/*
 * Writes the regions and the LUN, which a thread that removes memory reads, and then checks whether
 * the cached region is still current: see dma.h. If not, returns false with the slot unchanged.
 */
ALWAYS_INLINE bool claim(struct ioq *ioq, struct slot *slot, struct io_lun *lun)
{
	atomic_store_explicit(&slot->regions, ioq->cache.span.set, memory_order_relaxed);
	atomic_store_explicit(&slot->lun, lun, memory_order_relaxed);
	if (likely(dma_current(ioq->map, &ioq->cache.version)))
		return true;
	atomic_store_explicit(&slot->lun, NULL, memory_order_relaxed);
	return false;
}

/*
 * Takes the first free slot, whose shape, LUN and data descriptors are already right, writes the
 * rest of the request and pushes it: the CDB's numbers, the private part and the ring's entry.
 */
ALWAYS_INLINE void push(struct vscsi_queue *queue, struct ioq *ioq, struct slot *slot,
			struct io_lun *lun, uint64_t lba, uint32_t blocks, uint64_t user_data,
			uint32_t len, struct transfer t)
{
	const enum virtq_format format = t.l.packed ? VIRTQ_PACKED_ONE : VIRTQ_SPLIT;
	struct virtio_scsi_cmd_req *header = slot->header;

	slot->user_data = user_data;
	ioq->free = slot->next;
	slot->lba = lba;
	memcpy(header->lun, lun->addr, sizeof(lun->addr));
	if (t.wide)
		scsi_cdb_update_16(header->cdb, lba, blocks);
	else
		scsi_cdb_update_10(header->cdb, (uint32_t)lba, (uint16_t)blocks);
	/* The other length already has the value for the slot's shape: see slot_data_len(). */
	if (t.write)
		slot->out_len = len;
	else
		slot->expect = len + (uint32_t)sizeof(struct virtio_scsi_cmd_resp);
	/* All slots of an exclusive queue are its handle's. */
	if (t.l.shared) {
		slot->owner = queue;
		share_take(queue);
	}
	if (t.l.counted)
		credit_of(lun, ioq)->left--;
	/* A free slot has no flags. */
	if (t.l.counted)
		slot->flags = SLOT_COUNTED;
	if (t.l.measured)
		slot->begun = stats_begun(ioq);
	slot->state = SLOT_IN_RING;
	slot->pushed = virtq_next_as(&ioq->vq, format);
	virtq_push_untracked_as(&ioq->vq, format, slot->head);
}

/* One buffer. Returns false, with nothing changed, if the fast path can't take it. */
ALWAYS_INLINE bool put_one(struct vscsi_queue *queue, struct ioq *ioq, struct io_lun *lun,
			   const void *buf, uint64_t lba, uint32_t blocks, uint64_t user_data,
			   struct transfer t)
{
	struct vring_desc *data;
	struct slot *slot;
	uint32_t len;

	if (unlikely(!is_plain(queue, lun, blocks, t)))
		return false;
	/* Fits: max_blocks are less than 4 GiB, see find_max_blocks(). */
	len = blocks * lun->block_size;
	if (unlikely(!dma_cache_covers(&ioq->cache, buf, len)))
		return false;
	slot = &ioq->slots[ioq->free];
	/* The slot that ends the list of free ones has no shape: the queue is full. */
	if (unlikely(slot->shape != shape_for(t, 1)) || unlikely(!claim(ioq, slot, lun)))
		return false;
	data = data_descs(ioq, slot, t);
	slot->addr = (uintptr_t)buf + ioq->cache.span.delta;
	data->addr = htole64(slot->addr);
	data->len = htole32(len);
	push(queue, ioq, slot, lun, lba, blocks, user_data, len, t);
	return true;
}

/*
 * Writes a segment's data descriptor and its private copy, if it is in the region used last and not
 * empty. Addresses are relative to the end of the region, so that one compare detects a segment
 * that is empty, exceeds the region, or wraps. Adjoining segments are not merged: detecting them
 * costs more than it saves.
 */
ALWAYS_INLINE bool put_segment(const struct dma_cache *cache, struct vring_desc *data,
			       struct segment *copy, const struct iovec *iov)
{
	uint64_t at = (uintptr_t)iov->iov_base - cache->bias;
	uint32_t len = (uint32_t)iov->iov_len;

	if (unlikely(at < cache->biased_start) || unlikely(at + iov->iov_len <= at))
		return false;
	at += cache->biased_delta;
	copy->addr = at;
	copy->len = len;
	data->addr = htole64(at);
	data->len = htole32(len);
	return true;
}

/*
 * Writes all segments to the first free slot, two at a time, which saves an eighth. Not inlined, so
 * that everything it needs is in registers.
 *
 * Return: their bytes; 0 if put_segment() rejects one.
 */
NOINLINE uint64_t put_segments(const struct ioq *ioq, struct slot *slot, struct vring_desc *data,
			       const struct iovec *iov, unsigned count)
{
	const struct dma_cache here = ioq->cache;
	const struct iovec *const last = iov + (count & ~1u);
	struct segment *copy = ioq->copies[ioq->free].segments;
	uint64_t bytes = 0;

	slot->addr = (uintptr_t)iov->iov_base + here.span.delta;
	for (; iov != last; iov += 2, data += 2, copy += 2) {
		if (unlikely(!put_segment(&here, data, copy, iov)) ||
		    unlikely(!put_segment(&here, data + 1, copy + 1, iov + 1)))
			return 0;
		bytes += iov[0].iov_len + iov[1].iov_len;
	}
	if (!(count & 1))
		return bytes;
	return likely(put_segment(&here, data, copy, iov)) ? bytes + iov->iov_len : 0;
}

/*
 * Several segments, as put_one(). After a failure the slot stays free, so the descriptors that were
 * written do no harm.
 */
ALWAYS_INLINE bool put_vector(struct vscsi_queue *queue, struct ioq *ioq, struct io_lun *lun,
			      const struct iovec *iov, unsigned segs, uint64_t lba, uint32_t blocks,
			      uint64_t user_data, struct transfer t)
{
	struct slot *slot;
	uint64_t bytes;

	if (unlikely(!is_plain(queue, lun, blocks, t)))
		return false;
	slot = &ioq->slots[ioq->free];
	if (unlikely(segs - 1 >= SLOT_MAX_SEGS) || unlikely(slot->shape != shape_for(t, segs)))
		return false;
	bytes = put_segments(ioq, slot, data_descs(ioq, slot, t), iov, segs);
	/* The sum is below 4 GiB, as in put_one(), and so is each segment. */
	if (unlikely(bytes != (uint64_t)(blocks * lun->block_size)) ||
	    unlikely(!claim(ioq, slot, lun)))
		return false;
	push(queue, ioq, slot, lun, lba, blocks, user_data, (uint32_t)bytes, t);
	return true;
}

/*
 * Formats the first free slot for this kind of transfer, as push() requires. Returns whether that
 * changed anything. Inlined with its callers, where everything except the number of segments is a
 * constant: that saves a tenth when reads and writes alternate.
 */
ALWAYS_INLINE bool reshape(struct ioq *ioq, struct transfer t, unsigned segs)
{
	struct slot *slot = &ioq->slots[ioq->free];
	struct virtio_scsi_cmd_req *header = slot->header;
	uint16_t shape = shape_for(t, segs);

	if (ioq->free == ioq->depth || slot->shape == shape || segs - 1 >= ioq->max_segs)
		return false;
	slot_format(ioq, slot, t.write ? segs : 0, t.write ? 0 : segs);
	slot->shape = shape;
	slot->parameters = 0;
	slot->out_len = 0;
	slot->expect = RESPONSE_LEAST;
	header->task_attr = 0;
	/* A raw command may have left a longer CDB. */
	memset(header->cdb, 0, sizeof(header->cdb));
	if (t.wide)
		scsi_cdb_put_16(header->cdb, t.write ? SCSI_WRITE_16 : SCSI_READ_16, 0, 0, 0);
	else
		scsi_cdb_put_10(header->cdb, t.write ? SCSI_WRITE_10 : SCSI_READ_10, 0, 0, 0);
	return true;
}

/*
 * Borrows credits if only a credit is missing: if the transfer would fail anyway, other queues
 * would lack the credits. Returns whether it borrowed any.
 */
static bool borrow(const struct vscsi_queue *queue, struct io_lun *lun, uint32_t blocks,
		   struct transfer t)
{
	const struct ioq *ioq = queue->ioq;

	return t.l.counted && is_allowed(queue, lun, blocks, t) && !credit_of(lun, ioq)->left &&
	       ioq->free != ioq->depth && credit_get(lun, ioq);
}

/*
 * For a transfer that a fast path can't take, because the fast path calls nothing: looks up a
 * buffer that is in another region than the last one, or after a change of the regions; formats a
 * slot for another kind of transfer; borrows credits. If one of these helped, the caller tries the
 * fast path again. Everything else is for the general path.
 */
ALWAYS_INLINE bool find_one_missing(struct vscsi_queue *queue, struct io_lun *lun, const void *buf,
				    unsigned segs, uint32_t blocks, bool write)
{
	struct ioq *ioq = queue->ioq;
	const struct transfer t = {
		.l = {.direct = !ioq->indirect, .counted = lun->credits, .shared = queue->shared},
		.wide = lun->wide,
		.write = write,
	};

	if (!dma_cache_covers(&ioq->cache, buf, 1) || !dma_current(ioq->map, &ioq->cache.version))
		return dma_find(ioq->map, &ioq->cache, (uintptr_t)buf);
	return reshape(ioq, t, segs) || borrow(queue, lun, blocks, t);
}

ALWAYS_INLINE bool find_missing(struct vscsi_queue *queue, struct io_lun *lun, const void *buf,
				unsigned segs, uint32_t blocks, bool write)
{
	bool found;

	if (!queue_is_ours(queue))
		return false;
	queue_lock(queue);
	found = find_one_missing(queue, lun, buf, segs, blocks, write);
	queue_unlock(queue);
	return found;
}

NOINLINE int read_other(struct vscsi_queue *queue, struct io_lun *lun, const void *buf,
			uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	if (!flags && find_missing(queue, lun, buf, 1, blocks, false))
		return queue_path(queue)->read(queue, lun, (void *)(uintptr_t)buf, lba, blocks, 0,
					       user_data);
	return queue_transfer_one(queue, lun, buf, lba, blocks, flags, user_data, false);
}

NOINLINE int write_other(struct vscsi_queue *queue, struct io_lun *lun, const void *buf,
			 uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	if (!flags && find_missing(queue, lun, buf, 1, blocks, true))
		return queue_path(queue)->write(queue, lun, buf, lba, blocks, 0, user_data);
	return queue_transfer_one(queue, lun, buf, lba, blocks, flags, user_data, true);
}

NOINLINE int readv_other(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,
			 unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
			 uint64_t user_data)
{
	if (!flags && iovcnt && find_missing(queue, lun, iov->iov_base, iovcnt, blocks, false))
		return queue_path(queue)->readv(queue, lun, iov, iovcnt, lba, blocks, 0, user_data);
	return queue_transfer(queue, lun, iov, iovcnt, lba, blocks, flags, user_data, false);
}

NOINLINE int writev_other(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,
			  unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
			  uint64_t user_data)
{
	if (!flags && iovcnt && find_missing(queue, lun, iov->iov_base, iovcnt, blocks, true))
		return queue_path(queue)->writev(queue, lun, iov, iovcnt, lba, blocks, 0,
						 user_data);
	return queue_transfer(queue, lun, iov, iovcnt, lba, blocks, flags, user_data, true);
}

typedef __typeof__(write_other) transfer_one;
typedef __typeof__(writev_other) transfer_several;

/* One buffer. @wide: the variant of the function for transfers that need a 16-byte CDB. */
ALWAYS_INLINE int one(struct vscsi_queue *queue, struct io_lun *lun, const void *buf, uint64_t lba,
		      uint32_t blocks, uint32_t flags, uint64_t user_data, struct transfer t,
		      transfer_one *wide)
{
	transfer_one *other = t.write ? write_other : read_other;
	struct ioq *ioq = queue->ioq;
	bool done;

	if (unlikely(flags) || (t.wide && unlikely(!lun->wide)))
		return other(queue, lun, buf, lba, blocks, flags, user_data);
	if (!t.wide && unlikely(lba >= lun->short_lbas))
		return wide(queue, lun, buf, lba, blocks, 0, user_data);
	if (t.l.shared)
		lock_acquire(&ioq->lock);
	done = likely(queue_is_ours(queue)) &&
	       likely(put_one(queue, ioq, lun, buf, lba, blocks, user_data, t));
	if (t.l.shared)
		lock_release(&ioq->lock);
	/* ioq->handles is the only handle of an exclusive queue, so @queue needs no register. */
	return likely(done) ? 0
			    : other(t.l.shared ? queue : ioq->handles, lun, buf, lba, blocks, 0,
				    user_data);
}

/* Several segments, likewise. */
ALWAYS_INLINE int several(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,
			  unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
			  uint64_t user_data, struct transfer t, transfer_several *wide)
{
	transfer_several *other = t.write ? writev_other : readv_other;
	struct ioq *ioq = queue->ioq;
	bool done;

	if (unlikely(flags) || (t.wide && unlikely(!lun->wide)))
		return other(queue, lun, iov, iovcnt, lba, blocks, flags, user_data);
	if (!t.wide && unlikely(lba >= lun->short_lbas))
		return wide(queue, lun, iov, iovcnt, lba, blocks, 0, user_data);
	if (t.l.shared)
		lock_acquire(&ioq->lock);
	done = likely(queue_is_ours(queue)) &&
	       likely(put_vector(queue, ioq, lun, iov, iovcnt, lba, blocks, user_data, t));
	if (t.l.shared)
		lock_release(&ioq->lock);
	/* As in one(). */
	return likely(done) ? 0
			    : other(t.l.shared ? queue : ioq->handles, lun, iov, iovcnt, lba,
				    blocks, 0, user_data);
}

#define ONE(name, data, wide, ...)                                                      \
	int name(struct vscsi_queue *queue, struct io_lun *lun, data buf, uint64_t lba, \
		 uint32_t blocks, uint32_t flags, uint64_t user_data)                   \
	{                                                                               \
		return one(queue, lun, buf, lba, blocks, flags, user_data,              \
			   (struct transfer){__VA_ARGS__}, wide);                       \
	}

#define SEVERAL(name, wide, ...)                                                         \
	int name(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov, \
		 unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,         \
		 uint64_t user_data)                                                     \
	{                                                                                \
		return several(queue, lun, iov, iovcnt, lba, blocks, flags, user_data,   \
			       (struct transfer){__VA_ARGS__}, wide);                    \
	}

/* clang-format off */
#define FAST(name, ...)                                                                       \
	NOINLINE ONE(read_##name##_wide, const void *, NULL,                                  \
		     .l = {__VA_ARGS__}, .wide = true)                                        \
	NOINLINE ONE(write_##name##_wide, const void *, NULL,                                 \
		     .l = {__VA_ARGS__}, .wide = true, .write = true)                         \
	NOINLINE SEVERAL(readv_##name##_wide, NULL, .l = {__VA_ARGS__}, .wide = true)         \
	NOINLINE SEVERAL(writev_##name##_wide, NULL,                                          \
			 .l = {__VA_ARGS__}, .wide = true, .write = true)                     \
	ONE(read_##name, void *, read_##name##_wide, .l = {__VA_ARGS__})                      \
	ONE(write_##name, const void *, write_##name##_wide,                                  \
	    .l = {__VA_ARGS__}, .write = true)                                                \
	SEVERAL(readv_##name, readv_##name##_wide, .l = {__VA_ARGS__})                        \
	SEVERAL(writev_##name, writev_##name##_wide, .l = {__VA_ARGS__}, .write = true)
/* clang-format on */

LAYOUTS(FAST)
