/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The block calls: each turns its arguments into a request in a slot. A read or write of one
 * contiguous buffer takes the short way; everything else goes through gather() and request().
 */
#include <errno.h>
#include <string.h>

#include <vscsi/io.h>

#include "core/queue.h"
#include "core/request.h"
#include "scsi/cdb.h"
#include "util/export.h"

/* Checks what all transfers have in common. */
static inline int check(const struct vscsi_lun *lun, uint32_t blocks, uint32_t flags, bool write)
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

/* Several segments, or one that lies in several regions. */
static int transfer_segments(struct vscsi_queue *queue, struct vscsi_lun *lun,
			     const struct iovec *iov, unsigned iovcnt, uint64_t lba,
			     uint32_t blocks, uint32_t flags, uint64_t user_data, bool write)
{
	struct request request = {.retries = lun->retries};
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
	scsi_cdb_rw(slot_header(queue->ioq, slot)->cdb, write, lba, blocks, flags & VSCSI_IO_FUA);
	request_fill(queue->ioq, slot, lun, &request);
	return queue_commit(queue, lun, slot, user_data);
}

static inline int transfer(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf,
			   uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data,
			   bool write)
{
	uint32_t len = blocks * lun->block_size;
	struct ioq *ioq = queue->ioq;
	struct virtio_scsi_cmd_req *header;
	struct vring_desc *data;
	struct slot *slot;
	uint64_t regions = 0;
	uint64_t iova;
	int err;

	err = check(lun, blocks, flags, write);
	if (unlikely(err))
		return err;
	err = queue_begin(queue, lun, &slot);
	if (unlikely(err))
		return err;
	if (unlikely(dma_translate(ioq->map, &ioq->cache, buf, len, &iova, &regions) != len)) {
		struct iovec iov = {.iov_base = buf, .iov_len = len};

		queue_abandon(queue, lun, slot, 0);
		return transfer_segments(queue, lun, &iov, 1, lba, blocks, flags, user_data, write);
	}
	if (unlikely(slot->shape != SHAPE(write, !write)))
		slot_format(ioq, slot, write, !write);
	data = &slot_table(ioq, slot)[write ? 1 : 2];
	data->addr = htole64(iova);
	data->len = htole32(len);
	header = slot_header(ioq, slot);
	memcpy(header->lun, lun->addr, sizeof(header->lun));
	scsi_cdb_rw(header->cdb, write, lba, blocks, flags & VSCSI_IO_FUA);
	slot->data_len = len;
	slot->expect = write ? RESPONSE_LEAST : len + (uint32_t)sizeof(struct virtio_scsi_cmd_resp);
	slot->retries = lun->retries;
	atomic_store_explicit(&slot->regions, regions, memory_order_relaxed);
	return queue_commit(queue, lun, slot, user_data);
}

EXPORT int vscsi_read(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
		      uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	return transfer(queue, lun, buf, lba, blocks, flags, user_data, false);
}

EXPORT int vscsi_write(struct vscsi_queue *queue, struct vscsi_lun *lun, const void *buf,
		       uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	return transfer(queue, lun, (void *)(uintptr_t)buf, lba, blocks, flags, user_data, true);
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
	struct request request = {.retries = lun->retries};
	struct slot *slot;
	int err = queue_begin(queue, lun, &slot);

	if (err)
		return err;
	scsi_cdb_sync_cache(slot_header(queue->ioq, slot)->cdb, false);
	request_fill(queue->ioq, slot, lun, &request);
	return queue_commit(queue, lun, slot, user_data);
}

EXPORT int vscsi_unmap(struct vscsi_queue *queue, struct vscsi_lun *lun,
		       const struct vscsi_range *ranges, unsigned count, uint64_t user_data)
{
	struct request request = {.retries = lun->retries};
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
	list = (uint8_t *)slot_header(queue->ioq, slot) + SLOT_PARAM;
	scsi_unmap_header(list, count);
	for (i = 0; i < count; i++)
		scsi_unmap_range(list, i, ranges[i].lba, ranges[i].blocks);
	scsi_cdb_unmap(slot_header(queue->ioq, slot)->cdb, count);
	request_add_parameters(queue->ioq, &request, slot, SCSI_UNMAP_LIST_LEN(count));
	request_fill(queue->ioq, slot, lun, &request);
	return queue_commit(queue, lun, slot, user_data);
}

EXPORT int vscsi_write_zeroes(struct vscsi_queue *queue, struct vscsi_lun *lun, uint64_t lba,
			      uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	struct request request = {.retries = lun->retries};
	struct iovec zeroes = {.iov_base = queue->ioq->dev->zeroes, .iov_len = lun->block_size};
	bool unmap = (flags & VSCSI_IO_UNMAP) && (lun->info.flags & VSCSI_LUN_ZERO_UNMAP);
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
	scsi_cdb_write_same(slot_header(queue->ioq, slot)->cdb, lba, blocks,
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
	struct request request = {.retries = lun->retries};
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
	scsi_cdb_compare_and_write(slot_header(queue->ioq, slot)->cdb, lba, (uint8_t)blocks,
				   flags & VSCSI_IO_FUA);
	request_fill(queue->ioq, slot, lun, &request);
	return queue_commit(queue, lun, slot, user_data);
}
