/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parses the description of a logical unit.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/text.h"
#include "error.h"
#include "lun.h"

int parse_size(const char *text, uint64_t *out)
{
	int rc = text_size(text, out);

	if (rc == -EINVAL)
		return set_error(
			EINVAL,
			"'%s' is not a size (expected bytes, or a number with K, M, G or T)", text);
	/* Offsets are signed 64-bit numbers. */
	if (rc || !*out || *out > INT64_MAX)
		return set_error(EINVAL, "size '%s' is out of range (1 byte to 8 EiB)", text);
	return 0;
}

int parse_lun_address(const char *text, uint8_t *target, uint16_t *number, const char **rest)
{
	unsigned long t;
	unsigned long l;
	char *end;

	if (!isdigit((unsigned char)*text))
		return set_error(EINVAL, "'%s' does not start with TARGET:LUN", text);
	t = strtoul(text, &end, 10);
	if (*end != ':' || !isdigit((unsigned char)end[1]))
		return set_error(EINVAL, "'%s' does not start with TARGET:LUN", text);
	l = strtoul(end + 1, &end, 10);
	if (t >= MAX_TARGETS || l > MAX_LUN_NUMBER)
		return set_error(EINVAL, "address '%.*s' is out of range (targets 0-%d, LUNs 0-%d)",
				 (int)(end - text), text, MAX_TARGETS - 1, MAX_LUN_NUMBER);
	*target = (uint8_t)t;
	*number = (uint16_t)l;
	*rest = end;
	return 0;
}

/* Rejects what does not fit: a truncated path would be a different file. */
static int set_text(char *to, size_t room, const char *what, const char *value)
{
	if (!*value || strlen(value) >= room)
		return set_error(EINVAL, "%s must have 1 to %zu characters", what, room - 1);
	strcpy(to, value);
	return 0;
}

/* A LUN has exactly one store. */
static int set_store(struct lun_spec *spec, enum store_kind kind, bool *seen)
{
	if (*seen)
		return set_error(EINVAL, "a LUN has one store: file=, nbd=, ram= or null=");
	*seen = true;
	spec->kind = kind;
	return 0;
}

/* The formats with 8 bytes: IEEE extended, locally assigned, IEEE registered (SPC-4). */
static int set_wwn(struct lun_spec *spec, const char *value)
{
	if (strlen(value) != 16 || strspn(value, "0123456789abcdefABCDEF") != 16 ||
	    !strchr("235", *value))
		return set_error(EINVAL,
				 "'%s' is not a worldwide name (expected 16 hexadecimal digits, "
				 "the first of which is 2, 3 or 5)",
				 value);
	spec->naa = strtoull(value, NULL, 16);
	return 0;
}

/* One "key=value" of a description; @value is "" without '='. */
static int set_key(struct lun_spec *spec, const char *key, const char *value, bool *store)
{
	int rc;

	if (!strcmp(key, "file")) {
		rc = set_store(spec, STORE_FILE, store);
		return rc ? rc : set_text(spec->path, sizeof(spec->path), "a file name", value);
	}
	if (!strcmp(key, "nbd")) {
		rc = set_store(spec, STORE_NBD, store);
		return rc ? rc : set_text(spec->path, sizeof(spec->path), "an NBD URI", value);
	}
	if (!strcmp(key, "ram") || !strcmp(key, "null")) {
		rc = set_store(spec, *key == 'r' ? STORE_RAM : STORE_NULL, store);
		return rc ? rc : parse_size(value, &spec->size);
	}
	if (!strcmp(key, "serial"))
		return set_text(spec->serial, sizeof(spec->serial), "a serial number", value);
	if (!strcmp(key, "reservations"))
		return set_text(spec->reservation_file, sizeof(spec->reservation_file),
				"a file name", value);
	if (!strcmp(key, "wwn"))
		return set_wwn(spec, value);
	if (!strcmp(key, "ro") && !*value)
		spec->read_only = true;
	else if (!strcmp(key, "thin") && !*value)
		spec->thin = true;
	else if (!strcmp(key, "block") && !strcmp(value, "512"))
		spec->block_size = 512;
	else if (!strcmp(key, "block") && !strcmp(value, "4096"))
		spec->block_size = 4096;
	else
		return set_error(
			EINVAL,
			"'%s%s%s' is not a LUN property (expected file=, nbd=, ram=, null=, ro, "
			"thin, block=512|4096, serial=, wwn=, reservations=)",
			key, *value ? "=" : "", value);
	return 0;
}

/*
 * The same text is used on the command line and on the control socket. A file name can't contain a
 * comma, which separates the properties.
 */
int lun_spec_parse(const char *text, struct lun_spec *spec)
{
	char copy[1024];
	const char *rest = text;
	bool store = false;
	char *save;
	char *item;
	char *value;
	int rc;

	*spec = (struct lun_spec){.block_size = 512};
	rc = parse_lun_address(text, &spec->target, &spec->number, &rest);
	if (rc)
		return rc;
	if (strlen(rest) >= sizeof(copy))
		return set_error(EINVAL, "the description of LUN %d:%d is too long", spec->target,
				 spec->number);
	strcpy(copy, rest);
	for (item = strtok_r(copy, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		value = strchr(item, '=');
		if (value)
			*value++ = '\0';
		rc = set_key(spec, item, value ? value : "", &store);
		if (rc)
			return rc;
	}
	if (!store)
		return set_error(
			EINVAL,
			"LUN %d:%d needs a store: file=PATH, nbd=URI, ram=SIZE or null=SIZE",
			spec->target, spec->number);
	return 0;
}
