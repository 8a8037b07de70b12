/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi-perf: measures the I/O of virtio-scsi disks in the manner of fio, and verifies data. This
 * file connects the parts: options, preparation, run, report, exit status.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/interrupt.h"
#include "common/tool.h"
#include "crc32c.h"
#include "report.h"

#define EXIT_USAGE 2

/* A request whose outcome is unknown is neither counted nor an error. */
static void abandon(void *ctx)
{
	struct job_list *list = ctx;
	unsigned i;

	fprintf(stderr, "vscsi-perf: requests in flight don't complete; they are abandoned\n");
	for (i = 0; i < list->device_count; i++)
		vscsi_dev_shutdown(list->devices[i].dev);
}

/* Without changing any: the run may still not start. */
static int check_outputs(const struct job_list *list, const struct run_options *options)
{
	int ret = options->output[0] ? output_check(options->output) : 0;

	if (!ret && options->plot[0])
		ret = output_check(options->plot);
	return ret ? ret : logs_check(list);
}

static FILE *open_output(const struct run_options *options)
{
	FILE *out = options->output[0] ? fopen(options->output, "we") : stdout;

	if (!out)
		fprintf(stderr, "vscsi-perf: opening %s for the results: %s\n", options->output,
			strerror(errno));
	return out;
}

/* Writing may fail only at the close. */
static int close_output(FILE *out, const struct run_options *options)
{
	if (out == stdout || !fclose(out))
		return 0;
	fprintf(stderr, "vscsi-perf: closing %s: %s\n", options->output, strerror(errno));
	return -EIO;
}

static bool is_same_error(const struct job *one, const struct job *other)
{
	return one->error == other->error && one->dev == other->dev;
}

/*
 * Prints errors to stderr too, because the report may be read only by a program. One failure of a
 * device is one message, however many threads it ends.
 */
static bool print_errors(const struct job_list *list)
{
	struct job *const *jobs = list->jobs;
	unsigned i, k, others;
	bool any = false;

	for (i = 0; i < list->count; i++) {
		for (k = 0; k < i && !is_same_error(jobs[k], jobs[i]); k++)
			;
		if (!jobs[i]->error || k < i)
			continue;
		any = true;
		for (others = 0, k = i + 1; k < list->count; k++)
			others += is_same_error(jobs[k], jobs[i]);
		fprintf(stderr, "vscsi-perf: job '%s': %s", jobs[i]->options->name,
			jobs[i]->error_text);
		if (others)
			fprintf(stderr, "; %u other threads had the same error", others);
		fputc('\n', stderr);
	}
	return any;
}

/* Warns if iodepth can't be reached, because the results would be misleading. */
static void warn_depth(const struct job_list *list)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	const char *first = NULL;
	unsigned i, threads = 0, depth = 0;

	for (i = 0; i < list->count; i++) {
		const struct job_options *options = list->jobs[i]->options;

		if (vscsi_dev_get_info(list->jobs[i]->dev, &info) || info.depth >= options->iodepth)
			continue;
		if (!threads++) {
			first = options->name;
			depth = info.depth;
		}
	}
	if (threads)
		fprintf(stderr,
			"vscsi-perf: job '%s': a queue of this device has room for %u requests, "
			"fewer than iodepth (%u threads)\n",
			first, depth, threads);
}

static int run(struct settings *settings, struct job_list *list, FILE *out)
{
	struct run shared;
	int ret = run_all(list, &shared, &settings->run, out);

	interrupt_end();
	if (!ret)
		ret = report_write(out, settings->run.output_format, list, &shared);
	if (logs_write(list) ||
	    (settings->run.plot[0] && plot_write(settings->run.plot, list, &shared)))
		ret = -EIO;
	if (close_output(out, &settings->run))
		ret = -EIO;
	/*
	 * An error takes precedence over a signal: a script must not mistake a failed run for an
	 * interrupted one.
	 */
	if (print_errors(list) || ret)
		return EXIT_FAILURE;
	return interrupted ? 128 + interrupted : EXIT_SUCCESS;
}

static int prepare_and_run(struct settings *settings, struct job_list *list)
{
	int ret = list_prepare(list, settings);
	FILE *out;

	if (ret)
		return ret == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
	warn_depth(list);
	if (check_outputs(list, &settings->run))
		return EXIT_FAILURE;
	ret = interrupt_begin(SA_RESTART, abandon, list);
	if (ret) {
		fprintf(stderr, "vscsi-perf: catching signals: %s\n", strerror(-ret));
		return EXIT_FAILURE;
	}
	out = open_output(&settings->run);
	return out ? run(settings, list, out) : EXIT_FAILURE;
}

static int measure(int argc, char **argv)
{
	struct settings *settings = malloc(sizeof(*settings));
	struct job_list *list = calloc(1, sizeof(*list));
	int ret = EXIT_FAILURE;

	if (!settings || !list) {
		fprintf(stderr, "vscsi-perf: no memory for the options\n");
		goto out_free;
	}
	crc32c_init();
	ret = cmdline_read(settings, argc, argv);
	if (!ret && settings->run.log[0])
		ret = tool_log(settings->run.log);
	if (ret) {
		ret = ret < 0 ? EXIT_USAGE : EXIT_SUCCESS;
		goto out_free;
	}
	ret = prepare_and_run(settings, list);
	interrupt_end();
	list_release(list);
out_free:
	free(list);
	free(settings);
	return ret;
}

int main(int argc, char **argv)
{
	tool_begin("vscsi-perf");
	return tool_end(measure(argc, argv));
}
