/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VPD page 83h: walks its designation descriptors and makes a string of the best one (SPC-4,
 * "Device Identification VPD page").
 */
#include "scsi/text.h"
#include "scsi/vpd.h"
#include "scsi/vpd_page.h"

#define CODE_SET_BINARY 1u
#define ASSOCIATION_LU  0u

/* DESIGNATOR TYPE */
enum {
	TYPE_VENDOR = 0,
	TYPE_T10 = 1,
	TYPE_EUI64 = 2,
	TYPE_NAA = 3,
	TYPE_NAME = 8,
};

/* A designator that was found fit; rank 0: none yet. */
struct candidate {
	unsigned rank;
	const char *prefix;
	bool binary;
	struct span body;
};

/* The first four bits of an NAA name say which of the formats it has, and so how long it is. */
static bool naa_is_valid(struct span body)
{
	switch (span_u8(body, 0) >> 4) {
	case 2:
	case 3:
	case 5:
		return body.len == 8;
	case 6:
		return body.len == 16;
	}
	return false;
}

/* Devices without a name of their own send zeros, which would make all of them the same. */
static bool eui_is_valid(struct span body)
{
	size_t i;

	if (body.len != 8 && body.len != 12 && body.len != 16)
		return false;
	for (i = 0; i < body.len; i++) {
		if (body.data[i])
			return true;
	}
	return false;
}

/* Ranks by how sure it is that no other unit in the world has the same name. */
static struct candidate judge(unsigned type, bool binary, struct span body)
{
	switch (type) {
	case TYPE_NAA:
		if (binary && naa_is_valid(body))
			return (struct candidate){5, "naa.", true, body};
		break;
	case TYPE_EUI64:
		if (binary && eui_is_valid(body))
			return (struct candidate){4, "eui.", true, body};
		break;
	case TYPE_NAME:
		if (!binary)
			return (struct candidate){3, "", false, body};
		break;
	case TYPE_T10:
		return (struct candidate){2, "t10.", false, body};
	case TYPE_VENDOR:
		return (struct candidate){1, "vendor.", binary, body};
	}
	return (struct candidate){0};
}

/* Text may be all padding: such a designator names nothing. */
static bool is_better(struct candidate new, struct candidate best)
{
	if (!new.binary && !scsi_text_skip_blanks(new.body).len)
		return false;
	if (new.rank != best.rank)
		return new.rank > best.rank;
	return new.body.len > best.body.len;
}

static struct candidate find_best(struct span list)
{
	struct candidate best = {0};

	/* Each step takes four bytes at least, so the walk ends whatever the lengths say. */
	for (; list.len >= 4; list = span_after(list, 4 + (size_t)list.data[3])) {
		struct candidate new;

		if (!span_has(list, 4, list.data[3]))
			break;
		if ((list.data[1] >> 4 & 0x03) != ASSOCIATION_LU)
			continue;
		new = judge(list.data[1] & 0x0f, (list.data[0] & 0x0f) == CODE_SET_BINARY,
			    (struct span){list.data + 4, list.data[3]});
		if (is_better(new, best))
			best = new;
	}
	return best;
}

int scsi_vpd_parse_identity(const uint8_t *data, size_t len, char out[SCSI_WWID_SIZE])
{
	struct candidate best;
	struct span page;

	memset(out, 0, SCSI_WWID_SIZE);
	if (vpd_page(data, len, SCSI_VPD_IDENTITY, &page))
		return -EPROTO;
	best = find_best(span_after(page, VPD_HEADER));
	if (!best.rank)
		return 0;
	memcpy(out, best.prefix, strlen(best.prefix));
	if (best.binary)
		scsi_text_put_hex(out, SCSI_WWID_SIZE, best.body);
	else
		scsi_text_put(out, SCSI_WWID_SIZE, best.body);
	return 0;
}
