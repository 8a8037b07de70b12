/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds, sets and lists options, using the table. check.c checks their combinations.
 */
#include "options.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static char fold(char c)
{
	return c == '-' ? '_' : c;
}

/* fio's names have dashes or underscores; both are accepted. */
static int same_name(const char *known, const char *name, size_t len)
{
	size_t i;

	if (!known || strlen(known) != len)
		return 0;
	for (i = 0; i < len; i++) {
		if (fold(known[i]) != fold(name[i]))
			return 0;
	}
	return 1;
}

const struct ignored_option *option_ignored(const char *name, size_t len)
{
	const struct ignored_option *option;

	for (option = perf_ignored; option->name; option++) {
		if (same_name(option->name, name, len))
			return option;
	}
	return NULL;
}

const struct perf_option *option_find(const char *name, size_t len)
{
	const struct perf_option *option;

	for (option = perf_options; option->name; option++) {
		if (same_name(option->name, name, len) || same_name(option->alias, name, len))
			return option;
	}
	return NULL;
}

/* Levenshtein distance with one row; names are compared up to MAX_NAME. */
static unsigned distance(const char *one, const char *other)
{
	unsigned row[MAX_NAME + 1], i, k, diagonal, above;
	size_t len = strnlen(other, MAX_NAME);

	for (k = 0; k <= len; k++)
		row[k] = k;
	for (i = 0; one[i]; i++) {
		diagonal = row[0];
		row[0] = i + 1;
		for (k = 1; k <= len; k++) {
			above = row[k];
			diagonal += fold(one[i]) != fold(other[k - 1]);
			if (above + 1 < diagonal)
				diagonal = above + 1;
			if (row[k - 1] + 1 < diagonal)
				diagonal = row[k - 1] + 1;
			row[k] = diagonal;
			diagonal = above;
		}
	}
	return row[len];
}

const struct perf_option *option_nearest(const char *name)
{
	const struct perf_option *option, *best = perf_options;

	for (option = perf_options; option->name; option++) {
		if (distance(option->name, name) < distance(best->name, name))
			best = option;
	}
	/* Too different for a typo. */
	return distance(best->name, name) > strlen(name) / 2 ? NULL : best;
}

static int is_text(const struct perf_option *option)
{
	return option->kind == OPTION_TEXT || option->kind == OPTION_NAME;
}

static int set_text(const struct perf_option *option, char *field, const char *value)
{
	size_t room = option->kind == OPTION_NAME ? MAX_NAME : MAX_TEXT;

	if (!value || !value[0] || strlen(value) >= room)
		return -EINVAL;
	memcpy(field, value, strlen(value) + 1);
	return 0;
}

/* Whether @words, of which each is between two of @separator, or at an end, has one. */
static bool contains(const char *words, char separator, const char *word)
{
	size_t len = strlen(word);
	const char *at;

	for (at = strstr(words, word); len && at; at = strstr(at + 1, word)) {
		if ((at == words || at[-1] == separator) && (!at[len] || at[len] == separator))
			return true;
	}
	return false;
}

/* Whether an ignored option may have a value; one that ends in a colon stands for all after it. */
static bool is_harmless(const struct ignored_option *option, const char *value)
{
	char first[MAX_NAME];

	snprintf(first, sizeof(first), "%.*s:", (int)strcspn(value, ":"), value);
	return !option->values || contains(option->values, ',', value) ||
	       (strchr(value, ':') && contains(option->values, ',', first));
}

/* None may be ignored that would change what is written or measured. */
static int set_ignored(const struct ignored_option *option, const char *where, const char *name,
		       const char *value)
{
	/* An option without a value sets a flag. */
	if (!is_harmless(option, value ? value : "1")) {
		fprintf(stderr, "%s: fio's '%s=%s' is not supported (expected %s)\n", where, name,
			value ? value : "1", option->values);
		return -EINVAL;
	}
	fprintf(stderr, "%s: fio's '%s' has no effect here and is ignored\n", where, name);
	return 0;
}

