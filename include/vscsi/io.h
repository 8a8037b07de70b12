/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Block I/O without waiting. Each call prepares one request on a queue; vscsi_submit() publishes
 * all that was prepared and vscsi_poll() returns the completions (queue.h).
 *
 * What holds for every call here:
 * - It returns 0 and then exactly one completion with @user_data will come; or an error, and none.
 *   -EAGAIN: the queue (or the LUN's own limit) is full now, poll first. -EINVAL: arguments that
 *   make no sense. -E2BIG: more blocks, segments or ranges than can ever fit, see vscsi_lun_info.
 *   -EFAULT: a buffer is not, or not wholly, DMA memory. -EROFS: a write to a read-only LUN.
 *   -EOPNOTSUPP: the LUN can't do it. -ENODEV: the LUN was removed, or another disk has its
 *   address; or since the device came back from a loss it is missing or smaller. -ENOTCONN: the
 *   device is lost for good; while it is looked for, requests are accepted. -EPERM, in debug builds
 *   of the library only: the queue is another thread's.
 * - Whether the blocks exist is for the device to say, with the completion.
 * - Data buffers are DMA memory (mem.h), are used in place, and belong to the device until the
 *   completion is returned. Nothing else of the caller's is referenced after the call.
 * - The order in which requests are executed is not promised (virtio 1.4, 5.6.6.1).
 * - O(segments); no system call, no allocation, no lock on an exclusive queue.
 * - Called by the thread that owns the queue, or by any thread where that was opened with
 *   VSCSI_QUEUE_SHARED; for a LUN of the same device.
 */
#ifndef VSCSI_IO_H
#define VSCSI_IO_H

#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_lun;
struct vscsi_queue;

/* Flags of the calls below. */
#define VSCSI_IO_FUA   (1u << 0) /* read or write the medium itself, not a volatile cache */
#define VSCSI_IO_UNMAP (1u << 1) /* vscsi_write_zeroes: the device may unmap the blocks */

/* Most ranges of one vscsi_unmap(). */
#define VSCSI_UNMAP_MAX_RANGES 13

/* A range of blocks to unmap; 16 bytes. */
struct vscsi_range {
	uint64_t lba;
	uint32_t blocks;
	uint32_t reserved; /* 0 */
};

/**
 * vscsi_read - Prepare a read
 * @queue: where
 * @lun: from what
 * @buf: receives @blocks times vscsi_lun_info.block_size bytes
 * @lba: first block
 * @blocks: number of blocks, 1 to vscsi_lun_info.max_blocks
 * @flags: VSCSI_IO_FUA or 0
 * @user_data: comes back with the completion
 *
 * Return: see the head of this file.
 */
int vscsi_read(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
	       uint32_t blocks, uint32_t flags, uint64_t user_data);

/**
 * vscsi_write - Prepare a write
 *
 * Arguments and return as vscsi_read(). The data are stable when the completion of a later
 * vscsi_flush() is returned, or with VSCSI_IO_FUA at once.
 */
int vscsi_write(struct vscsi_queue *queue, struct vscsi_lun *lun, const void *buf, uint64_t lba,
		uint32_t blocks, uint32_t flags, uint64_t user_data);

/**
 * vscsi_readv - Prepare a read into several segments
 * @iov: the segments, which together have exactly @blocks blocks; any of any length, empty ones are
 *	left out. The array itself is not referenced after the call
 * @iovcnt: number of segments; those that touch each other count as one against
 *	vscsi_dev_info.max_segs
 *
 * The rest as vscsi_read(); -EINVAL also when the lengths don't add up.
 */
int vscsi_readv(struct vscsi_queue *queue, struct vscsi_lun *lun, const struct iovec *iov,
		unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data);

/**
 * vscsi_writev - Prepare a write from several segments
 *
 * Arguments as vscsi_readv(), meaning as vscsi_write().
 */
int vscsi_writev(struct vscsi_queue *queue, struct vscsi_lun *lun, const struct iovec *iov,
		 unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
		 uint64_t user_data);

/**
 * vscsi_flush - Prepare a flush of the volatile write cache
 *
 * Covers every write whose completion was returned before this call. (SYNCHRONIZE CACHE)
 */
int vscsi_flush(struct vscsi_queue *queue, struct vscsi_lun *lun, uint64_t user_data);

/**
 * vscsi_unmap - Prepare to tell the device that blocks hold nothing of worth
 * @ranges: the ranges; not referenced after the call
 * @count: 1 to VSCSI_UNMAP_MAX_RANGES, and at most vscsi_lun_info.max_unmap_ranges
 */
int vscsi_unmap(struct vscsi_queue *queue, struct vscsi_lun *lun, const struct vscsi_range *ranges,
		unsigned count, uint64_t user_data);

/**
 * vscsi_write_zeroes - Prepare to fill blocks with zeros without sending them
 * @blocks: 1 to vscsi_lun_info.max_zeroes_blocks
 * @flags: VSCSI_IO_UNMAP lets the device drop the blocks where they then read as zeros
 *
 * A LUN that doesn't know the command says so with the completion: -EOPNOTSUPP. (WRITE SAME)
 */
int vscsi_write_zeroes(struct vscsi_queue *queue, struct vscsi_lun *lun, uint64_t lba,
		       uint32_t blocks, uint32_t flags, uint64_t user_data);

/**
 * vscsi_compare_and_write - Prepare an atomic exchange of blocks
 * @compare: DMA memory, what must be there: @blocks blocks
 * @data: DMA memory, what shall be there
 * @blocks: 1 to vscsi_lun_info.max_caw_blocks
 * @flags: VSCSI_IO_FUA or 0
 *
 * Where the blocks hold something else, nothing is written and the completion's result is -EILSEQ.
 * (COMPARE AND WRITE)
 */
int vscsi_compare_and_write(struct vscsi_queue *queue, struct vscsi_lun *lun, const void *compare,
			    const void *data, uint64_t lba, uint32_t blocks, uint32_t flags,
			    uint64_t user_data);

#ifdef __cplusplus
}
#endif

#endif
