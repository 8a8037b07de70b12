/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads standard INQUIRY data (SPC-4, "Standard INQUIRY data"): what kind of device answers. The
 * vital product data pages are in vpd.h.
 */
#ifndef SCSI_INQUIRY_H
#define SCSI_INQUIRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* scsi_inquiry.qualifier */
#define SCSI_QUALIFIER_CONNECTED 0u /* a device is there */
#define SCSI_QUALIFIER_EMPTY     1u /* none now, but there could be */
#define SCSI_QUALIFIER_NONE      3u /* the target has no such logical unit */

/**
 * struct scsi_inquiry - What standard INQUIRY data tell
 * @qualifier: SCSI_QUALIFIER_*, 0 to 7
 * @type: VSCSI_TYPE_*, 0 to 31
 * @removable: its medium can be removed
 * @vendor, @product, @revision: printable, without the blanks at the end; "" where the data are too
 *	short to have them. The sizes are those of struct vscsi_lun_info
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
 * scsi_inquiry_parse - Read standard INQUIRY data
 * @data: what the device sent
 * @len: bytes really received
 * @out: receives the result, all of it
 *
 * Return: 0, or -EPROTO when even the 5 bytes of the header are not there.
 */
int scsi_inquiry_parse(const uint8_t *data, size_t len, struct scsi_inquiry *out);

#endif
