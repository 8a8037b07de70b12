/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads and writes of one contiguous buffer: the hot path, and a warm one for what costs only a
 * little more. Whatever neither takes goes to vscsi_readv() and vscsi_writev(), which also find the
 * errors.
 */
#include <vscsi/io.h>

#include "core/transfer.h"
#include "util/export.h"

/*
 * Puts a transfer into the first free slot if that did the same kind of transfer before, and if the
 * buffer is in the region used last. Otherwise nothing is touched.
 */
HOT bool put(struct ioq *ioq, const dma_in_force *in_force, const void *buf,
	     const struct transfer *t)
{
	uint64_t len = (uint64_t)t->blocks * t->lun->block_size;
	struct vring_desc *data;
	struct slot *slot;

	/* Before anything that threads who share the queue would have to lock. */
	if (unlikely(!dma_cached(in_force, &ioq->cache, buf, len)))
		return false;
	slot = &ioq->slots[ioq->free];
	/* The slot that ends the list of free ones has no shape. */
	if (unlikely(slot->shape != t->shape))
		return false;
	data = transfer_data(ioq, slot, t);
	data->addr = htole64((uintptr_t)buf + ioq->cache.span.delta);
	data->len = htole32((uint32_t)len);
	transfer_push(ioq, slot, t, (uint32_t)len);
	return true;
}

/*
 * The hot path: an exclusive queue with tables in its slots, and a LUN whose requests need not be
 * counted. All that a request can be is a constant, nothing is called. Counted with gcc 12 on
 * x86-64: 66 instructions for a read.
 */
HOT bool put_hot(struct vscsi_queue *queue, const void *buf, const struct transfer *t,
		 uint32_t flags)
{
	struct ioq *ioq = queue->ioq;
	_Atomic(const dma_in_force *) *in_force =
		t->format == VIRTQ_PACKED ? &ioq->in_force_packed : &ioq->in_force;

	if (unlikely(!transfer_is_plain(t, flags) || !queue_is_ours(queue)))
		return false;
	return put(ioq, atomic_load_explicit(in_force, memory_order_relaxed), buf, t);
}

void transfer_prepare(struct ioq *ioq, const void *buf, unsigned segs, uint16_t shape, bool write,
		      bool wide)
{
	struct slot *slot = &ioq->slots[ioq->free];
	uint8_t *cdb;

	if (!dma_current(&ioq->map->table, &ioq->cache) ||
	    (uintptr_t)buf - ioq->cache.span.start >= ioq->cache.span.len)
		dma_find(ioq->map, &ioq->cache, (uintptr_t)buf);
	if (slot->shape == shape || ioq->free == ioq->depth || segs > ioq->max_segs)
		return;
	slot_format(ioq, slot, write ? segs : 0, write ? 0 : segs);
	slot->expect = RESPONSE_LEAST;
	cdb = slot->header->cdb;
	if (wide)
		scsi_cdb_put_16(cdb, write ? SCSI_WRITE_16 : SCSI_READ_16, 0, 0, 0);
	else
		scsi_cdb_put_10(cdb, write ? SCSI_WRITE_10 : SCSI_READ_10, 0, 0, 0);
	slot->shape = shape;
}

/*
 * The warm path: also a queue that is shared, tables in the ring, another region than last time, a
 * slot that did something else last time.
 */
HOT bool put_warm(struct vscsi_queue *queue, const void *buf, const struct transfer *t,
		  uint32_t flags)
{
	struct ioq *ioq = queue->ioq;
	bool done;
	unsigned tries;

	if (!transfer_is_plain(t, flags) || !ioq_up(ioq) || lun_gone(t->lun) ||
	    !queue_is_ours(queue))
		return false;
	queue_lock(queue);
	if (queue->shared && !share_may_take(queue)) {
		queue_unlock(queue);
		return false;
	}
	for (tries = 0;; tries++) {
		ioq->slots[ioq->free].owner = queue;
		done = put(ioq, &ioq->map->table, buf, t);
		if (likely(done) || tries)
			break;
		transfer_prepare(ioq, buf, 1, t->shape, t->write, t->wide);
	}
	if (queue->shared && done)
		share_take(queue);
	queue_unlock(queue);
	return done;
}

/* Whatever is left, every error among it. */
static __attribute__((noinline)) int read_general(struct vscsi_queue *queue, struct vscsi_lun *lun,
						  void *buf, uint64_t lba, uint32_t blocks,
						  uint32_t flags, uint64_t user_data)
{
	struct iovec iov = {.iov_base = buf, .iov_len = (size_t)blocks * lun->block_size};

	return vscsi_readv(queue, lun, &iov, 1, lba, blocks, flags, user_data);
}

/* What is neither of the two below, or not as usual. */
static __attribute__((noinline)) int read_any(struct vscsi_queue *queue, struct vscsi_lun *lun,
					      void *buf, uint64_t lba, uint32_t blocks,
					      uint32_t flags, uint64_t user_data)
{
	struct transfer t = TRANSFER(lun, lba, blocks, user_data, 1, false, lun->wide,
				     !queue->ioq->indirect, queue->ioq->vq.format);

	if (likely(put_warm(queue, buf, &t, flags)))
		return 0;
	return read_general(queue, lun, buf, lba, blocks, flags, user_data);
}

