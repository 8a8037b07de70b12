/* SPDX-License-Identifier: BSD-3-Clause */
/* <vscsi/io.h>: each call goes to the queue, which checks its arguments. */
#include <vscsi/io.h>

#include "lun/lun.h"
#include "queue/queue.h"
#include "util/export.h"

EXPORT int vscsi_read(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
		      uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	return queue_path(queue)->read(queue, &lun->io, buf, lba, blocks, flags, user_data);
}

EXPORT int vscsi_write(struct vscsi_queue *queue, struct vscsi_lun *lun, const void *buf,
		       uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	return queue_path(queue)->write(queue, &lun->io, buf, lba, blocks, flags, user_data);
}

EXPORT int vscsi_readv(struct vscsi_queue *queue, struct vscsi_lun *lun, const struct iovec *iov,
		       unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
		       uint64_t user_data)
{
	return queue_path(queue)->readv(queue, &lun->io, iov, iovcnt, lba, blocks, flags,
					user_data);
}

EXPORT int vscsi_writev(struct vscsi_queue *queue, struct vscsi_lun *lun, const struct iovec *iov,
			unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
			uint64_t user_data)
{
	return queue_path(queue)->writev(queue, &lun->io, iov, iovcnt, lba, blocks, flags,
					 user_data);
}

EXPORT int vscsi_flush(struct vscsi_queue *queue, struct vscsi_lun *lun, uint64_t user_data)
{
	return queue_flush(queue, &lun->io, user_data);
}

EXPORT int vscsi_unmap(struct vscsi_queue *queue, struct vscsi_lun *lun,
		       const struct vscsi_range *ranges, unsigned count, uint64_t user_data)
{
	return queue_unmap(queue, &lun->io, ranges, count, user_data);
}

EXPORT int vscsi_write_zeroes(struct vscsi_queue *queue, struct vscsi_lun *lun, uint64_t lba,
			      uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	return queue_write_zeroes(queue, &lun->io, lba, blocks, flags, user_data);
}

EXPORT int vscsi_compare_and_write(struct vscsi_queue *queue, struct vscsi_lun *lun,
				   const void *compare, const void *data, uint64_t lba,
				   uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	return queue_compare_and_write(queue, &lun->io, compare, data, lba, blocks, flags,
				       user_data);
}
