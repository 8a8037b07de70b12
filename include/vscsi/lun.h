/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The logical unit (LUN), usually a disk. vscsi_lun_open() reads the properties that I/O needs:
 * identity, capacity, limits and features.
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

/* SCSI peripheral device types (SPC). vscsi_lun_info.type can have other values. */
#define VSCSI_TYPE_DISK      0x00u
#define VSCSI_TYPE_TAPE      0x01u
#define VSCSI_TYPE_CDROM     0x05u
#define VSCSI_TYPE_CHANGER   0x08u
#define VSCSI_TYPE_ENCLOSURE 0x0du
#define VSCSI_TYPE_ZBC       0x14u

/* vscsi_lun_info.flags */
#define VSCSI_LUN_READ_ONLY   (1u << 0) /* writes fail */
#define VSCSI_LUN_REMOVABLE   (1u << 1) /* its medium is removable */
#define VSCSI_LUN_WRITE_CACHE (1u << 2) /* volatile cache enabled: use vscsi_flush() */
#define VSCSI_LUN_FUA         (1u << 3) /* VSCSI_IO_FUA is supported */
#define VSCSI_LUN_THIN        (1u << 4) /* thin provisioned */
#define VSCSI_LUN_UNMAP       (1u << 5) /* vscsi_unmap() is supported */
#define VSCSI_LUN_ZERO_UNMAP  (1u << 6) /* unmapped blocks read as zeros */
#define VSCSI_LUN_CAW         (1u << 7) /* vscsi_compare_and_write() is supported */
#define VSCSI_LUN_ROTATIONAL  (1u << 8) /* rotating medium */
#define VSCSI_LUN_FAST_ZEROES (1u << 9) /* VSCSI_IO_UNMAP zeroes by deallocating blocks */

/**
 * struct vscsi_lun_opts - Options for opening a LUN; zero means default
 * @size: sizeof(struct vscsi_lun_opts)
 * @retries: how often a request is resent after UNIT ATTENTION, ABORTED COMMAND or a reset that
 *	another client sent, at most 65535; default 5. After BUSY, TASK SET FULL, and while the LUN
 *	is becoming ready, a request is resent until its time limit. VSCSI_NO_RETRIES: never resent
 * @timeout_ms: limit for a request in milliseconds, as vscsi_dev_opts.io_timeout_ms; default: the
 *	device's; VSCSI_NO_TIMEOUT: none
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
 * is not ready, has an unsupported block size, or is not a disk. vscsi_lun_get_info() then returns
 * only its address, and the calls of io.h and the block calls of sync.h return -EINVAL. After a
 * reconnect the library can't verify that it is still the same LUN, and assumes that it is.
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
 * @max_blocks: maximum blocks of one asynchronous read or write
 * @optimal_blocks: optimal number of blocks of a request; 0: unknown
 * @max_unmap_blocks: maximum blocks of all ranges of one vscsi_unmap()
 * @max_unmap_ranges: maximum ranges of one vscsi_unmap()
 * @unmap_granularity: optimal unit of an unmap in blocks; 0: unknown
 * @max_zeroes_blocks: maximum blocks of one vscsi_write_zeroes(). A LUN may still not support the
 *	command: that is known only after trying it
 * @max_caw_blocks: maximum blocks of one vscsi_compare_and_write(), as announced by the LUN; 0: not
 *	supported. If the LUN rejects a request of several blocks as invalid, this becomes 1
 * @queue_limit: maximum requests in flight for this LUN over all queues; 0: the LUN has no limit of
 *	its own. Each queue that has been used reserves up to an equal share of the limit, unless
 *	that share is below 8; any queue can use the rest
 * @reserved: 0
 * @vendor, @product, @revision: from INQUIRY, without trailing blanks
 * @serial: unit serial number (VPD page 80h); "" if it has none
 * @wwid: its best world-wide name (VPD page 83h): "naa.6001405...", "eui.0025385...", "uuid.",
 *	"iqn.2003-01...", "t10.VENDOR..."; "" if it has none. vscsi_lun_get_id() lists all
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
 * @out: receives the LUN; the caller owns it and frees it with vscsi_lun_close()
 *
 * Reads identity, capacity, limits and features (INQUIRY, VPD 00/80/83/B0/B1/B2, READ CAPACITY,
 * MODE SENSE) and clears a pending UNIT ATTENTION; with VSCSI_LUN_NO_PROBE it sends nothing. No
 * prior scan is needed. The LUN can be used with every queue of @dev, in any thread. If the device
 * is lost and reconnects during this call, the library sends all these commands again, at most
 * three times, so that all answers come from the same disk.
 *
 * Any thread. Waits for up to 12 commands, each at most vscsi_dev_opts.timeout_ms; the call fails
 * at the first command that takes longer. Waits up to three times as long if the device is lost
 * during the call.
 *
 * Return: 0; -EINVAL (numbers out of range, unknown flags); -E2BIG (an option struct of a newer
 * library); -ENODEV (there is no such LUN); -EPROTO (it reports an unsupported block size or an
 * impossible capacity); -ENOMEM; -ETIMEDOUT, -ENOTCONN, -ECHILD; or the result of a command, as in
 * vscsi_completion.result.
 */
