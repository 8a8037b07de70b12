/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Takes sense data apart. Judges nothing.
 */
#include <errno.h>

#include "scsi/sense.h"
#include "scsi/span.h"

/* RESPONSE CODE; the odd ones tell of an earlier command. */
#define FIXED_CURRENT       0x70u
#define FIXED_DEFERRED      0x71u
#define DESCRIPTOR_CURRENT  0x72u
#define DESCRIPTOR_DEFERRED 0x73u

/* Both formats have ADDITIONAL SENSE LENGTH in byte 7, and it counts what follows that. */
#define HEADER 8u

/* The Information descriptor: its type, its whole length, and the bit that makes it valid. */
#define INFORMATION_TYPE  0x00u
#define INFORMATION_LEN   12u
#define INFORMATION_VALID 0x80u

static int decode_fixed(struct span sense, struct scsi_sense *out)
{
	if (sense.len < 3)
		return -EPROTO;
	out->key = sense.data[2] & 0x0f;
	out->asc = span_u8(sense, 12);
	out->ascq = span_u8(sense, 13);
	if (sense.data[0] & 0x80 && span_has(sense, 3, 4)) {
		out->has_information = true;
		out->information = span_be32(sense, 3);
	}
	return 0;
}

static void find_information(struct span list, struct scsi_sense *out)
{
	/* Each step takes two bytes at least, so the walk ends whatever the lengths say. */
	for (; list.len >= 2; list = span_after(list, 2 + (size_t)list.data[1])) {
		if (list.data[0] != INFORMATION_TYPE)
			continue;
		if (!span_has(list, 0, INFORMATION_LEN) || list.data[1] < INFORMATION_LEN - 2)
			return;
		out->has_information = list.data[2] & INFORMATION_VALID;
		if (out->has_information)
			out->information = span_be64(list, 4);
		return;
	}
}

static int decode_descriptor(struct span sense, struct scsi_sense *out)
{
	if (sense.len < 2)
		return -EPROTO;
	out->key = sense.data[1] & 0x0f;
	out->asc = span_u8(sense, 2);
	out->ascq = span_u8(sense, 3);
	find_information(span_after(sense, HEADER), out);
	return 0;
}

int scsi_sense_decode(const uint8_t *data, size_t len, struct scsi_sense *out)
{
	struct span sense = {data, len};
	unsigned code;

	memset(out, 0, sizeof(*out));
	code = span_u8(sense, 0) & 0x7f;
	/* Shorter data have no ADDITIONAL SENSE LENGTH to heed; what came is what there is. */
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
