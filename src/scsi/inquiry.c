/* SPDX-License-Identifier: BSD-3-Clause */
/* Parses standard INQUIRY data. VPD pages are in vpd.c. */
#include <errno.h>

#include "scsi/inquiry.h"
#include "scsi/text.h"

/* Parses a text field, which may be truncated by the end of the data. */
static void put_field(char *dst, size_t size, struct span page, size_t offset, size_t len)
{
	scsi_text_put(dst, size, span_limit(span_after(page, offset), len));
}

int scsi_inquiry_parse(const uint8_t *data, size_t len, struct scsi_inquiry *out)
{
	struct span page = {data, len};

	memset(out, 0, sizeof(*out));
	if (len < 5)
		return -EPROTO;
	/* Ignore what follows the length given in ADDITIONAL LENGTH. */
	page = span_limit(page, 5 + (size_t)data[4]);
	out->qualifier = data[0] >> 5;
	out->type = data[0] & 0x1f;
	out->removable = data[1] & 0x80;
	put_field(out->vendor, sizeof(out->vendor), page, 8, 8);
	put_field(out->product, sizeof(out->product), page, 16, 16);
	put_field(out->revision, sizeof(out->revision), page, 32, 4);
	return 0;
}
