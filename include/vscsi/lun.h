/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The logical unit (LUN), usually a disk. vscsi_lun_open() asks it once for everything that I/O
 * needs to know.
 */
#ifndef VSCSI_LUN_H
#define VSCSI_LUN_H

#include <stddef.h>
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
#define VSCSI_LUN_READ_ONLY   (1u << 0) /* writes fail */
#define VSCSI_LUN_REMOVABLE   (1u << 1) /* its medium is removable */
#define VSCSI_LUN_WRITE_CACHE (1u << 2) /* volatile, and enabled: flush matters */
#define VSCSI_LUN_FUA         (1u << 3) /* VSCSI_IO_FUA is supported */
#define VSCSI_LUN_THIN        (1u << 4) /* provisioned on demand */
#define VSCSI_LUN_UNMAP       (1u << 5) /* vscsi_unmap() is supported */
#define VSCSI_LUN_ZERO_UNMAP  (1u << 6) /* unmapped blocks read as zeros */
#define VSCSI_LUN_CAW         (1u << 7) /* vscsi_compare_and_write() is supported */
#define VSCSI_LUN_ROTATIONAL  (1u << 8) /* rotating medium */
#define VSCSI_LUN_FAST_ZEROES (1u << 9) /* VSCSI_IO_UNMAP: zeros by deallocating blocks */

/**
 * struct vscsi_lun_opts - How a LUN is opened; zero means default
 * @size: sizeof(struct vscsi_lun_opts)
 * @retries: times that a request is sent again on UNIT ATTENTION, ABORTED COMMAND and resets by
 *	others; default 5. On BUSY, TASK SET FULL and while the LUN becomes ready it is sent again
 *	until its time limit. VSCSI_NO_RETRIES for neither
 * @timeout_ms: limit for a request, as vscsi_dev_opts.io_timeout_ms; default: the device's,
 *	VSCSI_NO_TIMEOUT for none
 * @flags: VSCSI_LUN_NO_PROBE or 0
 */
struct vscsi_lun_opts {
	uint32_t size;
	uint32_t retries;
	uint32_t timeout_ms;
	uint32_t flags;
};

/*
 * vscsi_lun_opts.flags: send nothing to the LUN when it is opened. For raw commands to a LUN that
 * is not ready, has an unsupported block size, or is not a disk. vscsi_lun_get_info() then knows
 * only its address, the calls of io.h and the block calls of sync.h return -EINVAL, and a reconnect
 * can't tell whether it is still the same LUN: it is taken to be.
 */
#define VSCSI_LUN_NO_PROBE (1u << 0)

#define VSCSI_NO_RETRIES   UINT32_MAX

/**
 * struct vscsi_lun_info - Properties of a logical unit
 * @size: sizeof(struct vscsi_lun_info), set by the caller
 * @target, @lun: its address
 * @type: VSCSI_TYPE_*
 * @flags: VSCSI_LUN_*
 * @block_size: bytes of a logical block; 0 if there is no medium or the type has no blocks
 * @physical_block_size: bytes of a physical block
 * @blocks: number of logical blocks
 * @max_blocks: maximum blocks of one asynchronous request
 * @optimal_blocks: optimal number of blocks of a request; 0: unknown
 * @max_unmap_blocks: maximum blocks of all ranges of one vscsi_unmap()
 * @max_unmap_ranges: maximum ranges of one vscsi_unmap()
 * @unmap_granularity: blocks; 0: unknown
 * @max_zeroes_blocks: maximum blocks of one vscsi_write_zeroes(); whether the LUN supports the
 *	command at all is only known after trying it
 * @max_caw_blocks: maximum blocks of one vscsi_compare_and_write(); 0: not supported. As announced,
 *	until the LUN refused more than one as invalid: then 1
 * @queue_limit: maximum requests in flight for this LUN over all queues; 0: no limit of its own.
 *	One queue can use all of it while the others have nothing in flight, except for what they
 *	reserve: each queue that was used keeps up to an equal share, unless that is below 8
 * @reserved: 0
 * @vendor, @product, @revision: from INQUIRY, without trailing blanks
 * @serial: unit serial number (VPD page 80h); "" if it has none
 * @wwid: its best world-wide name (VPD page 83h): "naa.6001405...", "eui.0025385...", "uuid.",
 *	"iqn.2003-01...", "t10.VENDOR..."; "" if it has none. vscsi_lun_get_id() returns all
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
 * vscsi_lun_open - Open a logical unit
 * @dev: the device
 * @target: 0 to 255
 * @lun: 0 to 16383
 * @opts: options, or NULL for the defaults
 * @out: receives the LUN, which the caller owns: vscsi_lun_close()
 *
 * Asks for identity, capacity, limits and features (INQUIRY, VPD 00/80/83/B0/B1/B2, READ CAPACITY,
 * MODE SENSE) and clears a pending UNIT ATTENTION; with VSCSI_LUN_NO_PROBE, nothing. No scan is
 * needed first. The LUN can be used with every queue of @dev, in any thread. If the device is lost
 * and reconnects in the meantime, all questions are asked again, three times at most, so that the
 * answers are of one disk.
 *
 * Any thread. Waits, for up to 12 commands of at most vscsi_dev_opts.timeout_ms each; the first
 * that takes longer ends the call. That three times, if the device is lost meanwhile.
 *
 * Return: 0; -EINVAL (numbers out of range, unknown flags); -E2BIG (an option struct of a newer
 * library); -ENODEV (there is no such LUN); -EPROTO (it reports an unsupported block size or an
 * impossible capacity); -ENOMEM; -ETIMEDOUT, -ENOTCONN, -ECHILD; or the result of a command, as in
 * vscsi_completion.result.
 */
