/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tables of options. A new option needs an entry here, a field in options.h and a paragraph in
 * the manual; a test compares the three.
 */
#include "options.h"

#define JOB(field)  .job_offset = offsetof(struct job_options, field), .run_offset = NO_OFFSET
#define RUN(field)  .job_offset = NO_OFFSET, .run_offset = offsetof(struct run_options, field)
#define ANY         .max = UINT64_MAX
#define SECOND      1000000000ull
#define TIME_VALUES "SECONDS|TIME(us|ms|s|m|h)"

static const struct option_word rw_words[] = {
	{"read", RW_READ},
	{"write", RW_WRITE},
	{"randread", RW_READ | RW_RANDOM},
	{"randwrite", RW_WRITE | RW_RANDOM},
	{"rw", RW_READ | RW_WRITE},
	{"readwrite", RW_READ | RW_WRITE},
	{"randrw", RW_READ | RW_WRITE | RW_RANDOM},
	{"trim", RW_TRIM},
	{"randtrim", RW_TRIM | RW_RANDOM},
	{NULL, 0},
};

static const struct option_word verify_words[] = {
	{"none", VERIFY_NONE},
	{"crc32c", VERIFY_CRC32C},
	{"pattern", VERIFY_PATTERN},
	{NULL, 0},
};

static const struct option_word format_words[] = {
	{"normal", FORMAT_NORMAL},
	{"json", FORMAT_JSON},
	{NULL, 0},
};

static const struct option_word eta_words[] = {
	{"auto", ETA_AUTO},
	{"never", ETA_NEVER},
	{"always", ETA_ALWAYS},
	{NULL, 0},
};

static const struct option_word error_words[] = {{"none", 0}, {"all", 1}, {NULL, 0}};

