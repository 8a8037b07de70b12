/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Builds command descriptor blocks. Every builder writes all SCSI_CDB_LEN bytes: a virtio request
 * carries a CDB of a fixed size, and a shorter command is padded with zeros (virtio 1.4, 5.6.6.1).
 * Arguments are the library's own, checked by the caller; nothing here can fail.
 *
 * Fields are named as in SPC-4 and SBC-3, in the clause of each command.
 */
#ifndef SCSI_CDB_H
#define SCSI_CDB_H

#include "util/bits.h"

/* Bytes that every builder writes; no command built here has a longer CDB. */
#define SCSI_CDB_LEN 16

/* Operation codes (SPC-4 and SBC-3, each command's own clause). */
#define SCSI_TEST_UNIT_READY   0x00u
#define SCSI_INQUIRY           0x12u
#define SCSI_MODE_SENSE_6      0x1au
#define SCSI_READ_CAPACITY_10  0x25u
#define SCSI_READ_10           0x28u
#define SCSI_WRITE_10          0x2au
#define SCSI_SYNC_CACHE_10     0x35u
#define SCSI_WRITE_SAME_10     0x41u
#define SCSI_UNMAP             0x42u
#define SCSI_MODE_SENSE_10     0x5au
#define SCSI_READ_16           0x88u
#define SCSI_COMPARE_AND_WRITE 0x89u
#define SCSI_WRITE_16          0x8au
#define SCSI_SYNC_CACHE_16     0x91u
#define SCSI_WRITE_SAME_16     0x93u
#define SCSI_SERVICE_IN_16     0x9eu
#define SCSI_REPORT_LUNS       0xa0u

/* Service action of SCSI_SERVICE_IN_16. */
#define SCSI_SA_READ_CAPACITY_16 0x10u

/* Flags of scsi_cdb_write_same(). */
#define SCSI_WS_UNMAP (1u << 0) /* the device may unmap the blocks */
#define SCSI_WS_16    (1u << 1) /* use the 16-byte form even if the 10-byte form fits */

/* select_report of scsi_cdb_report_luns(): those that can be addressed, no well-known ones. */
#define SCSI_REPORT_LUNS_PLAIN 0x00u

/* Allocation lengths that hold every reply that the parsers of this folder make use of. */
#define SCSI_INQUIRY_ALLOC        96u
#define SCSI_VPD_ALLOC            252u
#define SCSI_READ_CAPACITY_10_LEN 8u
#define SCSI_READ_CAPACITY_16_LEN 32u
#define SCSI_MODE_ALLOC           192u

/* Bytes of an UNMAP parameter list with @ranges ranges. */
#define SCSI_UNMAP_LIST_LEN(ranges) (8u + 16u * (ranges))

/**
 * scsi_cdb_fits_10 - Tell whether the 10-byte form of a block command can say it
 * @lba: first block
 * @blocks: number of blocks
 *
 * Both fields count: the address has 32 bits and the length 16, and an address that fits says
 * nothing of the length.
 */
static inline bool scsi_cdb_fits_10(uint64_t lba, uint32_t blocks)
{
	return blocks <= UINT16_MAX && lba <= UINT32_MAX && lba + blocks <= UINT64_C(1) << 32;
}

/* The layout of 10-byte block commands: opcode, flags, 32-bit @lba, 16-bit @blocks. */
static inline void scsi_cdb_put_10(uint8_t cdb[SCSI_CDB_LEN], uint32_t op, uint32_t flags,
				   uint32_t lba, uint32_t blocks)
{
	put_be64(cdb,
		 (uint64_t)op << 56 | (uint64_t)flags << 48 | (uint64_t)lba << 16 | blocks >> 8);
	put_be64(cdb + 8, (uint64_t)(blocks & 0xff) << 56);
}

/* Force unit access, in the flags of both layouts (SBC-3). */
#define SCSI_FLAG_FUA (1u << 3)

