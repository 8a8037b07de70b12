/* SPDX-License-Identifier: BSD-3-Clause */
/* The general path of reads and writes: any segments, any queue, any state. */
#include <errno.h>

#include "queue/path.h"
#include "queue/request.h"
#include "queue/transfer.h"
#include "scsi/cdb.h"

static int check(const struct io_lun *lun, uint32_t blocks, uint32_t flags, bool write)
{
	if (blocks - 1 >= lun->max_blocks)
		return blocks && lun->block_size ? -E2BIG : -EINVAL;
	if (flags & ~VSCSI_IO_FUA)
		return -EINVAL;
	if (flags && !lun->fua)
		return -EOPNOTSUPP;
	return write ? IO_LUN_LIMIT(lun, write_error) : 0;
}

/*
 * Writes the CDB. Returns its shape if it is one that the fast path writes, so that the slot's next
 * transfer can take that path; otherwise 0.
 */
static uint16_t put_cdb(uint8_t *cdb, const struct io_lun *lun, uint64_t lba, uint32_t blocks,
			bool fua, bool write)
{
	if (lun->wide) {
		scsi_cdb_put_16(cdb, write ? SCSI_WRITE_16 : SCSI_READ_16, fua ? SCSI_FLAG_FUA : 0,
				lba, blocks);
		return fua ? 0 : SHAPE_16;
	}
	scsi_cdb_rw(cdb, write, lba, blocks, fua);
	return !fua && (cdb[0] == SCSI_READ_10 || cdb[0] == SCSI_WRITE_10) ? SHAPE_10 : 0;
}

int queue_transfer(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,
		   unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
		   uint64_t user_data, bool write)
{
	struct request request;
	struct slot *slot;
	uint16_t shape;
	int err;

	err = check(lun, blocks, flags, write);
	if (!err)
		err = request_begin(queue, lun, &slot);
	if (err)
		return err;
	do {
		request_init(queue->ioq, &request);
		err = request_gather(queue->ioq, &request, iov, iovcnt, write);
		if (!err &&
		    request.out_bytes + request.in_bytes != (uint64_t)blocks * lun->block_size)
			err = -EINVAL;
		if (err)
			return request_abandon(queue, lun, slot, err);
		shape = put_cdb(slot->cdb, lun, lba, blocks, flags & VSCSI_IO_FUA, write);
	} while (!request_fill(queue->ioq, slot, lun, &request));
	slot->shape |= shape;
	slot->lba = lba;
	return request_commit(queue, lun, slot, user_data);
}

int queue_transfer_one(struct vscsi_queue *queue, struct io_lun *lun, const void *buf, uint64_t lba,
		       uint32_t blocks, uint32_t flags, uint64_t user_data, bool write)
{
	const struct iovec iov = {(void *)(uintptr_t)buf, (size_t)blocks * lun->block_size};

	return queue_transfer(queue, lun, &iov, 1, lba, blocks, flags, user_data, write);
}

int read_general(struct vscsi_queue *queue, struct io_lun *lun, void *buf, uint64_t lba,
		 uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	return queue_transfer_one(queue, lun, buf, lba, blocks, flags, user_data, false);
}

int write_general(struct vscsi_queue *queue, struct io_lun *lun, const void *buf, uint64_t lba,
		  uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	return queue_transfer_one(queue, lun, buf, lba, blocks, flags, user_data, true);
}

int readv_general(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,
		  unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
		  uint64_t user_data)
{
	return queue_transfer(queue, lun, iov, iovcnt, lba, blocks, flags, user_data, false);
}

int writev_general(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,
		   unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
		   uint64_t user_data)
{
	return queue_transfer(queue, lun, iov, iovcnt, lba, blocks, flags, user_data, true);
}
