/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The header of all VPD pages. Private to src/scsi/.
 */
#ifndef SCSI_VPD_PAGE_H
#define SCSI_VPD_PAGE_H

#include <errno.h>

#include "scsi/span.h"

/* Bytes of the header: device type, page code, 16-bit length. */
#define VPD_HEADER 4u

/**
 * vpd_page - Check the header of a VPD page
 * @data: what the device sent
 * @len: bytes received
 * @code: the expected page code
 * @page: receives the page, header included, truncated to its own length
 *
 * Return: 0, or -EPROTO if the header is incomplete or has another page code.
 */
static inline int vpd_page(const uint8_t *data, size_t len, uint8_t code, struct span *page)
{
	if (len < VPD_HEADER || data[1] != code)
		return -EPROTO;
	*page = span_limit((struct span){data, len}, VPD_HEADER + (size_t)get_be16(data + 2));
	return 0;
}

#endif