static __attribute__((noinline)) int read_wide(struct vscsi_queue *queue, struct vscsi_lun *lun,
					       void *buf, uint64_t lba, uint32_t blocks,
					       uint32_t flags, uint64_t user_data)
{
	const struct transfer t =
		TRANSFER(lun, lba, blocks, user_data, 1, false, true, false, VIRTQ_SPLIT);

	if (likely(put_hot(queue, buf, &t, flags)))
		return 0;
	return read_any(queue, lun, buf, lba, blocks, flags, user_data);
}

static __attribute__((noinline)) int read_packed(struct vscsi_queue *queue, struct vscsi_lun *lun,
						 void *buf, uint64_t lba, uint32_t blocks,
						 uint32_t flags, uint64_t user_data)
{
	const struct transfer t =
		TRANSFER(lun, lba, blocks, user_data, 1, false, false, false, VIRTQ_PACKED);

	if (likely(put_hot(queue, buf, &t, flags)))
		return 0;
	return read_any(queue, lun, buf, lba, blocks, flags, user_data);
}

static __attribute__((noinline)) int read_warm(struct vscsi_queue *queue, struct vscsi_lun *lun,
					       void *buf, uint64_t lba, uint32_t blocks,
					       uint32_t flags, uint64_t user_data)
{
	const struct transfer t =
		TRANSFER(lun, lba, blocks, user_data, 1, false, false, false, VIRTQ_SPLIT);

	if (likely(put_warm(queue, buf, &t, flags)))
		return 0;
	return read_general(queue, lun, buf, lba, blocks, flags, user_data);
}

EXPORT int vscsi_read(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
		      uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	const struct transfer t =
		TRANSFER(lun, lba, blocks, user_data, 1, false, false, false, VIRTQ_SPLIT);

	if (likely(put_hot(queue, buf, &t, flags)))
		return 0;
	if (lun->wide)
		return read_wide(queue, lun, buf, lba, blocks, flags, user_data);
	if (queue->ioq->packed)
		return read_packed(queue, lun, buf, lba, blocks, flags, user_data);
	if (queue->ioq->indirect && queue->ioq->readable)
		return read_warm(queue, lun, buf, lba, blocks, flags, user_data);
	return read_any(queue, lun, buf, lba, blocks, flags, user_data);
}

/* Whatever is left, every error among it. */
static __attribute__((noinline)) int write_general(struct vscsi_queue *queue, struct vscsi_lun *lun,
						   void *buf, uint64_t lba, uint32_t blocks,
						   uint32_t flags, uint64_t user_data)
{
	struct iovec iov = {.iov_base = buf, .iov_len = (size_t)blocks * lun->block_size};

	return vscsi_writev(queue, lun, &iov, 1, lba, blocks, flags, user_data);
}

/* What is neither of the two below, or not as usual. */
static __attribute__((noinline)) int write_any(struct vscsi_queue *queue, struct vscsi_lun *lun,
					       void *buf, uint64_t lba, uint32_t blocks,
					       uint32_t flags, uint64_t user_data)
{
	struct transfer t = TRANSFER(lun, lba, blocks, user_data, 1, true, lun->wide,
				     !queue->ioq->indirect, queue->ioq->vq.format);

	if (likely(put_warm(queue, buf, &t, flags)))
		return 0;
	return write_general(queue, lun, buf, lba, blocks, flags, user_data);
}

static __attribute__((noinline)) int write_wide(struct vscsi_queue *queue, struct vscsi_lun *lun,
						void *buf, uint64_t lba, uint32_t blocks,
						uint32_t flags, uint64_t user_data)
{
	const struct transfer t =
		TRANSFER(lun, lba, blocks, user_data, 1, true, true, false, VIRTQ_SPLIT);

	if (likely(put_hot(queue, buf, &t, flags)))
		return 0;
	return write_any(queue, lun, buf, lba, blocks, flags, user_data);
}

static __attribute__((noinline)) int write_packed(struct vscsi_queue *queue, struct vscsi_lun *lun,
						  void *buf, uint64_t lba, uint32_t blocks,
						  uint32_t flags, uint64_t user_data)
{
	const struct transfer t =
		TRANSFER(lun, lba, blocks, user_data, 1, true, false, false, VIRTQ_PACKED);

	if (likely(put_hot(queue, buf, &t, flags)))
		return 0;
	return write_any(queue, lun, buf, lba, blocks, flags, user_data);
}

static __attribute__((noinline)) int write_warm(struct vscsi_queue *queue, struct vscsi_lun *lun,
						void *buf, uint64_t lba, uint32_t blocks,
						uint32_t flags, uint64_t user_data)
{
	const struct transfer t =
		TRANSFER(lun, lba, blocks, user_data, 1, true, false, false, VIRTQ_SPLIT);

	if (likely(put_warm(queue, buf, &t, flags)))
		return 0;
	return write_general(queue, lun, buf, lba, blocks, flags, user_data);
}

EXPORT int vscsi_write(struct vscsi_queue *queue, struct vscsi_lun *lun, const void *from,
		       uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	void *buf = (void *)(uintptr_t)from;
	const struct transfer t =
		TRANSFER(lun, lba, blocks, user_data, 1, true, false, false, VIRTQ_SPLIT);

	if (likely(put_hot(queue, buf, &t, flags)))
		return 0;
	if (lun->wide)
		return write_wide(queue, lun, buf, lba, blocks, flags, user_data);
	if (queue->ioq->packed)
		return write_packed(queue, lun, buf, lba, blocks, flags, user_data);
	if (queue->ioq->indirect && queue->ioq->readable)
		return write_warm(queue, lun, buf, lba, blocks, flags, user_data);
	return write_any(queue, lun, buf, lba, blocks, flags, user_data);
}