const struct perf_option perf_options[] = {
	{"name", NULL, OPTION_NAME, JOB(name), .values = "NAME",
	 .help = "start a job with this name; options before the first are for all jobs"},
	{"address", NULL, OPTION_TEXT, JOB(address), .values = "ADDRESS[?OPTIONS]",
	 .help = "the device, such as vhost-user:/run/v.sock"},
	{"lun", "filename", OPTION_LUN, JOB(lun), .values = "TARGET:LUN",
	 .help = "the logical unit"},
	{"rw", "readwrite", OPTION_WORD, JOB(rw), .initial = RW_READ, .words = rw_words,
	 .values = "read|write|randread|randwrite|rw|randrw|trim|randtrim",
	 .help = "kind of requests; writing and trimming destroy data"},
	{"bs", "blocksize", OPTION_SIZE, JOB(bs), .initial = 4096, .min = 1, .max = 1u << 30,
	 .values = "BYTES", .help = "bytes per request, a multiple of the disk's block size"},
	{"iodepth", NULL, OPTION_COUNT, JOB(iodepth), .initial = 1, .min = 1, .max = 16384,
	 .values = "N", .help = "requests in flight per thread"},
	{"iodepth_batch", "iodepth_batch_submit", OPTION_COUNT, JOB(iodepth_batch), .max = 16384,
	 .values = "N", .help = "maximum requests per submit; 0: as many as fit"},
	{"iodepth_batch_complete_max", NULL, OPTION_COUNT, JOB(iodepth_batch_complete_max),
	 .max = 16384, .values = "N", .help = "maximum completions per poll; 0: iodepth"},
	{"numjobs", NULL, OPTION_COUNT, JOB(numjobs), .initial = 1, .min = 1, .max = MAX_JOBS,
	 .values = "N", .help = "threads of this job, each with its own queue"},
	{"size", NULL, OPTION_SIZE, JOB(size), ANY, .values = "BYTES",
	 .help = "size of the region, and bytes to transfer; 0: up to the end of the disk"},
	{"offset", NULL, OPTION_SIZE, JOB(offset), ANY, .values = "BYTES",
	 .help = "start of the region"},
	{"offset_increment", NULL, OPTION_SIZE, JOB(offset_increment), ANY, .values = "BYTES",
	 .help = "distance between the regions of successive threads"},
	{"number_ios", NULL, OPTION_COUNT, JOB(number_ios), ANY, .values = "N",
	 .help = "end after this many requests; 0: no limit"},
	{"runtime", NULL, OPTION_TIME, JOB(runtime), .max = 1000000 * SECOND, .values = TIME_VALUES,
	 .help = "end after this time; 0: no limit"},
	{"time_based", NULL, OPTION_FLAG, JOB(time_based), .values = "0|1",
	 .help = "repeat until the runtime is over"},
	{"ramp_time", NULL, OPTION_TIME, JOB(ramp_time), .max = 1000000 * SECOND,
	 .values = TIME_VALUES, .help = "run this long before measuring"},
	{"rwmixread", NULL, OPTION_COUNT, JOB(rwmixread), .initial = 50, .max = 100,
	 .values = "PERCENT", .help = "percentage of reads in a mixed job"},
	{"rate_iops", NULL, OPTION_COUNT, JOB(rate_iops), .max = 1000000000, .values = "N",
	 .help = "maximum requests per second and thread; 0: no limit"},
	{"fsync", NULL, OPTION_COUNT, JOB(fsync), ANY, .values = "N",
	 .help = "flush after every N writes; 0: never"},
	{"timeout", NULL, OPTION_TIME, JOB(timeout), .max = 4000000 * SECOND, .values = TIME_VALUES,
	 .help = "request timeout; 0: io_timeout_ms of the address"},
	{"verify", NULL, OPTION_WORD, JOB(verify), .words = verify_words,
	 .values = "none|crc32c|pattern", .help = "write headers and check them when reading"},
	{"do_verify", NULL, OPTION_FLAG, JOB(do_verify), .initial = 1, .values = "0|1",
	 .help = "read back everything that was written"},
	{"verify_only", NULL, OPTION_FLAG, JOB(verify_only), .values = "0|1",
	 .help = "only check what the same job with the same randseed wrote"},
	{"verify_fatal", NULL, OPTION_FLAG, JOB(verify_fatal), .values = "0|1",
	 .help = "end the job at the first bad block"},
	{"continue_on_error", NULL, OPTION_WORD, JOB(continue_on_error), .words = error_words,
	 .values = "none|all", .help = "which errors don't end the job"},
	{"randseed", NULL, OPTION_COUNT, JOB(randseed), ANY, .values = "N",
	 .help = "random seed; 0: a new one, see the report"},
	{"group_reporting", NULL, OPTION_FLAG, JOB(group_reporting), .values = "0|1",
	 .help = "one result for all threads of a group"},
	{"stonewall", "wait_for_previous", OPTION_FLAG, JOB(stonewall), .values = "0|1",
	 .help = "start this job after all previous ones have ended"},
	{"output", NULL, OPTION_TEXT, RUN(output), .values = "FILE",
	 .help = "write the results to this file; this and the following: command line only"},
	{"output-format", NULL, OPTION_WORDS, RUN(output_format), .initial = FORMAT_NORMAL,
	 .words = format_words, .values = "normal|json|normal,json",
	 .help = "format of the results"},
	{"status-interval", NULL, OPTION_TIME, RUN(status_interval), .max = 1000000 * SECOND,
	 .values = TIME_VALUES, .help = "print full results at this interval"},
	{"eta", NULL, OPTION_WORD, RUN(eta), .words = eta_words, .values = "auto|never|always",
	 .help = "show a progress line; auto: on a terminal"},
	{.name = NULL},
};

/*
 * Options that select something that does not exist here or is always the same: random jobs, for
 * example, visit each block once per pass, so norandommap has no effect. Options that change the
 * load are not in this table.
 */
const struct ignored_option perf_ignored[] = {
	{"ioengine", 0},
	{"direct", 1},
	{"buffered", 1},
	{"invalidate", 1},
	{"thread", 1},
	{"randrepeat", 1},
	{"allrandrepeat", 1},
	{"norandommap", 1},
	{"softrandommap", 1},
	{"random_generator", 0},
	{"gtod_reduce", 1},
	{"gtod_cpu", 0},
	{"clocksource", 0},
	{"disable_lat", 1},
	{"disable_clat", 1},
	{"disable_slat", 1},
	{"disable_bw_measurement", 1},
	{"clat_percentiles", 1},
	{"mem", 0},
	{"iomem", 0},
	{"iomem_align", 0},
	{"mem_align", 0},
	{"hugepage-size", 0},
	{"lockmem", 0},
	{"hipri", 1},
	{"fixedbufs", 1},
	{"registerfiles", 1},
	{"nonvectored", 1},
	{"sqthread_poll", 1},
	{"userspace_reap", 1},
	{"fallocate", 0},
	{"nrfiles", 0},
	{"openfiles", 0},
	{"filesize", 0},
	{"file_service_type", 0},
	{"create_on_open", 1},
	{"create_serialize", 1},
	{"overwrite", 1},
	{"unlink", 1},
	{"refill_buffers", 1},
	{"scramble_buffers", 1},
	{"description", 0},
	{"nice", 0},
	{"prio", 0},
	{"prioclass", 0},
	{.name = NULL},
};
