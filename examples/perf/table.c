/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tables of options. A new option needs an entry here, a field in options.h and a paragraph in
 * the manual; a test compares the three.
 */
#include "common/tool.h"
#include "options.h"

#define JOB(field)  .job_offset = offsetof(struct job_options, field), .run_offset = NO_OFFSET
#define RUN(field)  .job_offset = NO_OFFSET, .run_offset = offsetof(struct run_options, field)
#define ANY         .max = UINT64_MAX
#define SECOND      1000000000ull
#define TIME_VALUES "SECONDS|TIME(us|ms|s|m|h|d)"
#define USEC_VALUES "MICROSECONDS|TIME(us|ms|s|m|h|d)"
#define BYTES       .max = MAX_BYTES, .values = "BYTES(k|m|g|t|p)"
#define SHARE       .max = MAX_BYTES, .values = "BYTES(k|m|g|t|p)|PERCENT%"

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
	{"none", VERIFY_NONE},       {"0", VERIFY_NONE}, {"crc32c", VERIFY_CRC32C},
	{"compare", VERIFY_COMPARE}, {NULL, 0},
};

static const struct option_word format_words[] = {
	{"normal", FORMAT_NORMAL},
	{"json", FORMAT_JSON},
	{"json+", FORMAT_JSON | FORMAT_BINS},
	{NULL, 0},
};

static const struct option_word eta_words[] = {
	{"auto", ETA_AUTO},
	{"never", ETA_NEVER},
	{"always", ETA_ALWAYS},
	{NULL, 0},
};

static const struct option_word error_words[] = {
	{"none", 0}, {"0", 0}, {"all", 1}, {"1", 1}, {NULL, 0},
};

