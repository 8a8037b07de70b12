/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads and writes of several segments. The fast way writes the data descriptors as it looks at the
 * segments; the general way takes any segments, any queue, any state, and finds the errors.
 */
#include <errno.h>

#include <vscsi/io.h>

#include "queue/request.h"
#include "queue/transfer.h"
#include "util/export.h"

/*
 * Writes a segment's data descriptor, if it lies in the region used last and is not empty.
 * Addresses are counted from behind the region's end, as numbers that would wrap there: so one
 * comparison finds what is empty, goes beyond the end, or has an end that wraps. Segments that
 * touch stay as they are: to look for them costs more than it saves.
 */
HOT bool put_segment(const struct dma_cache *cache, struct vring_desc *data,
		     const struct iovec *iov)
{
	uint64_t at = (uintptr_t)iov->iov_base - cache->bias;

	if (unlikely(at < cache->biased_start) || unlikely(at + iov->iov_len <= at))
		return false;
	data->addr = htole64(at + cache->biased_delta);
	data->len = htole32((uint32_t)iov->iov_len);
	return true;
}

/*
 * Writes all of them, two at a time, which saves an eighth. A function of its own, so that all it
 * needs is in registers.
 *
 * Return: their bytes, 0 when there is one that doesn't fit.
 */
COLD uint64_t put_segments(const struct dma_cache *cache, struct vring_desc *data,
			   const struct iovec *iov, unsigned count)
{
	const struct dma_cache here = *cache;
	const struct iovec *const last = iov + (count & ~1u);
	uint64_t bytes = 0;

	for (; iov != last; iov += 2, data += 2) {
		if (unlikely(!put_segment(&here, data, iov)) ||
		    unlikely(!put_segment(&here, data + 1, iov + 1)))
			return 0;
		bytes += iov[0].iov_len + iov[1].iov_len;
	}
	if (!(count & 1))
		return bytes;
	return likely(put_segment(&here, data, iov)) ? bytes + iov->iov_len : 0;
}

/*
 * As put() in rw.c. Descriptors that were written before a segment that doesn't fit do no harm: the
 * slot stays free.
 */
HOT bool put(struct ioq *ioq, const struct iovec *iov, const struct transfer *t)
{
	uint64_t bytes = (uint64_t)t->blocks * t->lun->block_size;
	struct slot *slot;

	if (unlikely(!dma_cache_valid(ioq->map, &ioq->cache)) ||
	    unlikely(!transfer_is_plain(ioq, t)))
		return false;
	slot = &ioq->slots[ioq->free];
	if (unlikely(t->segs - 1 >= SLOT_MAX_SEGS) || unlikely(slot->shape != transfer_shape(t)))
		return false;
	/* Equal, so that none is longer than a descriptor can say either. */
	if (unlikely(put_segments(&ioq->cache, transfer_data(ioq, slot, t), iov, t->segs) != bytes))
		return false;
	transfer_push(ioq, slot, t, (uint32_t)bytes);
	return true;
}

/* As in rw.c. */
HOT bool put_warm(struct vscsi_queue *queue, const struct iovec *iov, const struct transfer *t)
{
	struct ioq *ioq = queue->ioq;
	bool done = false;

	if (unlikely(!ioq_up(ioq) || !queue_is_ours(queue)) ||
	    unlikely(t->segs - 1 >= SLOT_MAX_SEGS))
		return false;
	queue_lock(queue);
	if (transfer_may_begin(queue, t->lun, queue->shared)) {
		transfer_prepare(ioq, iov->iov_base, t);
		ioq->slots[ioq->free].owner = queue;
		done = put(ioq, iov, t);
	}
	if (queue->shared && likely(done))
		share_take(queue);
	queue_unlock(queue);
	return done;
}

/* Checks what all transfers have in common. */
static int check(const struct vscsi_lun *lun, uint32_t blocks, uint32_t flags, bool write)
{
	if (unlikely(blocks - 1 >= lun->max_blocks))
		return blocks && lun->block_size ? -E2BIG : -EINVAL;
	if (unlikely(flags)) {
		if (flags & ~VSCSI_IO_FUA)
			return -EINVAL;
		if (!lun->fua)
			return -EOPNOTSUPP;
	}
	return write && unlikely(lun->read_only) ? -EROFS : 0;
}

