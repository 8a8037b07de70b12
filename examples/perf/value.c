/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parses and formats the values of options.
 */
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "common/text.h"

static int parse_time(const char *text, uint64_t *ns)
{
	static const struct option_word units[] = {
		{"us", 1000},          {"ms", 1000000},         {"s", 1000000000},
		{"m", 60000000000ull}, {"h", 3600000000000ull}, {NULL, 0},
	};
	/* Without a suffix it is in seconds, as in fio. */
	const struct option_word *unit = &units[2];
	size_t len = strspn(text, "0123456789");
	char digits[24];

	if (len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, len);
	digits[len] = 0;
	if (text[len]) {
		for (unit = units; unit->word && strcmp(unit->word, text + len) != 0; unit++)
			;
	}
	if (!unit->word || text_number(digits, ns) || __builtin_mul_overflow(*ns, unit->value, ns))
		return -EINVAL;
	return 0;
}

static int parse_word(const struct option_word *words, const char *text, size_t len,
		      uint64_t *value)
{
	for (; words->word; words++) {
		if (strlen(words->word) == len && !strncmp(words->word, text, len)) {
			/* Or-ed for lists; for a single word it was 0. */
			*value |= words->value;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_words(const struct option_word *words, const char *text, uint64_t *value)
{
	size_t len;
	int ret;

	do {
		len = strcspn(text, ",");
		ret = parse_word(words, text, len, value);
		text += len;
	} while (!ret && *text++);
	return ret;
}

static int parse_lun(const char *text, uint64_t *value)
{
	uint32_t target, lun;

	if (text_lun(text, &target, &lun))
		return -EINVAL;
	*value = (uint64_t)target << 16 | lun;
	return 0;
}

static int parse_amount(const struct perf_option *option, const char *text, uint64_t *value)
{
	int ret;

	if (option->kind == OPTION_SIZE)
		ret = text_size(text, value);
	else if (option->kind == OPTION_TIME)
		ret = parse_time(text, value);
	else
		ret = text_number(text, value);
	return ret || *value < option->min || *value > option->max ? -EINVAL : 0;
}

int option_parse(const struct perf_option *option, const char *text, uint64_t *value)
{
	int ret;

	*value = 0;
	if (!text) {
		*value = 1;
		return option->kind == OPTION_FLAG ? 0 : -EINVAL;
	}
	switch (option->kind) {
	case OPTION_LUN:
		return parse_lun(text, value);
	case OPTION_SIZE:
	case OPTION_COUNT:
	case OPTION_TIME:
		return parse_amount(option, text, value);
	case OPTION_FLAG:
		ret = text_number(text, value);
		return ret || *value > 1 ? -EINVAL : 0;
	case OPTION_WORD:
		return parse_word(option->words, text, strlen(text), value);
	case OPTION_WORDS:
		return parse_words(option->words, text, value);
	default:
		return -EINVAL;
	}
}

void option_print(const struct perf_option *option, uint64_t value, char *text, size_t len)
{
	const struct option_word *word = option->words;

	switch (option->kind) {
	case OPTION_LUN:
		snprintf(text, len, "%" PRIu64 ":%" PRIu64, value >> 16, value & 0xffff);
		return;
	case OPTION_TIME:
		snprintf(text, len, "%" PRIu64 "us", value / 1000);
		return;
	case OPTION_WORD:
		while (word->word && word->value != value)
			word++;
		snprintf(text, len, "%s", word->word ? word->word : "");
		return;
	default:
		snprintf(text, len, "%" PRIu64, value);
	}
}

void option_range(const struct perf_option *option, char *text, size_t len)
{
	/* Limits of times are printed in seconds. */
	uint64_t unit = option->kind == OPTION_TIME ? 1000000000 : 1;
	bool has = option->kind == OPTION_SIZE || option->kind == OPTION_COUNT ||
		   option->kind == OPTION_TIME;

	text[0] = 0;
	if (has && option->max != UINT64_MAX)
		snprintf(text, len, ", %" PRIu64 " to %" PRIu64, option->min / unit,
			 option->max / unit);
	else if (has && option->min)
		snprintf(text, len, ", at least %" PRIu64, option->min / unit);
}
