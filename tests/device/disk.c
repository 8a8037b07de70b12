/* SPDX-License-Identifier: BSD-3-Clause */
/* What the disk answers. SPC-4 and SBC-3, as far as tests need them. */
#include <string.h>

#include "device/disk.h"

#define CHECK_CONDITION 0x02
#define ILLEGAL_REQUEST 0x05

/* As large as the largest answer that isn't data. */
#define MOST_LUNS 256u

static uint64_t get_be(const uint8_t *at, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | *at++;
	return v;
}

static void put_be(uint8_t *at, uint64_t v, unsigned bytes)
{
	while (bytes--) {
		at[bytes] = (uint8_t)v;
		v >>= 8;
	}
}

struct disk_end disk_refuse(uint8_t key, uint8_t asc, uint8_t ascq)
{
	return (struct disk_end){.status = CHECK_CONDITION, .key = key, .asc = asc, .ascq = ascq};
}

unsigned disk_sense(const struct disk_end *end, uint8_t sense[DISK_SENSE])
{
	const uint8_t fixed[DISK_SENSE] = {
		[0] = 0x70, [2] = end->key, [7] = 10, [12] = end->asc, [13] = end->ascq};

	if (end->status != CHECK_CONDITION)
		return 0;
	memcpy(sense, fixed, sizeof(fixed));
	return sizeof(fixed);
}

uint64_t disk_room(const struct iovec *iov, unsigned count)
{
	uint64_t bytes = 0;

	while (count--)
		bytes += iov[count].iov_len;
	return bytes;
}

/* Copies between buffers and one piece of memory, as far as both reach. */
static uint64_t copy(const struct iovec *iov, unsigned count, uint8_t *data, uint64_t len, bool out)
{
	uint64_t done = 0;
	unsigned i;

	for (i = 0; i < count && done < len; i++) {
		uint64_t part = iov[i].iov_len < len - done ? iov[i].iov_len : len - done;

		if (out)
			memcpy(data + done, iov[i].iov_base, part);
		else
			memcpy(iov[i].iov_base, data + done, part);
		done += part;
	}
	return done;
}

struct disk_end disk_reply(const struct iovec *data, const struct iovec *in, unsigned nin)
{
	return (struct disk_end){.moved = copy(in, nin, data->iov_base, data->iov_len, false)};
}

/* Data whose room the CDB tells too: some devices believe the one, some the other. */
static struct disk_end reply(const struct disk_io *io, uint64_t alloc, uint8_t *data, uint64_t len)
{
	struct disk_end end = {.moved = copy(io->in, io->nin, data, len, false)};

	if (alloc != disk_room(io->in, io->nin))
		end.misfit = "an allocation length is not the length of the buffers";
	return end;
}

static struct disk_end page_00(const struct disk *disk, const struct disk_io *io, uint64_t alloc)
{
	uint8_t data[8] = {0};
	uint8_t count = 0;

	data[4 + count++] = 0x00;
	if (disk->serial)
		data[4 + count++] = 0x80;
	if (disk->limits)
		data[4 + count++] = 0xb0;
	if (disk->provisioning)
		data[4 + count++] = 0xb2;
	data[3] = count;
	return reply(io, alloc, data, 4u + count);
}

static struct disk_end page_b0(const struct disk *disk, const struct disk_io *io, uint64_t alloc)
{
	uint8_t data[64] = {0, 0xb0, 0, 0x3c};

	data[5] = disk->max_compare;
	put_be(data + 8, disk->max_transfer, 4);
	put_be(data + 20, disk->max_unmap, 4);
	put_be(data + 24, disk->max_ranges, 4);
	put_be(data + 36, disk->max_same, 8);
	return reply(io, alloc, data, sizeof(data));
}

static struct disk_end page(const struct disk *disk, uint8_t code, const struct disk_io *io,
			    uint64_t alloc)
{
	uint8_t data[64] = {0, code};
	size_t len;

	if (code == 0x00)
		return page_00(disk, io, alloc);
	if (code == 0xb0 && disk->limits)
		return page_b0(disk, io, alloc);
	if (code == 0x80 && disk->serial) {
		len = strnlen(disk->serial, sizeof(data) - 4);
		memcpy(data + 4, disk->serial, len);
		data[3] = (uint8_t)len;
		return reply(io, alloc, data, 4 + len);
	}
	if (code == 0xb2 && disk->provisioning) {
		data[3] = 4;
		data[5] = disk->provisioning;
		data[6] = 2; /* thin */
		return reply(io, alloc, data, 8);
	}
	return disk_refuse(ILLEGAL_REQUEST, 0x24, 0x00);
}

