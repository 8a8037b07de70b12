/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parses GET LBA STATUS data (SBC-3, "GET LBA STATUS"): runs of blocks and whether they are mapped.
 */
#ifndef SCSI_LBA_STATUS_H
#define SCSI_LBA_STATUS_H

#include <stddef.h>
#include <stdint.h>

/* Allocation length for @count descriptors. */
#define SCSI_LBA_STATUS_LEN(count) (8u + 16u * (count))

/* Provisioning status; other values from a device are treated as MAPPED. */
#define SCSI_LBA_MAPPED      0u
#define SCSI_LBA_DEALLOCATED 1u
#define SCSI_LBA_ANCHORED    2u

/**
 * struct scsi_lba_run - Adjoining blocks with the same status
 * @blocks: how many, at least 1
 * @status: SCSI_LBA_*
 */
struct scsi_lba_run {
	uint64_t blocks;
	uint32_t status;
};

/**
 * scsi_lba_status_parse - Parse GET LBA STATUS data
 * @data: what the device sent
 * @len: bytes received
 * @lba: STARTING LOGICAL BLOCK ADDRESS of the command
 * @out: receives adjoining runs; the first one starts at @lba
 * @max: elements of @out, at least 1
 *
 * Adjoining runs with the same status are merged. A descriptor that does not adjoin the one before,
 * and all after it, are ignored.
 *
 * Return: number of runs, at least 1; -EPROTO if the first descriptor does not contain @lba.
 */
int scsi_lba_status_parse(const uint8_t *data, size_t len, uint64_t lba, struct scsi_lba_run *out,
			  unsigned max);

#endif
