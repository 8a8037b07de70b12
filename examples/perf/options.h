/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The options of vscsi-perf. One table (table.c) has all of them: parsing, defaults, --help and the
 * check of the manual use it. Names and meanings are fio's wherever fio has the option.
 */
#ifndef EXAMPLES_PERF_OPTIONS_H
#define EXAMPLES_PERF_OPTIONS_H

#include <sched.h>
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
#define VERIFY_CRC32C  1u /* check the checksum in each block's header */
#define VERIFY_COMPARE 2u /* compare every byte */

/* run_options.output_format is a set of these. */
#define FORMAT_NORMAL 1u
#define FORMAT_JSON   2u
#define FORMAT_BINS   4u /* with the former: json+ */

/* run_options.eta */
#define ETA_AUTO   0u
#define ETA_NEVER  1u
#define ETA_ALWAYS 2u

/* Limits. */
#define MAX_JOBS         256
#define MAX_NAME         64
#define MOST_REQUEST     (1u << 30) /* bytes */
#define MAX_TEXT         512
#define MOST_PERCENTILES 20

/*
 * A percentage of the disk, 1 to 100, where a number of bytes is expected. No disk has that many
 * bytes: MAX_BYTES is the limit of those.
 */
#define MAX_BYTES      ((uint64_t)INT64_MAX)
#define PERCENT(value) (UINT64_MAX - 100 + (value))

/* A real percentage as an integer. */
#define PERCENT_UNIT 1000000u
#define ALL_PERCENT  (100ull * PERCENT_UNIT)

/*
 * A job section. Every value is a 64-bit number or a string, so that the table can set it by its
 * offset; sizes are in bytes, times in nanoseconds, and 0 means no limit for limits.
 */
struct job_options {
	char name[MAX_NAME];
	char address[MAX_TEXT];
	uint64_t lun; /* target << 16 | lun */
	uint64_t rw;
	uint64_t bs;
	uint64_t iodepth;
	uint64_t iodepth_batch; /* 0: as many as possible */
	uint64_t iodepth_batch_complete_min;
	uint64_t iodepth_batch_complete_max; /* 0: iodepth */
	uint64_t iodepth_low;                /* 0: iodepth */
	uint64_t numjobs;
	uint64_t size; /* these two, and the increment, may be a PERCENT() */
	uint64_t offset;
	uint64_t offset_increment;
	uint64_t filesize; /* MAX_BYTES: not given; 0 would be a mistake, not the whole disk */
	uint64_t io_size;
	uint64_t number_ios;
	uint64_t runtime;
	uint64_t time_based;
	uint64_t ramp_time;
	uint64_t rwmixread; /* percent */
	uint64_t norandommap;
	uint64_t refill_buffers;
	uint64_t rate; /* bytes per second */
	uint64_t rate_iops;
	uint64_t thinktime;
	uint64_t thinktime_blocks;
	uint64_t latency_target;
	uint64_t latency_window;
	uint64_t latency_percentile; /* in PERCENT_UNIT */
	uint64_t latency_run;
	uint64_t fsync;
	uint64_t request_timeout; /* 0: as given in the address */
	uint64_t verify;
	uint64_t do_verify;
	uint64_t verify_only;
	uint64_t verify_fatal;
	uint64_t continue_on_error;
	uint64_t randseed; /* 0: a new one for each run, or with randrepeat the same */
	uint64_t randrepeat;
	uint64_t group_reporting;
	uint64_t stonewall;
	char cpus_allowed[MAX_TEXT];        /* "": any; cpus_parse() */
	char random_distribution[MAX_TEXT]; /* "": random; skew_parse() */
	char bssplit[MAX_TEXT]; /* "": none; then bs becomes the smallest size: split_parse() */
	char percentile_list[MAX_TEXT]; /* "": the default; percentiles_parse() */
	char write_bw_log[MAX_TEXT];    /* prefixes of log files; "": none */
	char write_lat_log[MAX_TEXT];
	char write_iops_log[MAX_TEXT];
	uint64_t log_avg_msec; /* 0: an entry for each request */
};

/* Options for the whole run; only on the command line. */
struct run_options {
	char output[MAX_TEXT];
	char plot[MAX_TEXT]; /* "": none */
	uint64_t output_format;
	uint64_t status_interval;
	uint64_t eta;
	char log[MAX_TEXT]; /* "": as in the environment */
};

/* All options: of the run, and one element of @jobs per section. */
struct settings {
	struct run_options run;
	struct job_options global; /* defaults of the next section */
	struct job_options jobs[MAX_JOBS];
	unsigned count;
	unsigned files; /* job files that were read */
};

/* How an option is parsed. */
enum option_kind {
	OPTION_TEXT,
	OPTION_NAME,  /* a string of at most MAX_NAME bytes */
	OPTION_LUN,   /* TARGET:LUN */
	OPTION_SIZE,  /* bytes with optional k, m, g, t, p */
	OPTION_SHARE, /* the same, or a percentage of the disk */
	OPTION_COUNT, /* an integer */
	OPTION_TIME,  /* seconds, or with suffix us, ms, s, m, h, d */
	OPTION_USEC,  /* the same, but microseconds without a suffix */
	OPTION_REAL,  /* a percentage with decimals, in PERCENT_UNIT */
	OPTION_FLAG,  /* 0 or 1; 1 if there is no value */
	OPTION_WORD,  /* one of @words */
	OPTION_WORDS, /* a comma-separated list of @words, or-ed */
};

