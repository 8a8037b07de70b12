/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parses vital product data pages (SPC-4, "Vital product data parameters"; SBC-3, same title).
 *
 * Every parser takes what the device sent and the number of bytes received. It reads neither past
 * these nor past the page's own length. A field that is missing because the page is too short, as
 * with older standards, becomes 0 or "". All return 0, or -EPROTO if the header is incomplete or
 * has another page code, as from devices that ignore the page code; then the result is all zeros.
 */
#ifndef SCSI_VPD_H
#define SCSI_VPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Page codes. */
#define SCSI_VPD_PAGES        0x00u
#define SCSI_VPD_SERIAL       0x80u
#define SCSI_VPD_IDENTITY     0x83u
#define SCSI_VPD_LIMITS       0xb0u
#define SCSI_VPD_MEDIUM       0xb1u
#define SCSI_VPD_PROVISIONING 0xb2u

/* Sizes of the strings, as in struct vscsi_lun_info. */
#define SCSI_SERIAL_SIZE 72u
#define SCSI_WWID_SIZE   88u

/**
 * struct scsi_vpd_pages - Supported VPD pages
 * @bits: one for each page code
 */
struct scsi_vpd_pages {
	uint64_t bits[4];
};

/**
 * struct scsi_vpd_limits - Block Limits page, in blocks, unchecked
 * @max_caw: maximum length of COMPARE AND WRITE; 0: not supported
 * @max_transfer: maximum transfer length; 0: not reported
 * @optimal_transfer: optimal transfer length, longer ones are slower; 0: not reported
 * @max_unmap_blocks: maximum blocks of an UNMAP command; 0: not reported or UNMAP not supported,
 *	UINT32_MAX: no limit
 * @max_unmap_ranges: maximum block descriptors of an UNMAP command; likewise
 * @unmap_granularity: 0: not reported
 * @max_write_same: maximum length of WRITE SAME; 0: not reported
 */
struct scsi_vpd_limits {
	uint8_t max_caw;
	uint32_t max_transfer;
	uint32_t optimal_transfer;
	uint32_t max_unmap_blocks;
	uint32_t max_unmap_ranges;
	uint32_t unmap_granularity;
	uint64_t max_write_same;
};

/* scsi_vpd_provisioning.type */
#define SCSI_PROVISIONING_THIN 2u

/**
 * struct scsi_vpd_provisioning - Logical Block Provisioning page
 * @unmap: LBPU: UNMAP is supported
 * @write_same_16: LBPWS: WRITE SAME(16) can unmap
 * @read_zeros: LBPRZ: unmapped blocks read as zeros
 * @type: PROVISIONING TYPE, 0 to 7: SCSI_PROVISIONING_THIN or another
 */
struct scsi_vpd_provisioning {
	bool unmap;
	bool write_same_16;
	bool read_zeros;
	uint8_t type;
};

/* Parses page 00h. -EPROTO also for a list longer than the number of page codes. */
int scsi_vpd_parse_pages(const uint8_t *data, size_t len, struct scsi_vpd_pages *out);

/* Whether the unit supports @page. */
static inline bool scsi_vpd_has(const struct scsi_vpd_pages *pages, uint8_t page)
{
	return pages->bits[page >> 6] >> (page & 63) & 1;
}

/* Parses page 80h, the unit serial number, without leading and trailing blanks. */
int scsi_vpd_parse_serial(const uint8_t *data, size_t len, char out[SCSI_SERIAL_SIZE]);

/**
 * scsi_vpd_parse_identity - Parse page 83h and choose the best designator of the logical unit
 * @data: what the device sent
 * @len: bytes received
 * @out: receives the designator as a string; "" if the page has none that is supported
 *
 * In order of preference: "naa." and "eui." with lower-case digits; "uuid." with groups of digits;
 * a SCSI name string as it is ("iqn.2003-01.org.example:disk"); "t10." with vendor and identifier;
 * "vendor." with text, or with digits if the code set is binary. Of several of one type the longest
 * is chosen. Designators of ports and of the target are ignored.
 */
int scsi_vpd_parse_identity(const uint8_t *data, size_t len, char out[SCSI_WWID_SIZE]);

/* Parses page B0h, Block Limits. */
int scsi_vpd_parse_limits(const uint8_t *data, size_t len, struct scsi_vpd_limits *out);

/* Parses page B1h: @rate receives the rotation rate in rpm; 1: non-rotating, 0: not reported. */
int scsi_vpd_parse_rotation(const uint8_t *data, size_t len, uint16_t *rate);

/* Parses page B2h, Logical Block Provisioning. */
int scsi_vpd_parse_provisioning(const uint8_t *data, size_t len, struct scsi_vpd_provisioning *out);

#endif
