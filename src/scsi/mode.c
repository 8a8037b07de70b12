/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MODE SENSE data: a header in one of two forms, block descriptors, then pages in any order.
 */
#include <errno.h>

#include "scsi/mode.h"
#include "scsi/span.h"

#define SUBPAGE_FORMAT 0x40u

/* Length of the first page in @list; a subpage has a longer header. */
static size_t page_len(struct span list)
{
	if (list.data[0] & SUBPAGE_FORMAT)
		return 4 + (size_t)span_be16(list, 2);
	return 2 + (size_t)span_u8(list, 1);
}

static void read_pages(struct scsi_mode *out, struct span list)
{
	/* Every page is at least two bytes, so the loop ends whatever the lengths are. */
	for (; list.len >= 3; list = span_after(list, page_len(list))) {
		/* Mask PS, which is not part of the page code. A subpage is a different page. */
		if ((list.data[0] & 0x7f) != SCSI_MODE_CACHING || page_len(list) < 3)
			continue;
		out->write_cache = list.data[2] & 0x04;
		return;
	}
}

/* @specific: DEVICE-SPECIFIC PARAMETER of a block device. */
static void read_header(struct scsi_mode *out, uint8_t specific)
{
	out->write_protected = specific & 0x80;
	out->dpofua = specific & 0x10;
}

int scsi_mode_parse_6(const uint8_t *data, size_t len, struct scsi_mode *out)
{
	struct span reply = {data, len};

	memset(out, 0, sizeof(*out));
	if (len < 4)
		return -EPROTO;
	/* MODE DATA LENGTH does not count itself. */
	reply = span_limit(reply, 1 + (size_t)data[0]);
	read_header(out, data[2]);
	read_pages(out, span_after(reply, 4 + (size_t)data[3]));
	return 0;
}

int scsi_mode_parse_10(const uint8_t *data, size_t len, struct scsi_mode *out)
{
	struct span reply = {data, len};

	memset(out, 0, sizeof(*out));
	if (len < 8)
		return -EPROTO;
	reply = span_limit(reply, 2 + (size_t)get_be16(data));
	read_header(out, data[3]);
	read_pages(out, span_after(reply, 8 + (size_t)get_be16(data + 6)));
	return 0;
}