struct option_word {
	const char *word; /* NULL terminates a list */
	uint64_t value;
};

/* An entry of the table. */
struct perf_option {
	const char *name;
	const char *alias; /* another name in fio, or NULL */
	enum option_kind kind;
	uint64_t initial; /* default */
	uint64_t min;     /* of SIZE, COUNT, TIME and USEC */
	uint64_t max;
	size_t job_offset; /* in struct job_options, or NO_OFFSET */
	size_t run_offset; /* in struct run_options, or NO_OFFSET */
	const struct option_word *words;
	const char *values; /* for --help */
	const char *help;
};

#define NO_OFFSET SIZE_MAX

/*
 * A fio option that has no effect here, or none with certain values. Job files contain it, and it
 * is ignored with these values only: none is ignored that would change what fio writes or measures.
 */
struct ignored_option {
	const char *name;
	int flag;           /* needs no value */
	const char *values; /* separated by commas; NULL: any */
};

/* Terminated by a NULL name. */
extern const struct ignored_option perf_ignored[];

/* Names of other options of fio, which are errors. Each is between two spaces. */
extern const char perf_unsupported[];

/* Terminated by a NULL name. */
extern const struct perf_option perf_options[];

/*
 * options_init - Set all options to their defaults
 * @settings: initialized without sections
 */
void options_init(struct settings *settings);

/*
 * option_find - Find an option by name
 * @name: need not be terminated; '-' and '_' are equivalent
 * @len: length of the name
 *
 * Return: its table entry, or NULL.
 */
const struct perf_option *option_find(const char *name, size_t len);

/* The same for ignored options. */
const struct ignored_option *option_ignored(const char *name, size_t len);

/*
 * option_nearest - Find the option that was probably meant
 * @name: an unknown name
 *
 * Return: the entry with the smallest edit distance; NULL if more than half of the name differs.
 */
const struct perf_option *option_nearest(const char *name);

/*
 * option_set - Set an option
 * @job: section that receives it, or NULL to set only options of the run
 * @run: receives options of the run; NULL in a job file, where they are an error
 * @where: prefix of messages, "vscsi-perf" or "FILE:LINE"
 * @text: "name=value" or "name"
 *
 * An ignored option is accepted with a message on stderr.
 *
 * Return: 0, or -EINVAL with a message on stderr.
 */
int option_set(struct job_options *job, struct run_options *run, const char *where,
	       const char *text);

/*
 * option_parse - Parse a value
 * @option: its entry; not a string option
 * @text: the value, or NULL if there is none
 * @value: receives it
 *
 * Return: 0, or -EINVAL; the caller prints the error.
 */
int option_parse(const struct perf_option *option, const char *text, uint64_t *value);

/*
 * size_parse - Parse a number of bytes
 * @text: with an optional k, m, g, t, p
 *
 * Return: 0, or -EINVAL.
 */
int size_parse(const char *text, uint64_t *value);

/*
 * cpus_parse - Parse a list of CPUs
 * @text: numbers and ranges separated by commas, such as "0,5,8-15"
 * @set: receives them
 *
 * Return: 0, or -EINVAL; -ENODEV if the machine has no such CPU.
 */
int cpus_parse(const char *text, cpu_set_t *set);

/*
 * percentiles_parse - Parse a list of percentiles
 * @text: up to MOST_PERCENTILES numbers above 0 and up to 100, separated by colons; "": fio's list
 * @list: receives them in ascending order, and then -1
 *
 * Return: 0, or -EINVAL.
 */
int percentiles_parse(const char *text, double list[MOST_PERCENTILES + 1]);

/* Writes the limits of the option, such as ", 1 to 256", or "". */
void option_range(const struct perf_option *option, char *text, size_t len);

/*
 * option_print - Format a value so that option_parse() accepts it
 * @option: its entry; not a string option
 * @text: receives it
 */
void option_print(const struct perf_option *option, uint64_t value, char *text, size_t len);

/* Prints the usage and all options. */
void options_help(FILE *to);

/*
 * settings_add - Add a section
 * @base: its defaults
 * @name: its name
 *
 * Return: the section, or NULL with a message on stderr if there are MAX_JOBS already.
 */
struct job_options *settings_add(struct settings *settings, const struct job_options *base,
				 const char *name);

/*
 * jobfile_read - Read a job file
 * @settings: receives its sections, after those already there
 * @path: an INI file in fio's format: [global] has defaults for the sections that follow, every
 *	other [name] is a job; '#' or ';' begins a comment, anywhere; ${NAME} is replaced by the
 *	environment variable, or by nothing
 *
 * As in fio, the first job of a second file waits for the jobs of the first (stonewall).
 *
 * Return: 0; -EINVAL for invalid contents, or the error of opening it, with a message on stderr.
 */
int jobfile_read(struct settings *settings, const char *path);

/*
 * cmdline_read - Parse the command line
 * @settings: filled in
 *
 * Options before the first --name are defaults for all sections, including those of job files; each
 * --name starts a section. Without --name there is one section.
 *
 * Return: 0; 1 after --help or --version; -EINVAL with a message on stderr.
 */
int cmdline_read(struct settings *settings, int argc, char **argv);

/*
 * settings_check - Check the options, as far as possible without the device
 *
 * Checks each section by itself and against the others.
 *
 * Return: 0, or -EINVAL with a message on stderr.
 */
int settings_check(const struct settings *settings);

#endif
