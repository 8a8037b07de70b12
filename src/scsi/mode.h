/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parses MODE SENSE data (SPC-4, "Mode parameters"; SBC-3, "Caching mode page"): write protection
 * and write cache.
 */
#ifndef SCSI_MODE_H
#define SCSI_MODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Page codes. */
#define SCSI_MODE_CACHING 0x08u
#define SCSI_MODE_ALL     0x3fu

/**
 * struct scsi_mode - Parsed mode parameters of a disk
 * @write_protected: WP
 * @dpofua: DPOFUA: the FUA bit is supported
 * @write_cache: WCE: a volatile write cache is enabled; false without a caching page
 *
 * The first two have this meaning only for block devices.
 */
struct scsi_mode {
	bool write_protected;
	bool dpofua;
	bool write_cache;
};

/**
 * scsi_mode_parse_6 - Parse MODE SENSE(6) data
 * @data: what the device sent
 * @len: bytes received
 * @out: receives the result; zeros on failure
 *
 * Skips block descriptors and other pages, and ignores a page that exceeds the data.
 *
 * Return: 0, or -EPROTO if fewer than the 4 bytes of the header were received.
 */
int scsi_mode_parse_6(const uint8_t *data, size_t len, struct scsi_mode *out);

/* The same for MODE SENSE(10), whose header has 8 bytes. */
int scsi_mode_parse_10(const uint8_t *data, size_t len, struct scsi_mode *out);

#endif