int vscsi_lun_open(struct vscsi_dev *dev, unsigned target, unsigned lun,
		   const struct vscsi_lun_opts *opts, struct vscsi_lun **out);

/**
 * vscsi_lun_open_by_id - Open the logical unit that has an identity, wherever it is
 * @dev: the device
 * @id: one of its identities, as vscsi_lun_info.wwid or vscsi_lun_get_id() has it:
 *	"naa.6001405...", "serial.S4X0"; NULL: the one of the device's address,
 *	"vhost-user:/run/v.sock?id=naa.6001405..."
 * @opts: options, or NULL for the defaults
 * @out: receives the LUN, which the caller owns: vscsi_lun_close()
 *
 * Scans the device and asks every LUN for its identities (INQUIRY, VPD 00/80/83), then opens the
 * one as vscsi_lun_open() does. Hexadecimal digits may be upper or lower case; the rest must be
 * equal. Of an identity longer than 87 characters the first 87 count, as in vscsi_lun_info.wwid.
 *
 * The handle stays with the address at which the LUN was found. If the LUN moves to another one,
 * the handle fails with -ENODEV as soon as that is known (VSCSI_EVENT_UNPLUGGED, or
 * VSCSI_EVENT_CHANGED after a reconnect), and never reaches the LUN that has its address then.
 * Close it and call this again: it finds the LUN at its new address. If the same LUN returns to the
 * old address, the handle works again (VSCSI_EVENT_PLUGGED).
 *
 * With VSCSI_LUN_NO_PROBE nothing is sent to the LUN before its identity has been asked for once
 * more, by the next polls.
 *
 * Any thread. Waits as vscsi_dev_scan(), for 5 commands for each LUN (20, if each answer is a UNIT
 * ATTENTION) and as vscsi_lun_open(); the first command that takes longer than
 * vscsi_dev_opts.timeout_ms ends the call. The search three times, if the device is lost meanwhile.
 *
 * Return: 0; -EINVAL (@id is empty); -ENODEV (no LUN has the identity); -ENOTUNIQ (two LUNs have
 * it; vscsi_last_error() names both); -ENOENT (@id is NULL and the address has no id=); or as
 * vscsi_dev_scan() and vscsi_lun_open().
 */
int vscsi_lun_open_by_id(struct vscsi_dev *dev, const char *id, const struct vscsi_lun_opts *opts,
			 struct vscsi_lun **out);

/**
 * vscsi_lun_get_id - List the identities of a logical unit
 * @lun: the LUN
 * @index: 0, 1, 2 ...
 * @out: receives a string of at most 87 characters, printable ASCII
 * @size: bytes of @out; 88 is enough for each
 *
 * The unit serial number is first, as "serial.TEXT", if it has one; then, in the LUN's order, its
 * designators (VPD page 83h): "naa.", "eui." and "vendor." with digits or text, "t10.", "uuid.",
 * and SCSI name strings as they are. They are those of when it was opened; with VSCSI_LUN_NO_PROBE
 * there are none, unless it was opened by one.
 *
 * Any thread. Sends nothing, never waits. Sets no error text.
 *
 * Return: 0; -ENOENT after the last one; -ENOSPC if it does not fit.
 */
int vscsi_lun_get_id(struct vscsi_lun *lun, unsigned index, char *out, size_t size);

/**
 * vscsi_lun_close - Close a logical unit
 * @lun: the LUN; NULL is allowed
 *
 * Any thread, with no other thread in a call for this LUN. Sends nothing; waits only for a thread
 * in vscsi_mem_register() or vscsi_mem_unregister(). O(requests that all queues can hold).
 *
 * Return: 0, or -EBUSY while a request to it is in flight; then nothing has changed.
 */
int vscsi_lun_close(struct vscsi_lun *lun);

/**
 * vscsi_lun_get_info - Get the properties of a logical unit
 * @lun: the LUN
 * @info: @info->size set by the caller; the rest is filled in
 *
 * Any thread. Sends nothing, never waits.
 *
 * Return: 0, -EINVAL for a size below 4, -E2BIG for one above 4096, -ECHILD.
 */
int vscsi_lun_get_info(struct vscsi_lun *lun, struct vscsi_lun_info *info);

/**
 * vscsi_lun_refresh - Ask a logical unit for its capacity, limits and features again
 * @lun: the LUN
 *
 * To be called after VSCSI_EVENT_RESIZED, and after VSCSI_EVENT_CONFIG, with which the device's
 * own limit of a transfer may have changed. The library does the same after each reconnect.
 * Requests that are prepared afterwards are checked against the new limits. One that was held back
 * and is longer than the LUN takes now completes with -E2BIG; those in flight are left to the
 * device. The block size must not have changed, and vscsi_lun_info.queue_limit stays as it was when
 * the LUN was opened. Any thread. Waits as vscsi_lun_open() does.
 *
 * Return: 0; -EPROTO if the block size changed; -EINVAL for a LUN opened with VSCSI_LUN_NO_PROBE;
 * or as vscsi_lun_open().
 */
int vscsi_lun_refresh(struct vscsi_lun *lun);

#ifdef __cplusplus
}
#endif

#endif