const struct perf_option perf_options[] = {
	{"name", NULL, OPTION_NAME, JOB(name), .values = "NAME",
	 .help = "start a job with this name; options before the first are for all jobs"},
	{"address", "vscsi_address", OPTION_TEXT, JOB(address), .values = "ADDRESS[?OPTIONS]",
	 .help = "the device, such as vhost-user:/run/v.sock"},
	{"lun", "filename", OPTION_LUN, JOB(lun), .values = "TARGET:LUN",
	 .help = "the logical unit, or as in fio TARGET.LUN"},
	{"rw", "readwrite", OPTION_WORD, JOB(rw), .initial = RW_READ, .words = rw_words,
	 .values = "read|write|randread|randwrite|rw|randrw|trim|randtrim",
	 .help = "kind of requests; writing and trimming destroy data"},
	{"bs", "blocksize", OPTION_SIZE, JOB(bs), .initial = 4096, .min = 1, .max = MOST_REQUEST,
	 .values = "BYTES(k|m|g|t|p)",
	 .help = "bytes per request, a multiple of the disk's block size"},
	{"bssplit", NULL, OPTION_TEXT, JOB(bssplit), .values = "BYTES/PERCENT[:...][,...]",
	 .help = "mix of sizes per request, instead of bs"},
	{"iodepth", NULL, OPTION_COUNT, JOB(iodepth), .initial = 1, .min = 1, .max = 16384,
	 .values = "N", .help = "requests in flight per thread"},
	{"iodepth_batch", "iodepth_batch_submit", OPTION_COUNT, JOB(iodepth_batch), .max = 16384,
	 .values = "N", .help = "maximum requests per submit; 0: as many as fit"},
	{"iodepth_batch_complete_min", "iodepth_batch_complete", OPTION_COUNT,
	 JOB(iodepth_batch_complete_min), .initial = 1, .max = 16384, .values = "N",
	 .help = "when all are in flight, wait for so many"},
	{"iodepth_batch_complete_max", NULL, OPTION_COUNT, JOB(iodepth_batch_complete_max),
	 .max = 16384, .values = "N", .help = "maximum completions per poll; 0: iodepth"},
	{"iodepth_low", NULL, OPTION_COUNT, JOB(iodepth_low), .max = 16384, .values = "N",
	 .help = "when all are in flight, wait until only so many are; 0: iodepth"},
	{"numjobs", NULL, OPTION_COUNT, JOB(numjobs), .initial = 1, .min = 1, .max = MAX_JOBS,
	 .values = "N", .help = "threads of this job, each with its own queue"},
	{"size", NULL, OPTION_SHARE, JOB(size), SHARE,
	 .help = "size of the region, and bytes to transfer; 0: up to the end of the disk"},
	{"offset", "fileoffset", OPTION_SHARE, JOB(offset), SHARE, .help = "start of the region"},
	{"offset_increment", NULL, OPTION_SHARE, JOB(offset_increment), SHARE,
	 .help = "distance between the regions of successive threads"},
	{"filesize", NULL, OPTION_SIZE, JOB(filesize), .initial = MAX_BYTES, .min = 1, BYTES,
	 .help = "the region ends here, and size is only bytes to transfer"},
	{"io_size", "io_limit", OPTION_SIZE, JOB(io_size), BYTES,
	 .help = "bytes to transfer, also more than the region has; 0: as size"},
	{"number_ios", NULL, OPTION_COUNT, JOB(number_ios), ANY, .values = "N",
	 .help = "end after this many requests; 0: no limit"},
	{"runtime", "timeout", OPTION_TIME, JOB(runtime), .max = 1000000 * SECOND,
	 .values = TIME_VALUES, .help = "end after this time; 0: no limit"},
	{"time_based", NULL, OPTION_FLAG, JOB(time_based), .values = "0|1",
	 .help = "repeat until the runtime is over"},
	{"ramp_time", NULL, OPTION_TIME, JOB(ramp_time), .max = 1000000 * SECOND,
	 .values = TIME_VALUES, .help = "run this long before measuring"},
	{"rwmixread", NULL, OPTION_COUNT, JOB(rwmixread), .initial = 50, .max = 100,
	 .values = "PERCENT", .help = "percentage of reads in a mixed job"},
	{"norandommap", NULL, OPTION_FLAG, JOB(norandommap), .values = "0|1",
	 .help = "random orders may visit a block again before all others"},
	{"random_distribution", NULL, OPTION_TEXT, JOB(random_distribution),
	 .values = "random|zipf:THETA[:CENTER]|pareto:POWER[:CENTER]",
	 .help = "which positions random orders prefer"},
	{"refill_buffers", NULL, OPTION_FLAG, JOB(refill_buffers), .values = "0|1",
	 .help = "fill the buffer of each write with new random data"},
	{"rate", NULL, OPTION_SIZE, JOB(rate), BYTES,
	 .help = "maximum bytes per second, for each thread and kind of request; 0: no limit"},
	{"rate_iops", NULL, OPTION_COUNT, JOB(rate_iops), .max = 1000000000, .values = "N",
	 .help = "the same in requests per second"},
	{"thinktime", NULL, OPTION_USEC, JOB(thinktime), .max = 1000000 * SECOND,
	 .values = USEC_VALUES, .help = "pause after thinktime_blocks requests"},
	{"thinktime_blocks", NULL, OPTION_COUNT, JOB(thinktime_blocks), .initial = 1, .min = 1, ANY,
	 .values = "N", .help = "requests between pauses of thinktime"},
	{"latency_target", NULL, OPTION_USEC, JOB(latency_target), .max = 1000000 * SECOND,
	 .values = USEC_VALUES,
	 .help = "find the most requests in flight whose latency is at most this"},
	{"latency_window", NULL, OPTION_USEC, JOB(latency_window), .max = 1000000 * SECOND,
	 .values = USEC_VALUES, .help = "how long to try each number of requests in flight"},
	{"latency_percentile", NULL, OPTION_REAL, JOB(latency_percentile), .initial = ALL_PERCENT,
	 .values = "PERCENT", .help = "how many requests have to meet latency_target"},
	{"latency_run", NULL, OPTION_FLAG, JOB(latency_run), .values = "0|1",
	 .help = "go on, and adjust the number, after latency_target has found it"},
	{"fsync", "fdatasync", OPTION_COUNT, JOB(fsync), ANY, .values = "N",
	 .help = "flush after every N writes; 0: never"},
	{"request_timeout", NULL, OPTION_TIME, JOB(request_timeout), .max = 4000000 * SECOND,
	 .values = TIME_VALUES, .help = "0: io_timeout_ms of the address"},
	{"verify", NULL, OPTION_WORD, JOB(verify), .words = verify_words,
	 .values = "none|0|crc32c|compare", .help = "write headers and check them when reading"},
	{"do_verify", NULL, OPTION_FLAG, JOB(do_verify), .initial = 1, .values = "0|1",
	 .help = "read back everything that was written"},
	{"verify_only", NULL, OPTION_FLAG, JOB(verify_only), .values = "0|1",
	 .help = "only check what the same job with the same randseed wrote"},
	{"verify_fatal", NULL, OPTION_FLAG, JOB(verify_fatal), .values = "0|1",
	 .help = "end the job at the first bad block"},
	{"continue_on_error", NULL, OPTION_WORD, JOB(continue_on_error), .words = error_words,
	 .values = "none|all|0|1", .help = "which errors don't end the job"},
	{"randseed", NULL, OPTION_COUNT, JOB(randseed), ANY, .values = "N",
	 .help = "random seed; 0: a new one, see the report"},
	{"randrepeat", "allrandrepeat", OPTION_FLAG, JOB(randrepeat), .values = "0|1",
	 .help = "without randseed, use the same seed in each run"},
	{"group_reporting", NULL, OPTION_FLAG, JOB(group_reporting), .values = "0|1",
	 .help = "one result for all threads of a group"},
	{"stonewall", "wait_for_previous", OPTION_FLAG, JOB(stonewall), .values = "0|1",
	 .help = "start this job after all previous ones have ended"},
	{"cpus_allowed", NULL, OPTION_TEXT, JOB(cpus_allowed), .values = "CPU[-CPU][,...]",
	 .help = "CPUs that the threads of the job may use"},
	{"percentile_list", NULL, OPTION_TEXT, JOB(percentile_list), .values = "PERCENT[:...]",
	 .help = "percentiles of the latency that are reported"},
	{"write_bw_log", NULL, OPTION_TEXT, JOB(write_bw_log), .values = "PREFIX",
	 .help = "write the bandwidth over time to PREFIX_bw.N.log"},
	{"write_iops_log", NULL, OPTION_TEXT, JOB(write_iops_log), .values = "PREFIX",
	 .help = "write the rate over time to PREFIX_iops.N.log"},
	{"write_lat_log", NULL, OPTION_TEXT, JOB(write_lat_log), .values = "PREFIX",
	 .help = "write latencies to PREFIX_slat.N.log, PREFIX_clat.N.log and PREFIX_lat.N.log"},
	{"log_avg_msec", NULL, OPTION_COUNT, JOB(log_avg_msec), .max = 1000000, .values = "MS",
	 .help = "interval of the entries of logs; 0: one for each request"},
	{"output", NULL, OPTION_TEXT, RUN(output), .values = "FILE",
	 .help = "write the results to this file; this and the following: command line only"},
	{"output-format", NULL, OPTION_WORDS, RUN(output_format), .initial = FORMAT_NORMAL,
	 .words = format_words, .values = "normal|json|json+|normal,json",
	 .help = "format of the results"},
	{"plot", NULL, OPTION_TEXT, RUN(plot), .values = "FILE.svg",
	 .help = "draw rates over time, and latencies by percentile"},
	{"status-interval", NULL, OPTION_TIME, RUN(status_interval), .max = 1000000 * SECOND,
	 .values = TIME_VALUES, .help = "print full results at this interval"},
	{"eta", NULL, OPTION_WORD, RUN(eta), .words = eta_words, .values = "auto|never|always",
	 .help = "show a progress line; auto: on a terminal"},
	{"log", NULL, OPTION_TEXT, RUN(log), .values = TOOL_LOG_VALUES,
	 .help = "messages of the library on stderr; default: $VSCSI_LOG, or warn"},
	{.name = NULL},
};

