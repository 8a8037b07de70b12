/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A disk as a side of a copy.
 */
#include "copy.h"

#include <errno.h>
#include <string.h>

#include "common/unit.h"

/* A longer one could exceed its time limit on a disk that writes the zeros. */
#define ZERO_LIMIT (64u << 20)

static uint64_t lba(const struct side *disk, uint64_t offset)
{
	return (disk->start + offset) / disk->block;
}

static int open_device(struct side *disk, const struct side *other, struct vscsi_mem *mem)
{
	struct vscsi_dev_opts opts = {.size = sizeof(opts), .mem = mem};

	if (other->dev && !strcmp(other->name, disk->name)) {
		disk->dev = other->dev;
		return 0;
	}
	return vscsi_dev_open(disk->name, &opts, &disk->dev);
}

int disk_open(struct side *disk, const struct side *other, struct vscsi_mem *mem)
{
	int ret = open_device(disk, other, mem);

	if (ret)
		return complain(ret, "%s", vscsi_last_error());
	if (unit_open_named(disk->dev, disk->target, disk->number, NULL, &disk->lun))
		return complain(-ENODEV,
				"%s\nvscsi-copy: 'vscsi-info %.*s' lists the logical units",
				vscsi_last_error(), (int)strcspn(disk->name, "?"), disk->name);
	if (vscsi_queue_open(disk->dev, NULL, &disk->queue))
		return complain(-EIO, "%s", vscsi_last_error());
	disk->info.size = sizeof(disk->info);
	vscsi_lun_get_info(disk->lun, &disk->info);
	disk->target = disk->info.target;
	disk->number = disk->info.lun;
	if (!disk->info.block_size || !disk->info.max_blocks)
		return complain(-ENODEV,
				"%u:%u has no blocks to copy; 'vscsi-info %.*s' lists the disks",
				disk->info.target, disk->info.lun, (int)strcspn(disk->name, "?"),
				disk->name);
	disk->block = disk->info.block_size;
	disk->size = disk->info.blocks * disk->block;
	return 0;
}

/* In reverse order of creation; each may be NULL. */
void disk_close(struct side *disk, const struct side *other)
{
	vscsi_queue_close(disk->queue);
	vscsi_lun_close(disk->lun);
	if (disk->dev != other->dev)
		vscsi_dev_close(disk->dev);
	disk->dev = NULL;
}

int disk_read(struct side *disk, void *buf, uint64_t offset, uint64_t bytes, uint32_t flags,
	      unsigned number)
{
	return vscsi_read(disk->queue, disk->lun, buf, lba(disk, offset),
			  (uint32_t)(bytes / disk->block), flags, number);
}

int disk_write(struct side *disk, const void *buf, uint64_t offset, uint64_t bytes, unsigned number)
{
	return vscsi_write(disk->queue, disk->lun, buf, lba(disk, offset),
			   (uint32_t)(bytes / disk->block), 0, number);
}

/*
 * By WRITE SAME, because UNMAP is only a hint: the disk may keep what it can't deallocate. With its
 * UNMAP bit a disk that can't deallocate writes zeros.
 */
int disk_zero(struct side *disk, void *buf, uint64_t offset, uint64_t bytes, unsigned number)
{
	const uint32_t needed = VSCSI_LUN_THIN | VSCSI_LUN_ZERO_UNMAP;
	uint32_t flags = (disk->info.flags & needed) == needed ? VSCSI_IO_UNMAP : 0;
	int ret = -EOPNOTSUPP;

	if (disk->zeroing != ZEROING_UNSUPPORTED)
		ret = vscsi_write_zeroes(disk->queue, disk->lun, lba(disk, offset),
					 (uint32_t)(bytes / disk->block), flags, number);
	if (ret != -EOPNOTSUPP)
		return ret;
	disk->zeroing = ZEROING_UNSUPPORTED;
	memset(buf, 0, bytes);
	return disk_write(disk, buf, offset, bytes, number);
}

uint64_t disk_zero_limit(const struct side *disk, uint32_t chunk_bytes)
{
	uint64_t limit = disk->info.max_zeroes_blocks * disk->block;

	/* Until it has worked, it may have to be done with the buffer. */
	if (disk->zeroing != ZEROING_WORKS || limit < chunk_bytes)
		return limit && limit < chunk_bytes ? limit : chunk_bytes;
	return limit < ZERO_LIMIT ? limit : ZERO_LIMIT;
}

/* Asks for the extents from @offset on. */
static int ask(struct side *disk, uint64_t offset, uint64_t limit)
{
	int ret = vscsi_sync_get_extents(disk->lun, limit - offset, disk->start + offset,
					 disk->extents, EXTENTS);

	if (ret > 0) {
		disk->extent_count = (unsigned)ret;
		return 0;
	}
	return ret == -EOPNOTSUPP ? ret : complain(ret ? ret : -EPROTO, "%s", vscsi_last_error());
}

int disk_extent(struct side *disk, uint64_t offset, uint64_t limit)
{
	const uint64_t at = disk->start + offset;
	const struct vscsi_extent *extent;
	unsigned i;
	int ret;

	disk->extent_end = limit;
	disk->extent_zero = false;
	/* What unmapped blocks hold is not defined otherwise. */
	if (!(disk->info.flags & VSCSI_LUN_ZERO_UNMAP))
		return 0;
	for (i = 0; i < disk->extent_count; i++) {
		extent = &disk->extents[i];
		if (at >= extent->offset && at - extent->offset < extent->bytes)
			break;
	}
	if (i == disk->extent_count) {
		ret = ask(disk, offset, limit);
		if (ret)
			return ret == -EOPNOTSUPP ? 0 : ret;
		i = 0;
	}
	extent = &disk->extents[i];
	disk->extent_end = extent->offset + extent->bytes - disk->start;
	disk->extent_zero = extent->state != VSCSI_EXTENT_DATA;
	return 0;
}
