/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading the text that describes a logical unit. Opens nothing.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lun.h"
#include "say.h"

int parse_size(const char *text, uint64_t *out)
{
	static const char units[] = "KMGT";
	const char *unit;
	unsigned int shift = 0;
	char *end;
	uint64_t v;

	errno = 0;
	/* strtoull alone would take a sign and leading space. */
	v = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || errno)
		return refuse(EINVAL,
			      "'%s' is not a size: give bytes, or a number with K, M, G or T",
			      text);
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || end[1])
			return refuse(EINVAL,
				      "'%s' is not a size: only K, M, G or T may follow the "
				      "number",
				      text);
		shift = 10 * ((unsigned int)(unit - units) + 1);
	}
	/* Files and memory are addressed with signed 64-bit offsets. */
	if (!v || v > (uint64_t)INT64_MAX >> shift)
		return refuse(EINVAL, "the size '%s' is outside 1 byte to 8 EiB", text);
	*out = v << shift;
	return 0;
}

int parse_lun_address(const char *text, uint8_t *target, uint16_t *number, const char **rest)
{
	unsigned long t;
	unsigned long l;
	char *end;

	if (!isdigit((unsigned char)*text))
		return refuse(EINVAL, "'%s' does not begin with TARGET:LUN", text);
	t = strtoul(text, &end, 10);
	if (*end != ':' || !isdigit((unsigned char)end[1]))
		return refuse(EINVAL, "'%s' does not begin with TARGET:LUN", text);
	l = strtoul(end + 1, &end, 10);
	if (t >= MAX_TARGETS || l > MAX_LUN_NUMBER)
		return refuse(EINVAL, "address '%s' is outside targets 0-%d and LUNs 0-%d", text,
			      MAX_TARGETS - 1, MAX_LUN_NUMBER);
	*target = (uint8_t)t;
	*number = (uint16_t)l;
	*rest = end;
	return 0;
}

/* What does not fit is refused rather than cut: a shortened path is another file. */
static int set_text(char *to, size_t room, const char *what, const char *value)
{
	if (!*value || strlen(value) >= room)
		return refuse(EINVAL, "%s must have 1 to %zu characters", what, room - 1);
	strcpy(to, value);
	return 0;
}

/* Two stores would leave open which one the data goes to. */
static int set_store(struct lun_spec *spec, enum store_kind kind, bool *seen)
{
	if (*seen)
		return refuse(EINVAL, "a LUN has one store: file=, ram= or null=");
	*seen = true;
	spec->kind = kind;
	return 0;
}

/* One "key=value" of a description; @value is "" when there was no '='. */
static int set_key(struct lun_spec *spec, const char *key, const char *value, bool *store)
{
	int rc;

	if (!strcmp(key, "file")) {
		rc = set_store(spec, STORE_FILE, store);
		return rc ? rc : set_text(spec->path, sizeof(spec->path), "a file name", value);
	}
	if (!strcmp(key, "ram") || !strcmp(key, "null")) {
		rc = set_store(spec, *key == 'r' ? STORE_RAM : STORE_NULL, store);
		return rc ? rc : parse_size(value, &spec->size);
	}
	if (!strcmp(key, "serial"))
		return set_text(spec->serial, sizeof(spec->serial), "a serial number", value);
	if (!strcmp(key, "ro") && !*value)
		spec->read_only = true;
	else if (!strcmp(key, "thin") && !*value)
		spec->thin = true;
	else if (!strcmp(key, "block") && !strcmp(value, "512"))
		spec->block_size = 512;
	else if (!strcmp(key, "block") && !strcmp(value, "4096"))
		spec->block_size = 4096;
	else
		return refuse(EINVAL,
			      "'%s%s%s' is no property of a LUN: file=, ram=, null=, ro, thin, "
			      "block=512|4096, serial=",
			      key, *value ? "=" : "", value);
	return 0;
}

/*
 * The same text on the command line and on the control socket. A file name cannot contain a comma,
 * which is what separates the properties.
 */
int lun_spec_parse(const char *text, struct lun_spec *spec)
{
	char copy[1024];
	bool store = false;
	const char *rest;
	char *save;
	char *item;
	char *value;
	int rc;

	*spec = (struct lun_spec){.block_size = 512};
	rc = parse_lun_address(text, &spec->target, &spec->number, &rest);
	if (rc)
		return rc;
	if (strlen(rest) >= sizeof(copy))
		return refuse(EINVAL, "the description of LUN %d:%d is too long", spec->target,
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
		return refuse(EINVAL, "LUN %d:%d needs a store: file=PATH, ram=SIZE or null=SIZE",
			      spec->target, spec->number);
	return 0;
}
