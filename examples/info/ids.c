/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Identities as other tools spell them. The library's begin with their kind: "naa.", "eui.",
 * "uuid.", "t10.", "vendor.", "serial."; what begins with none of these is a SCSI name string.
 */
#include "info.h"

#include <ctype.h>
#include <string.h>

/* @digit: with which scsi_id marks the kind, and @hex what comes before digits in sg_vpd. */
static const struct kind {
	const char *prefix;
	const char *digit;
	const char *hex;
	bool whole; /* scsi_id puts vendor and product before it */
} kinds[] = {
	{"naa.", "3", "0x", false}, {"eui.", "2", "0x", false}, {"t10.", "1", "", false},
	{"uuid.", "", "", false},   {"vendor.", "0", "", true}, {"serial.", "S", NULL, true},
	{"", "8", "", false},
};

static const struct kind *kind_of(const char *id)
{
	const struct kind *kind = kinds;

	while (strncmp(id, kind->prefix, strlen(kind->prefix)))
		kind++;
	return kind;
}

const char *id_designator(char *out, const char *id)
{
	const struct kind *kind = kind_of(id);

	out[0] = 0;
	if (kind->hex)
		snprintf(out, ID_SIZE, "%s%s", kind->hex, id + strlen(kind->prefix));
	return out;
}

/* As udev does: a run of blanks becomes one underscore, none at the end. */
static void replace_blanks(char *text)
{
	const char *from = text;

	for (; *from; from++) {
		if (!isspace((unsigned char)*from))
			*text++ = *from;
		else if (from[1] && !isspace((unsigned char)from[1]))
			*text++ = '_';
	}
	*text = 0;
}

const char *id_udev(char *out, const char *id, const struct vscsi_lun_info *info)
{
	const struct kind *kind = kind_of(id);
	const char *rest = id + strlen(kind->prefix);

	out[0] = 0;
	if (!*kind->digit)
		return out;
	if (kind->whole)
		snprintf(out, ID_SIZE, "%s%-8s%-16s%s", kind->digit, info->vendor, info->product,
			 rest);
	else
		snprintf(out, ID_SIZE, "%s%s", kind->digit, rest);
	replace_blanks(out);
	return out;
}