/*
 * Options about files, page cache, kernel interfaces and clocks, which do not exist here; and those
 * whose given value is what happens anyway.
 */
const struct ignored_option perf_ignored[] = {
	{"ioengine", 0,
	 "sync,psync,vsync,pvsync,pvsync2,libaio,posixaio,io_uring,io_uring_cmd,sg,mmap,libblkio,"
	 "external:"},
	{"vscsi_sleep", 1, "0"},
	{"direct", 1, "1"},
	{"buffered", 1, "0"},
	{"invalidate", 1, NULL},
	{"thread", 1, NULL},
	{"softrandommap", 1, NULL},
	{"random_generator", 0, "tausworthe,tausworthe64,lfsr"},
	{"gtod_reduce", 1, NULL},
	{"gtod_cpu", 0, NULL},
	{"clocksource", 0, NULL},
	{"disable_lat", 1, NULL},
	{"disable_clat", 1, NULL},
	{"disable_slat", 1, NULL},
	{"disable_bw", 1, NULL},
	{"disable_bw_measurement", 1, NULL},
	{"clat_percentiles", 1, NULL},
	{"disk_util", 1, NULL},
	{"mem", 0, NULL},
	{"iomem", 0, NULL},
	{"iomem_align", 0, NULL},
	{"mem_align", 0, NULL},
	{"hugepage-size", 0, NULL},
	{"lockmem", 0, NULL},
	{"hipri", 1, NULL},
	{"fixedbufs", 1, NULL},
	{"registerfiles", 1, NULL},
	{"nonvectored", 1, NULL},
	{"sqthread_poll", 1, NULL},
	{"userspace_reap", 1, NULL},
	{"fallocate", 0, NULL},
	{"fadvise_hint", 0, NULL},
	{"openfiles", 0, NULL},
	{"file_service_type", 0, NULL},
	{"create_on_open", 1, NULL},
	{"create_serialize", 1, NULL},
	{"create_fsync", 1, NULL},
	{"overwrite", 1, NULL},
	{"unlink", 1, NULL},
	{"description", 0, NULL},
	{"prio", 0, NULL},
	{"prioclass", 0, NULL},
	{"nice", 0, "0"},
	{"nrfiles", 0, "1"},
	{"loops", 0, "1"},
	{"kb_base", 0, "1024"},
	{"startdelay", 0, "0"},
	{"end_fsync", 1, "0"},
	{"sync", 1, "0,none"},
	{"scramble_buffers", 1, "0"},
	{"zero_buffers", 1, "0"},
	{"percentage_random", 0, "100"},
	{"rate_process", 0, "linear"},
	{"verify_state_save", 1, "0"},
	{.name = NULL},
};

