/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The block calls: each turns its arguments into a request in a slot. A read or write of one
 * contiguous buffer takes the short way; everything else is gathered first (request.h).
 */
#include <errno.h>
#include <string.h>

#include <vscsi/io.h>

#include "core/queue.h"
#include "core/request.h"
#include "scsi/cdb.h"
#include "util/export.h"

_Static_assert(SCSI_UNMAP_LIST_LEN(VSCSI_UNMAP_MAX_RANGES) <= SLOT_PARAM_BYTES,
	       "the longest list of ranges fits its slot");

/* A 10-byte CDB that begins below this stays below 2^32 whatever its length. */
#define SHORT_LBAS ((UINT64_C(1) << 32) - UINT16_MAX)

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
	struct request request = {.out = 0};
	struct slot *slot;
	int err;

	err = queue_begin(queue, lun, &slot);
	if (err)
		return err;
	err = request_gather(queue->ioq, &request, iov, iovcnt, write);
	if (!err && request.out_bytes + request.in_bytes != (uint64_t)blocks * lun->block_size)
		err = -EINVAL;
	if (err)
		return queue_abandon(queue, lun, slot, err);
	scsi_cdb_rw(slot->header->cdb, write, lba, blocks, flags & VSCSI_IO_FUA);
	request_fill(queue->ioq, slot, lun, &request);
	return queue_commit(queue, lun, slot, user_data);
}

/* One buffer the general way, for whatever transfer_fast() leaves. */
static __attribute__((noinline)) int read_general(struct vscsi_queue *queue, struct vscsi_lun *lun,
						  void *buf, uint64_t lba, uint32_t blocks,
						  uint32_t flags, uint64_t user_data)
{
	struct iovec iov = {.iov_base = buf, .iov_len = (size_t)blocks * lun->block_size};

	return vscsi_readv(queue, lun, &iov, 1, lba, blocks, flags, user_data);
}

static __attribute__((noinline)) int write_general(struct vscsi_queue *queue, struct vscsi_lun *lun,
						   void *buf, uint64_t lba, uint32_t blocks,
						   uint32_t flags, uint64_t user_data)
{
	struct iovec iov = {.iov_base = buf, .iov_len = (size_t)blocks * lun->block_size};

	return vscsi_writev(queue, lun, &iov, 1, lba, blocks, flags, user_data);
}

/*
 * The hot path: an exclusive queue with a free slot that did the same kind of transfer before, a
 * LUN whose requests need not be counted, and one buffer in the region used last. It calls nothing,
 * so no register has to be saved, and @write is a constant. Everything else, and every error, is
 * left to the general way, before anything was touched.
 */
static inline __attribute__((always_inline)) bool transfer_fast(struct vscsi_queue *queue,
								struct vscsi_lun *lun, void *buf,
								uint64_t lba, uint32_t blocks,
								uint32_t flags, uint64_t user_data,
								bool write)
{
	uint32_t len = blocks * lun->block_size;
	struct ioq *ioq = queue->ioq;
	struct vring_desc *data;
	struct slot *slot;
	uint64_t regions;
	uint64_t iova;

	if (unlikely(blocks - 1 >= lun->fast_blocks[write] || flags ||
		     (lba >= SHORT_LBAS && !lun->wide) || !ioq_fast(ioq) || ioq->free == NO_SLOT))
		return false;
	slot = &ioq->slots[ioq->free];
	if (unlikely(slot->shape != SHAPE(write, !write) || !queue_is_ours(queue) ||
		     !dma_translate_whole(ioq->map, &ioq->cache, buf, len, &iova, &regions)))
		return false;
	ioq->free = slot->next;
	data = &slot_table(ioq, slot)[write ? 1 : 2];
	data->addr = htole64(iova);
	data->len = htole32(len);
	memcpy(slot->header->lun, lun->addr, sizeof(lun->addr));
	if (likely(!lun->wide))
		scsi_cdb_put_10(slot->header->cdb, write ? SCSI_WRITE_10 : SCSI_READ_10, 0,
				(uint32_t)lba, blocks);
	else
		scsi_cdb_put_16(slot->header->cdb, write ? SCSI_WRITE_16 : SCSI_READ_16, 0, lba,
				blocks);
	slot->data_len = len;
	slot->expect = write ? RESPONSE_LEAST : len + (uint32_t)sizeof(struct virtio_scsi_cmd_resp);
	atomic_store_explicit(&slot->regions, regions, memory_order_relaxed);
	slot_push(ioq, slot, lun, user_data);
	return true;
}

EXPORT int vscsi_read(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
		      uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	if (likely(transfer_fast(queue, lun, buf, lba, blocks, flags, user_data, false)))
		return 0;
	return read_general(queue, lun, buf, lba, blocks, flags, user_data);
}

EXPORT int vscsi_write(struct vscsi_queue *queue, struct vscsi_lun *lun, const void *buf,
		       uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	void *data = (void *)(uintptr_t)buf;

	if (likely(transfer_fast(queue, lun, data, lba, blocks, flags, user_data, true)))
		return 0;
	return write_general(queue, lun, data, lba, blocks, flags, user_data);
}

