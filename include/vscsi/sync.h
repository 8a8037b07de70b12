/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One call that does it all and waits: for tools, first steps, and everything that is rare.
 *
 * What holds for every call here: any thread; any memory, as the data are copied through DMA memory
 * of the library's own; any number of blocks, split to what the device takes. No queue needs to be
 * open. It polls until the device has answered, at most vscsi_dev_opts.timeout_ms for each part, in
 * which a device that is lost meanwhile has to come back. A failure's sentence is in
 * vscsi_last_error(); parts before the one that failed have been done.
 *
 * Return of every call: 0; a negative errno as in vscsi_completion.result, or of the call of io.h
 * or scsi.h that it is made of; -EINVAL for bytes that are no whole blocks or lie behind the last
 * one; -ENOMEM when there is no DMA memory left; -ETIMEDOUT. After a time-out the device may still
 * execute the command, but it can't touch the caller's memory.
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
 * @lun: from what
 * @buf: receives the data
 * @bytes: how many, a multiple of the block size
 * @offset: where, in bytes from the start, a multiple of the block size
 */
int vscsi_pread(struct vscsi_lun *lun, void *buf, uint64_t bytes, uint64_t offset);

/**
 * vscsi_pwrite - Write
 * @lun: to what
 * @buf: the data
 * @bytes: how many, a multiple of the block size
 * @offset: where, in bytes from the start, a multiple of the block size
 * @flags: VSCSI_IO_FUA or 0
 */
int vscsi_pwrite(struct vscsi_lun *lun, const void *buf, uint64_t bytes, uint64_t offset,
		 uint32_t flags);

/**
 * vscsi_sync_flush - Make every completed write stable
 */
int vscsi_sync_flush(struct vscsi_lun *lun);

/**
 * vscsi_sync_unmap - Tell the device that blocks hold nothing of worth
 * @ranges: ranges of any number and length
 * @count: how many
 */
int vscsi_sync_unmap(struct vscsi_lun *lun, const struct vscsi_range *ranges, unsigned count);

/**
 * vscsi_sync_write_zeroes - Fill with zeros
 * @bytes, @offset: multiples of the block size
 * @flags: VSCSI_IO_UNMAP or 0
 *
 * Where the device doesn't know WRITE SAME, zeros are written.
 */
int vscsi_sync_write_zeroes(struct vscsi_lun *lun, uint64_t bytes, uint64_t offset, uint32_t flags);

/**
 * vscsi_sync_compare_and_write - Exchange blocks atomically
 * @compare: what must be there
 * @data: what shall be there
 * @bytes: of each, a multiple of the block size, never split: at most vscsi_lun_info.max_caw_blocks
 * @offset: in bytes, a multiple of the block size
 *
 * Return: also -EILSEQ, the blocks hold something else; -E2BIG.
 */
int vscsi_sync_compare_and_write(struct vscsi_lun *lun, const void *compare, const void *data,
				 uint64_t bytes, uint64_t offset);

/**
 * vscsi_sync_command - Send any SCSI command and wait
 * @lun: to what
 * @command: the command, its segments in any memory; never split
 * @completion: receives how it ended, sense included; may be NULL
 */
int vscsi_sync_command(struct vscsi_lun *lun, const struct vscsi_command *command,
		       struct vscsi_completion *completion);

#ifdef __cplusplus
}
#endif

#endif
