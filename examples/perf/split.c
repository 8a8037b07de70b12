/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A mix of request sizes.
 */
#include "split.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"
#include "options.h"

#define BLANK UINT64_MAX

/* One "SIZE/PERCENT", "SIZE/" or "SIZE". */
static int parse_entry(const char *text, size_t len, uint64_t *bytes, uint64_t *percent)
{
	char copy[48], *slash;

	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = 0;
	slash = strchr(copy, '/');
	*percent = BLANK;
	if (slash) {
		*slash++ = 0;
		if (*slash && (text_number(slash, percent) || *percent > 100))
			return -EINVAL;
	}
	return size_parse(copy, bytes) || !*bytes || *bytes > MOST_REQUEST ? -EINVAL : 0;
}

/* Divides what the others leave among those without a percentage. */
static int fill_blanks(uint64_t *percent, unsigned count)
{
	uint64_t sum = 0;
	unsigned i, blanks = 0;

	for (i = 0; i < count; i++) {
		blanks += percent[i] == BLANK;
		sum += percent[i] == BLANK ? 0 : percent[i];
	}
	if (sum > 100)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		if (percent[i] == BLANK)
			percent[i] = (100 - sum) / blanks;
	}
	return 0;
}

static int parse_kind(const char **text, struct split *split, unsigned dir)
{
	unsigned *count = &split->count[dir];
	size_t len;

	do {
		len = strcspn(*text, ":,");
		if (*count == MOST_SIZES || parse_entry(*text, len, &split->bytes[dir][*count],
							&split->percent[dir][*count]))
			return -EINVAL;
		++*count;
		*text += len;
	} while (*(*text)++ == ':');
	return fill_blanks(split->percent[dir], *count);
}

int split_parse(const char *text, struct split *split)
{
	uint64_t smallest;
	unsigned dir, i;

	memset(split, 0, sizeof(*split));
	if (!text[0])
		return 0;
	for (dir = 0; dir < DIR_SYNC; dir++) {
		if (!dir || text[-1] == ',') {
			if (parse_kind(&text, split, dir))
				return -EINVAL;
			continue;
		}
		split->count[dir] = split->count[dir - 1];
		memcpy(split->bytes[dir], split->bytes[dir - 1], sizeof(split->bytes[dir]));
		memcpy(split->percent[dir], split->percent[dir - 1], sizeof(split->percent[dir]));
	}
	if (text[-1])
		return -EINVAL;
	smallest = split_smallest(split);
	for (dir = 0; dir < DIR_SYNC; dir++) {
		for (i = 0; i < split->count[dir]; i++) {
			if (split->bytes[dir][i] % smallest)
				return -EINVAL;
		}
	}
	return 0;
}

uint64_t split_smallest(const struct split *split)
{
	uint64_t smallest = 0;
	unsigned dir, i;

	for (dir = 0; dir < DIR_SYNC; dir++) {
		for (i = 0; i < split->count[dir]; i++) {
			if (!smallest || split->bytes[dir][i] < smallest)
				smallest = split->bytes[dir][i];
		}
	}
	return smallest;
}

uint64_t split_largest(const struct split *split)
{
	uint64_t largest = 0;
	unsigned dir, i;

	for (dir = 0; dir < DIR_SYNC; dir++) {
		for (i = 0; i < split->count[dir]; i++) {
			if (split->bytes[dir][i] > largest)
				largest = split->bytes[dir][i];
		}
	}
	return largest;
}

uint64_t split_choose(const struct split *split, unsigned dir, uint64_t random)
{
	uint64_t end = 0, at = random % 100;
	unsigned i;

	/* What rounding leaves is the last one's. */
	for (i = 0; i + 1 < split->count[dir]; i++) {
		end += split->percent[dir][i];
		if (at < end)
			break;
	}
	return split->bytes[dir][i];
}
