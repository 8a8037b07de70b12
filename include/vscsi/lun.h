/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The logical unit: mostly a disk. Opening it asks it everything that I/O needs to know, once.
 */
#ifndef VSCSI_LUN_H
#define VSCSI_LUN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_dev;
struct vscsi_lun;

/* SCSI peripheral device types (SPC); others occur. */
#define VSCSI_TYPE_DISK      0x00u
#define VSCSI_TYPE_TAPE      0x01u
#define VSCSI_TYPE_CDROM     0x05u
#define VSCSI_TYPE_CHANGER   0x08u
#define VSCSI_TYPE_ENCLOSURE 0x0du
#define VSCSI_TYPE_ZBC       0x14u

/* vscsi_lun_info.flags */
#define VSCSI_LUN_READ_ONLY   (1u << 0) /* writes will be refused */
#define VSCSI_LUN_REMOVABLE   (1u << 1) /* its medium can be */
#define VSCSI_LUN_WRITE_CACHE (1u << 2) /* it has one that is on: flush matters */
#define VSCSI_LUN_FUA         (1u << 3) /* VSCSI_IO_FUA works */
#define VSCSI_LUN_THIN        (1u << 4) /* provisioned on demand */
#define VSCSI_LUN_UNMAP       (1u << 5) /* vscsi_unmap() works */
#define VSCSI_LUN_ZERO_UNMAP  (1u << 6) /* unmapped blocks read as zeros */
#define VSCSI_LUN_CAW         (1u << 7) /* vscsi_compare_and_write() works */
#define VSCSI_LUN_ROTATIONAL  (1u << 8) /* it has spindles */

/**
 * struct vscsi_lun_opts - How a LUN is opened; zero means default
 * @size: sizeof(struct vscsi_lun_opts)
 * @retries: times that a request is sent again on UNIT ATTENTION, BUSY and TASK SET FULL; default
 *	5, VSCSI_NO_RETRIES for none
 * @timeout_ms: limit for a request, as vscsi_dev_opts.io_timeout_ms; default: the device's,
 *	VSCSI_NO_TIMEOUT for none
 * @reserved: 0
 */
struct vscsi_lun_opts {
	uint32_t size;
	uint32_t retries;
	uint32_t timeout_ms;
	uint32_t reserved;
};

#define VSCSI_NO_RETRIES UINT32_MAX

/**
 * struct vscsi_lun_info - What a logical unit is and can do
 * @size: sizeof(struct vscsi_lun_info), set by the caller
 * @target, @lun: its address
 * @type: VSCSI_TYPE_*
 * @flags: VSCSI_LUN_*
 * @block_size: bytes of a logical block; 0 where there is no medium or the type has none
 * @physical_block_size: bytes of a physical one
 * @blocks: number of logical blocks
 * @max_blocks: most blocks that one asynchronous request may move
 * @optimal_blocks: number of blocks that goes best; 0: not known
 * @max_unmap_blocks: most blocks of all ranges of one vscsi_unmap()
 * @max_unmap_ranges: most ranges of one vscsi_unmap()
 * @unmap_granularity: blocks; 0: not known
 * @max_zeroes_blocks: most blocks of one vscsi_write_zeroes(); the LUN may not know the command all
 *	the same, which only a try can tell
 * @max_caw_blocks: most blocks of one vscsi_compare_and_write(); 0: it has none
 * @queue_limit: requests that it takes at once, over all queues; 0: no limit of its own. One queue
 *	can have all of it while the others have nothing in flight, but for what these keep: each
 *	that was used keeps up to an even part, so that it can count on that. Parts below 8 are not
 *	kept
 * @reserved: 0
 * @vendor, @product, @revision: as INQUIRY tells, without the blanks at the end
 * @serial: unit serial number (VPD page 80h); "" where it has none
 * @wwid: its best world-wide name (VPD page 83h): "naa.6001405...", "eui.0025385...",
 *	"t10.VENDOR..."; "" where it has none
 */
struct vscsi_lun_info {
	uint32_t size;
	uint32_t target;
	uint32_t lun;
	uint32_t type;
	uint32_t flags;
	uint32_t block_size;
	uint32_t physical_block_size;
	uint32_t max_blocks;
	uint64_t blocks;
	uint32_t optimal_blocks;
	uint32_t max_unmap_blocks;
	uint32_t max_unmap_ranges;
	uint32_t unmap_granularity;
	uint64_t max_zeroes_blocks;
	uint32_t max_caw_blocks;
	uint32_t queue_limit;
	uint64_t reserved;
	char vendor[16];
	char product[24];
	char revision[8];
	char serial[72];
	char wwid[88];
};

/**
 * vscsi_lun_open - Get to know a logical unit
 * @dev: the device that it is on
 * @target: 0 to 255
 * @lun: 0 to 16383
 * @opts: options, or NULL for the defaults
 * @out: receives the LUN, which the caller owns: vscsi_lun_close()
 *
 * Asks for identity, capacity, limits and abilities (INQUIRY, VPD 00/80/83/B0/B1/B2, READ CAPACITY,
 * MODE SENSE) and clears a pending UNIT ATTENTION. The LUN may be used with every queue of @dev, in
 * any thread. No scan is needed before. When the device is lost meanwhile, and is back, it asks
 * again from the beginning, so that all answers are of one device. Any thread; slow; waits.
 *
 * Return: 0; -EINVAL (numbers out of range); -E2BIG (an option struct of a newer library); -ENODEV
 * (nothing is there); -EPROTO (it reports a block size of zero, or the like); -ENOMEM; -ETIMEDOUT,
 * -ENOTCONN; or what a command came to, as in vscsi_completion.result.
 */
int vscsi_lun_open(struct vscsi_dev *dev, unsigned target, unsigned lun,
		   const struct vscsi_lun_opts *opts, struct vscsi_lun **out);

/**
 * vscsi_lun_close - Forget a logical unit
 * @lun: the LUN; NULL is allowed
 *
 * Any thread, when no other one is in a call for this LUN, or will be. Sends nothing; O(requests
 * that all queues can hold).
 *
 * Return: 0, or -EBUSY while a request to it is in flight; then nothing has happened.
 */
int vscsi_lun_close(struct vscsi_lun *lun);

/**
 * vscsi_lun_get_info - Tell what is known of a logical unit
 * @lun: the LUN
 * @info: @info->size set by the caller; the rest is filled in
 *
 * Any thread; sends nothing.
 *
 * Return: 0, -EINVAL for a size below 4, -E2BIG for one above 4096.
 */
int vscsi_lun_get_info(struct vscsi_lun *lun, struct vscsi_lun_info *info);

/**
 * vscsi_lun_refresh - Ask a logical unit for its capacity again
 * @lun: the LUN
 *
 * For use after VSCSI_EVENT_RESIZED. Its block size must not have changed. Any thread; waits.
 *
 * Return: 0, -EPROTO when the block size is another one, or as vscsi_lun_open().
 */
int vscsi_lun_refresh(struct vscsi_lun *lun);

#ifdef __cplusplus
}
#endif

#endif
