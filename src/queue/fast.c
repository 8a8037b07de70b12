/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fast paths of reads and writes: one template for one buffer and one for several segments,
 * made for each layout with everything that makes the layout a constant. They call nothing. Counted
 * with gcc 12 on x86-64: 67 instructions for a read of one buffer on a split ring.
 */
#include "queue/credit.h"
#include "queue/fair.h"
#include "queue/path.h"
#include "queue/stats.h"
#include "queue/transfer.h"
#include "scsi/cdb.h"

/**
 * struct layout - What a fast path is made for; constants, never in memory
 * @format: the ring's
 * @direct: the table lies in the ring
 * @counted: the LUN has credits
 * @wide: with a 16-byte CDB
 * @shared: under the queue's lock
 * @measured: requests are counted
 * @write: it is a write
 */
struct layout {
	enum virtq_format format;
	bool direct;
	bool counted;
	bool wide;
	bool shared;
	bool measured;
	bool write;
};

/* The shape that a slot must have for it. */
ALWAYS_INLINE uint16_t shape_for(struct layout l, unsigned segs)
{
	unsigned table = l.write ? SHAPE(segs, 0) : SHAPE(0, segs);

	return (uint16_t)(table | (l.wide ? SHAPE_16 : SHAPE_10) | (l.direct ? SHAPE_DIRECT : 0));
}

/* Whether nothing about a transfer can be wrong but its buffers, and it would not be too many. */
ALWAYS_INLINE bool is_plain(const struct vscsi_queue *queue, const struct io_lun *lun, uint64_t lba,
			    uint32_t blocks, struct layout l)
{
	const _Atomic uint32_t *most = l.counted ? lun->counted_blocks : lun->fast_blocks;

	if (unlikely(blocks - 1 >= atomic_load_explicit(&most[l.write], memory_order_relaxed)))
		return false;
	if (!l.wide && unlikely(lba >= lun->short_lbas))
		return false;
	if (l.shared && unlikely(!share_may_take(queue)))
		return false;
	return !l.counted || likely(credit_of(lun, queue->ioq)->left);
}

/* The data descriptors of a slot that has its shape. */
ALWAYS_INLINE struct vring_desc *data_descs(const struct ioq *ioq, const struct slot *slot,
					    struct layout l)
{
	if (!l.direct)
		return header_data(slot->header);
	return virtq_table(&ioq->vq) + slot->head + descs_before_data(l.write);
}

/*
 * Writes what other threads look at before they take memory away, and only then asks whether the
 * cached region is still current: see dma.h. Returns false, with the slot as it was, when it isn't.
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
 * Takes the first free slot, which has its shape, its LUN and its data descriptors already, writes
 * the rest and hands it to the ring: the CDB's numbers, the private part and the ring's entry.
 */
ALWAYS_INLINE void push(struct vscsi_queue *queue, struct ioq *ioq, struct slot *slot,
			struct io_lun *lun, uint64_t lba, uint32_t blocks, uint64_t user_data,
			uint32_t len, struct layout l)
{
	struct virtio_scsi_cmd_req *header = slot->header;
	/* Where tables lie in the slots, a slot's number is its head. */
	uint16_t head = l.direct ? slot->head : ioq->free;

	ioq->free = slot->next;
	slot->lba = lba;
	memcpy(header->lun, lun->addr, sizeof(lun->addr));
	if (l.wide)
		scsi_cdb_update_16(header->cdb, lba, blocks);
	else
		scsi_cdb_update_10(header->cdb, (uint32_t)lba, (uint16_t)blocks);
	/* The other one is as the slot's shape has it: see slot_data_len(). */
	if (l.write)
		slot->out_len = len;
	else
		slot->expect = len + (uint32_t)sizeof(struct virtio_scsi_cmd_resp);
	slot->user_data = user_data;
	/* All slots of an exclusive queue are its handle's. */
	if (l.shared) {
		slot->owner = queue;
		share_take(queue);
	}
	if (l.counted)
		credit_of(lun, ioq)->left--;
	/* A free slot has no flags. */
	if (l.counted)
		slot->flags = SLOT_COUNTED;
	if (l.measured)
		slot->begun = stats_begun(ioq);
	slot->state = SLOT_IN_RING;
	slot->pushed = virtq_next_as(&ioq->vq, l.format);
	virtq_push_untracked_as(&ioq->vq, l.format, head);
}

/* One buffer. Returns false, with nothing touched, when it is not of the layout's plain kind. */
ALWAYS_INLINE bool put_one(struct vscsi_queue *queue, struct io_lun *lun, const void *buf,
			   uint64_t lba, uint32_t blocks, uint64_t user_data, struct layout l)
{
	struct ioq *ioq = queue->ioq;
	uint64_t len = (uint64_t)blocks * lun->block_size;
	struct vring_desc *data;
	struct slot *slot;

	if (unlikely(!dma_cache_covers(&ioq->cache, buf, len)))
		return false;
	if (unlikely(!is_plain(queue, lun, lba, blocks, l)))
		return false;
	slot = &ioq->slots[ioq->free];
	/* The slot that ends the list of free ones has no shape: the queue is full. */
	if (unlikely(slot->shape != shape_for(l, 1)) || unlikely(!claim(ioq, slot, lun)))
		return false;
	data = data_descs(ioq, slot, l);
	slot->addr = (uintptr_t)buf + ioq->cache.span.delta;
	data->addr = htole64(slot->addr);
	data->len = htole32((uint32_t)len);
	push(queue, ioq, slot, lun, lba, blocks, user_data, (uint32_t)len, l);
	return true;
}

