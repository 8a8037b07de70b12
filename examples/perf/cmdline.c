/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parses the command line: options, sections and job files.
 */
#include "options.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <vscsi/version.h>

#define ME "vscsi-perf"

struct job_options *settings_add(struct settings *settings, const struct job_options *base,
				 const char *name)
{
	struct job_options *job;

	if (settings->count == MAX_JOBS) {
		fprintf(stderr, ME ": more than %d jobs\n", MAX_JOBS);
		return NULL;
	}
	job = &settings->jobs[settings->count++];
	*job = *base;
	snprintf(job->name, sizeof(job->name), "%s", name);
	return job;
}

/* Joins "name" "value" if the value is a separate word, as getopt_long() does. */
static int one_option(char *out, size_t len, int argc, char **argv, int *at)
{
	const char *text = argv[*at] + 2;
	const struct perf_option *option = option_find(text, strlen(text));
	const struct ignored_option *ignored = option_ignored(text, strlen(text));
	bool takes_word = (option && option->kind != OPTION_FLAG) || (ignored && !ignored->flag);
	int ret;

	/* A flag never takes the next word, which may be a job file. */
	if (takes_word && *at + 1 < argc)
		ret = snprintf(out, len, "%s=%s", text, argv[++*at]);
	else
		ret = snprintf(out, len, "%s", text);
	if (ret < 0 || (size_t)ret >= len) {
		fprintf(stderr, ME ": the value of '%.32s' is too long\n", text);
		return -EINVAL;
	}
	return 0;
}

static int take_option(struct settings *settings, struct job_options **job, const char *text)
{
	/* Create the section, then set its name like any other option. */
	if (!strncmp(text, "name=", 5)) {
		*job = settings_add(settings, &settings->global, "");
		if (!*job)
			return -EINVAL;
	}
	return option_set(*job ? *job : &settings->global, &settings->run, ME, text);
}

/* Handles --help and --version, wherever they are. */
static bool print_help_or_version(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			options_help(stdout);
			return true;
		}
		if (!strcmp(argv[i], "--version")) {
			printf(ME " %s\n", vscsi_version());
			return true;
		}
	}
	return false;
}

static int read_files(struct settings *settings, int argc, char **argv)
{
	char skipped[2 * MAX_TEXT];
	int i, ret;

	for (i = 1; i < argc; i++) {
		/* The value of an option is not a job file. */
		if (!strncmp(argv[i], "--", 2)) {
			one_option(skipped, sizeof(skipped), argc, argv, &i);
			continue;
		}
		ret = jobfile_read(settings, argv[i]);
		if (ret)
			return ret;
	}
	return 0;
}

int cmdline_read(struct settings *settings, int argc, char **argv)
{
	struct job_options *job = NULL;
	char text[2 * MAX_TEXT];
	int i, ret;

	options_init(settings);
	if (print_help_or_version(argc, argv))
		return 1;
	for (i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "--", 2)) {
			ret = one_option(text, sizeof(text), argc, argv, &i);
			if (!ret)
				ret = take_option(settings, &job, text);
			if (ret)
				return ret;
		} else if (argv[i][0] == '-') {
			fprintf(stderr, ME ": unknown option '%s'; see --help\n", argv[i]);
			return -EINVAL;
		}
	}
	/* After all options, which are the defaults of all files. */
	ret = read_files(settings, argc, argv);
	if (ret)
		return ret;
	if (settings->run.plot[0] && !strcmp(settings->run.output, settings->run.plot)) {
		fprintf(stderr, ME ": output and plot are the same file, %s\n", settings->run.plot);
		return -EINVAL;
	}
	if (!settings->count)
		settings_add(settings, &settings->global, settings->global.name);
	return settings_check(settings);
}
