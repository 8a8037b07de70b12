/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The 8-byte LUN field of virtio-scsi (virtio 1.4, 5.6.6.1), and the single-level LUN inside it,
 * which REPORT LUNS uses too (SAM-5, "Single level LUN structure").
 */
#ifndef SCSI_LUN_ADDR_H
#define SCSI_LUN_ADDR_H

#include "util/bits.h"

/* Highest numbers that the LUN field can express. */
#define SCSI_MAX_TARGET 255u
#define SCSI_MAX_LUN    16383u

/**
 * scsi_lun_encode - Write a LUN field
 * @out: receives 8 bytes
 * @target: 0 to SCSI_MAX_TARGET
 * @lun: 0 to SCSI_MAX_LUN
 *
 * Always uses flat space addressing, even for LUN 0: some back-ends accept nothing else.
 *
 * Return: false if a number is too large; then nothing is written.
 */
static inline bool scsi_lun_encode(uint8_t out[8], unsigned target, unsigned lun)
{
	if (target > SCSI_MAX_TARGET || lun > SCSI_MAX_LUN)
		return false;
	put_be64(out, UINT64_C(1) << 56 | (uint64_t)target << 48 | UINT64_C(0x4000) << 32 |
			      (uint64_t)lun << 32);
	return true;
}

/**
 * scsi_lun_decode_single - Decode a single-level LUN
 * @field: 8 bytes, of which the first two are the LUN and the rest must be zero
 * @lun: receives 0 to SCSI_MAX_LUN
 *
 * Accepts peripheral device addressing on bus 0 and flat space addressing. Other methods (logical
 * unit, extended, well-known) and further levels can't be addressed by this library.
 *
 * Return: whether @field is one of the two.
 */
static inline bool scsi_lun_decode_single(const uint8_t field[8], unsigned *lun)
{
	uint64_t v = get_be64(field);
	unsigned first = (unsigned)(v >> 48);

	if (v << 16)
		return false;
	if (first >> 8 != 0 && first >> 14 != 1)
		return false;
	*lun = first & SCSI_MAX_LUN;
	return true;
}

/**
 * scsi_lun_decode - Decode the LUN field of a device's event
 * @in: 8 bytes
 * @target, @lun: receive the numbers
 *
 * Checks every byte (virtio 1.4, 5.6.6.1 and 5.6.6.3). Devices use peripheral device addressing as
 * well as flat space addressing.
 *
 * Return: false if @in is not valid; then nothing is written.
 */
static inline bool scsi_lun_decode(const uint8_t in[8], unsigned *target, unsigned *lun)
{
	uint8_t field[8];

	if (in[0] != 1)
		return false;
	put_be64(field, get_be64(in) << 16);
	if (!scsi_lun_decode_single(field, lun))
		return false;
	*target = in[1];
	return true;
}

#endif
