/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads and writes of several segments. The fast way writes the data descriptors as it looks at the
 * segments; the general way takes any segments, any queue, any state, and finds the errors.
 */
#include <errno.h>

#include <vscsi/io.h>

#include "core/request.h"
#include "core/transfer.h"
#include "util/export.h"

/* What is carried from one segment to the next, in registers. */
struct walk {
	uint64_t end;    /* of the region */
	uint64_t room;   /* the region's length */
	uint64_t delta;  /* from an address to where the device sees it */
	uint64_t bytes;  /* so far */
	uint64_t before; /* from the end of the segment before to that of the region */
};

/* Writes a segment's descriptor, if it isn't empty, is in the region, and isn't to be joined. */
HOT bool put_segment(struct walk *walk, struct vring_desc *data, const struct iovec *iov)
{
	uint64_t addr = (uintptr_t)iov->iov_base;
	uint64_t len = iov->iov_len;
	uint64_t left = walk->end - addr;

	/* As in dma_cached(): no sum that could wrap. */
	if (unlikely(left > walk->room) || unlikely(len - 1 >= left) ||
	    unlikely(left == walk->before))
		return false;
	data->addr = htole64(addr + walk->delta);
	data->len = htole32((uint32_t)len);
	walk->bytes += len;
	walk->before = left - len;
	return true;
}

/* All of them, two at a time: that saves an eighth. Return: their bytes, 0 when one can't be. */
HOT uint64_t put_segments(const struct ioq *ioq, struct vring_desc *data, const struct iovec *iov,
			  unsigned count)
{
	struct walk walk = {ioq->cache.end, ioq->cache.span.len, ioq->cache.span.delta, 0,
			    UINT64_MAX};
	const struct iovec *const last = iov + (count & ~1u);

	for (; iov != last; iov += 2, data += 2) {
		if (unlikely(!put_segment(&walk, data, iov)) ||
		    unlikely(!put_segment(&walk, data + 1, iov + 1)))
			return 0;
	}
	if ((count & 1) && unlikely(!put_segment(&walk, data, iov)))
		return 0;
	return walk.bytes;
}

/*
 * As put() in rw.c. Descriptors that were written before a segment that doesn't fit do no harm: the
 * slot stays free.
 */
HOT bool put(struct vscsi_queue *queue, const struct iovec *iov, const struct transfer *t,
	     uint32_t flags)
{
	struct ioq *ioq = queue->ioq;
	struct slot *slot;
	uint64_t bytes = (uint64_t)t->blocks * t->lun->block_size;

	if (unlikely(!transfer_is_plain(t, flags) || !queue_is_ours(queue)))
		return false;
	if (unlikely(!dma_current(atomic_load_explicit(&ioq->in_force, memory_order_relaxed),
				  &ioq->cache)))
		return false;
	slot = &ioq->slots[ioq->free];
	if (unlikely(t->segs - 1 >= SLOT_MAX_SEGS) || unlikely(slot->shape != t->shape))
		return false;
	/* Equal, so that none is longer than a descriptor can say either. */
	if (unlikely(put_segments(ioq, transfer_data(ioq, slot, t), iov, t->segs) != bytes))
		return false;
	transfer_push(ioq, slot, t, (uint32_t)bytes);
	return true;
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

/* A slot or a cache that wasn't ready, a 16-byte CDB, and whatever only the general way takes. */
static __attribute__((noinline)) int readv_again(struct vscsi_queue *queue, struct vscsi_lun *lun,
						 const struct iovec *iov, unsigned iovcnt,
						 uint64_t lba, uint32_t blocks, uint32_t flags,
						 uint64_t user_data)
{
	const struct transfer t =
		TRANSFER(lun, lba, blocks, user_data, iovcnt, false, lun->wide, false, VIRTQ_SPLIT);
	int err;

	if (ioq_hot(queue->ioq) && queue_is_ours(queue) && iovcnt - 1 < SLOT_MAX_SEGS) {
		transfer_prepare(queue->ioq, iov->iov_base, iovcnt, t.shape, false, lun->wide);
		if (put(queue, iov, &t, flags))
			return 0;
	}
	err = check(lun, blocks, flags, false);
	return err ? err
		   : transfer_segments(queue, lun, iov, iovcnt, lba, blocks, flags, user_data,
				       false);
}

EXPORT int vscsi_readv(struct vscsi_queue *queue, struct vscsi_lun *lun, const struct iovec *iov,
		       unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
		       uint64_t user_data)
{
	const struct transfer t =
		TRANSFER(lun, lba, blocks, user_data, iovcnt, false, false, false, VIRTQ_SPLIT);

	if (likely(put(queue, iov, &t, flags)))
		return 0;
	return readv_again(queue, lun, iov, iovcnt, lba, blocks, flags, user_data);
}

/* A slot or a cache that wasn't ready, a 16-byte CDB, and whatever only the general way takes. */
static __attribute__((noinline)) int writev_again(struct vscsi_queue *queue, struct vscsi_lun *lun,
						  const struct iovec *iov, unsigned iovcnt,
						  uint64_t lba, uint32_t blocks, uint32_t flags,
						  uint64_t user_data)
{
	const struct transfer t =
		TRANSFER(lun, lba, blocks, user_data, iovcnt, true, lun->wide, false, VIRTQ_SPLIT);
	int err;

	if (ioq_hot(queue->ioq) && queue_is_ours(queue) && iovcnt - 1 < SLOT_MAX_SEGS) {
		transfer_prepare(queue->ioq, iov->iov_base, iovcnt, t.shape, true, lun->wide);
		if (put(queue, iov, &t, flags))
			return 0;
	}
	err = check(lun, blocks, flags, true);
	return err ? err
		   : transfer_segments(queue, lun, iov, iovcnt, lba, blocks, flags, user_data,
				       true);
}

EXPORT int vscsi_writev(struct vscsi_queue *queue, struct vscsi_lun *lun, const struct iovec *iov,
			unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
			uint64_t user_data)
{
	const struct transfer t =
		TRANSFER(lun, lba, blocks, user_data, iovcnt, true, false, false, VIRTQ_SPLIT);

	if (likely(put(queue, iov, &t, flags)))
		return 0;
	return writev_again(queue, lun, iov, iovcnt, lba, blocks, flags, user_data);
}
