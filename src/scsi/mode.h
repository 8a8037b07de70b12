/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads what MODE SENSE returns (SPC-4, "Mode parameters"; SBC-3, "Caching mode page"): whether the
 * unit can be written, and what cache it has.
 */
#ifndef SCSI_MODE_H
#define SCSI_MODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Page codes to ask for. */
#define SCSI_MODE_CACHING 0x08u
#define SCSI_MODE_ALL     0x3fu

/**
 * struct scsi_mode - What a disk's mode parameters tell
 * @write_protected: WP: writes will be refused
 * @dpofua: DPOFUA: the FUA bit works
 * @write_cache: WCE: a volatile write cache is on
 *
 * The first two have this meaning for block devices only.
 */
struct scsi_mode {
	bool write_protected;
	bool dpofua;
	bool write_cache;
};

/**
 * scsi_mode_parse_6 - Read the reply to MODE SENSE(6)
 * @data: what the device sent
 * @len: bytes really received
 * @out: receives the result, all of it
 *
 * Block descriptors and other pages are stepped over; what reaches past the end is not looked at.
 *
 * Return: 0, or -EPROTO when the header of 4 bytes is missing.
 */
int scsi_mode_parse_6(const uint8_t *data, size_t len, struct scsi_mode *out);

/* The same for MODE SENSE(10), whose header has 8 bytes. */
int scsi_mode_parse_10(const uint8_t *data, size_t len, struct scsi_mode *out);

#endif
