/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Synchronous calls: each sends one or more requests and waits for them. For tools, first steps,
 * and rare operations.
 *
 * For every call here:
 * - Any thread; no open queue is needed.
 * - Any memory: the library copies data through DMA memory of the device's pool.
 * - Any number of blocks: the library splits the call into parts of a size that the device accepts.
 *   A read or write has one part for each MiB, or for each vscsi_lun_info.max_blocks blocks if that
 *   is less; parts are smaller if DMA memory is short.
 * - The call waits until the device has answered, at most vscsi_dev_opts.timeout_ms for each part,
 *   including the time that a lost device takes to reconnect. Meanwhile it polls, with short
 *   sleeps.
 * - The first part that fails ends the call; the parts before it have been executed.
 *   vscsi_last_error() has the reason.
 *
 * Return of every call: 0; or a negative errno as in vscsi_completion.result, or as the call of
 * io.h or scsi.h that it uses; -EINVAL if offset or length are not multiples of the block size, or
 * exceed the LUN; -ENOMEM if no DMA memory is left; -EBUSY if no request slot became free within
 * that time; -ETIMEDOUT; -ECHILD. After -ETIMEDOUT the device may still execute the command, but it
 * can't access the caller's memory. Never -EAGAIN.
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
 * vscsi_pread - Read blocks
 * @lun: the LUN
 * @buf: receives the data
 * @bytes: length, a multiple of the block size
 * @offset: in bytes from the start of the LUN, a multiple of the block size
 */
int vscsi_pread(struct vscsi_lun *lun, void *buf, uint64_t bytes, uint64_t offset);

/**
 * vscsi_pwrite - Write blocks
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
 *
 * Covers the writes of vscsi_pwrite() that have returned, and the requests whose completions
 * vscsi_poll() has returned on any queue. Otherwise as vscsi_flush().
 */
int vscsi_sync_flush(struct vscsi_lun *lun);

/**
 * vscsi_sync_unmap - Let the device deallocate blocks
 * @lun: the LUN
 * @ranges: the ranges, of any length
 * @count: number of ranges, without a limit
 */
int vscsi_sync_unmap(struct vscsi_lun *lun, const struct vscsi_range *ranges, unsigned count);

/**
 * vscsi_sync_write_zeroes - Fill blocks with zeros
 * @lun: the LUN
 * @bytes, @offset: length, and offset from the start of the LUN, in bytes; multiples of the block
 *	size
 * @flags: VSCSI_IO_UNMAP or 0, as for vscsi_write_zeroes()
 *
 * If the LUN doesn't support WRITE SAME, the library writes zeros instead.
 */
int vscsi_sync_write_zeroes(struct vscsi_lun *lun, uint64_t bytes, uint64_t offset, uint32_t flags);

/**
 * vscsi_sync_compare_and_write - Compare and write blocks atomically
 * @lun: the LUN
 * @compare: expected contents
 * @data: new contents
 * @bytes: length of each, a multiple of the block size; at most vscsi_lun_info.max_caw_blocks
 *	blocks, because the command is never split
 * @offset: in bytes from the start of the LUN, a multiple of the block size
 *
 * Return: as every call here; also -EILSEQ if the blocks differ from @compare, and nothing was
 * written; -E2BIG if @bytes is too much.
 */
int vscsi_sync_compare_and_write(struct vscsi_lun *lun, const void *compare, const void *data,
				 uint64_t bytes, uint64_t offset);

/* vscsi_extent.state */
#define VSCSI_EXTENT_DATA     0u /* mapped: they may hold data */
#define VSCSI_EXTENT_UNMAPPED 1u /* deallocated; with VSCSI_LUN_ZERO_UNMAP they read as zeros */
#define VSCSI_EXTENT_ANCHORED 2u /* deallocated, but space is reserved for them */

/**
 * struct vscsi_extent - Adjacent blocks in the same state; 24 bytes
 * @offset, @bytes: start and length in bytes, multiples of the block size; @bytes is not 0
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
 * @bytes, @offset: the range to query, in bytes; multiples of the block size
 * @out: receives adjacent extents in ascending order; the first begins at @offset, the last ends at
 *	or before the end of the range
 * @max: elements of @out, at least 1
 *
 * Sends one GET LBA STATUS (SBC-3). If the extents don't reach the end of the range, call this
 * again for the rest: each call returns at least one extent. Another initiator may change the state
 * at any time.
 *
 * Return: number of extents, 0 if @bytes is 0; -EOPNOTSUPP (the LUN doesn't support the command:
 * all blocks may hold data); -EPROTO (the answer does not begin at @offset); or as every call here.
 */
int vscsi_sync_get_extents(struct vscsi_lun *lun, uint64_t bytes, uint64_t offset,
			   struct vscsi_extent *out, unsigned max);

/**
 * vscsi_sync_command - Send any SCSI command and wait for it
 * @lun: the LUN, also one opened with VSCSI_LUN_NO_PROBE
 * @command: the command, its segments in any memory; never split
 * @completion: receives the completion, including sense data; may be NULL. Written only if the
 *	command was sent and has completed
 *
 * After the call, @command->in holds the data that the device transferred, also if the command
 * failed with a SCSI status. The rest of a short transfer is filled with zeros.
 *
 * @command->timeout_ms sets how long the call waits:
 *
 * - 0: at most vscsi_dev_opts.timeout_ms;
 * - a limit: after this time the library aborts the command, as described in device.h, "Timeouts of
 *   requests", and the call waits for the outcome; in total at most 5/4 of @command->timeout_ms
 *   plus twice vscsi_dev_opts.task_timeout_ms;
 * - VSCSI_NO_TIMEOUT: until the command completes or the device fails.
 */
int vscsi_sync_command(struct vscsi_lun *lun, const struct vscsi_command *command,
		       struct vscsi_completion *completion);

#ifdef __cplusplus
}
#endif

#endif
