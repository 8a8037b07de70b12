/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Job files in fio's INI format, read line by line.
 */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct settings *settings;
	struct job_options base; /* [global] of this file */
	struct job_options *section;
	const char *path;
	unsigned line;
	bool stonewall; /* before the next job */
};

static char *strip(char *text)
{
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	text[len] = 0;
	return text;
}

/* "key = value" is equivalent to "key=value". */
static void join(char *text)
{
	char *equals = strchr(text, '='), *end, *value;

	if (!equals)
		return;
	for (end = equals; end > text && isspace((unsigned char)end[-1]); end--)
		;
	value = strip(equals + 1);
	*end = '=';
	memmove(end + 1, value, strlen(value) + 1);
}

static int bad_line(const struct reader *reader, const char *what)
{
	fprintf(stderr, "%s:%u: %s\n", reader->path, reader->line, what);
	return -EINVAL;
}

/*
 * Replaces each ${NAME} by the environment variable, by nothing if it is not set, as fio does.
 * Return: false if @out is too small.
 */
static bool expand(const char *text, char *out, size_t room)
{
	const char *end, *value;
	char name[MAX_NAME];
	int len;

	while (*text) {
		end = strncmp(text, "${", 2) ? NULL : strchr(text, '}');
		if (end && end - text - 2 < (int)sizeof(name)) {
			snprintf(name, sizeof(name), "%.*s", (int)(end - text - 2), text + 2);
			value = getenv(name);
			len = snprintf(out, room, "%s", value ? value : "");
			text = end + 1;
		} else {
			len = snprintf(out, room, "%c", *text++);
		}
		if (len < 0 || (size_t)len >= room)
			return false;
		out += len;
		room -= (size_t)len;
	}
	*out = 0;
	return true;
}

static int begin_section(struct reader *reader, char *text)
{
	size_t len = strlen(text);

	if (len < 3 || text[len - 1] != ']')
		return bad_line(reader, "a section name must be between '[' and ']'");
	text[len - 1] = 0;
	/* Changes the defaults of all sections after it. fio too compares only this much. */
	if (!strncmp(text + 1, "global", 6)) {
		reader->section = &reader->base;
		return 0;
	}
	if (len - 2 >= MAX_NAME)
		return bad_line(reader, "the section's name is too long");
	reader->section = settings_add(reader->settings, &reader->base, text + 1);
	if (!reader->section)
		return -EINVAL;
	if (reader->stonewall)
		reader->section->stonewall = 1;
	reader->stonewall = false;
	return 0;
}

static int read_line(struct reader *reader, char *line)
{
	char where[MAX_TEXT + 16], option[2 * MAX_TEXT];
	char *text;

	reader->line++;
	/* Anywhere, as in fio. What an environment variable contains is no comment. */
	line[strcspn(line, "#;")] = 0;
	text = strip(line);
	if (!*text)
		return 0;
	if (*text == '[')
		return begin_section(reader, text);
	if (!reader->section)
		return bad_line(reader, "an option before the first [section]");
	join(text);
	snprintf(where, sizeof(where), "%s:%u", reader->path, reader->line);
	if (!expand(text, option, sizeof(option)))
		return bad_line(reader, "the line is too long");
	return option_set(reader->section, NULL, where, option);
}

int jobfile_read(struct settings *settings, const char *path)
{
	struct reader reader = {
		.settings = settings,
		.base = settings->global,
		.path = path,
		.stonewall = settings->files++ > 0,
	};
	unsigned before = settings->count;
	char line[2 * MAX_TEXT];
	FILE *file = fopen(path, "re");
	int ret = 0;

	if (!file) {
		ret = -errno;
		fprintf(stderr, "vscsi-perf: opening the job file %s: %s%s\n", path,
			strerror(errno),
			path[strcspn(path, ":/")] == ':' ? "; an address goes after --address="
							 : "");
		return ret;
	}
	while (!ret && fgets(line, sizeof(line), file)) {
		/* A line read in two parts would become two options. */
		if (!strchr(line, '\n') && !feof(file)) {
			reader.line++;
			ret = bad_line(&reader, "the line is too long");
		} else {
			ret = read_line(&reader, line);
		}
	}
	if (!ret && ferror(file)) {
		ret = -errno;
		fprintf(stderr, "vscsi-perf: reading the job file %s: %s\n", path, strerror(errno));
	}
	/* Without jobs nothing would run, which would look like success. */
	if (!ret && reader.settings->count == before)
		ret = bad_line(&reader,
			       "the file has no jobs; add a [section] other than [global]");
	fclose(file);
	return ret;
}
