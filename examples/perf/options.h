/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What vscsi-perf was told to do. One table (table.c) has every option: parsing, defaults, --help
 * and the check of the manual all come from it. Names and meanings are fio's where fio has the
 * option.
 */
#ifndef EXAMPLES_PERF_OPTIONS_H
#define EXAMPLES_PERF_OPTIONS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* job_options.rw is a set of these. */
#define RW_READ   1u
#define RW_WRITE  2u
#define RW_TRIM   4u
#define RW_RANDOM 8u

/* job_options.verify */
#define VERIFY_NONE    0u
#define VERIFY_CRC32C  1u /* the checksum in each block's header must fit the rest */
#define VERIFY_PATTERN 2u /* every byte must be the one that was written */

/* run_options.output_format is a set of these. */
#define FORMAT_NORMAL 1u
#define FORMAT_JSON   2u

/* run_options.eta */
#define ETA_AUTO   0u
#define ETA_NEVER  1u
#define ETA_ALWAYS 2u

/* Limits of the tables below. */
#define MAX_JOBS 256
#define MAX_NAME 64
#define MAX_TEXT 512

/*
 * A job section. Every value is a number of 64 bits or a text, so that the table can set any of
 * them by its place; sizes are in bytes, times in nanoseconds, and 0 means 'no limit' where there
 * is one.
 */
struct job_options {
	char name[MAX_NAME];
	char address[MAX_TEXT];
	uint64_t lun; /* target << 16 | lun */
	uint64_t rw;
	uint64_t bs;
	uint64_t iodepth;
	uint64_t iodepth_batch;              /* 0: as many as there is room for */
	uint64_t iodepth_batch_complete_max; /* 0: iodepth */
	uint64_t numjobs;
	uint64_t size;
	uint64_t offset;
	uint64_t offset_increment;
	uint64_t number_ios;
	uint64_t runtime;
	uint64_t time_based;
	uint64_t ramp_time;
	uint64_t rwmixread; /* percent */
	uint64_t rate_iops;
	uint64_t fsync;
	uint64_t timeout; /* 0: as the address says */
	uint64_t verify;
	uint64_t do_verify;
	uint64_t verify_only;
	uint64_t verify_fatal;
	uint64_t continue_on_error;
	uint64_t randseed; /* 0: a new one each run */
	uint64_t group_reporting;
	uint64_t stonewall;
};

/* What holds for the whole run; given on the command line only. */
struct run_options {
	char output[MAX_TEXT];
	uint64_t output_format;
	uint64_t status_interval;
	uint64_t eta;
};

/* Everything that was said: the run, and one element of @jobs for each section. */
struct settings {
	struct run_options run;
	struct job_options global; /* what the next section begins with */
	struct job_options jobs[MAX_JOBS];
	unsigned count;
};

/* How the text of an option becomes its value. */
enum option_kind {
	OPTION_TEXT,
	OPTION_NAME,  /* a text of MAX_NAME bytes */
	OPTION_LUN,   /* TARGET:LUN */
	OPTION_SIZE,  /* bytes with k, m, g, t */
	OPTION_COUNT, /* a whole number */
	OPTION_TIME,  /* seconds, or with us, ms, s, m, h behind */
	OPTION_FLAG,  /* 0 or 1; without a value 1 */
	OPTION_WORD,  /* one of @words */
	OPTION_WORDS, /* some of @words with commas between, added up */
};

struct option_word {
	const char *word; /* NULL ends a list */
	uint64_t value;
};

/* One line of the table. */
struct perf_option {
	const char *name;
	const char *alias; /* another name that fio has for it, or NULL */
	enum option_kind kind;
	uint64_t initial; /* value where the option isn't given */
	uint64_t min;     /* of SIZE, COUNT and TIME */
	uint64_t max;
	size_t job_place; /* offset in struct job_options, or NO_PLACE */
	size_t run_place; /* offset in struct run_options, or NO_PLACE */
	const struct option_word *words;
	const char *values; /* for people */
	const char *help;
};