/*
 * Writes a segment's data descriptor and its private copy, if it lies in the region used last and
 * is not empty. Addresses are counted from the end of the region, so that one compare finds what is
 * empty, goes beyond it, or wraps. Segments that touch stay as they are: looking for them costs
 * more than it saves.
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
 * Writes all of them, two at a time, which saves an eighth. A function of its own, so that all it
 * needs is in registers.
 *
 * Return: their bytes, 0 when there is one that doesn't fit.
 */
NOINLINE uint64_t put_segments(const struct dma_cache *cache, struct vring_desc *data,
			       struct segment *copy, const struct iovec *iov, unsigned count)
{
	const struct dma_cache here = *cache;
	const struct iovec *const last = iov + (count & ~1u);
	uint64_t bytes = 0;

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
 * Several segments, as put_one(). Descriptors written before a segment that doesn't fit do no harm:
 * the slot stays free.
 */
ALWAYS_INLINE bool put_vector(struct vscsi_queue *queue, struct io_lun *lun,
			      const struct iovec *iov, unsigned segs, uint64_t lba, uint32_t blocks,
			      uint64_t user_data, struct layout l)
{
	struct ioq *ioq = queue->ioq;
	uint64_t bytes = (uint64_t)blocks * lun->block_size;
	struct segment *copy;
	struct slot *slot;

	if (unlikely(!is_plain(queue, lun, lba, blocks, l)))
		return false;
	slot = &ioq->slots[ioq->free];
	if (unlikely(segs - 1 >= SLOT_MAX_SEGS) || unlikely(slot->shape != shape_for(l, segs)))
		return false;
	/* Equal, so that none is longer than a descriptor can say either. */
	copy = ioq->copies[ioq->free].segments;
	if (unlikely(put_segments(&ioq->cache, data_descs(ioq, slot, l), copy, iov, segs) != bytes))
		return false;
	if (unlikely(!claim(ioq, slot, lun)))
		return false;
	slot->addr = copy->addr;
	push(queue, ioq, slot, lun, lba, blocks, user_data, (uint32_t)bytes, l);
	return true;
}

/*
 * What a fast path didn't take: a buffer in another region than last time, or after a change of the
 * regions, is looked up here, as the fast path calls nothing, and tried once more; all else is for
 * the general path.
 */
static bool find_region(struct ioq *ioq, const void *buf)
{
	return (!dma_cache_covers(&ioq->cache, buf, 1) ||
		!dma_current(ioq->map, &ioq->cache.version)) &&
	       dma_find(ioq->map, &ioq->cache, (uintptr_t)buf);
}

NOINLINE int read_other(struct vscsi_queue *queue, struct io_lun *lun, void *buf, uint64_t lba,
			uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	if (!queue->shared && !flags && queue_is_ours(queue) && find_region(queue->ioq, buf))
		return queue_path(queue)->read(queue, lun, buf, lba, blocks, 0, user_data);
	return queue_transfer_one(queue, lun, buf, lba, blocks, flags, user_data, false);
}

NOINLINE int write_other(struct vscsi_queue *queue, struct io_lun *lun, const void *buf,
			 uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	if (!queue->shared && !flags && queue_is_ours(queue) && find_region(queue->ioq, buf))
		return queue_path(queue)->write(queue, lun, buf, lba, blocks, 0, user_data);
	return queue_transfer_one(queue, lun, buf, lba, blocks, flags, user_data, true);
}

/*
 * A path's four functions are these templates, each made for the layout of the path. @rest takes
 * the transfers without flags that aren't of the layout's plain kind.
 */
typedef __typeof__(read_other) read_rest;
typedef __typeof__(write_other) write_rest;

/* One buffer, if the queue may be used. */
ALWAYS_INLINE bool one(struct vscsi_queue *queue, struct io_lun *lun, const void *buf, uint64_t lba,
		       uint32_t blocks, uint64_t user_data, struct layout l)
{
	bool done;

	if (l.shared)
		lock_acquire(&queue->ioq->lock);
	done = likely(queue_is_ours(queue)) &&
	       likely(put_one(queue, lun, buf, lba, blocks, user_data, l));
	if (l.shared)
		lock_release(&queue->ioq->lock);
	return done;
}

/* Several segments, likewise. */
ALWAYS_INLINE bool several(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,
			   unsigned iovcnt, uint64_t lba, uint32_t blocks, uint64_t user_data,
			   struct layout l)
{
	bool done;

