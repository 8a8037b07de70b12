/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Learning what a LUN is and can do. Identity and capacity have to be there; every other page is
 * optional, and what it would have said gets a default that is safe with any device.
 */
#include <errno.h>
#include <string.h>

#include <vscsi/io.h>
#include <vscsi/queue.h>

#include "device/dev.h"
#include "lun/inquire.h"
#include "lun/lun.h"
#include "scsi/capacity.h"
#include "scsi/cdb.h"
#include "scsi/inquiry.h"
#include "scsi/mode.h"
#include "scsi/vpd.h"
#include "util/error.h"

/* What the block limits and provisioning pages said; kept only while probing. */
struct probe {
	struct vscsi_lun *lun;
	struct scsi_vpd_pages pages;
	struct scsi_vpd_limits limits;
	struct scsi_vpd_provisioning provisioning;
	struct scsi_capacity capacity;
};

static int probe_identity(struct probe *probe)
{
	struct vscsi_lun_info *info = &probe->lun->info;
	uint8_t data[SCSI_INQUIRY_ALLOC];
	struct scsi_inquiry inquiry;
	uint8_t cdb[SCSI_CDB_LEN];
	uint32_t received;
	int err;

	scsi_cdb_inquiry(cdb, false, 0, sizeof(data));
	err = inquire(probe->lun, cdb, data, sizeof(data), &received, NULL);
	if (err)
		return err;
	if (scsi_inquiry_parse(data, received, &inquiry))
		return error_set(-EPROTO, "LUN %u:%u answers INQUIRY with %u bytes", info->target,
				 info->lun, received);
	if (inquiry.qualifier != SCSI_QUALIFIER_CONNECTED)
		return error_set(-ENODEV, "there is no LUN %u:%u (INQUIRY says: nothing connected)",
				 info->target, info->lun);
	info->type = inquiry.type;
	if (inquiry.removable)
		info->flags |= VSCSI_LUN_REMOVABLE;
	memcpy(info->vendor, inquiry.vendor, sizeof(info->vendor));
	memcpy(info->product, inquiry.product, sizeof(info->product));
	memcpy(info->revision, inquiry.revision, sizeof(info->revision));
	return 0;
}

/*
 * Reads a page if the device lists it. A device that can't tell has none; one that is lost fails.
 * Return: bytes received, 0 where there is no such page, or a negative errno.
 */
static int read_page(struct probe *probe, uint8_t page, uint8_t data[SCSI_VPD_ALLOC])
{
	uint8_t cdb[SCSI_CDB_LEN];
	uint32_t received;
	int err;

	if (page != SCSI_VPD_PAGES && !scsi_vpd_has(&probe->pages, page))
		return 0;
	scsi_cdb_inquiry(cdb, true, page, SCSI_VPD_ALLOC);
	err = inquire(probe->lun, cdb, data, SCSI_VPD_ALLOC, &received, NULL);
	if (inquire_got_nowhere(err))
		return err;
	return err ? 0 : (int)received;
}

static int probe_names(struct probe *probe)
{
	struct vscsi_lun_info *info = &probe->lun->info;
	uint8_t data[SCSI_VPD_ALLOC];
	int len;

	len = read_page(probe, SCSI_VPD_PAGES, data);
	if (len <= 0 || scsi_vpd_parse_pages(data, (size_t)len, &probe->pages))
		return len < 0 ? len : 0;
	len = read_page(probe, SCSI_VPD_SERIAL, data);
	if (len > 0)
		scsi_vpd_parse_serial(data, (size_t)len, info->serial);
	if (len >= 0)
		len = read_page(probe, SCSI_VPD_IDENTITY, data);
	if (len > 0)
		scsi_vpd_parse_identity(data, (size_t)len, info->wwid);
	return len < 0 ? len : 0;
}

static int probe_limits(struct probe *probe)
{
	struct vscsi_lun_info *info = &probe->lun->info;
	uint8_t data[SCSI_VPD_ALLOC];
	uint16_t rate = 0;
	int len;

	len = read_page(probe, SCSI_VPD_LIMITS, data);
	if (len > 0)
		scsi_vpd_parse_limits(data, (size_t)len, &probe->limits);
	if (len >= 0)
		len = read_page(probe, SCSI_VPD_MEDIUM, data);
	if (len > 0 && scsi_vpd_parse_rotation(data, (size_t)len, &rate) == 0 && rate > 1)
		info->flags |= VSCSI_LUN_ROTATIONAL;
	if (len >= 0)
		len = read_page(probe, SCSI_VPD_PROVISIONING, data);
	if (len > 0)
		scsi_vpd_parse_provisioning(data, (size_t)len, &probe->provisioning);
	return len < 0 ? len : 0;
}

