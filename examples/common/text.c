/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parses numbers and unit addresses, and formats sizes. Callers print the errors, because only they
 * know which option it was.
 */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* strtoull() accepts a sign and leading blanks; these are rejected here. */
static int digits(const char *text, uint64_t *value, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	/* Needed to detect overflow. */
	errno = 0;
	*value = strtoull(text, &end, text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10);
	if (errno)
		return -ERANGE;
	*rest = end;
	return 0;
}

int text_number(const char *text, uint64_t *value)
{
	const char *rest;
	uint64_t number;
	int ret = digits(text, &number, &rest);

	if (ret)
		return ret;
	if (*rest)
		return -EINVAL;
	*value = number;
	return 0;
}

int text_size(const char *text, uint64_t *value)
{
	static const char units[] = "KMGT";
	const char *rest, *unit;
	uint64_t number;
	int ret = digits(text, &number, &rest);

	if (ret)
		return ret;
	if (*rest) {
		unit = strchr(units, toupper((unsigned char)*rest));
		if (!unit || rest[1])
			return -EINVAL;
		if (__builtin_mul_overflow(number, 1ull << 10 * (unit - units + 1), &number))
			return -ERANGE;
	}
	*value = number;
	return 0;
}

int text_lun(const char *text, uint32_t *target, uint32_t *lun)
{
	uint64_t first, second;
	const char *rest;

	if (digits(text, &first, &rest))
		return -EINVAL;
	if (!strncmp(rest, "\\:", 2))
		rest++;
	if ((*rest != ':' && *rest != '.') || text_number(rest + 1, &second))
		return -EINVAL;
	/* The range of flat space addressing: virtio 1.4, 5.6.6.1. */
	if (first > 255 || second > 16383)
		return -EINVAL;
	*target = (uint32_t)first;
	*lun = (uint32_t)second;
	return 0;
}

const char *text_human(char *out, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	unsigned unit = 0;

	while (value >= 1024 && unit < 6) {
		value /= 1024;
		unit++;
	}
	snprintf(out, TEXT_HUMAN_LEN, unit ? "%.1f%s" : "%.0f%s", value, units[unit]);
	return out;
}

const char *text_clean(char *out, size_t len, const char *text)
{
	size_t i;

	for (i = 0; i + 1 < len && text[i]; i++)
		out[i] = (char)(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
	out[i] = 0;
	return out;
}

bool text_has_id(const char *address)
{
	return strstr(address, "?id=") || strstr(address, "&id=");
}
