/* SPDX-License-Identifier: BSD-3-Clause */
/* The logical unit as the rest of the core sees it. */
#ifndef LUN_LUN_H
#define LUN_LUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <vscsi/device.h>
#include <vscsi/lun.h>

#include "queue/ioq.h"

struct credits;

/**
 * struct vscsi_lun - A logical unit; the first cache line is all that a read or a write needs
 * @addr: its address as it goes into every request header (virtio 1.4, 5.6.6.1)
 * @block_size: bytes of a logical block, 0 where there is none
 * @max_blocks: most blocks of one request
 * @fast_blocks: most blocks of a read [0] and of a write [1] that may take the hot path: as many as
 *	its CDB can name; 0 where requests are counted or writes refused
 * @counted_blocks: the same where they are counted; 0 where they are not
 * @short_lbas: addresses below this may take the hot path with a 10-byte CDB; 0 with @wide
 * @wide: it has blocks that only a 16-byte CDB can name, or knows no other: all its reads and
 *	writes have one
 * @read_only: writes are refused
 * @fua: FUA is known
 * @unmap_zeroes: WRITE SAME(16) may unmap, and unmapped blocks read as zeros
 * @retries: times that a request is sent again
 * @credits: what counts its requests against the device's limit; NULL: the rings hold no more than
 *	that anyhow
 * @limit_ms: time that a request may take; 0: any
 * @dev: device that it is on
 * @gone: it was removed, or another one is in its place
 * @next: in the device's list, under its lock
 * @info: what the application is told
 */
struct vscsi_lun {
	uint8_t addr[8];
	struct credits *credits;
	uint32_t block_size;
	uint32_t max_blocks;
	uint32_t fast_blocks[2];
	uint32_t counted_blocks[2];
	uint64_t short_lbas;
	bool wide;
	bool read_only;
	bool fua;
	bool unmap_zeroes;
	uint16_t retries;
	uint32_t limit_ms;
	struct vscsi_dev *dev;
	atomic_bool gone;
	struct vscsi_lun *next;
	struct vscsi_lun_info info;
};

/**
 * lun_init - Make a LUN of an address, before anything is known of it
 *
 * Raw commands can be sent to it, block commands can't yet.
 *
 * Return: 0, or -EINVAL with its sentence set.
 */
int lun_init(struct vscsi_lun *lun, struct vscsi_dev *dev, unsigned target, unsigned number);

/* Whether it is there no more. Relaxed: it is noticed soon enough. */
static inline bool lun_gone(const struct vscsi_lun *lun)
{
	return atomic_load_explicit(&lun->gone, memory_order_relaxed);
}

/**
 * lun_remove - Mark all handles of an address as gone
 *
 * From now on their requests end with -ENODEV, those too that wait to be sent again. One that is
 * being opened begins anew. Any thread; takes @dev->open_lock.
 *
 * Return: whether there was any that was open, and not gone yet.
 */
bool lun_remove(struct vscsi_dev *dev, unsigned target, unsigned number);

/*
 * The same for handles of another disk than the one that has the address now.
 */
bool lun_remove_others(struct vscsi_dev *dev, const struct vscsi_lun_info *now);

/**
 * lun_list - List the addresses of the LUNs that are open and not gone
 * @out: receives them, in no order, an address once for each handle: free() it
 *
 * Return: how many, or -ENOMEM with its sentence set.
 */
int lun_list(struct vscsi_dev *dev, struct vscsi_lun_addr **out);

/**
 * lun_probe - Ask a LUN what it is and can do
 *
 * Return: 0, or a negative errno with its sentence set.
 */
int lun_probe(struct vscsi_lun *lun);

/* Asks a LUN only who it is, for @lun->info. Return: as lun_probe(). */
int lun_probe_identity(struct vscsi_lun *lun);

/**
 * lun_probe_capacity - Ask a LUN for its size again
 *
 * Return: 0, or a negative errno with its sentence set; then nothing has changed.
 */
int lun_probe_capacity(struct vscsi_lun *lun);

#endif
