/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asynchronous block I/O. Each call prepares one request on a queue; vscsi_submit() submits all
 * that was prepared and vscsi_poll() returns the completions (queue.h).
 *
 * For every call here:
 * - If it returns 0, exactly one completion with @user_data will follow. If it returns an error,
 *   none will:
 *     -EAGAIN      the queue, or the LUN's own limit, is full now: poll first
 *     -EINVAL      invalid arguments, a LUN opened with VSCSI_LUN_NO_PROBE, or one of another
 *                  device than the queue
 *     -E2BIG       more blocks, segments or ranges than can ever fit, see vscsi_lun_info
 *     -EFAULT      a buffer is not, or not entirely, DMA memory
 *     -EROFS       a write to a read-only LUN
 *     -EBADE       a write, and the handle's registration is lost, see reserve.h
 *     -EOPNOTSUPP  the LUN doesn't support it
 *     -ENODEV      the LUN was removed, or its address has another disk; or it was missing or
 *                  smaller after a reconnect
 *     -ENOTCONN    the device failed. While it reconnects, requests are accepted
 *     -EPERM       the queue is another thread's: only debug builds of the library and queues with
 *                  VSCSI_QUEUE_CHECK_THREAD tell
 *     -ECHILD      this is a child process, see device.h
 * - Whether the blocks exist is checked by the device: see the completion.
 * - Data buffers are DMA memory (mem.h). They are used in place and belong to the device until the
 *   completion is returned. Nothing else that the caller passes is referenced after the call.
 * - The device may execute requests in any order (virtio 1.4, 5.6.6.1).
 * - It never waits. O(segments); no system call, no allocation, no lock on an exclusive queue.
 * - It is called by the thread that owns the queue, or by any thread with VSCSI_QUEUE_SHARED.
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
 * Arguments and return as vscsi_read(). The data is stable once the completion of a later
 * vscsi_flush() is returned; with VSCSI_IO_FUA, once the completion of the write is.
 */
int vscsi_write(struct vscsi_queue *queue, struct vscsi_lun *lun, const void *buf, uint64_t lba,
		uint32_t blocks, uint32_t flags, uint64_t user_data);

/**
 * vscsi_readv - Prepare a read into several segments
 * @iov: the segments, together exactly @blocks blocks; each of any length, empty ones are skipped
 * @iovcnt: number of segments; adjacent ones count as one against vscsi_dev_info.max_segs
 *
 * The rest as vscsi_read(); -EINVAL also if the lengths don't add up.
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
 * Covers every write whose completion was returned before this call. Sends SYNCHRONIZE CACHE. If a
 * LUN without a volatile cache (VSCSI_LUN_WRITE_CACHE) rejects the command, or any LUN reports NO
 * SENSE, there was nothing to do: the completion's result is 0.
 */
int vscsi_flush(struct vscsi_queue *queue, struct vscsi_lun *lun, uint64_t user_data);

/**
 * vscsi_unmap - Prepare an UNMAP: the device may deallocate the blocks
 * @ranges: the ranges
 * @count: 1 to VSCSI_UNMAP_MAX_RANGES, and at most vscsi_lun_info.max_unmap_ranges
 *
 * All ranges together have at most vscsi_lun_info.max_unmap_blocks. -EINVAL also for a range whose
 * reserved field is not 0.
 */
int vscsi_unmap(struct vscsi_queue *queue, struct vscsi_lun *lun, const struct vscsi_range *ranges,
		unsigned count, uint64_t user_data);

/**
 * vscsi_write_zeroes - Prepare to fill blocks with zeros without transferring them
 * @blocks: 1 to vscsi_lun_info.max_zeroes_blocks
 * @flags: with VSCSI_IO_UNMAP the device may deallocate the blocks, if they then read as zeros
 *
 * Sends WRITE SAME(16). If the LUN doesn't support it, the completion's result is -EOPNOTSUPP.
 */
int vscsi_write_zeroes(struct vscsi_queue *queue, struct vscsi_lun *lun, uint64_t lba,
		       uint32_t blocks, uint32_t flags, uint64_t user_data);

/**
 * vscsi_compare_and_write - Prepare an atomic compare and write
 * @compare: DMA memory: expected contents, @blocks blocks
 * @data: DMA memory: new contents
 * @blocks: 1 to vscsi_lun_info.max_caw_blocks
 * @flags: VSCSI_IO_FUA or 0
 *
 * If the blocks differ from @compare, nothing is written and the completion's result is -EILSEQ.
 * Sends COMPARE AND WRITE, never more than one. If @data begins where @compare ends, the
 * device gets both as one data segment. Some devices require that (SPDK): they refuse the command
 * as invalid if the two are apart. vscsi_sync_compare_and_write() puts them together by itself.
 */
int vscsi_compare_and_write(struct vscsi_queue *queue, struct vscsi_lun *lun, const void *compare,
			    const void *data, uint64_t lba, uint32_t blocks, uint32_t flags,
			    uint64_t user_data);

#ifdef __cplusplus
}
#endif

#endif
