/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VPD page 83h: the names of a logical unit, and their texts (SPC-4, "Device Identification VPD
 * page").
 */
#include <strings.h>

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

/* Kinds of names: DESIGNATOR TYPE, and these two; KIND_SERIAL is page 80h. */
#define KIND_VENDOR_BINARY (TYPE_VENDOR | 0x10u)
#define KIND_SERIAL        0xffu

/* A valid designator; rank 0: none. */
struct candidate {
	unsigned rank;
	unsigned kind;
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

/* An RFC 4122 UUID follows two bytes of header (SPC-5). */
static bool uuid_is_valid(struct span body)
{
	return body.len == 18 && body.data[0] == 0x10;
}

/*
 * The rank is higher the more certain it is that the designator is globally unique; 0: it is not
 * valid. A text that is only padding is not a designator.
 */
static unsigned rank_designator(unsigned type, bool binary, struct span body)
{
	if (!binary && !scsi_text_skip_blanks(body).len)
		return 0;
	switch (type) {
	case TYPE_NAA:
		return binary && naa_is_valid(body) ? 6 : 0;
	case TYPE_EUI64:
		return binary && eui_is_valid(body) ? 5 : 0;
	case TYPE_UUID:
		return binary && uuid_is_valid(body) ? 4 : 0;
	case TYPE_NAME:
		return !binary ? 3 : 0;
	case TYPE_T10:
		return 2;
	case TYPE_VENDOR:
		return 1;
	}
	return 0;
}

/* Reads the first designator of a list; false if the list contains no complete one. */
static bool read_designator(struct span list, struct candidate *out)
{
	const bool binary = (span_u8(list, 0) & 0x0f) == CODE_SET_BINARY;
	const unsigned type = span_u8(list, 1) & 0x0f;

	/* Every descriptor is at least four bytes, so a walk ends whatever the lengths are. */
	if (!span_has(list, 0, 4) || !span_has(list, 4, list.data[3]))
		return false;
	out->body = (struct span){list.data + 4, list.data[3]};
	out->kind = type == TYPE_VENDOR && binary ? KIND_VENDOR_BINARY : type;
	out->rank = 0;
	if ((list.data[1] >> 4 & 0x03) == ASSOCIATION_LU)
		out->rank = rank_designator(type, binary, out->body);
	return true;
}

static bool is_better(struct candidate new, struct candidate best)
{
	if (new.rank != best.rank)
		return new.rank > best.rank;
	return new.body.len > best.body.len;
}

static struct candidate find_best(struct span list)
{
	struct candidate best = {0};
	struct candidate new;

	for (; read_designator(list, &new); list = span_after(list, 4 + new.body.len)) {
		if (is_better(new, best))
			best = new;
	}
	return best;
}

static void put_uuid(char out[SCSI_WWID_SIZE], struct span body)
{
	static const uint8_t groups[] = {4, 2, 2, 2, 6};
	unsigned i;

	for (i = 0; i < ARRAY_LEN(groups); i++) {
		if (i)
			scsi_text_put(out, SCSI_WWID_SIZE, (struct span){(const uint8_t *)"-", 1});
		scsi_text_put_hex(out, SCSI_WWID_SIZE, span_limit(body, groups[i]));
		body = span_after(body, groups[i]);
	}
}

/* Whether a kind of name is binary, and written as digits. */
static bool is_digits(unsigned kind)
{
	return kind == TYPE_NAA || kind == TYPE_EUI64 || kind == TYPE_UUID ||
	       kind == KIND_VENDOR_BINARY;
}

static void put_name(char out[SCSI_WWID_SIZE], unsigned kind, struct span body)
{
	static const char *const prefixes[] = {
		[TYPE_VENDOR] = "vendor.", [TYPE_T10] = "t10.", [TYPE_EUI64] = "eui.",
		[TYPE_NAA] = "naa.",       [TYPE_NAME] = "",    [TYPE_UUID] = "uuid."};

	memset(out, 0, SCSI_WWID_SIZE);
	strcpy(out, kind == KIND_SERIAL ? "serial." : prefixes[kind & 0x0f]);
	if (kind == TYPE_UUID)
		put_uuid(out, span_after(body, 2));
	else if (is_digits(kind))
		scsi_text_put_hex(out, SCSI_WWID_SIZE, body);
	else
		scsi_text_put(out, SCSI_WWID_SIZE, body);
}

int scsi_vpd_parse_identity(const uint8_t *data, size_t len, char out[SCSI_WWID_SIZE])
{
	struct candidate best;
	struct span page;

	memset(out, 0, SCSI_WWID_SIZE);
	if (vpd_page(data, len, SCSI_VPD_IDENTITY, &page))
		return -EPROTO;
	best = find_best(span_after(page, VPD_HEADER));
	if (best.rank)
		put_name(out, best.kind, best.body);
	return 0;
}

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

static bool is_vendor(unsigned kind)
{
	return kind == TYPE_VENDOR || kind == KIND_VENDOR_BINARY;
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

int scsi_identity_set_names(struct scsi_identity *identity, const uint8_t *data, size_t len)
{
	struct span old = all_records(identity);
	struct scsi_identity now = {0};
	struct candidate found;
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
	for (; read_designator(page, &found); page = span_after(page, 4 + found.body.len)) {
		if (found.rank)
			add_record(&now, found.kind, found.body);
	}
	*identity = now;
	return 0;
}

bool scsi_identity_text(const struct scsi_identity *identity, unsigned index,
			char out[SCSI_WWID_SIZE])
{
	struct span list = all_records(identity);
	struct span name;
	unsigned kind;

	do {
		if (!next_record(&list, &kind, &name))
			return false;
	} while (index--);
	put_name(out, kind, name);
	return true;
}

bool scsi_identity_has(const struct scsi_identity *identity, const char *id)
{
	struct span list = all_records(identity);
	char text[SCSI_WWID_SIZE];
	struct span name;
	unsigned kind;

	while (next_record(&list, &kind, &name)) {
		put_name(text, kind, name);
		if (is_digits(kind) ? !strcasecmp(text, id)
				    : !strncmp(text, id, SCSI_WWID_SIZE - 1))
			return true;
	}
	return false;
}

/* Whether there is a designator; @strong: one that is not vendor specific. */
static bool has_designator(const struct scsi_identity *identity, bool strong)
{
	struct span list = all_records(identity);
	struct span name;
	unsigned kind;

	while (next_record(&list, &kind, &name)) {
		if (kind != KIND_SERIAL && !(strong && is_vendor(kind)))
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
		if ((strong && is_vendor(kind)) || !count_kind(now, kind))
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