static struct disk_end inquiry(const struct disk *disk, const uint8_t *cdb,
			       const struct disk_io *io)
{
	uint64_t alloc = get_be(cdb + 3, 2);
	uint8_t data[96] = {disk->type, 0, 6, 2};

	if (cdb[1] & 1) {
		if (!disk->serial && !disk->limits && !disk->provisioning)
			return disk_refuse(ILLEGAL_REQUEST, 0x24, 0x00);
		return page(disk, cdb[2], io, alloc);
	}
	data[4] = (uint8_t)(disk->inquiry - 5);
	memcpy(data + 8, disk->id, 28);
	return reply(io, alloc, data, disk->inquiry);
}

static struct disk_end capacity_10(const struct disk *disk, const struct disk_io *io)
{
	uint64_t last = disk->blocks - 1;
	uint8_t data[8];

	put_be(data, last < UINT32_MAX ? last : UINT32_MAX, 4);
	put_be(data + 4, disk->block_size, 4);
	return reply(io, sizeof(data), data, sizeof(data));
}

static struct disk_end capacity_16(const struct disk *disk, const uint8_t *cdb,
				   const struct disk_io *io)
{
	uint8_t data[32] = {0};

	if ((cdb[1] & 0x1f) != 0x10)
		return disk_refuse(ILLEGAL_REQUEST, 0x24, 0x00);
	put_be(data, disk->blocks - 1, 8);
	put_be(data + 8, disk->block_size, 4);
	return reply(io, get_be(cdb + 10, 4), data, sizeof(data));
}

/* The caching mode page, with the write cache on. */
static struct disk_end mode_sense(const struct disk *disk, const uint8_t *cdb,
				  const struct disk_io *io)
{
	uint8_t data[24] = {23, 0, disk->mode, 0, 0x08, 0x12, 0x04};

	return reply(io, cdb[4], data, sizeof(data));
}

/* Blocks of READ and WRITE, WRITE SAME and a range of UNMAP. */
struct extent {
	uint64_t lba;
	uint64_t blocks;
};

static struct extent extent_of(const uint8_t *cdb)
{
	if (cdb[0] & 0x80)
		return (struct extent){get_be(cdb + 2, 8), get_be(cdb + 10, 4)};
	return (struct extent){get_be(cdb + 2, 4), get_be(cdb + 7, 2)};
}

static bool is_inside(struct extent e, uint64_t blocks)
{
	return e.lba <= blocks && e.blocks <= blocks - e.lba;
}

static struct disk_end transfer(const struct disk *disk, const uint8_t *cdb,
				const struct disk_io *io)
{
	const bool write = cdb[0] & 0x02;
	const struct iovec *iov = write ? io->out : io->in;
	unsigned count = write ? io->nout : io->nin;
	struct extent e = extent_of(cdb);
	uint64_t len = e.blocks * disk->block_size;
	bool inside = is_inside(e, disk->blocks) && is_inside(e, disk->bytes / disk->block_size);
	struct disk_end end = {.moved = 0};

	if ((disk->exact && len != disk_room(iov, count)) ||
	    (inside && disk->max_transfer && e.blocks > disk->max_transfer))
		end = disk_refuse(ILLEGAL_REQUEST, 0x24, 0x00);
	else if (!inside)
		end = disk_refuse(ILLEGAL_REQUEST, 0x21, 0x00);
	else
		end.moved = copy(iov, count, disk->data + e.lba * disk->block_size, len, write);
	if (len != disk_room(iov, count))
		end.misfit = "blocks of the CDB and bytes of the buffers differ";
	return end;
}