/* The general way: any segments, any queue, any state. */
static int transfer_segments(struct vscsi_queue *queue, struct vscsi_lun *lun,
			     const struct iovec *iov, unsigned iovcnt, uint64_t lba,
			     uint32_t blocks, uint32_t flags, uint64_t user_data, bool write)
{
	struct request request;
	struct slot *slot;
	int err;

	request_init(&request);
	err = queue_begin(queue, lun, &slot);
	if (err)
		return err;
	err = request_gather(queue->ioq, &request, iov, iovcnt, write);
	if (!err && request.out_bytes + request.in_bytes != (uint64_t)blocks * lun->block_size)
		err = -EINVAL;
	if (err)
		return queue_abandon(queue, lun, slot, err);
	if (lun->wide)
		scsi_cdb_put_16(slot->header->cdb, write ? SCSI_WRITE_16 : SCSI_READ_16,
				flags & VSCSI_IO_FUA ? SCSI_FLAG_FUA : 0, lba, blocks);
	else
		scsi_cdb_rw(slot->header->cdb, write, lba, blocks, flags & VSCSI_IO_FUA);
	request_fill(queue->ioq, slot, lun, &request);
	return queue_commit(queue, lun, slot, user_data);
}

/* What is not of the plainest kind, or not as it was last time, and all that is wrong. */
static __attribute__((noinline)) int other(struct vscsi_queue *queue, struct vscsi_lun *lun,
					   const struct iovec *iov, unsigned iovcnt, uint64_t lba,
					   uint32_t blocks, uint32_t flags, uint64_t user_data,
					   bool write)
{
	const struct transfer t = {.lun = lun,
				   .lba = lba,
				   .blocks = blocks,
				   .segs = iovcnt,
				   .user_data = user_data,
				   .write = write,
				   .wide = lun->wide,
				   .direct = !queue->ioq->indirect,
				   .counted = lun->credits,
				   .format = queue->ioq->vq.format};
	int err;

	if (likely(!flags) && likely(put_warm(queue, iov, &t)))
		return 0;
	err = check(lun, blocks, flags, write);
	return err ? err
		   : transfer_segments(queue, lun, iov, iovcnt, lba, blocks, flags, user_data,
				       write);
}

/* As in rw.c. */
HOT int transfer(struct vscsi_queue *queue, struct transfer t, const struct iovec *iov,
		 uint32_t flags)
{
	const unsigned way = flags || !queue_is_ours(queue) ? WAY_GENERAL : ioq_way(queue->ioq);
	bool done = false;

	if (likely(way == WAY_SPLIT)) {
		done = put(queue->ioq, iov, &t);
	} else if (way == (WAY_SPLIT | WAY_COUNTED)) {
		t.counted = true;
		done = put(queue->ioq, iov, &t);
	} else if (way == WAY_PACKED) {
		t.format = VIRTQ_PACKED_ONE;
		done = put(queue->ioq, iov, &t);
	} else if (way == (WAY_SPLIT | WAY_DIRECT)) {
		t.direct = true;
		done = put(queue->ioq, iov, &t);
	}
	return likely(done) ? 0
			    : other(queue, t.lun, iov, t.segs, t.lba, t.blocks, flags, t.user_data,
				    t.write);
}

EXPORT int vscsi_readv(struct vscsi_queue *queue, struct vscsi_lun *lun, const struct iovec *iov,
		       unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
		       uint64_t user_data)
{
	const struct transfer t = {
		.lun = lun, .lba = lba, .blocks = blocks, .segs = iovcnt, .user_data = user_data};

	return transfer(queue, t, iov, flags);
}

EXPORT int vscsi_writev(struct vscsi_queue *queue, struct vscsi_lun *lun, const struct iovec *iov,
			unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
			uint64_t user_data)
{
	const struct transfer t = {.lun = lun,
				   .lba = lba,
				   .blocks = blocks,
				   .segs = iovcnt,
				   .user_data = user_data,
				   .write = true};

	return transfer(queue, t, iov, flags);
}