static int unknown(const char *where, const char *name)
{
	const struct perf_option *nearest = option_nearest(name);
	char folded[MAX_NAME];
	size_t i;

	for (i = 0; name[i]; i++)
		folded[i] = fold(name[i]);
	folded[i] = 0;
	if (contains(perf_unsupported, ' ', folded))
		fprintf(stderr, "%s: fio's '%s' is not supported; see vscsi-perf --help\n", where,
			name);
	else if (nearest)
		fprintf(stderr, "%s: unknown option '%s'; did you mean '%s'?\n", where, name,
			nearest->name);
	else
		fprintf(stderr, "%s: unknown option '%s'; see vscsi-perf --help\n", where, name);
	return -EINVAL;
}

static int no_value(const char *where, const char *name, const char *value,
		    const struct perf_option *option)
{
	char range[64];

	option_range(option, range, sizeof(range));
	if (value && value[0])
		fprintf(stderr, "%s: invalid value '%s' for '%s' (expected %s%s)\n", where, value,
			name, option->values, range);
	else
		fprintf(stderr, "%s: '%s' needs a value (expected %s%s)\n", where, name,
			option->values, range);
	return -EINVAL;
}

int option_set(struct job_options *job, struct run_options *run, const char *where,
	       const char *text)
{
	const char *value = strchr(text, '=');
	size_t len = value ? (size_t)(value - text) : strlen(text);
	const struct ignored_option *ignored = option_ignored(text, len);
	const struct perf_option *option = option_find(text, len);
	char name[MAX_NAME], *field;
	uint64_t number = 0;
	int ret;

	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	value = value ? value + 1 : NULL;
	if (!option && ignored)
		return set_ignored(ignored, where, name, value);
	if (!option)
		return unknown(where, name);
	if (option->run_offset != NO_OFFSET && !run) {
		fprintf(stderr, "%s: '%s' is only allowed on the command line\n", where, name);
		return -EINVAL;
	}
	/* The only place where an entry is converted to a field; a test checks the table. */
	field = option->run_offset != NO_OFFSET ? (char *)run + option->run_offset
						: (char *)job + option->job_offset;
	ret = is_text(option) ? set_text(option, field, value)
			      : option_parse(option, value, &number);
	if (ret)
		return no_value(where, name, value, option);
	if (!is_text(option))
		memcpy(field, &number, sizeof(number));
	return 0;
}

void options_init(struct settings *settings)
{
	const struct perf_option *option;
	char *field;

	memset(settings, 0, sizeof(*settings));
	for (option = perf_options; option->name; option++) {
		/* Strings are empty by default, and the name has nothing to print. */
		if (is_text(option))
			continue;
		field = option->run_offset != NO_OFFSET
				? (char *)&settings->run + option->run_offset
				: (char *)&settings->global + option->job_offset;
		memcpy(field, &option->initial, sizeof(option->initial));
	}
	snprintf(settings->global.name, MAX_NAME, "vscsi-perf");
}

/* Strings are empty by default, and the size of the disk is not known yet. */
static void print_default(FILE *to, const struct perf_option *option)
{
	char text[32] = "0";

	if (is_text(option) || option->initial == MAX_BYTES)
		return;
	/* Without a unit. */
	if (option->initial || option->words || option->kind == OPTION_LUN)
		option_print(option, option->initial, text, sizeof(text));
	fprintf(to, "; default: %s", text);
}

void options_help(FILE *to)
{
	const struct perf_option *option;

	fputs("usage: vscsi-perf --address=ADDRESS [OPTION ...] [JOBFILE ...]\n"
	      "Measures the I/O of a virtio-scsi disk. Options have fio's names; in a job file,\n"
	      "write them without dashes, under [global] and [NAME].\n",
	      to);
	for (option = perf_options; option->name; option++) {
		fprintf(to, "  --%s=%s\n        %s", option->name, option->values, option->help);
		print_default(to, option);
		if (option->alias)
			fprintf(to, " (also --%s)", option->alias);
		fputc('\n', to);
	}
	fputs("  --help\n        print this text\n"
	      "  --version\n        print the library's version\n"
	      "Exit status: 0 success; 1 I/O or verification failed, or the results can't be\n"
	      "written; 2 usage error; 128 plus the signal number after a signal, after printing\n"
	      "the results so far.\n",
	      to);
}
