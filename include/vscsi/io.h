/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asynchronous block I/O. Each call prepares one request on a queue; vscsi_submit() submits all
 * prepared requests, and vscsi_poll() returns their completions (queue.h).
 *
 * For every call here:
 * - If it returns 0, exactly one completion with @user_data follows. If it returns an error, no
 *   completion follows:
 *     -EAGAIN      the queue, or the LUN's own limit, is full now: poll first
 *     -EINVAL      an argument is invalid, the LUN was opened with VSCSI_LUN_NO_PROBE, or queue and
 *                  LUN are of different devices
 *     -E2BIG       more blocks, segments or ranges than are ever possible, see vscsi_lun_info and
 *                  vscsi_dev_info.max_segs
 *     -EFAULT      a buffer is not, or not entirely, DMA memory
 *     -EROFS       a write to a read-only LUN
 *     -EBADE       a write, but the handle's registration is lost, see reserve.h
 *     -EOPNOTSUPP  the LUN doesn't support the operation
 *     -ENODEV      the LUN was removed, or another disk has its address; or it was missing or
 *                  smaller after a reconnect
 *     -ENOTCONN    the device failed. While it reconnects, requests are accepted
 *     -EPERM       the queue belongs to another thread; checked only by debug builds of the library
 *                  and on queues with VSCSI_QUEUE_CHECK_THREAD
 *     -ECHILD      this is a child process, see device.h
 * - The device checks whether the blocks exist: a request beyond the end completes with an error.
 * - Data buffers must be DMA memory (mem.h). The device accesses them in place: don't change, read
 *   or free a buffer until the completion has been returned. Everything else that you pass is
 *   copied or used before the call returns.
 * - The device may execute requests in any order (virtio 1.4, 5.6.6.1).
 * - It never waits. O(segments); no system call, no allocation, no lock on an exclusive queue.
 * - Only the thread that owns the queue may call it; with VSCSI_QUEUE_SHARED any thread may.
 * - Parameters that are not described are as in vscsi_read().
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

/* Maximum number of ranges of one vscsi_unmap(). */
#define VSCSI_UNMAP_MAX_RANGES 13

/* A range of blocks to unmap, from block @lba on; 16 bytes. */
struct vscsi_range {
	uint64_t lba;
	uint32_t blocks;
	uint32_t reserved; /* 0 */
};

/**
 * vscsi_read - Prepare a read
 * @queue: the queue
 * @lun: the LUN to read from
 * @buf: receives @blocks times vscsi_lun_info.block_size bytes
 * @lba: first block
 * @blocks: number of blocks, 1 to vscsi_lun_info.max_blocks
 * @flags: VSCSI_IO_FUA or 0
 * @user_data: returned with the completion
 *
 * Return: see the top of this file.
 */
int vscsi_read(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
	       uint32_t blocks, uint32_t flags, uint64_t user_data);

/**
 * vscsi_write - Prepare a write
 *
 * Arguments and return as vscsi_read(); @buf holds the data to write. The data is stable when the
 * completion of a vscsi_flush() that was prepared after this write completed is returned; with
 * VSCSI_IO_FUA, when the completion of the write itself is returned.
 */
int vscsi_write(struct vscsi_queue *queue, struct vscsi_lun *lun, const void *buf, uint64_t lba,
		uint32_t blocks, uint32_t flags, uint64_t user_data);

/**
 * vscsi_readv - Prepare a read into several segments
 * @iov: the segments, together exactly @blocks blocks; each can have any length, empty ones are
 *	skipped
 * @iovcnt: number of segments; adjacent segments count as one toward vscsi_dev_info.max_segs
 *
 * Other arguments and return as vscsi_read(); -EINVAL also if the lengths don't add up to @blocks
 * blocks.
 */
int vscsi_readv(struct vscsi_queue *queue, struct vscsi_lun *lun, const struct iovec *iov,
		unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data);

/**
 * vscsi_writev - Prepare a write from several segments
 *
 * Arguments as vscsi_readv(), semantics as vscsi_write().
 */
int vscsi_writev(struct vscsi_queue *queue, struct vscsi_lun *lun, const struct iovec *iov,
		 unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
		 uint64_t user_data);

/**
 * vscsi_flush - Prepare a flush of the volatile write cache
 *
 * Covers every write whose completion was returned before this call. Sends SYNCHRONIZE CACHE. The
 * completion's result is also 0 if a LUN without VSCSI_LUN_WRITE_CACHE rejects the command, or if
 * any LUN reports NO SENSE: there was nothing to flush.
 */
int vscsi_flush(struct vscsi_queue *queue, struct vscsi_lun *lun, uint64_t user_data);

/**
 * vscsi_unmap - Prepare an UNMAP: the device may deallocate the blocks
 * @ranges: the ranges
 * @count: 1 to VSCSI_UNMAP_MAX_RANGES, and at most vscsi_lun_info.max_unmap_ranges
 *
 * All ranges together have at most vscsi_lun_info.max_unmap_blocks blocks. The array is copied.
 * -EINVAL also for a range whose reserved field is not 0.
 */
int vscsi_unmap(struct vscsi_queue *queue, struct vscsi_lun *lun, const struct vscsi_range *ranges,
		unsigned count, uint64_t user_data);

/**
 * vscsi_write_zeroes - Prepare to fill blocks with zeros without transferring them
 * @blocks: 1 to vscsi_lun_info.max_zeroes_blocks
 * @flags: VSCSI_IO_UNMAP or 0. With VSCSI_IO_UNMAP the device may deallocate the blocks, if they
 *	then read as zeros
 *
 * Sends WRITE SAME(16). If the LUN doesn't support it, the completion's result is -EOPNOTSUPP.
 */
int vscsi_write_zeroes(struct vscsi_queue *queue, struct vscsi_lun *lun, uint64_t lba,
		       uint32_t blocks, uint32_t flags, uint64_t user_data);

/**
 * vscsi_compare_and_write - Prepare an atomic compare and write
 * @compare: expected contents, @blocks blocks in DMA memory
 * @data: new contents, @blocks blocks in DMA memory
 * @blocks: 1 to vscsi_lun_info.max_caw_blocks
 * @flags: VSCSI_IO_FUA or 0
 *
 * If the blocks differ from @compare, nothing is written and the completion's result is -EILSEQ.
 * Sends one COMPARE AND WRITE; it is never split and never executed twice. If @data begins where
 * @compare ends, the device receives both as one data segment. Some devices (SPDK) require this and
 * otherwise reject the command as invalid. vscsi_sync_compare_and_write() always places them
 * together.
 */
int vscsi_compare_and_write(struct vscsi_queue *queue, struct vscsi_lun *lun, const void *compare,
			    const void *data, uint64_t lba, uint32_t blocks, uint32_t flags,
			    uint64_t user_data);

#ifdef __cplusplus
}
#endif

#endif