/* Fills blocks, as far as they have a place, with one block; NULL: with zeros. */
static void fill(const struct disk *disk, struct extent e, const uint8_t *block)
{
	uint64_t kept = disk->bytes / disk->block_size;
	uint64_t i;

	for (i = e.lba; i < e.lba + e.blocks && i < kept; i++) {
		uint8_t *at = disk->data + i * disk->block_size;

		if (block)
			memcpy(at, block, disk->block_size);
		else
			memset(at, 0, disk->block_size);
	}
}

/* Blocks that are unmapped read as zeros. */
static struct disk_end unmap(const struct disk *disk, const uint8_t *cdb, const struct disk_io *io)
{
	uint8_t list[8 + 16 * 64] = {0};
	uint64_t len = copy(io->out, io->nout, list, sizeof(list), true);
	uint64_t ranges = get_be(list + 2, 2) / 16;
	uint64_t i;

	if (len < 8 || len != disk_room(io->out, io->nout) || len != get_be(cdb + 7, 2) ||
	    len != 8 + 16 * ranges)
		return disk_refuse(ILLEGAL_REQUEST, 0x26, 0x00);
	for (i = 0; i < ranges; i++) {
		const uint8_t *range = list + 8 + 16 * i;
		struct extent e = {get_be(range, 8), get_be(range + 8, 4)};

		if (!is_inside(e, disk->blocks))
			return disk_refuse(ILLEGAL_REQUEST, 0x21, 0x00);
		fill(disk, e, NULL);
	}
	return (struct disk_end){.moved = len};
}

static struct disk_end write_same(const struct disk *disk, const uint8_t *cdb,
				  const struct disk_io *io)
{
	struct extent e = extent_of(cdb);
	uint8_t block[4096];
	uint64_t len;

	if (disk->block_size > sizeof(block))
		return disk_refuse(ILLEGAL_REQUEST, 0x20, 0x00);
	len = copy(io->out, io->nout, block, disk->block_size, true);
	if (len != disk->block_size || len != disk_room(io->out, io->nout))
		return disk_refuse(ILLEGAL_REQUEST, 0x26, 0x00);
	if (!is_inside(e, disk->blocks))
		return disk_refuse(ILLEGAL_REQUEST, 0x21, 0x00);
	fill(disk, e, block);
	return (struct disk_end){.moved = len};
}

static bool lacks(const struct disk *disk, uint8_t code)
{
	return (code == 0x25 && disk->lacks & DISK_NO_CAPACITY_10) ||
	       (code == 0x1a && disk->lacks & DISK_NO_MODE_SENSE) ||
	       (code == 0x42 && disk->lacks & DISK_NO_UNMAP) ||
	       (code == 0x93 && disk->lacks & DISK_NO_WRITE_SAME);
}

struct disk_end disk_execute(const struct disk *disk, const uint8_t *cdb, const struct disk_io *io)
{
	if (lacks(disk, cdb[0]))
		return disk_refuse(ILLEGAL_REQUEST, 0x20, 0x00);
	switch (cdb[0]) {
	case 0x00: /* TEST UNIT READY */
	case 0x35: /* SYNCHRONIZE CACHE */
	case 0x91:
		return (struct disk_end){.moved = 0};
	case 0x12:
		return inquiry(disk, cdb, io);
	case 0x1a:
		return mode_sense(disk, cdb, io);
	case 0x25:
		return capacity_10(disk, io);
	case 0x9e:
		return capacity_16(disk, cdb, io);
	case 0x28: /* READ and WRITE */
	case 0x2a:
	case 0x88:
	case 0x8a:
		return transfer(disk, cdb, io);
	case 0x42:
		return unmap(disk, cdb, io);
	case 0x93:
		return write_same(disk, cdb, io);
	default:
		return disk_refuse(ILLEGAL_REQUEST, 0x20, 0x00);
	}
}

struct disk_end disk_report_luns(const uint16_t *luns, unsigned count, const uint8_t *cdb,
				 const struct disk_io *io)
{
	uint8_t data[8 + 8 * MOST_LUNS] = {0};
	unsigned i;

	for (i = 0; i < count && i < MOST_LUNS; i++)
		put_be(data + 8 + 8 * (size_t)i, luns[i] < 256 ? luns[i] : 0x4000u | luns[i], 2);
	put_be(data, 8 * (uint64_t)i, 4);
	return reply(io, get_be(cdb + 6, 4), data, 8 + 8 * (uint64_t)i);
}
