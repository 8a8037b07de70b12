/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Builds command descriptor blocks. Every builder writes SCSI_CDB_LEN bytes: the CDB field of a
 * virtio request has a fixed size, and shorter commands are padded with zeros (virtio 1.4,
 * 5.6.6.1). Arguments come from the library and are already checked; builders can't fail.
 *
 * Fields have the names of SPC-4 and SBC-3; see the clause of each command.
 */
#ifndef SCSI_CDB_H
#define SCSI_CDB_H

#include "util/bits.h"

/* Bytes that every builder writes; no command here has a longer CDB. */
#define SCSI_CDB_LEN 16
/* The shortest CDB in SCSI. */
#define SCSI_MIN_CDB 6

/* Operation codes (SPC-4 and SBC-3). */
#define SCSI_INQUIRY           0x12u
#define SCSI_MODE_SENSE_6      0x1au
#define SCSI_READ_CAPACITY_10  0x25u
#define SCSI_READ_10           0x28u
#define SCSI_WRITE_10          0x2au
#define SCSI_SYNC_CACHE_10     0x35u
#define SCSI_WRITE_SAME_10     0x41u
#define SCSI_UNMAP             0x42u
#define SCSI_MODE_SENSE_10     0x5au
#define SCSI_PERSISTENT_IN     0x5eu
#define SCSI_PERSISTENT_OUT    0x5fu
#define SCSI_READ_16           0x88u
#define SCSI_COMPARE_AND_WRITE 0x89u
#define SCSI_WRITE_16          0x8au
#define SCSI_SYNC_CACHE_16     0x91u
#define SCSI_WRITE_SAME_16     0x93u
#define SCSI_SERVICE_IN_16     0x9eu
#define SCSI_REPORT_LUNS       0xa0u

/* Service actions of SCSI_SERVICE_IN_16. */
#define SCSI_SA_READ_CAPACITY_16 0x10u
#define SCSI_SA_GET_LBA_STATUS   0x12u

/* Flags of scsi_cdb_write_same(). */
#define SCSI_WS_UNMAP (1u << 0) /* the device may unmap the blocks */
#define SCSI_WS_16    (1u << 1) /* use the 16-byte form even if the 10-byte form fits */

/* select_report of scsi_cdb_report_luns(): all addressable LUNs, no well-known ones. */
#define SCSI_REPORT_LUNS_PLAIN 0x00u

/* Allocation lengths: enough for all data that the parsers of this folder use. */
#define SCSI_INQUIRY_ALLOC        96u
#define SCSI_VPD_ALLOC            252u
#define SCSI_READ_CAPACITY_10_LEN 8u
#define SCSI_READ_CAPACITY_16_LEN 32u
#define SCSI_MODE_ALLOC           192u

/* Bytes of an UNMAP parameter list with @ranges block descriptors. */
#define SCSI_UNMAP_LIST_LEN(ranges) (8u + 16u * (ranges))

/**
 * scsi_cdb_fits_10 - Check whether a block command fits its 10-byte form
 * @lba: first block
 * @blocks: number of blocks
 *
 * Both fields matter: the address has 32 bits, the length 16.
 */
static inline bool scsi_cdb_fits_10(uint64_t lba, uint32_t blocks)
{
	return blocks <= UINT16_MAX && lba <= UINT32_MAX && lba + blocks <= UINT64_C(1) << 32;
}

/* Writes a 10-byte block command: opcode, flags, 32-bit @lba, 16-bit @blocks. */
static inline void scsi_cdb_put_10(uint8_t cdb[SCSI_CDB_LEN], uint32_t op, uint32_t flags,
				   uint32_t lba, uint32_t blocks)
{
	put_be64(cdb,
		 (uint64_t)op << 56 | (uint64_t)flags << 48 | (uint64_t)lba << 16 | blocks >> 8);
	put_be64(cdb + 8, (uint64_t)(blocks & 0xff) << 56);
}

/* FUA, in the flags of both forms (SBC-3). */
#define SCSI_FLAG_FUA (1u << 3)

/* Writes a 16-byte block command: opcode, flags, 64-bit @lba, 32-bit @blocks. */
static inline void scsi_cdb_put_16(uint8_t cdb[SCSI_CDB_LEN], uint32_t op, uint32_t flags,
				   uint64_t lba, uint32_t blocks)
{
	put_be64(cdb, (uint64_t)op << 56 | (uint64_t)flags << 48 | lba >> 16);
	put_be64(cdb + 8, lba << 48 | (uint64_t)blocks << 16);
}

/* Replace only the address and the length in a CDB written by one of the two functions above. */
static inline void scsi_cdb_update_10(uint8_t cdb[SCSI_CDB_LEN], uint32_t lba, uint16_t blocks)
{
	put_be32(cdb + 2, lba);
	put_be16(cdb + 7, blocks);
}

static inline void scsi_cdb_update_16(uint8_t cdb[SCSI_CDB_LEN], uint64_t lba, uint32_t blocks)
{
	put_be64(cdb + 2, lba);
	put_be32(cdb + 10, blocks);
}