/* Of fio 3.42. Some would write elsewhere or something else, some produce other output. */
const char perf_unsupported[] =
	" alloc_size allow_file_create allow_mounted_write append_terse atomic aux_path ba "
	"bandwidth_log block_error_percentiles blockalign blocksize_range "
	"blocksize_unaligned bs_is_seq_rand bs_unaligned bsrange "
	"buffer_compress_chunk buffer_compress_percentage buffer_pattern bwavgtime cgroup "
	"cgroup_nodelete cgroup_weight client cmdhelp comm cpuclock_test cpumask "
	"cpus_allowed_policy crctest create_only daemonize data_placement dataplacement "
	"debug dedupe_global dedupe_mode dedupe_percentage dedupe_working_set_percentage "
	"directory dp_scheme end_syncfs enghelp error_dump eta_interval eta_newline "
	"exec_postrun exec_prerun exit_what exitall exitall_on_error experimental_verify "
	"fdp fdp_pli fdp_pli_select file_append filename_format filetype fill_device "
	"fill_fs flow flow_id flow_sleep flow_watermark fsync_on_close gid gpu_dev_id "
	"idle_prof ignore_error ignore_zone_limits include inflate_log io_submit_mode "
	"iopsavgtime "
	"ioscheduler job_max_open_zones job_start_clock_id lat_percentiles latency_log "
	"lockfile "
	"log_alternate_epoch log_alternate_epoch_clock_id log_compression "
	"log_compression_cpus log_entries log_hist_coarseness log_hist_msec log_issue_time "
	"log_max_value log_offset log_prio log_store_compressed log_unix_epoch "
	"log_window_value max_jobs max_latency max_open_zones memcpytest "
	"merge_blktrace_file merge_blktrace_iters merge_blktrace_only "
	"merge_blktrace_scalars minimal new_group nr_files num_range numa_cpu_nodes "
	"numa_mem_policy offset_align opendir parse_only per_job_logs "
	"percentage_sequential plid_select plids pre_read priohint profile "
	"ramp_size random_sequence_stride rate_cycle "
	"rate_ignore_thinktime rate_iops_min rate_min ratecycle ratemin "
	"read_beyond_wp read_iolog read_iolog_chunked readonly recover_zbd_write_error "
	"remote_config replay_align replay_no_stall replay_redirect replay_scale "
	"replay_skip replay_time_scale rw_sequencer rwmixcycle rwmixwrite section "
	"serialize_overlap server server_internal showcmd significant_figures "
	"slat_percentiles spr_cs spr_num_regions spr_op sprandom ss ss_dur ss_interval "
	"ss_ramp stats steadystate steadystate_check_interval steadystate_duration "
	"steadystate_ramp_time sync_file_range terse_version thinkcycles "
	"thinktime_blocks_type thinktime_iotime thinktime_spin trigger trigger_file "
	"trigger_remote trigger_timeout trim_backlog trim_backlog_batch trim_percentage "
	"trim_verify_zero uid unified_rw_reporting unique_filename unit_base "
	"unlink_each_loop verify_async verify_async_cpus verify_backlog "
	"verify_backlog_batch verify_dump verify_header_seed verify_interval verify_offset "
	"verify_pattern verify_pattern_interval verify_policy verify_state_load "
	"verify_write_sequence verifysort verifysort_nr wait_for "
	"warnings_fatal write_barrier write_hint write_hist_log write_iolog "
	"write_zone_remainder zone_reset_frequency "
	"zone_reset_threshold zonecapacity zonemode zonerange zonesize zoneskip ";