/*
 * READ CAPACITY(16) first, as only it tells of thin provisioning and sizes beyond 2 TiB; old
 * devices know the short form only. No medium is no error: the LUN has no blocks then.
 */
static int read_capacity(struct vscsi_lun *lun, struct scsi_capacity *capacity)
{
	uint8_t data[SCSI_READ_CAPACITY_16_LEN];
	uint8_t cdb[SCSI_CDB_LEN];
	uint32_t received;
	int err;

	memset(capacity, 0, sizeof(*capacity));
	scsi_cdb_read_capacity_16(cdb);
	err = inquire(lun, cdb, data, SCSI_READ_CAPACITY_16_LEN, &received, NULL);
	if (!err) {
		err = scsi_capacity_parse_16(data, received, capacity);
	} else if (!inquire_got_nowhere(err) && err != -ENOMEDIUM) {
		scsi_cdb_read_capacity_10(cdb);
		err = inquire(lun, cdb, data, SCSI_READ_CAPACITY_10_LEN, &received, NULL);
		if (!err)
			err = scsi_capacity_parse_10(data, received, capacity);
	}
	if (err == -EPROTO || err == -EOVERFLOW)
		return error_set(
			-EPROTO,
			"LUN %u:%u reports a capacity that can't be: no blocks, a block size "
			"that is no power of two from %u to %u, or more than 2^64 bytes",
			lun->info.target, lun->info.lun, SCSI_MIN_BLOCK_SIZE, SCSI_MAX_BLOCK_SIZE);
	return err == -ENOMEDIUM ? 0 : err;
}

/* One way to ask for mode parameters: 0 when it was answered, or a negative errno. */
static int read_mode(struct vscsi_lun *lun, bool wide, uint8_t page, struct scsi_mode *mode)
{
	uint8_t data[SCSI_MODE_ALLOC];
	uint8_t cdb[SCSI_CDB_LEN];
	uint32_t received;
	int err;

	if (wide)
		scsi_cdb_mode_sense_10(cdb, page, sizeof(data));
	else
		scsi_cdb_mode_sense_6(cdb, page, sizeof(data));
	err = inquire(lun, cdb, data, sizeof(data), &received, NULL);
	if (err)
		return err;
	return wide ? scsi_mode_parse_10(data, received, mode)
		    : scsi_mode_parse_6(data, received, mode);
}

/*
 * A disk without a caching page refuses to send it, and a device may know one form of the command
 * only. None of it is needed: a disk that says nothing is taken to be writable, without a cache.
 */
static int probe_mode(struct probe *probe)
{
	static const struct {
		bool wide;
		uint8_t page;
	} ways[] = {{false, SCSI_MODE_CACHING},
		    {false, SCSI_MODE_ALL},
		    {true, SCSI_MODE_CACHING},
		    {true, SCSI_MODE_ALL}};
	struct vscsi_lun *lun = probe->lun;
	struct scsi_mode mode;
	size_t i;
	int err = -EPROTO;

	/* The header's bits mean something else for other types. */
	if (lun->info.type == VSCSI_TYPE_CDROM)
		return 0;
	for (i = 0; i < ARRAY_LEN(ways) && err; i++) {
		err = read_mode(lun, ways[i].wide, ways[i].page, &mode);
		if (inquire_got_nowhere(err))
			return err;
	}
	if (err)
		return 0;
	lun->read_only = mode.write_protected;
	lun->fua = mode.dpofua;
	if (mode.write_protected)
		lun->info.flags |= VSCSI_LUN_READ_ONLY;
	if (mode.dpofua)
		lun->info.flags |= VSCSI_LUN_FUA;
	if (mode.write_cache)
		lun->info.flags |= VSCSI_LUN_WRITE_CACHE;
	return 0;
}

static uint32_t least(uint64_t a, uint64_t b)
{
	return (uint32_t)(a < b ? a : b);
}

/* The most blocks of a transfer: what descriptors, configuration space and page B0h allow. */
static void derive_transfer(struct probe *probe)
{
	struct dev_limits device = dev_get_limits(probe->lun->dev);
	struct vscsi_lun *lun = probe->lun;
	uint32_t size = lun->block_size;
	uint32_t most = UINT32_MAX / size;

	/*
	 * max_sectors counts 512 bytes; a chain has at most 2^32 bytes (virtio 1.4, 5.6.4,
	 * 2.7.5.2).
	 */
	most = least(most, UINT64_C(512) * device.max_sectors / size);
	if (probe->limits.max_transfer)
		most = least(most, probe->limits.max_transfer);
	/* Room for the response in the 2^32 bytes. */
	lun->max_blocks = most > 1 ? least(most, UINT32_MAX / size - 1) : 1;
	lun->info.max_blocks = lun->max_blocks;
	lun->info.optimal_blocks = probe->limits.optimal_transfer;
}

