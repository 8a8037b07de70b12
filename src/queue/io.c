/* SPDX-License-Identifier: BSD-3-Clause */
/* The block commands other than reads and writes. */
#include <errno.h>

#include <vscsi/io.h>

#include "queue/request.h"
#include "scsi/cdb.h"

_Static_assert(SCSI_UNMAP_LIST_LEN(VSCSI_UNMAP_MAX_RANGES) <= SLOT_PARAM_BYTES,
	       "the longest list of ranges fits a slot");

int queue_flush(struct vscsi_queue *queue, struct io_lun *lun, uint64_t user_data)
{
	struct request request;
	struct slot *slot;
	int err;

	if (lun->raw)
		return -EINVAL;
	err = request_begin(queue, lun, &slot);
	if (err)
		return err;
	request_init(queue->ioq, &request);
	scsi_cdb_sync_cache(slot->cdb, lun->sync_cache_16);
	request_fill(queue->ioq, slot, lun, &request);
	return request_commit(queue, lun, slot, user_data);
}

int queue_unmap(struct vscsi_queue *queue, struct io_lun *lun, const struct vscsi_range *ranges,
		unsigned count, uint64_t user_data)
{
	struct request request;
	struct slot *slot;
	uint64_t blocks = 0;
	uint8_t *list;
	unsigned i;
	int err;

	if (!lun->unmap)
		return lun->raw ? -EINVAL : -EOPNOTSUPP;
	err = IO_LUN_LIMIT(lun, write_error);
	if (err)
		return err;
	if (!count)
		return -EINVAL;
	if (count > VSCSI_UNMAP_MAX_RANGES || count > lun->max_unmap_ranges)
		return -E2BIG;
	for (i = 0; i < count; i++) {
		if (ranges[i].reserved)
			return -EINVAL;
		blocks += ranges[i].blocks;
	}
	if (blocks > IO_LUN_LIMIT(lun, max_unmap_blocks))
		return -E2BIG;
	err = request_begin(queue, lun, &slot);
	if (err)
		return err;
	request_init(queue->ioq, &request);
	list = slot_copy(queue->ioq, slot)->parameters;
	scsi_unmap_header(list, count);
	for (i = 0; i < count; i++)
		scsi_unmap_range(list, i, ranges[i].lba, ranges[i].blocks);
	scsi_cdb_unmap(slot->cdb, count);
	request_add_parameters(queue->ioq, &request, slot, SCSI_UNMAP_LIST_LEN(count));
	request_fill(queue->ioq, slot, lun, &request);
	return request_commit(queue, lun, slot, user_data);
}

int queue_write_zeroes(struct vscsi_queue *queue, struct io_lun *lun, uint64_t lba, uint32_t blocks,
		       uint32_t flags, uint64_t user_data)
{
	struct request request;
	struct iovec zeroes = {.iov_base = queue->ioq->set->zeroes, .iov_len = lun->block_size};
	bool unmap = (flags & VSCSI_IO_UNMAP) && lun->unmap_zeroes;
	struct slot *slot;
	int err;

	if ((flags & ~VSCSI_IO_UNMAP) || !blocks || !lun->block_size)
		return -EINVAL;
	if (blocks > lun->max_zeroes_blocks)
		return -E2BIG;
	err = IO_LUN_LIMIT(lun, write_error);
	if (err)
		return err;
	err = request_begin(queue, lun, &slot);
	if (err)
		return err;
	do {
		request_init(queue->ioq, &request);
		err = request_gather(queue->ioq, &request, &zeroes, 1, true);
		if (err)
			return request_abandon(queue, lun, slot, err);
		scsi_cdb_write_same(slot->cdb, lba, blocks,
				    SCSI_WS_16 | (unmap ? SCSI_WS_UNMAP : 0));
	} while (!request_fill(queue->ioq, slot, lun, &request));
	return request_commit(queue, lun, slot, user_data);
}

int queue_compare_and_write(struct vscsi_queue *queue, struct io_lun *lun, const void *compare,
			    const void *data, uint64_t lba, uint32_t blocks, uint32_t flags,
			    uint64_t user_data)
{
	size_t bytes = (size_t)blocks * lun->block_size;
	struct iovec iov[2] = {{.iov_base = (void *)(uintptr_t)compare, .iov_len = bytes},
			       {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes}};
	struct request request;
	struct slot *slot;
	int err;

	if ((flags & ~VSCSI_IO_FUA) || !blocks || !lun->block_size)
		return -EINVAL;
	if (blocks > io_lun_max_caw(lun))
		return io_lun_max_caw(lun) ? -E2BIG : -EOPNOTSUPP;
	err = IO_LUN_LIMIT(lun, write_error);
	if (err)
		return err;
	err = request_begin(queue, lun, &slot);
	if (err)
		return err;
	do {
		request_init(queue->ioq, &request);
		err = request_gather(queue->ioq, &request, iov, 2, true);
		if (err)
			return request_abandon(queue, lun, slot, err);
		scsi_cdb_compare_and_write(slot->cdb, lba, (uint8_t)blocks, flags & VSCSI_IO_FUA);
	} while (!request_fill(queue->ioq, slot, lun, &request));
	slot->flags |= SLOT_NO_REPLAY;
	return request_commit(queue, lun, slot, user_data);
}
