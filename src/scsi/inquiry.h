/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parses standard INQUIRY data (SPC-4, "Standard INQUIRY data"). Vital product data is in vpd.h.
 */
#ifndef SCSI_INQUIRY_H
#define SCSI_INQUIRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* scsi_inquiry.qualifier */
#define SCSI_QUALIFIER_CONNECTED 0u /* a device is connected */
#define SCSI_QUALIFIER_EMPTY     1u /* no device is connected, but one could be */
#define SCSI_QUALIFIER_NONE      3u /* the target does not support this logical unit */

/**
 * struct scsi_inquiry - Parsed standard INQUIRY data
 * @qualifier: SCSI_QUALIFIER_*, 0 to 7
 * @type: VSCSI_TYPE_*, 0 to 31
 * @removable: the medium is removable
 * @vendor, @product, @revision: printable, without trailing blanks; "" if the data is too short.
 *	The sizes are those of struct vscsi_lun_info
 */
struct scsi_inquiry {
	uint8_t qualifier;
	uint8_t type;
	bool removable;
	char vendor[16];
	char product[24];
	char revision[8];
};

/**
 * scsi_inquiry_parse - Parse standard INQUIRY data
 * @data: what the device sent
 * @len: bytes received
 * @out: receives the result; zeros on failure
 *
 * Return: 0, or -EPROTO if fewer than the 5 bytes of the header were received.
 */
int scsi_inquiry_parse(const uint8_t *data, size_t len, struct scsi_inquiry *out);

#endif
