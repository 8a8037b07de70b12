/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi-perf: measures the I/O of virtio-scsi disks in the manner of fio, and verifies data. This
 * file connects the parts: options, preparation, run, report, exit status.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/tool.h"
#include "crc32c.h"
#include "report.h"

#define EXIT_USAGE 2

static void catch_signal(int number)
{
	caught_signal = number;
}

/* A second signal kills the process, in case the device does not respond. */
static void install_handlers(void)
{
	struct sigaction action = {.sa_handler = catch_signal,
				   .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static FILE *open_output(const struct run_options *options)
{
	FILE *out = options->output[0] ? fopen(options->output, "we") : stdout;

	if (!out)
		fprintf(stderr, "vscsi-perf: opening %s for the results: %s\n", options->output,
			strerror(errno));
	return out;
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
	int ret = list_prepare(list, settings);

	if (ret)
		return ret == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
	warn_depth(list);
	install_handlers();
	ret = run_all(list, &shared, &settings->run, out);
	if (!ret)
		ret = report_write(out, settings->run.output_format, list, &shared);
	if (logs_write(list) ||
	    (settings->run.plot[0] && plot_write(settings->run.plot, list, &shared)))
		ret = EXIT_FAILURE;
	/*
	 * An error takes precedence over a signal: a script must not mistake a failed run for an
	 * interrupted one.
	 */
	if (print_errors(list) || ret)
		return EXIT_FAILURE;
	return caught_signal ? 128 + caught_signal : EXIT_SUCCESS;
}

static int measure(int argc, char **argv)
{
	struct settings *settings = malloc(sizeof(*settings));
	struct job_list *list = calloc(1, sizeof(*list));
	FILE *out = NULL;
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
	out = open_output(&settings->run);
	ret = out ? run(settings, list, out) : EXIT_FAILURE;
	/* Writing may fail only at the close. */
	if (out && out != stdout && fclose(out)) {
		fprintf(stderr, "vscsi-perf: closing %s: %s\n", settings->run.output,
			strerror(errno));
		ret = EXIT_FAILURE;
	}
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
