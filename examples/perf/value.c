/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parses and formats the values of options.
 */
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/text.h"

#define SECOND 1000000000ull

/* Units in any case. */
static const struct option_word time_units[] = {
	{"us", 1000},      {"usec", 1000},        {"ms", 1000000},         {"msec", 1000000},
	{"s", 1000000000}, {"m", 60000000000ull}, {"h", 3600000000000ull}, {"d", 86400000000000ull},
	{NULL, 0},
};

/* fio takes "kib" for 1000 bytes; it is an error here, because most people mean 1024. */
static const struct option_word size_units[] = {
	{"k", 1ull << 10}, {"kb", 1ull << 10}, {"m", 1ull << 20}, {"mb", 1ull << 20},
	{"g", 1ull << 30}, {"gb", 1ull << 30}, {"t", 1ull << 40}, {"tb", 1ull << 40},
	{"p", 1ull << 50}, {"pb", 1ull << 50}, {NULL, 0},
};

/* @plain: the unit of a number without one. */
static int parse_with_unit(const struct option_word *unit, uint64_t plain, const char *text,
			   uint64_t *value)
{
	bool hex = text[0] == '0' && (text[1] | 0x20) == 'x';
	size_t len = hex ? strlen(text) : strspn(text, "0123456789");
	char digits[24];

	if (len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, len);
	digits[len] = 0;
	while (text[len] && unit->word && strcasecmp(unit->word, text + len) != 0)
		unit++;
	if (text[len])
		plain = unit->value;
	if (!unit->word || text_number(digits, value) ||
	    __builtin_mul_overflow(*value, plain, value))
		return -EINVAL;
	return 0;
}

int size_parse(const char *text, uint64_t *value)
{
	return parse_with_unit(size_units, 1, text, value);
}

/* Return: whether @text is a percentage; otherwise @value is unchanged. */
static bool parse_percent(const char *text, uint64_t *value)
{
	size_t len = strlen(text);
	char digits[4];
	uint64_t percent;

	if (len < 2 || len > sizeof(digits) || text[len - 1] != '%')
		return false;
	memcpy(digits, text, len - 1);
	digits[len - 1] = 0;
	if (text_number(digits, &percent) || !percent || percent > 100)
		return false;
	*value = PERCENT(percent);
	return true;
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

	if (option->kind == OPTION_SHARE && parse_percent(text, value))
		return 0;
	if (option->kind == OPTION_SIZE || option->kind == OPTION_SHARE)
		ret = size_parse(text, value);
	else if (option->kind == OPTION_TIME)
		ret = parse_with_unit(time_units, SECOND, text, value);
	else if (option->kind == OPTION_USEC)
		ret = parse_with_unit(time_units, 1000, text, value);
	else
		ret = text_number(text, value);
	return ret || *value < option->min || *value > option->max ? -EINVAL : 0;
}

static int parse_real(const char *text, uint64_t *value)
{
	char *end;
	double percent = strtod(text, &end);

	/* Written so that it is false for a NaN too. */
	if (end == text || *end || !(percent > 0 && percent <= 100))
		return -EINVAL;
	*value = (uint64_t)(percent * PERCENT_UNIT + 0.5);
	return 0;
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
	case OPTION_SHARE:
	case OPTION_COUNT:
	case OPTION_TIME:
	case OPTION_USEC:
		return parse_amount(option, text, value);
	case OPTION_FLAG:
		ret = text_number(text, value);
		return ret || *value > 1 ? -EINVAL : 0;
	case OPTION_WORD:
		return parse_word(option->words, text, strlen(text), value);
	case OPTION_REAL:
		return parse_real(text, value);
	case OPTION_WORDS:
		return parse_words(option->words, text, value);
	default:
		return -EINVAL;
	}
}

int cpus_parse(const char *text, cpu_set_t *set)
{
	const long cpus = sysconf(_SC_NPROCESSORS_CONF);
	unsigned first, last;
	int used;

	CPU_ZERO(set);
	do {
		/* At most four digits: larger numbers would overflow. */
		if (*text < '0' || *text > '9' || sscanf(text, "%4u%n", &first, &used) != 1)
			return -EINVAL;
		text += used;
		last = first;
		if (*text == '-') {
			text++;
			if (*text < '0' || *text > '9' || sscanf(text, "%4u%n", &last, &used) != 1)
				return -EINVAL;
			text += used;
		}
		if (last < first)
			return -EINVAL;
		if (last >= CPU_SETSIZE || last >= cpus)
			return -ENODEV;
		for (; first <= last; first++)
			CPU_SET(first, set);
	} while (*text++ == ',');
	return text[-1] ? -EINVAL : 0;
}

static int compare(const void *one, const void *other)
{
	double difference = *(const double *)one - *(const double *)other;

	return (difference > 0) - (difference < 0);
}

int percentiles_parse(const char *text, double list[MOST_PERCENTILES + 1])
{
	unsigned count = 0;
	char *end;

	if (!text[0])
		text = "1:5:10:20:30:40:50:60:70:80:90:95:99:99.5:99.9:99.95:99.99";
	do {
		if (count == MOST_PERCENTILES)
			return -EINVAL;
		list[count] = strtod(text, &end);
		/* Written so that it is false for a NaN too. */
		if (end == text || !(list[count] > 0 && list[count] <= 100))
			return -EINVAL;
		count++;
		text = end;
	} while (*text++ == ':');
	qsort(list, count, sizeof(*list), compare);
	list[count] = -1;
	return text[-1] ? -EINVAL : 0;
}

void option_print(const struct perf_option *option, uint64_t value, char *text, size_t len)
{
	const struct option_word *word = option->words;

	switch (option->kind) {
	case OPTION_LUN:
		snprintf(text, len, "%" PRIu64 ":%" PRIu64, value >> 16, value & 0xffff);
		return;
	case OPTION_TIME:
	case OPTION_USEC:
		snprintf(text, len, "%" PRIu64 "us", value / 1000);
		return;
	case OPTION_SHARE:
		if (value > MAX_BYTES)
			snprintf(text, len, "%" PRIu64 "%%", value - PERCENT(0));
		else
			snprintf(text, len, "%" PRIu64, value);
		return;
	case OPTION_REAL:
		snprintf(text, len, "%g", (double)value / PERCENT_UNIT);
		return;
	case OPTION_WORD:
	case OPTION_WORDS:
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
	bool time = option->kind == OPTION_TIME || option->kind == OPTION_USEC;
	uint64_t unit = time ? SECOND : 1;
	bool has = time || option->kind == OPTION_SIZE || option->kind == OPTION_COUNT;

	text[0] = 0;
	if (has && option->max != UINT64_MAX)
		snprintf(text, len, ", %" PRIu64 " to %" PRIu64, option->min / unit,
			 option->max / unit);
	else if (has && option->min)
		snprintf(text, len, ", at least %" PRIu64, option->min / unit);
}