	if (l.shared)
		lock_acquire(&queue->ioq->lock);
	done = likely(queue_is_ours(queue)) &&
	       likely(put_vector(queue, lun, iov, iovcnt, lba, blocks, user_data, l));
	if (l.shared)
		lock_release(&queue->ioq->lock);
	return done;
}

ALWAYS_INLINE int read_one(struct vscsi_queue *queue, struct io_lun *lun, void *buf, uint64_t lba,
			   uint32_t blocks, uint32_t flags, uint64_t user_data, struct layout l,
			   read_rest *rest)
{
	if (unlikely(flags))
		return read_other(queue, lun, buf, lba, blocks, flags, user_data);
	if (likely(one(queue, lun, buf, lba, blocks, user_data, l)))
		return 0;
	return rest(queue, lun, buf, lba, blocks, 0, user_data);
}

ALWAYS_INLINE int write_one(struct vscsi_queue *queue, struct io_lun *lun, const void *buf,
			    uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data,
			    struct layout l, write_rest *rest)
{
	if (unlikely(flags))
		return write_other(queue, lun, buf, lba, blocks, flags, user_data);
	if (likely(one(queue, lun, buf, lba, blocks, user_data, l)))
		return 0;
	return rest(queue, lun, buf, lba, blocks, 0, user_data);
}

/* Several segments; what isn't plain goes to the general path. */
ALWAYS_INLINE int vector(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,
			 unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
			 uint64_t user_data, struct layout l)
{
	if (likely(!flags) && likely(several(queue, lun, iov, iovcnt, lba, blocks, user_data, l)))
		return 0;
	return queue_transfer(queue, lun, iov, iovcnt, lba, blocks, flags, user_data, l.write);
}

/* What a split or a packed path didn't take because its LUN needs 16-byte CDBs. */
#define FAST_WIDE(name, ...)                                                                      \
	NOINLINE int read_##name(struct vscsi_queue *queue, struct io_lun *lun, void *buf,        \
				 uint64_t lba, uint32_t blocks, uint32_t flags,                   \
				 uint64_t user_data)                                              \
	{                                                                                         \
		const struct layout l = {.wide = true, __VA_ARGS__};                              \
                                                                                                  \
		if (lun->wide && one(queue, lun, buf, lba, blocks, user_data, l))                 \
			return 0;                                                                 \
		return read_other(queue, lun, buf, lba, blocks, flags, user_data);                \
	}                                                                                         \
	NOINLINE int write_##name(struct vscsi_queue *queue, struct io_lun *lun, const void *buf, \
				  uint64_t lba, uint32_t blocks, uint32_t flags,                  \
				  uint64_t user_data)                                             \
	{                                                                                         \
		const struct layout l = {.wide = true, .write = true, __VA_ARGS__};               \
                                                                                                  \
		if (lun->wide && one(queue, lun, buf, lba, blocks, user_data, l))                 \
			return 0;                                                                 \
		return write_other(queue, lun, buf, lba, blocks, flags, user_data);               \
	}

#define FAST_PATH(name, rest, ...)                                                                \
	int read_##name(struct vscsi_queue *queue, struct io_lun *lun, void *buf, uint64_t lba,   \
			uint32_t blocks, uint32_t flags, uint64_t user_data)                      \
	{                                                                                         \
		return read_one(queue, lun, buf, lba, blocks, flags, user_data,                   \
				(struct layout){__VA_ARGS__}, read_##rest);                       \
	}                                                                                         \
	int write_##name(struct vscsi_queue *queue, struct io_lun *lun, const void *buf,          \
			 uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data)       \
	{                                                                                         \
		return write_one(queue, lun, buf, lba, blocks, flags, user_data,                  \
				 (struct layout){.write = true, __VA_ARGS__}, write_##rest);      \
	}                                                                                         \
	int readv_##name(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,  \
			 unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,          \
			 uint64_t user_data)                                                      \
	{                                                                                         \
		return vector(queue, lun, iov, iovcnt, lba, blocks, flags, user_data,             \
			      (struct layout){__VA_ARGS__});                                      \
	}                                                                                         \
	int writev_##name(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov, \
			  unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,         \
			  uint64_t user_data)                                                     \
	{                                                                                         \
		return vector(queue, lun, iov, iovcnt, lba, blocks, flags, user_data,             \
			      (struct layout){.write = true, __VA_ARGS__});                       \
	}

FAST_WIDE(split_wide, .format = VIRTQ_SPLIT)
FAST_WIDE(packed_wide, .format = VIRTQ_PACKED_ONE)

FAST_PATH(split, split_wide, .format = VIRTQ_SPLIT)
FAST_PATH(counted, other, .format = VIRTQ_SPLIT, .counted = true)
FAST_PATH(direct, other, .format = VIRTQ_SPLIT, .direct = true)
FAST_PATH(packed, packed_wide, .format = VIRTQ_PACKED_ONE)
FAST_PATH(shared, other, .format = VIRTQ_SPLIT, .shared = true)
FAST_PATH(measured_split, other, .format = VIRTQ_SPLIT, .measured = true)
FAST_PATH(measured_counted, other, .format = VIRTQ_SPLIT, .counted = true, .measured = true)
FAST_PATH(measured_packed, other, .format = VIRTQ_PACKED_ONE, .measured = true)
