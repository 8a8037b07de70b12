/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads and writes of one contiguous buffer: the hot path, and a warm one for what costs only a
 * little more. Both are one template, made for each kind of request with what it is as constants.
 * Whatever none takes goes to vscsi_readv() and vscsi_writev(), which also find the errors.
 */
#include <vscsi/io.h>

#include "queue/transfer.h"
#include "util/export.h"

/* The plainest kind. */
HOT struct transfer one(struct vscsi_lun *lun, uint64_t lba, uint32_t blocks, uint64_t user_data,
			bool write)
{
	return (struct transfer){.lun = lun,
				 .lba = lba,
				 .blocks = blocks,
				 .segs = 1,
				 .user_data = user_data,
				 .write = write};
}

/*
 * Puts a transfer into the first free slot if that did the same kind of transfer before, and if the
 * buffer is in the region used last. Otherwise nothing is touched.
 */
HOT bool put(struct ioq *ioq, const void *buf, const struct transfer *t)
{
	uint64_t len = (uint64_t)t->blocks * t->lun->block_size;
	struct vring_desc *data;
	struct slot *slot;

	if (unlikely(!dma_cache_covers(ioq->map, &ioq->cache, buf, len)))
		return false;
	if (unlikely(!transfer_is_plain(ioq, t)))
		return false;
	slot = &ioq->slots[ioq->free];
	/* The slot that ends the list of free ones has no shape. */
	if (unlikely(slot->shape != transfer_shape(t)))
		return false;
	data = transfer_data(ioq, slot, t);
	data->addr = htole64((uintptr_t)buf + ioq->cache.span.delta);
	data->len = htole32((uint32_t)len);
	transfer_push(ioq, slot, t, (uint32_t)len);
	return true;
}

/*
 * The warm path: also a queue that is shared, another region than last time, a slot that did
 * something else last time.
 */
HOT bool put_warm(struct vscsi_queue *queue, const void *buf, const struct transfer *t, bool shared)
{
	struct ioq *ioq = queue->ioq;
	bool done = false;
	unsigned tries;

	if (unlikely(!ioq_up(ioq) || !queue_is_ours(queue)))
		return false;
	if (shared)
		lock_take(&ioq->lock);
	for (tries = 0; transfer_may_begin(queue, t->lun, shared); tries++) {
		ioq->slots[ioq->free].owner = queue;
		done = put(ioq, buf, t);
		if (likely(done) || tries)
			break;
		transfer_prepare(ioq, buf, t);
	}
	if (shared && likely(done))
		share_take(queue);
	if (shared)
		lock_give(&ioq->lock);
	return done;
}

/* Whatever is left, every error among it. */
COLD int read_general(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
		      uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	const struct iovec iov = {buf, (size_t)blocks * lun->block_size};

	return vscsi_readv(queue, lun, &iov, 1, lba, blocks, flags, user_data);
}

COLD int write_general(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
		       uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	const struct iovec iov = {buf, (size_t)blocks * lun->block_size};

	return vscsi_writev(queue, lun, &iov, 1, lba, blocks, flags, user_data);
}

/* Any kind, known as late as here. */
COLD int put_any(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
		 uint32_t blocks, bool write, uint64_t user_data)
{
	struct transfer t = one(lun, lba, blocks, user_data, write);

	t.wide = lun->wide;
	t.direct = !queue->ioq->indirect;
	t.counted = lun->credits;
	t.format = queue->ioq->vq.format;
	if (likely(put_warm(queue, buf, &t, queue->shared)))
		return 0;
	return write ? write_general(queue, lun, buf, lba, blocks, 0, user_data)
		     : read_general(queue, lun, buf, lba, blocks, 0, user_data);
}

/*
 * The hot path: a queue whose way is known, which is exclusive and up. Each kind is made for
 * itself, with all that a request can be as constants, and calls nothing. Counted with gcc 12 on
 * x86-64: 64 instructions for a read of the plainest kind.
 */
HOT bool put_hot(struct vscsi_queue *queue, const void *buf, const struct transfer *t)
{
	return likely(queue_is_ours(queue)) && put(queue->ioq, buf, t);
}

