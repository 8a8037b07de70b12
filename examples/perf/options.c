/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds, sets and lists options by their table. Which options make sense together is for check.c.
 */
#include "options.h"

#include <errno.h>
#include <string.h>

static char fold(char c)
{
	return c == '-' ? '_' : c;
}

/* fio has names with dashes and names with underscores; nobody remembers which are which. */
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

/* Levenshtein's distance, with one row; what is longer than MAX_NAME differs in what is seen. */
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
	/* What has to be changed for the most part was no slip. */
	return 2 * distance(best->name, name) > strlen(name) ? NULL : best;
}

static int is_text(const struct perf_option *option)
{
	return option->kind == OPTION_TEXT || option->kind == OPTION_NAME;
}

static int set_text(const struct perf_option *option, char *place, const char *value)
{
	size_t room = option->kind == OPTION_NAME ? MAX_NAME : MAX_TEXT;

	if (!value || !value[0] || strlen(value) >= room)
		return -EINVAL;
	memcpy(place, value, strlen(value) + 1);
	return 0;
}

static int unknown(const char *where, const char *name)
{
	const struct perf_option *nearest = option_nearest(name);

	if (nearest)
		fprintf(stderr, "%s: there is no option '%s'; the nearest is '%s'\n", where, name,
			nearest->name);
	else
		fprintf(stderr, "%s: there is no option '%s'; see vscsi-perf --help\n", where,
			name);
	return -EINVAL;
}

static int no_value(const char *where, const char *name, const char *value,
		    const struct perf_option *option)
{
	char range[64];

	option_range(option, range, sizeof(range));
	if (value && value[0])
		fprintf(stderr, "%s: '%s' is no value for '%s', which takes %s%s\n", where, value,
			name, option->values, range);
	else
		fprintf(stderr, "%s: '%s' needs a value, %s%s\n", where, name, option->values,
			range);
	return -EINVAL;
}

int option_set(struct job_options *job, struct run_options *run, const char *where,
	       const char *text)
{
	const char *value = strchr(text, '=');
	size_t len = value ? (size_t)(value - text) : strlen(text);
	const struct perf_option *option = option_find(text, len);
	char name[MAX_NAME], *place;
	uint64_t number = 0;
	int ret;

	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	if (!option && option_ignored(text, len)) {
		fprintf(stderr, "%s: fio's '%s' has no meaning here and is ignored\n", where, name);
		return 0;
	}
	if (!option)
		return unknown(where, name);
	if (option->run_place != NO_PLACE && !run) {
		fprintf(stderr, "%s: '%s' belongs on the command line\n", where, name);
		return -EINVAL;
	}
	/* The one place where a name becomes a field; the table has been checked by its test. */
	place = option->run_place != NO_PLACE ? (char *)run + option->run_place
					      : (char *)job + option->job_place;
	value = value ? value + 1 : NULL;
	ret = is_text(option) ? set_text(option, place, value)
			      : option_parse(option, value, &number);
	if (ret)
		return no_value(where, name, value, option);
	if (!is_text(option))
		memcpy(place, &number, sizeof(number));
	return 0;
}

void options_init(struct settings *settings)
{
	const struct perf_option *option;
	char *place;

	memset(settings, 0, sizeof(*settings));
	for (option = perf_options; option->name; option++) {
		/* Texts begin empty, and the name with something to print. */
		if (is_text(option))
			continue;
		place = option->run_place != NO_PLACE
				? (char *)&settings->run + option->run_place
				: (char *)&settings->global + option->job_place;
		memcpy(place, &option->initial, sizeof(option->initial));
	}
	snprintf(settings->global.name, MAX_NAME, "vscsi-perf");
}

void options_help(FILE *to)
{
	const struct perf_option *option;

	fputs("usage: vscsi-perf --address=ADDRESS [OPTION ...] [JOBFILE ...]\n"
	      "Measures the I/O of a virtio-scsi disk. Options have fio's names; in a job file\n"
	      "they stand without the dashes, under [global] and [NAME].\n",
	      to);
	for (option = perf_options; option->name; option++) {
		fprintf(to, "  --%s=%s\n        %s", option->name, option->values, option->help);
		if (option->alias)
			fprintf(to, " (also --%s)", option->alias);
		fputc('\n', to);
	}
	fputs("  --help\n        this text\n  --version\n        the library's version\n"
	      "Exit status: 0 all well, 1 I/O or verification failed, 2 wrong usage, 128 and the\n"
	      "signal's number after a signal, with the results so far printed.\n",
	      to);
}
