/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads what READ CAPACITY returns (SBC-3, "READ CAPACITY (10)" and "(16)"). Which of the two to
 * ask is the caller's choice.
 */
#ifndef SCSI_CAPACITY_H
#define SCSI_CAPACITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A block is a power of two of bytes, from the first to the second. */
#define SCSI_MIN_BLOCK_SIZE 512u
#define SCSI_MAX_BLOCK_SIZE 65536u

/**
 * struct scsi_capacity - How large a unit is
 * @blocks: number of logical blocks, at least 1; times @block_size it fits 64 bits
 * @block_size: bytes of a logical block
 * @physical_block_size: bytes of a physical one; @block_size where the device doesn't tell
 * @thin: LBPME: provisioned on demand
 * @read_zeros: LBPRZ: unmapped blocks read as zeros
 */
struct scsi_capacity {
	uint64_t blocks;
	uint32_t block_size;
	uint32_t physical_block_size;
	bool thin;
	bool read_zeros;
};

/**
 * scsi_capacity_parse_10 - Read the reply to READ CAPACITY(10)
 * @data: what the device sent
 * @len: bytes really received
 * @out: receives the result, or zeros on failure
 *
 * Return: 0; -EOVERFLOW when there are more blocks than this form can tell: ask READ CAPACITY(16);
 * -EPROTO when fewer than 8 bytes came or the block size is none that this library can use.
 */
int scsi_capacity_parse_10(const uint8_t *data, size_t len, struct scsi_capacity *out);

/**
 * scsi_capacity_parse_16 - Read the reply to READ CAPACITY(16)
 *
 * As scsi_capacity_parse_10(), from at least 12 bytes.
 *
 * Return: 0; -EPROTO, also when the number of blocks or of bytes does not fit 64 bits.
 */
int scsi_capacity_parse_16(const uint8_t *data, size_t len, struct scsi_capacity *out);

#endif