int vscsi_lun_open(struct vscsi_dev *dev, unsigned target, unsigned lun,
		   const struct vscsi_lun_opts *opts, struct vscsi_lun **out);

/**
 * vscsi_lun_open_by_id - Open the logical unit that has an identity, at whichever address
 * @dev: the device
 * @id: one of its identities, as in vscsi_lun_info.wwid or from vscsi_lun_get_id():
 *	"naa.6001405...", "serial.S4X0"; NULL: the option id of the device's address,
 *	"vhost-user:/run/v.sock?id=naa.6001405..."
 * @opts: options, or NULL for the defaults
 * @out: receives the LUN; the caller owns it and frees it with vscsi_lun_close()
 *
 * Scans the device and reads the identities of every LUN (INQUIRY, VPD 00/80/83), then opens the
 * LUN that matches, as vscsi_lun_open() does. Hexadecimal digits match in upper and lower case; all
 * other characters must be equal. Only the first 87 characters of an identity are compared, as
 * stored in vscsi_lun_info.wwid.
 *
 * The handle keeps the address at which the LUN was found. If the LUN moves to another address, the
 * handle's requests fail with -ENODEV as soon as the library knows this (VSCSI_EVENT_UNPLUGGED, or
 * VSCSI_EVENT_CHANGED after a reconnect); they never reach another LUN that has the address by
 * then. To find the LUN at its new address, close the handle and call this function again. If the
 * same LUN returns to the old address, the handle works again (VSCSI_EVENT_PLUGGED).
 *
 * With VSCSI_LUN_NO_PROBE the next polls first verify the identity of the LUN again, and send its
 * requests after that.
 *
 * Any thread. Waits as vscsi_dev_scan(), then for 5 commands for each LUN (20 if each answer is a
 * UNIT ATTENTION), then as vscsi_lun_open(). The call fails at the first command that takes longer
 * than vscsi_dev_opts.timeout_ms. If the device is lost during the search, the search is repeated,
 * at most three times in total.
 *
 * Return: 0; -EINVAL (@id is empty); -ENODEV (no LUN has the identity, or it moved during this
 * call); -ENOTUNIQ (two LUNs have it; vscsi_last_error() names both); -ENOENT (@id is NULL and the
 * address has no option id); or as vscsi_dev_scan() and vscsi_lun_open().
 */
int vscsi_lun_open_by_id(struct vscsi_dev *dev, const char *id, const struct vscsi_lun_opts *opts,
			 struct vscsi_lun **out);

/**
 * vscsi_lun_get_id - List the identities of a logical unit
 * @lun: the LUN
 * @index: 0, 1, 2 ...
 * @out: receives a string of at most 87 characters, printable ASCII
 * @size: bytes of @out; 88 is always enough
 *
 * The first is the unit serial number as "serial.TEXT", if the LUN has one. The designators of VPD
 * page 83h follow in the LUN's order: "naa.", "eui." and "vendor." with digits or text, "t10.",
 * "uuid.", and SCSI name strings without a prefix. The list is as of when the LUN was opened. With
 * VSCSI_LUN_NO_PROBE it is empty, unless the LUN was opened by vscsi_lun_open_by_id().
 *
 * Any thread. Sends nothing, never waits. Sets no error text.
 *
 * Return: 0; -ENOENT after the last one; -ENOSPC if the string does not fit into @size bytes.
 */
int vscsi_lun_get_id(struct vscsi_lun *lun, unsigned index, char *out, size_t size);

/**
 * vscsi_lun_close - Close a logical unit
 * @lun: the LUN; NULL is allowed
 *
 * Any thread, with no other thread in a call for this LUN. Sends nothing; waits only for a thread
 * that is in vscsi_mem_register() or vscsi_mem_unregister(). O(requests that all queues can hold).
 *
 * Return: 0, or -EBUSY while a request to the LUN has not been returned by vscsi_poll(); then
 * nothing has changed.
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
 * vscsi_lun_refresh - Read the capacity, limits and features of a logical unit again
 * @lun: the LUN
 *
 * Call this after VSCSI_EVENT_RESIZED, and after VSCSI_EVENT_CONFIG, because the device's transfer
 * limit may have changed. The library does the same after each reconnect. Requests that are
 * prepared afterwards are checked against the new limits. A request that waits to be resent and
 * exceeds the new limits completes with -E2BIG; requests in flight are left to the device. The
 * block size must not have changed. vscsi_lun_info.queue_limit stays as it was when the LUN was
 * opened.
 *
 * Any thread. Waits as vscsi_lun_open() does.
 *
 * Return: 0; -EPROTO if the block size changed; -EINVAL for a LUN opened with VSCSI_LUN_NO_PROBE;
 * or as vscsi_lun_open().
 */
int vscsi_lun_refresh(struct vscsi_lun *lun);

#ifdef __cplusplus
}
#endif

#endif