COLD int put_wide(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
		  uint32_t blocks, bool write, uint64_t user_data)
{
	struct transfer t = one(lun, lba, blocks, user_data, write);

	t.wide = true;
	t.format = queue->ioq->vq.format;
	if (likely(put_hot(queue, buf, &t)))
		return 0;
	return put_any(queue, lun, buf, lba, blocks, write, user_data);
}

/* A handle that shares its queue. The arguments are the public calls', so nothing is moved. */
COLD int read_sharing(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
		      uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	const struct transfer t = one(lun, lba, blocks, user_data, false);

	(void)flags;
	return likely(put_warm(queue, buf, &t, true))
		       ? 0
		       : put_any(queue, lun, buf, lba, blocks, false, user_data);
}

COLD int write_sharing(struct vscsi_queue *queue, struct vscsi_lun *lun, const void *from,
		       uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	const struct transfer t = one(lun, lba, blocks, user_data, true);
	void *buf = (void *)(uintptr_t)from;

	(void)flags;
	return likely(put_warm(queue, buf, &t, true))
		       ? 0
		       : put_any(queue, lun, buf, lba, blocks, true, user_data);
}

/* The plainest kind, in another region than last time. */
COLD int put_elsewhere(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
		       uint32_t blocks, bool write, uint64_t user_data)
{
	const struct transfer t = one(lun, lba, blocks, user_data, write);

	if (dma_find(queue->ioq->map, &queue->ioq->cache, (uintptr_t)buf) &&
	    likely(put_hot(queue, buf, &t)))
		return 0;
	return put_any(queue, lun, buf, lba, blocks, write, user_data);
}

/* What was not of the kind that it was taken for, and all that is not made for itself. */
COLD int put_other(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
		   uint32_t blocks, bool write, uint64_t user_data)
{
	struct ioq *ioq = queue->ioq;

	if (lun->wide && !lun->credits && ioq_way(ioq) && ioq->indirect)
		return put_wide(queue, lun, buf, lba, blocks, write, user_data);
	if (ioq_way(ioq) == WAY_SPLIT && likely(queue_is_ours(queue)) &&
	    !dma_cache_covers(ioq->map, &ioq->cache, buf, 1))
		return put_elsewhere(queue, lun, buf, lba, blocks, write, user_data);
	return put_any(queue, lun, buf, lba, blocks, write, user_data);
}

/*
 * Both public calls, by which @write is a constant, and so is all that makes a kind: what is most
 * frequent is made for itself in one place, where one look at the queue's way tells which it is.
 */
HOT int transfer(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
		 uint32_t blocks, uint64_t user_data, bool write)
{
	struct transfer t = one(lun, lba, blocks, user_data, write);
	const unsigned way = ioq_way(queue->ioq);
	bool done = false;

	if (likely(way == WAY_SPLIT)) {
		done = put_hot(queue, buf, &t);
	} else if (way == (WAY_SPLIT | WAY_COUNTED)) {
		t.counted = true;
		done = put_hot(queue, buf, &t);
	} else if (way == WAY_PACKED) {
		t.format = VIRTQ_PACKED_ONE;
		done = put_hot(queue, buf, &t);
	} else if (way == (WAY_SPLIT | WAY_DIRECT)) {
		t.direct = true;
		done = put_hot(queue, buf, &t);
	}
	return likely(done) ? 0 : put_other(queue, lun, buf, lba, blocks, write, user_data);
}

EXPORT int vscsi_read(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
		      uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	if (unlikely(flags))
		return read_general(queue, lun, buf, lba, blocks, flags, user_data);
	if (queue->sharing)
		return read_sharing(queue, lun, buf, lba, blocks, flags, user_data);
	return transfer(queue, lun, buf, lba, blocks, user_data, false);
}

EXPORT int vscsi_write(struct vscsi_queue *queue, struct vscsi_lun *lun, const void *from,
		       uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	void *buf = (void *)(uintptr_t)from;

	if (unlikely(flags))
		return write_general(queue, lun, buf, lba, blocks, flags, user_data);
	if (queue->sharing)
		return write_sharing(queue, lun, from, lba, blocks, flags, user_data);
	return transfer(queue, lun, buf, lba, blocks, user_data, true);
}