static void derive_abilities(struct probe *probe)
{
	const struct scsi_vpd_limits *limits = &probe->limits;
	struct vscsi_lun_info *info = &probe->lun->info;

	if (probe->capacity.thin || probe->provisioning.type == SCSI_PROVISIONING_THIN)
		info->flags |= VSCSI_LUN_THIN;
	if (probe->capacity.read_zeros || probe->provisioning.read_zeros) {
		info->flags |= VSCSI_LUN_ZERO_UNMAP;
		probe->lun->unmap_zeroes = probe->provisioning.write_same_16;
	}
	if (probe->provisioning.unmap && limits->max_unmap_blocks && limits->max_unmap_ranges) {
		info->flags |= VSCSI_LUN_UNMAP;
		info->max_unmap_blocks = limits->max_unmap_blocks;
		info->max_unmap_ranges = least(limits->max_unmap_ranges, VSCSI_UNMAP_MAX_RANGES);
		info->unmap_granularity = limits->unmap_granularity;
	}
	info->max_zeroes_blocks = UINT32_MAX;
	if (limits->max_write_same)
		info->max_zeroes_blocks = least(limits->max_write_same, UINT32_MAX);
	info->max_caw_blocks = limits->max_caw;
	if (limits->max_caw)
		info->flags |= VSCSI_LUN_CAW;
}

/* Block commands make sense for these types. */
static bool has_blocks(uint32_t type)
{
	return type == VSCSI_TYPE_DISK || type == VSCSI_TYPE_CDROM || type == VSCSI_TYPE_ZBC;
}

static void take_capacity(struct vscsi_lun *lun, const struct scsi_capacity *capacity)
{
	lun->block_size = capacity->block_size;
	/* Zoned disks know the 16-byte forms only (ZBC). */
	lun->wide = capacity->blocks > UINT32_MAX || lun->info.type == VSCSI_TYPE_ZBC;
	lun->info.block_size = capacity->block_size;
	lun->info.physical_block_size = capacity->physical_block_size;
	lun->info.blocks = capacity->blocks;
}

/*
 * What may take the hot path: all that the CDB can name, by the form for those that are counted or
 * by the other one, never by both: the device may change its limit between two LUNs.
 */
static void derive_fast(struct vscsi_lun *lun)
{
	uint32_t blocks = lun->wide ? lun->max_blocks : least(lun->max_blocks, UINT16_MAX);
	uint32_t *most = lun->credits ? lun->counted_blocks : lun->fast_blocks;

	most[0] = blocks;
	most[1] = lun->read_only ? 0 : blocks;
	/* What begins below this stays below 2^32, whatever its length. */
	lun->short_lbas = lun->wide ? 0 : UINT32_MAX - UINT16_MAX;
}

static int identify(struct probe *probe)
{
	int err = probe_identity(probe);

	return err ? err : probe_names(probe);
}

int lun_probe_identity(struct vscsi_lun *lun)
{
	struct probe probe = {.lun = lun};

	return identify(&probe);
}

int lun_probe(struct vscsi_lun *lun)
{
	struct probe probe = {.lun = lun};
	int err;

	err = identify(&probe);
	if (err || !has_blocks(lun->info.type))
		return err;
	err = read_capacity(lun, &probe.capacity);
	if (!err)
		err = probe_limits(&probe);
	if (!err)
		err = probe_mode(&probe);
	if (err)
		return err;
	take_capacity(lun, &probe.capacity);
	if (lun->block_size) {
		derive_transfer(&probe);
		derive_abilities(&probe);
	}
	if (lun->info.type == VSCSI_TYPE_CDROM) {
		lun->read_only = true;
		lun->info.flags |= VSCSI_LUN_READ_ONLY;
	}
	derive_fast(lun);
	return 0;
}

int lun_probe_capacity(struct vscsi_lun *lun)
{
	struct scsi_capacity capacity;
	int err;

	if (!has_blocks(lun->info.type))
		return 0;
	err = read_capacity(lun, &capacity);
	if (err)
		return err;
	/* A medium that came is a new disk, with limits to be asked for; one that went is none. */
	if (capacity.block_size && capacity.block_size != lun->block_size)
		return error_set(
			-EPROTO,
			"LUN %u:%u now has blocks of %u bytes instead of %u; open it again",
			lun->info.target, lun->info.lun, capacity.block_size, lun->block_size);
	__atomic_store_n(&lun->info.blocks, capacity.blocks, __ATOMIC_RELAXED);
	return 0;
}