EXPORT int vscsi_readv(struct vscsi_queue *queue, struct vscsi_lun *lun, const struct iovec *iov,
		       unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
		       uint64_t user_data)
{
	int err = check(lun, blocks, flags, false);

	return err ? err
		   : transfer_segments(queue, lun, iov, iovcnt, lba, blocks, flags, user_data,
				       false);
}

EXPORT int vscsi_writev(struct vscsi_queue *queue, struct vscsi_lun *lun, const struct iovec *iov,
			unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
			uint64_t user_data)
{
	int err = check(lun, blocks, flags, true);

	return err ? err
		   : transfer_segments(queue, lun, iov, iovcnt, lba, blocks, flags, user_data,
				       true);
}

EXPORT int vscsi_flush(struct vscsi_queue *queue, struct vscsi_lun *lun, uint64_t user_data)
{
	struct request request = {.out = 0};
	struct slot *slot;
	int err = queue_begin(queue, lun, &slot);

	if (err)
		return err;
	scsi_cdb_sync_cache(slot->header->cdb, false);
	request_fill(queue->ioq, slot, lun, &request);
	return queue_commit(queue, lun, slot, user_data);
}

EXPORT int vscsi_unmap(struct vscsi_queue *queue, struct vscsi_lun *lun,
		       const struct vscsi_range *ranges, unsigned count, uint64_t user_data)
{
	struct request request = {.out = 0};
	struct slot *slot;
	uint8_t *list;
	unsigned i;
	int err;

	if (!(lun->info.flags & VSCSI_LUN_UNMAP))
		return -EOPNOTSUPP;
	if (lun->read_only)
		return -EROFS;
	if (!count)
		return -EINVAL;
	if (count > VSCSI_UNMAP_MAX_RANGES || count > lun->info.max_unmap_ranges)
		return -E2BIG;
	err = queue_begin(queue, lun, &slot);
	if (err)
		return err;
	list = (uint8_t *)slot->header + SLOT_PARAM;
	scsi_unmap_header(list, count);
	for (i = 0; i < count; i++)
		scsi_unmap_range(list, i, ranges[i].lba, ranges[i].blocks);
	scsi_cdb_unmap(slot->header->cdb, count);
	request_add_parameters(queue->ioq, &request, slot, SCSI_UNMAP_LIST_LEN(count));
	request_fill(queue->ioq, slot, lun, &request);
	return queue_commit(queue, lun, slot, user_data);
}

EXPORT int vscsi_write_zeroes(struct vscsi_queue *queue, struct vscsi_lun *lun, uint64_t lba,
			      uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	struct request request = {.out = 0};
	struct iovec zeroes = {.iov_base = queue->ioq->dev->zeroes, .iov_len = lun->block_size};
	bool unmap = (flags & VSCSI_IO_UNMAP) && lun->unmap_zeroes;
	struct slot *slot;
	int err;

	if ((flags & ~VSCSI_IO_UNMAP) || !blocks || !lun->block_size)
		return -EINVAL;
	if (blocks > lun->info.max_zeroes_blocks)
		return lun->info.max_zeroes_blocks ? -E2BIG : -EOPNOTSUPP;
	if (lun->read_only)
		return -EROFS;
	err = queue_begin(queue, lun, &slot);
	if (err)
		return err;
	err = request_gather(queue->ioq, &request, &zeroes, 1, true);
	if (err)
		return queue_abandon(queue, lun, slot, err);
	scsi_cdb_write_same(slot->header->cdb, lba, blocks,
			    SCSI_WS_16 | (unmap ? SCSI_WS_UNMAP : 0));
	request_fill(queue->ioq, slot, lun, &request);
	return queue_commit(queue, lun, slot, user_data);
}

EXPORT int vscsi_compare_and_write(struct vscsi_queue *queue, struct vscsi_lun *lun,
				   const void *compare, const void *data, uint64_t lba,
				   uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	size_t bytes = (size_t)blocks * lun->block_size;
	struct iovec iov[2] = {{.iov_base = (void *)(uintptr_t)compare, .iov_len = bytes},
			       {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes}};
	struct request request = {.out = 0};
	struct slot *slot;
	int err;

	if ((flags & ~VSCSI_IO_FUA) || !blocks || !lun->block_size)
		return -EINVAL;
	if (blocks > lun->info.max_caw_blocks)
		return lun->info.max_caw_blocks ? -E2BIG : -EOPNOTSUPP;
	if (lun->read_only)
		return -EROFS;
	err = queue_begin(queue, lun, &slot);
	if (err)
		return err;
	err = request_gather(queue->ioq, &request, iov, 2, true);
	if (err)
		return queue_abandon(queue, lun, slot, err);
	scsi_cdb_compare_and_write(slot->header->cdb, lba, (uint8_t)blocks, flags & VSCSI_IO_FUA);
	request_fill(queue->ioq, slot, lun, &request);
	return queue_commit(queue, lun, slot, user_data);
}
