/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decodes sense data. response.c maps it to an errno.
 */
#include <errno.h>

#include "scsi/sense.h"
#include "scsi/span.h"

/* RESPONSE CODE. */
#define FIXED_CURRENT       0x70u
#define FIXED_DEFERRED      0x71u
#define DESCRIPTOR_CURRENT  0x72u
#define DESCRIPTOR_DEFERRED 0x73u

/* Both formats have ADDITIONAL SENSE LENGTH in byte 7; it counts the bytes after itself. */
#define HEADER 8u

static int decode_fixed(struct span sense, struct scsi_sense *out)
{
	if (sense.len < 3)
		return -EPROTO;
	out->key = sense.data[2] & 0x0f;
	out->asc = span_u8(sense, 12);
	out->ascq = span_u8(sense, 13);
	return 0;
}

static int decode_descriptor(struct span sense, struct scsi_sense *out)
{
	if (sense.len < 2)
		return -EPROTO;
	out->key = sense.data[1] & 0x0f;
	out->asc = span_u8(sense, 2);
	out->ascq = span_u8(sense, 3);
	return 0;
}

int scsi_sense_decode(const uint8_t *data, size_t len, struct scsi_sense *out)
{
	struct span sense = {data, len};
	unsigned code;

	memset(out, 0, sizeof(*out));
	code = span_u8(sense, 0) & 0x7f;
	/* Shorter data does not contain ADDITIONAL SENSE LENGTH. */
	if (len >= HEADER)
		sense = span_limit(sense, HEADER + (size_t)data[7]);
	out->deferred = code == FIXED_DEFERRED || code == DESCRIPTOR_DEFERRED;
	switch (code) {
	case FIXED_CURRENT:
	case FIXED_DEFERRED:
		return decode_fixed(sense, out);
	case DESCRIPTOR_CURRENT:
	case DESCRIPTOR_DEFERRED:
		return decode_descriptor(sense, out);
	}
	return -EPROTO;
}
