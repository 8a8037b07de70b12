/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Synchronous calls: each sends one or more requests and waits for them. For tools, first steps,
 * and everything that is rare.
 *
 * For every call here:
 * - Any thread; no open queue is needed.
 * - Any memory: data is copied through DMA memory of the library.
 * - Any number of blocks: the call is split into parts that the device can take.
 * - It polls until the device has answered, at most vscsi_dev_opts.timeout_ms for each part,
 *   including the time that a lost device takes to reconnect. A read or write has one part for each
 *   MiB, or for vscsi_lun_info.max_blocks if that is less, or for less if DMA memory is short; the
 *   first part that fails ends the call.
 * - vscsi_last_error() explains a failure; parts before the one that failed have been executed.
 *
 * Return of every call: 0; or a negative errno as in vscsi_completion.result, or as the call of
 * io.h or scsi.h that it uses; -EINVAL if the bytes are not whole blocks, or exceed the LUN;
 * -ENOMEM if there is no DMA memory left; -EBUSY if no request slot became free within that time;
 * -ETIMEDOUT; -ECHILD. After -ETIMEDOUT the device may still execute the command, but it can't
 * access the caller's memory. Never -EAGAIN.
 */
#ifndef VSCSI_SYNC_H
#define VSCSI_SYNC_H

#include <stdint.h>

#include <vscsi/io.h>
#include <vscsi/queue.h>
#include <vscsi/scsi.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * vscsi_pread - Read
 * @lun: the LUN
 * @buf: receives the data
 * @bytes: length, a multiple of the block size
 * @offset: in bytes from the start of the LUN, a multiple of the block size
 */
int vscsi_pread(struct vscsi_lun *lun, void *buf, uint64_t bytes, uint64_t offset);

/**
 * vscsi_pwrite - Write
 * @lun: the LUN
 * @buf: the data
 * @bytes: length, a multiple of the block size
 * @offset: in bytes from the start of the LUN, a multiple of the block size
 * @flags: VSCSI_IO_FUA or 0
 */
int vscsi_pwrite(struct vscsi_lun *lun, const void *buf, uint64_t bytes, uint64_t offset,
		 uint32_t flags);

/**
 * vscsi_sync_flush - Make every completed write stable
 * @lun: the LUN
 */
int vscsi_sync_flush(struct vscsi_lun *lun);

/**
 * vscsi_sync_unmap - Let the device deallocate blocks
 * @lun: the LUN
 * @ranges: ranges of any length
 * @count: number of ranges, any
 */
int vscsi_sync_unmap(struct vscsi_lun *lun, const struct vscsi_range *ranges, unsigned count);

/**
 * vscsi_sync_write_zeroes - Fill blocks with zeros
 * @lun: the LUN
 * @bytes, @offset: multiples of the block size
 * @flags: VSCSI_IO_UNMAP or 0
 *
 * If the device doesn't support WRITE SAME, zeros are written.
 */
int vscsi_sync_write_zeroes(struct vscsi_lun *lun, uint64_t bytes, uint64_t offset, uint32_t flags);

/**
 * vscsi_sync_compare_and_write - Compare and write blocks atomically
 * @lun: the LUN
 * @compare: expected contents
 * @data: new contents
 * @bytes: of each, a multiple of the block size, never split: at most vscsi_lun_info.max_caw_blocks
 * @offset: in bytes, a multiple of the block size
 *
 * Return: also -EILSEQ if the blocks differ from @compare; -E2BIG.
 */
int vscsi_sync_compare_and_write(struct vscsi_lun *lun, const void *compare, const void *data,
				 uint64_t bytes, uint64_t offset);

/* States of blocks. */
#define VSCSI_EXTENT_DATA     0u /* mapped: they may hold data */
#define VSCSI_EXTENT_UNMAPPED 1u /* deallocated; with VSCSI_LUN_ZERO_UNMAP they read as zeros */
#define VSCSI_EXTENT_ANCHORED 2u /* the same, with space reserved for them */

/**
 * struct vscsi_extent - Adjoining blocks in the same state; 24 bytes
 * @offset, @bytes: multiples of the block size, @bytes not 0
 * @state: VSCSI_EXTENT_*
 */
struct vscsi_extent {
	uint64_t offset;
	uint64_t bytes;
	uint32_t state;
	uint32_t reserved;
};

/**
 * vscsi_sync_get_extents - Find out which blocks hold data
 * @lun: the LUN
 * @bytes, @offset: the range in question, multiples of the block size
 * @out: receives extents that adjoin, the first from @offset on; the last one ends at or before the
 *	end of the range
 * @max: elements of @out, at least 1
 *
 * Sends one GET LBA STATUS (SBC-3). If the extents don't reach the end of the range, call it again
 * for the rest: each call makes progress. Another initiator may change the state at any time.
 *
 * Return: number of extents, 0 if @bytes is 0; -EOPNOTSUPP (the LUN doesn't know the command: all
 * blocks may hold data); -EPROTO (the answer does not begin at @offset).
 */
int vscsi_sync_get_extents(struct vscsi_lun *lun, uint64_t bytes, uint64_t offset,
			   struct vscsi_extent *out, unsigned max);

/**
 * vscsi_sync_command - Send any SCSI command and wait for it
 * @lun: the LUN, also one opened with VSCSI_LUN_NO_PROBE
 * @command: the command, its segments in any memory; never split
 * @completion: receives how it ended, including sense; may be NULL. Written only if the command
 *	was sent and has completed
 *
 * What the device transferred is in @command->in, also if the command failed with a SCSI status;
 * the rest of a short transfer reads as zeros.
 *
 * With @command->timeout_ms 0 the call waits at most vscsi_dev_opts.timeout_ms. With a limit of its
 * own the command is aborted after that, as described in device.h, "Timeouts of requests", and the
 * call waits for the outcome; in total at most 5/4 of @command->timeout_ms plus twice
 * vscsi_dev_opts.task_timeout_ms. With VSCSI_NO_TIMEOUT it waits until the command completes or the
 * device fails.
 */
int vscsi_sync_command(struct vscsi_lun *lun, const struct vscsi_command *command,
		       struct vscsi_completion *completion);

#ifdef __cplusplus
}
#endif

#endif
