/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VPD page 83h: chooses the best designator and formats it (SPC-4, "Device Identification VPD
 * page").
 */
#include "scsi/identity.h"
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
	TYPE_UUID = 10,
};

/* A valid designator; rank 0: none. */
struct candidate {
	unsigned rank;
	const char *prefix;
	bool binary;
	struct span body;
};

/* The first four bits of an NAA designator are its format, which determines the length. */
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

/* Devices without an EUI-64 send zeros, which would make all of them identical. */
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

/* The rank is higher the more certain it is that the designator is globally unique. */
static struct candidate rank_designator(unsigned type, bool binary, struct span body)
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

/* A text that is only padding is not a designator. */
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

	/* Every descriptor is at least four bytes, so the loop ends whatever the lengths are. */
	for (; list.len >= 4; list = span_after(list, 4 + (size_t)list.data[3])) {
		struct candidate new;

		if (!span_has(list, 4, list.data[3]))
			break;
		if ((list.data[1] >> 4 & 0x03) != ASSOCIATION_LU)
			continue;
		new = rank_designator(list.data[1] & 0x0f, (list.data[0] & 0x0f) == CODE_SET_BINARY,
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

/* The kind of the unit serial number. Kinds of designators have four bits. */
#define KIND_SERIAL 0xffu

/* A record of struct scsi_identity begins with kind and length. */
#define RECORD_HEADER 2u

/* Removes the first record from a list. Return: false at the end. */
static bool next_record(struct span *list, unsigned *kind, struct span *name)
{
	if (list->len < RECORD_HEADER)
		return false;
	*kind = list->data[0];
	*name = span_limit(span_after(*list, RECORD_HEADER), list->data[1]);
	*list = span_after(*list, RECORD_HEADER + name->len);
	return true;
}

static struct span all_records(const struct scsi_identity *identity)
{
	return (struct span){identity->names, identity->len};
}

static bool has_record(const struct scsi_identity *identity, unsigned wanted, struct span name)
{
	struct span list = all_records(identity);
	struct span other;
	unsigned kind;

	while (next_record(&list, &kind, &other)) {
		if (kind == wanted && other.len == name.len &&
		    !memcmp(other.data, name.data, name.len))
			return true;
	}
	return false;
}

/* Number of names of a kind. */
static unsigned count_kind(const struct scsi_identity *identity, unsigned wanted)
{
	struct span list = all_records(identity);
	unsigned count = 0;
	struct span name;
	unsigned kind;

	while (next_record(&list, &kind, &name))
		count += kind == wanted;
	return count;
}

static void add_record(struct scsi_identity *identity, unsigned kind, struct span name)
{
	uint8_t *at = identity->names + identity->len;

	if (name.len > UINT8_MAX || has_record(identity, kind, name) ||
	    !range_inside(identity->len, RECORD_HEADER + name.len, 0, SCSI_IDENTITY_BYTES))
		return;
	at[0] = (uint8_t)kind;
	at[1] = (uint8_t)name.len;
	memcpy(at + RECORD_HEADER, name.data, name.len);
	identity->len = (uint16_t)(identity->len + RECORD_HEADER + name.len);
}

int scsi_identity_add_serial(struct scsi_identity *identity, const uint8_t *data, size_t len)
{
	struct span page;

	if (vpd_page(data, len, SCSI_VPD_SERIAL, &page))
		return -EPROTO;
	page = scsi_text_skip_blanks(span_after(page, VPD_HEADER));
	if (page.len)
		add_record(identity, KIND_SERIAL, page);
	return 0;
}

/* Whether a designator is a name: well-formed, and not only padding. */
static bool is_name(unsigned type, bool binary, struct span body)
{
	/* An RFC 4122 UUID follows two bytes of header (SPC-5). */
	if (type == TYPE_UUID)
		return binary && body.len == 18 && body.data[0] == 0x10;
	if (!binary && !scsi_text_skip_blanks(body).len)
		return false;
	return rank_designator(type, binary, body).rank;
}

int scsi_identity_set_names(struct scsi_identity *identity, const uint8_t *data, size_t len)
{
	struct span old = all_records(identity);
	struct scsi_identity now = {0};
	struct span page;
	struct span body;
	unsigned kind;

	if (vpd_page(data, len, SCSI_VPD_IDENTITY, &page))
		return -EPROTO;
	while (next_record(&old, &kind, &body)) {
		if (kind == KIND_SERIAL)
			add_record(&now, kind, body);
	}
	page = span_after(page, VPD_HEADER);
	for (; page.len >= 4 && span_has(page, 4, page.data[3]);
	     page = span_after(page, 4 + (size_t)page.data[3])) {
		body = (struct span){page.data + 4, page.data[3]};
		kind = page.data[1] & 0x0f;
		if ((page.data[1] >> 4 & 0x03) == ASSOCIATION_LU &&
		    is_name(kind, (page.data[0] & 0x0f) == CODE_SET_BINARY, body))
			add_record(&now, kind, body);
	}
	*identity = now;
	return 0;
}

/* Whether there is a designator; @strong: one that is not vendor specific. */
static bool has_designator(const struct scsi_identity *identity, bool strong)
{
	struct span list = all_records(identity);
	struct span name;
	unsigned kind;

	while (next_record(&list, &kind, &name)) {
		if (kind != KIND_SERIAL && !(strong && kind == TYPE_VENDOR))
			return true;
	}
	return false;
}

enum scsi_identity_match scsi_identity_compare(const struct scsi_identity *was,
					       const struct scsi_identity *now)
{
	const bool strong = has_designator(was, true);
	struct span list = all_records(was);
	bool common = false;
	struct span name;
	unsigned kind;

	while (next_record(&list, &kind, &name)) {
		if ((strong && kind == TYPE_VENDOR) || !count_kind(now, kind))
			continue;
		if (!has_record(now, kind, name) || count_kind(was, kind) != count_kind(now, kind))
			return SCSI_IDENTITY_OTHER;
		common |= kind != KIND_SERIAL;
	}
	if (has_designator(was, false) && !common)
		return has_designator(now, false) ? SCSI_IDENTITY_OTHER : SCSI_IDENTITY_UNKNOWN;
	if (count_kind(was, KIND_SERIAL) && !count_kind(now, KIND_SERIAL))
		return SCSI_IDENTITY_UNKNOWN;
	return SCSI_IDENTITY_SAME;
}
