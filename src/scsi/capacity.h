/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parses READ CAPACITY data (SBC-3, "READ CAPACITY (10)" and "READ CAPACITY (16)"). The caller
 * chooses which of the two to send.
 */
#ifndef SCSI_CAPACITY_H
#define SCSI_CAPACITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Supported block sizes: powers of two in this range. */
#define SCSI_MIN_BLOCK_SIZE 512u
#define SCSI_MAX_BLOCK_SIZE 65536u

/**
 * struct scsi_capacity - Size of a logical unit
 * @blocks: number of logical blocks, at least 1; @blocks * @block_size fits 64 bits
 * @block_size: bytes per logical block
 * @physical_block_size: bytes per physical block; @block_size if the device does not report it
 * @thin: LBPME: thin provisioned
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
 * scsi_capacity_parse_10 - Parse READ CAPACITY(10) data
 * @data: what the device sent
 * @len: bytes received
 * @out: receives the result, zeros on failure
 *
 * Return: 0; -EOVERFLOW if this form can't express the size: use READ CAPACITY(16); -EPROTO if
 * fewer than 8 bytes were received or the block size is not supported.
 */
int scsi_capacity_parse_10(const uint8_t *data, size_t len, struct scsi_capacity *out);

/**
 * scsi_capacity_parse_16 - Parse READ CAPACITY(16) data
 *
 * As scsi_capacity_parse_10(), but needs at least 12 bytes.
 *
 * Return: 0; -EPROTO, also if the number of blocks or of bytes does not fit 64 bits.
 */
int scsi_capacity_parse_16(const uint8_t *data, size_t len, struct scsi_capacity *out);

#endif
