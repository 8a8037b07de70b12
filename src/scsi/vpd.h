/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads vital product data pages: which there are, who the unit is, what its limits are (SPC-4,
 * "Vital product data parameters"; SBC-3, same title).
 *
 * Every parser takes what the device sent and how many bytes of it were really received. It reads
 * no further than those and than the page's own length. A field that the page is too short to have
 * becomes 0 or "", as devices of older standards send shorter pages. All return 0, or -EPROTO when
 * the header is missing or another page came, as devices that don't look at the page code send;
 * then the result is all zeros.
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

/* Sizes of the strings, those of struct vscsi_lun_info. */
#define SCSI_SERIAL_SIZE 72u
#define SCSI_WWID_SIZE   88u

/**
 * struct scsi_vpd_pages - Which pages a unit has
 * @bits: one for each page code
 */
struct scsi_vpd_pages {
	uint64_t bits[4];
};

/**
 * struct scsi_vpd_limits - Block Limits page, numbers in blocks as the device gave them
 * @max_caw: most blocks of COMPARE AND WRITE; 0: it has none
 * @max_transfer: most blocks of a transfer; 0: no limit told
 * @optimal_transfer: a transfer of more goes slower; 0: not told
 * @max_unmap_blocks: most blocks of an UNMAP command; 0: not told or no UNMAP, UINT32_MAX: no limit
 * @max_unmap_ranges: most ranges of an UNMAP command; as before
 * @unmap_granularity: 0: not told
 * @max_write_same: most blocks of WRITE SAME; 0: no limit told
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
#define SCSI_PROVISIONING_NOT_TOLD 0u
#define SCSI_PROVISIONING_RESOURCE 1u
#define SCSI_PROVISIONING_THIN     2u

/**
 * struct scsi_vpd_provisioning - Logical Block Provisioning page
 * @unmap: LBPU: UNMAP works
 * @write_same_16, @write_same_10: LBPWS, LBPWS10: that form of WRITE SAME can unmap
 * @read_zeros: LBPRZ: unmapped blocks read as zeros
 * @type: SCSI_PROVISIONING_*, 0 to 7
 */
struct scsi_vpd_provisioning {
	bool unmap;
	bool write_same_16;
	bool read_zeros;
	uint8_t type;
};

/* Reads page 00h. A list longer than there are page codes is no such list, so -EPROTO. */
int scsi_vpd_parse_pages(const uint8_t *data, size_t len, struct scsi_vpd_pages *out);

/* Whether the unit has @page. */
static inline bool scsi_vpd_has(const struct scsi_vpd_pages *pages, uint8_t page)
{
	return pages->bits[page >> 6] >> (page & 63) & 1;
}

/* Reads page 80h, the unit serial number, without the blanks around it. */
int scsi_vpd_parse_serial(const uint8_t *data, size_t len, char out[SCSI_SERIAL_SIZE]);

/**
 * scsi_vpd_parse_identity - Read page 83h and choose the best name of the logical unit
 * @data: what the device sent
 * @len: bytes really received
 * @out: receives the name, or "" where the page has none that is known here
 *
 * In order of preference: "naa." and "eui." with lower-case digits; a SCSI name string as it is
 * ("iqn.2003-01.org.example:disk"); "t10." with vendor and identifier; "vendor." with text, or
 * digits where the device says that it is binary. The longest of a kind wins. Names of ports and of
 * the target are no names of the logical unit, and are left out.
 */
int scsi_vpd_parse_identity(const uint8_t *data, size_t len, char out[SCSI_WWID_SIZE]);

/* Reads page B0h, block limits. */
int scsi_vpd_parse_limits(const uint8_t *data, size_t len, struct scsi_vpd_limits *out);

/* Reads page B1h: @rate receives rounds a minute; 1: it does not rotate, 0: not told. */
int scsi_vpd_parse_rotation(const uint8_t *data, size_t len, uint16_t *rate);

/* Reads page B2h, logical block provisioning. */
int scsi_vpd_parse_provisioning(const uint8_t *data, size_t len, struct scsi_vpd_provisioning *out);

#endif
