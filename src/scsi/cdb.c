/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Builders for commands other than READ and WRITE. These are off the fast path.
 */
#include "scsi/cdb.h"

/* Zeroes the CDB: reserved fields, CONTROL and the padding must be zero. */
static void begin(uint8_t cdb[SCSI_CDB_LEN], uint8_t op)
{
	memset(cdb, 0, SCSI_CDB_LEN);
	cdb[0] = op;
}

/* Address 0 and length 0 mean all blocks, in both forms and for every size. */
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
	/* The 1-byte length is where the 16-byte layout has the lowest byte of its length. */
	scsi_cdb_put_16(cdb, SCSI_COMPARE_AND_WRITE, fua ? SCSI_FLAG_FUA : 0, lba, blocks);
}

/* PARAMETER LIST LENGTH includes the header of the list. */
void scsi_cdb_unmap(uint8_t cdb[SCSI_CDB_LEN], uint32_t ranges)
{
	begin(cdb, SCSI_UNMAP);
	put_be16(cdb + 7, (uint16_t)SCSI_UNMAP_LIST_LEN(ranges));
}

/* Each length field counts the bytes after it. */
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

/* The 16-byte form is a service action of SERVICE ACTION IN(16). */
void scsi_cdb_read_capacity_16(uint8_t cdb[SCSI_CDB_LEN])
{
	begin(cdb, SCSI_SERVICE_IN_16);
	cdb[1] = SCSI_SA_READ_CAPACITY_16;
	put_be32(cdb + 10, SCSI_READ_CAPACITY_16_LEN);
}

void scsi_cdb_get_lba_status(uint8_t cdb[SCSI_CDB_LEN], uint64_t lba, uint32_t alloc)
{
	begin(cdb, SCSI_SERVICE_IN_16);
	cdb[1] = SCSI_SA_GET_LBA_STATUS;
	put_be64(cdb + 2, lba);
	put_be32(cdb + 10, alloc);
}

void scsi_cdb_report_luns(uint8_t cdb[SCSI_CDB_LEN], uint8_t select_report, uint32_t alloc)
{
	begin(cdb, SCSI_REPORT_LUNS);
	cdb[2] = select_report;
	put_be32(cdb + 6, alloc);
}

/* 0x08 is DBD. Some devices return block descriptors nevertheless. */
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