/* The layout of 16-byte block commands: opcode, flags, 64-bit @lba, 32-bit @blocks. */
static inline void scsi_cdb_put_16(uint8_t cdb[SCSI_CDB_LEN], uint32_t op, uint32_t flags,
				   uint64_t lba, uint32_t blocks)
{
	put_be64(cdb, (uint64_t)op << 56 | (uint64_t)flags << 48 | lba >> 16);
	put_be64(cdb + 8, lba << 48 | (uint64_t)blocks << 16);
}

/* The numbers alone, into a CDB that one of the two above has put there. */
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
 * scsi_cdb_rw - READ or WRITE, in the 10-byte form where it can say it, else the 16-byte one
 * @cdb: receives SCSI_CDB_LEN bytes
 * @write: WRITE
 * @lba: first block
 * @blocks: number of blocks; 0 moves nothing
 * @fua: force unit access
 *
 * The 6-byte form is never used: it takes 0 for 256 blocks, and the 12-byte one gains nothing.
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

/**
 * scsi_cdb_sync_cache - SYNCHRONIZE CACHE of the whole logical unit
 * @wide: the 16-byte form, the only one that zoned devices know
 */
void scsi_cdb_sync_cache(uint8_t cdb[SCSI_CDB_LEN], bool wide);

/**
 * scsi_cdb_write_same - WRITE SAME
 * @lba: first block
 * @blocks: number of blocks, at least 1: the device takes 0 for 'up to the last one'
 * @flags: SCSI_WS_*
 *
 * Takes the 10-byte form where it can say it and neither SCSI_WS_NDOB nor SCSI_WS_16 is there.
 * Data: one block to write, or none with SCSI_WS_NDOB.
 */
void scsi_cdb_write_same(uint8_t cdb[SCSI_CDB_LEN], uint64_t lba, uint32_t blocks, uint32_t flags);

/* COMPARE AND WRITE of 1 to 255 @blocks. Data: those to compare, then those to write. */
void scsi_cdb_compare_and_write(uint8_t cdb[SCSI_CDB_LEN], uint64_t lba, uint8_t blocks, bool fua);

/* UNMAP with a parameter list of @ranges ranges. Data: see scsi_unmap_header(). */
void scsi_cdb_unmap(uint8_t cdb[SCSI_CDB_LEN], uint32_t ranges);

/**
 * scsi_unmap_header - Begin the parameter list of UNMAP
 * @list: receives 8 bytes, of SCSI_UNMAP_LIST_LEN(@ranges)
 * @ranges: number of ranges that will follow, at most 4095: the length fields have 16 bits
 */
void scsi_unmap_header(uint8_t *list, uint32_t ranges);

/* Writes range @index, from 0, of the parameter list of UNMAP. */
void scsi_unmap_range(uint8_t *list, uint32_t index, uint64_t lba, uint32_t blocks);

/* INQUIRY: the standard data with @evpd false and @page 0, else VPD page @page; @alloc bytes. */
void scsi_cdb_inquiry(uint8_t cdb[SCSI_CDB_LEN], bool evpd, uint8_t page, uint16_t alloc);

/* READ CAPACITY, the form with a 32-bit address; replies with SCSI_READ_CAPACITY_10_LEN bytes. */
void scsi_cdb_read_capacity_10(uint8_t cdb[SCSI_CDB_LEN]);

/* READ CAPACITY(16), asking for SCSI_READ_CAPACITY_16_LEN bytes. */
void scsi_cdb_read_capacity_16(uint8_t cdb[SCSI_CDB_LEN]);

/* REPORT LUNS; @alloc is at least 16, or devices refuse it. */
void scsi_cdb_report_luns(uint8_t cdb[SCSI_CDB_LEN], uint8_t select_report, uint32_t alloc);

/*
 * MODE SENSE of the current values of @page, SCSI_MODE_*; @alloc bytes, with no block descriptors
 * among them where the device heeds that.
 */
void scsi_cdb_mode_sense_6(uint8_t cdb[SCSI_CDB_LEN], uint8_t page, uint8_t alloc);
void scsi_cdb_mode_sense_10(uint8_t cdb[SCSI_CDB_LEN], uint8_t page, uint16_t alloc);

#endif
