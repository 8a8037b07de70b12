/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The commands that are not READ or WRITE, field by field: they are rare, so plain comes first.
 */
#include "scsi/cdb.h"

/* Starts from zeros: reserved fields and CONTROL must be zero, and so must the padding. */
static void begin(uint8_t cdb[SCSI_CDB_LEN], uint8_t op)
{
	memset(cdb, 0, SCSI_CDB_LEN);
	cdb[0] = op;
}

/* Address 0 with length 0 is all of it, in both forms and however large the unit is. */
void scsi_cdb_sync_cache(uint8_t cdb[SCSI_CDB_LEN], bool wide)
{
	begin(cdb, wide ? SCSI_SYNC_CACHE_16 : SCSI_SYNC_CACHE_10);
}

void scsi_cdb_write_same(uint8_t cdb[SCSI_CDB_LEN], uint64_t lba, uint32_t blocks, uint32_t flags)
{
	uint32_t bits = flags & SCSI_WS_UNMAP ? 0x08 : 0;

	if (!(flags & SCSI_WS_16) && scsi_cdb_fits_10(lba, blocks))
		scsi_cdb_put_10(cdb, SCSI_WRITE_SAME_10, bits, (uint32_t)lba, blocks);
	else
		scsi_cdb_put_16(cdb, SCSI_WRITE_SAME_16, bits, lba, blocks);
}

void scsi_cdb_compare_and_write(uint8_t cdb[SCSI_CDB_LEN], uint64_t lba, uint8_t blocks, bool fua)
{
	/* Its length has one byte, at the place of the lowest of the common 16-byte layout. */
	scsi_cdb_put_16(cdb, SCSI_COMPARE_AND_WRITE, fua ? SCSI_FLAG_FUA : 0, lba, blocks);
}

/* PARAMETER LIST LENGTH counts the header of the list as well as its ranges. */
void scsi_cdb_unmap(uint8_t cdb[SCSI_CDB_LEN], uint32_t ranges)
{
	begin(cdb, SCSI_UNMAP);
	put_be16(cdb + 7, (uint16_t)SCSI_UNMAP_LIST_LEN(ranges));
}

/* Each of the two lengths counts what follows it, so they differ by six. */
void scsi_unmap_header(uint8_t *list, uint32_t ranges)
{
	put_be16(list, (uint16_t)(SCSI_UNMAP_LIST_LEN(ranges) - 2));
	put_be16(list + 2, (uint16_t)(SCSI_UNMAP_LIST_LEN(ranges) - 8));
	put_be32(list + 4, 0);
}

void scsi_unmap_range(uint8_t *list, uint32_t index, uint64_t lba, uint32_t blocks)
{
	uint8_t *range = list + SCSI_UNMAP_LIST_LEN((size_t)index);

	put_be64(range, lba);
	put_be32(range + 8, blocks);
	put_be32(range + 12, 0);
}

void scsi_cdb_inquiry(uint8_t cdb[SCSI_CDB_LEN], bool evpd, uint8_t page, uint16_t alloc)
{
	begin(cdb, SCSI_INQUIRY);
	cdb[1] = evpd;
	cdb[2] = page;
	put_be16(cdb + 3, alloc);
}

void scsi_cdb_read_capacity_10(uint8_t cdb[SCSI_CDB_LEN])
{
	begin(cdb, SCSI_READ_CAPACITY_10);
}

/* The 16-byte form is a service action: the operation code alone means nothing. */
void scsi_cdb_read_capacity_16(uint8_t cdb[SCSI_CDB_LEN])
{
	begin(cdb, SCSI_SERVICE_IN_16);
	cdb[1] = SCSI_SA_READ_CAPACITY_16;
	put_be32(cdb + 10, SCSI_READ_CAPACITY_16_LEN);
}

void scsi_cdb_report_luns(uint8_t cdb[SCSI_CDB_LEN], uint8_t select_report, uint32_t alloc)
{
	begin(cdb, SCSI_REPORT_LUNS);
	cdb[2] = select_report;
	put_be32(cdb + 6, alloc);
}

/* Bit 3 is DBD: fewer bytes to skip, and some devices send block descriptors all the same. */
void scsi_cdb_mode_sense_6(uint8_t cdb[SCSI_CDB_LEN], uint8_t page, uint8_t alloc)
{
	begin(cdb, SCSI_MODE_SENSE_6);
	cdb[1] = 0x08;
	cdb[2] = page & 0x3f;
	cdb[4] = alloc;
}

void scsi_cdb_mode_sense_10(uint8_t cdb[SCSI_CDB_LEN], uint8_t page, uint16_t alloc)
{
	begin(cdb, SCSI_MODE_SENSE_10);
	cdb[1] = 0x08;
	cdb[2] = page & 0x3f;
	put_be16(cdb + 7, alloc);
}
