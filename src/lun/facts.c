/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Derives limits and features from the results of a probe. What was not reported gets a default
 * that is safe with any device.
 */
#include <errno.h>
#include <string.h>

#include <vscsi/io.h>

#include "lun/facts.h"

bool lun_type_has_blocks(uint32_t type)
{
	return type == VSCSI_TYPE_DISK || type == VSCSI_TYPE_CDROM || type == VSCSI_TYPE_ZBC;
}

/* Maximum transfer size, as limited by descriptors, configuration space and page B0h. */
static uint32_t find_max_blocks(const struct lun_facts *facts, const struct lun_limits *limits)
{
	uint32_t size = facts->capacity.block_size;
	uint32_t most = UINT32_MAX / size;

	/*
	 * max_sectors counts 512 bytes; a chain has at most 2^32 bytes (virtio 1.4, 5.6.4,
	 * 2.7.5.2).
	 */
	most = least(UINT64_C(512) * limits->max_sectors / size, most);
	if (facts->limits.max_transfer)
		most = least(most, facts->limits.max_transfer);
	/* Room for the response in the 2^32 bytes. */
	return most > 1 ? least(most, UINT32_MAX / size - 1) : 1;
}

static uint32_t find_flags(const struct lun_facts *facts)
{
	uint32_t flags = 0;

	if (facts->inquiry.removable)
		flags |= VSCSI_LUN_REMOVABLE;
	if (facts->rotation > 1)
		flags |= VSCSI_LUN_ROTATIONAL;
	if (facts->mode.write_protected || facts->inquiry.type == VSCSI_TYPE_CDROM)
		flags |= VSCSI_LUN_READ_ONLY;
	if (facts->mode.dpofua)
		flags |= VSCSI_LUN_FUA;
	if (facts->mode.write_cache)
		flags |= VSCSI_LUN_WRITE_CACHE;
	return flags;
}

/* The part of the information that only units with blocks have. */
static void describe_blocks(const struct lun_facts *facts, const struct lun_limits *limits,
			    struct vscsi_lun_info *info)
{
	const struct scsi_vpd_limits *said = &facts->limits;

	info->block_size = facts->capacity.block_size;
	info->physical_block_size = facts->capacity.physical_block_size;
	info->blocks = facts->capacity.blocks;
	info->max_blocks = find_max_blocks(facts, limits);
	info->optimal_blocks = said->optimal_transfer;
	if (facts->capacity.thin || facts->provisioning.type == SCSI_PROVISIONING_THIN)
		info->flags |= VSCSI_LUN_THIN;
	if (facts->capacity.read_zeros || facts->provisioning.read_zeros)
		info->flags |= VSCSI_LUN_ZERO_UNMAP;
	if (info->flags & VSCSI_LUN_ZERO_UNMAP && facts->provisioning.write_same_16)
		info->flags |= VSCSI_LUN_FAST_ZEROES;
	if (facts->provisioning.unmap && said->max_unmap_blocks && said->max_unmap_ranges) {
		info->flags |= VSCSI_LUN_UNMAP;
		info->max_unmap_blocks = said->max_unmap_blocks;
		info->max_unmap_ranges = least(said->max_unmap_ranges, VSCSI_UNMAP_MAX_RANGES);
		info->unmap_granularity = said->unmap_granularity;
	}
	info->max_zeroes_blocks = UINT32_MAX;
	if (said->max_write_same)
		info->max_zeroes_blocks = least(said->max_write_same, UINT32_MAX);
	info->max_caw_blocks = said->max_caw;
	if (said->max_caw)
		info->flags |= VSCSI_LUN_CAW;
}

/* Fills in the public information; address and queue_limit are kept. */
static void describe(const struct lun_facts *facts, const struct lun_limits *limits,
		     struct vscsi_lun_info *info)
{
	struct vscsi_lun_info now = {
		.target = info->target,
		.lun = info->lun,
		.queue_limit = info->queue_limit,
		.type = facts->inquiry.type,
		.flags = find_flags(facts),
	};

	if (facts->capacity.block_size)
		describe_blocks(facts, limits, &now);
	memcpy(now.vendor, facts->inquiry.vendor, sizeof(now.vendor));
	memcpy(now.product, facts->inquiry.product, sizeof(now.product));
	memcpy(now.revision, facts->inquiry.revision, sizeof(now.revision));
	memcpy(now.serial, facts->serial, sizeof(now.serial));
	memcpy(now.wwid, facts->wwid, sizeof(now.wwid));
	*info = now;
}

/*
 * Stores a limit that other threads may be reading, if it has changed. Relaxed: a request that is
 * being prepared at the same time may be checked against the old or the new limit.
 */
#define SET(field, value)                                                      \
	do {                                                                   \
		if ((field) != (value))                                        \
			__atomic_store_n(&(field), (value), __ATOMIC_RELAXED); \
	} while (0)

void lun_facts_limit_writes(struct vscsi_lun *lun)
{
	int error = lun->info.flags & VSCSI_LUN_READ_ONLY ? -EROFS : 0;

	if (lun->registration.lost)
		error = -EBADE;
	SET(lun->io.write_error, error);
}

static void limit_requests(struct vscsi_lun *lun)
{
	const struct vscsi_lun_info *info = &lun->info;
	const uint32_t flags = info->flags;
	struct io_lun *io = &lun->io;

	lun_facts_limit_writes(lun);
	SET(io->max_blocks, info->max_blocks);
	SET(io->fua, (flags & VSCSI_LUN_FUA) != 0);
	SET(io->write_cache, (flags & VSCSI_LUN_WRITE_CACHE) != 0);
	SET(io->unmap, (flags & VSCSI_LUN_UNMAP) != 0);
	SET(io->unmap_zeroes, (flags & VSCSI_LUN_FAST_ZEROES) != 0);
	SET(io->max_zeroes_blocks, info->max_zeroes_blocks);
	SET(io->max_caw_blocks, info->max_caw_blocks);
	SET(io->max_unmap_blocks, info->max_unmap_blocks);
	SET(io->max_unmap_ranges, info->max_unmap_ranges);
}

void lun_facts_apply(const struct lun_facts *facts, const struct lun_limits *limits,
		     struct vscsi_lun *lun)
{
	const bool zoned = facts->inquiry.type == VSCSI_TYPE_ZBC;

	describe(facts, limits, &lun->info);
	lun->identity = facts->identity;
	lun->io.block_size = facts->capacity.block_size;
	/* Zoned disks know the 16-byte forms only (ZBC). */
	lun->io.wide = facts->capacity.blocks > UINT32_MAX || zoned;
	lun->io.sync_cache_16 = zoned;
	limit_requests(lun);
	io_lun_set_limits(&lun->io);
}

void lun_facts_adopt(const struct lun_facts *facts, const struct lun_limits *limits,
		     struct vscsi_lun *lun)
{
	const struct vscsi_lun_info was = lun->info;

	/* A removed medium may be inserted again. Another one is a new disk. */
	if (facts->capacity.block_size != lun->io.block_size) {
		if (!facts->capacity.block_size)
			lun->info.blocks = 0;
		return;
	}
	describe(facts, limits, &lun->info);
	memcpy(lun->info.serial, was.serial, sizeof(was.serial));
	memcpy(lun->info.wwid, was.wwid, sizeof(was.wwid));
	limit_requests(lun);
	/*
	 * io.wide is not updated: requests beyond 32 bits get a 16-byte CDB without it, and the
	 * fast path must not see a half-finished change.
	 */
	io_lun_set_limits(&lun->io);
}