#define NO_PLACE SIZE_MAX

/*
 * An option of fio's that says how its own engines, files and clocks work: job files have them, and
 * there is nothing here that they could change.
 */
struct ignored_option {
	const char *name;
	int flag; /* needs no value */
};

/* These; the last element has a NULL name. */
extern const struct ignored_option perf_ignored[];

/* The table; the last element has a NULL name. */
extern const struct perf_option perf_options[];

/**
 * options_init - Set everything to its default
 * @settings: set up with no section
 */
void options_init(struct settings *settings);

/**
 * option_find - Look a name up
 * @name: as given, not necessarily ending behind the name; '-' and '_' are the same
 * @len: bytes of the name
 *
 * Return: its line in the table, or NULL.
 */
const struct perf_option *option_find(const char *name, size_t len);

/* As option_find(), for those that are taken and ignored. */
const struct ignored_option *option_ignored(const char *name, size_t len);

/**
 * option_nearest - Find what somebody may have meant
 * @name: a name that option_find() doesn't know
 *
 * Return: the line of the table whose name takes the fewest changes; NULL when more than half of
 * the name would have to change.
 */
const struct perf_option *option_nearest(const char *name);

/**
 * option_set - Set one option
 * @job: section that receives it, or NULL where only options of the run are wanted
 * @run: receives options of the run; NULL in a job file, where they are an error
 * @where: begins the sentence, "vscsi-perf" or "FILE:LINE"
 * @text: "name=value" or "name"
 *
 * An option that means nothing here is taken, and a line on stderr says that it changes nothing.
 *
 * Return: 0, or -EINVAL with a sentence on stderr that names the option and what it takes.
 */
int option_set(struct job_options *job, struct run_options *run, const char *where,
	       const char *text);

/**
 * option_parse - Turn a text into a value
 * @option: what kind of value; one that is no text
 * @text: what was given, or NULL where nothing stands behind the name
 * @value: receives it
 *
 * Return: 0, or -EINVAL; the caller says what is wrong.
 */
int option_parse(const struct perf_option *option, const char *text, uint64_t *value);

/* Writes ", 1 to 256" for people where the option has such limits, else nothing. */
void option_range(const struct perf_option *option, char *text, size_t len);

/**
 * option_print - Turn a value into a text that option_parse() would take
 * @option: what kind of value; one that is no text
 * @text: receives it
 */
void option_print(const struct perf_option *option, uint64_t value, char *text, size_t len);

/* Prints the usage and the table, one option a line. */
void options_help(FILE *to);

/**
 * settings_add - Begin a section
 * @base: what it begins with
 * @name: its name
 *
 * Return: the section, or NULL with a sentence on stderr when there are MAX_JOBS already.
 */
struct job_options *settings_add(struct settings *settings, const struct job_options *base,
				 const char *name);

/**
 * jobfile_read - Read a job file
 * @settings: receives its sections behind those that are there
 * @path: an INI file as fio reads it: [global] has defaults for the sections that follow it, every
 *	other [name] is a job; lines that begin with '#' or ';' are for people
 *
 * Return: 0; -EINVAL for contents, or what opening gave, with a sentence on stderr.
 */
int jobfile_read(struct settings *settings, const char *path);

/**
 * cmdline_read - Read the command line
 * @settings: filled in
 *
 * Options before the first --name are defaults for all sections, those of job files too; each
 * --name begins a section. Without any there is one section.
 *
 * Return: 0; 1 when it was --help or --version and all is done; -EINVAL with a sentence on stderr.
 */
int cmdline_read(struct settings *settings, int argc, char **argv);

/**
 * settings_check - Find what no device could do
 *
 * Checks each section for itself and against the others: what needs no device to be told.
 *
 * Return: 0, or -EINVAL with a sentence on stderr.
 */
int settings_check(const struct settings *settings);

#endif