/**
 * scsi_cdb_rw - READ or WRITE, in the 10-byte form if it fits, otherwise in the 16-byte form
 * @cdb: receives SCSI_CDB_LEN bytes
 * @write: WRITE
 * @lba: first block
 * @blocks: number of blocks; 0 transfers nothing
 * @fua: force unit access
 *
 * The 6-byte form is not used because 0 means 256 blocks in it; the 12-byte form has no advantage.
 */
static inline void scsi_cdb_rw(uint8_t cdb[SCSI_CDB_LEN], bool write, uint64_t lba, uint32_t blocks,
			       bool fua)
{
	uint32_t flags = fua ? SCSI_FLAG_FUA : 0;

	if (likely(scsi_cdb_fits_10(lba, blocks)))
		scsi_cdb_put_10(cdb, write ? SCSI_WRITE_10 : SCSI_READ_10, flags, (uint32_t)lba,
				blocks);
	else
		scsi_cdb_put_16(cdb, write ? SCSI_WRITE_16 : SCSI_READ_16, flags, lba, blocks);
}

/* Whether a command is a READ or a WRITE, in the 10-byte or the 16-byte form. */
static inline bool scsi_cdb_is_rw(const uint8_t *cdb)
{
	return cdb[0] == SCSI_READ_10 || cdb[0] == SCSI_WRITE_10 || cdb[0] == SCSI_READ_16 ||
	       cdb[0] == SCSI_WRITE_16;
}

/**
 * scsi_cdb_sync_cache - SYNCHRONIZE CACHE of the whole logical unit
 * @wide: use the 16-byte form, the only one that zoned devices support
 */
void scsi_cdb_sync_cache(uint8_t cdb[SCSI_CDB_LEN], bool wide);

/**
 * scsi_cdb_write_same - WRITE SAME
 * @lba: first block
 * @blocks: number of blocks, at least 1: for a device, 0 means up to the last block
 * @flags: SCSI_WS_*
 *
 * Uses the 10-byte form if it fits and SCSI_WS_16 is not set. Data-out: one block.
 */
void scsi_cdb_write_same(uint8_t cdb[SCSI_CDB_LEN], uint64_t lba, uint32_t blocks, uint32_t flags);

/* COMPARE AND WRITE of 1 to 255 @blocks. Data-out: the blocks to compare, then those to write. */
void scsi_cdb_compare_and_write(uint8_t cdb[SCSI_CDB_LEN], uint64_t lba, uint8_t blocks, bool fua);

/* The number of blocks of a COMPARE AND WRITE; 0 for any other command. */
static inline unsigned scsi_cdb_compare_blocks(const uint8_t *cdb)
{
	return cdb[0] == SCSI_COMPARE_AND_WRITE ? cdb[13] : 0;
}

/* UNMAP with @ranges block descriptors. Data-out: see scsi_unmap_header(). */
void scsi_cdb_unmap(uint8_t cdb[SCSI_CDB_LEN], uint32_t ranges);

/**
 * scsi_unmap_header - Write the header of an UNMAP parameter list
 * @list: receives the first 8 of SCSI_UNMAP_LIST_LEN(@ranges) bytes
 * @ranges: number of block descriptors that follow, at most 4095 (the length fields have 16 bits)
 */
void scsi_unmap_header(uint8_t *list, uint32_t ranges);

/* Writes block descriptor @index, counted from 0, of an UNMAP parameter list. */
void scsi_unmap_range(uint8_t *list, uint32_t index, uint64_t lba, uint32_t blocks);

/* INQUIRY: standard data if @evpd is false (@page is 0), otherwise VPD page @page. */
void scsi_cdb_inquiry(uint8_t cdb[SCSI_CDB_LEN], bool evpd, uint8_t page, uint16_t alloc);

/* READ CAPACITY(10); it returns SCSI_READ_CAPACITY_10_LEN bytes. */
void scsi_cdb_read_capacity_10(uint8_t cdb[SCSI_CDB_LEN]);

/* READ CAPACITY(16), with allocation length SCSI_READ_CAPACITY_16_LEN. */
void scsi_cdb_read_capacity_16(uint8_t cdb[SCSI_CDB_LEN]);

/* GET LBA STATUS from @lba on: see lba_status.h. */
void scsi_cdb_get_lba_status(uint8_t cdb[SCSI_CDB_LEN], uint64_t lba, uint32_t alloc);

/* REPORT LUNS; @alloc is at least 16: devices reject less. */
void scsi_cdb_report_luns(uint8_t cdb[SCSI_CDB_LEN], uint8_t select_report, uint32_t alloc);

/*
 * MODE SENSE of the current values of @page, SCSI_MODE_*, with DBD set: no block descriptors, if
 * the device supports that.
 */
void scsi_cdb_mode_sense_6(uint8_t cdb[SCSI_CDB_LEN], uint8_t page, uint8_t alloc);
void scsi_cdb_mode_sense_10(uint8_t cdb[SCSI_CDB_LEN], uint8_t page, uint16_t alloc);

#endif
