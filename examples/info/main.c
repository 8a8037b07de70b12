/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi-info: describes the device at an address. This file parses the command line and selects the
 * output.
 */
#include "info.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "common/tool.h"

#define EXIT_USAGE 2

struct settings {
	bool json;
	bool verbose;
	bool metrics;
};

static const char help[] =
	"usage: vscsi-info [--json|--metrics] [--verbose] [--log=LEVEL] ADDRESS [TARGET:LUN]\n"
	"       vscsi-info --options\n"
	"Lists the logical units of a virtio-scsi device, or all properties of one.\n"
	"  ADDRESS      vhost-user:PATH, the socket of a back-end; options after a '?',\n"
	"               vhost-user:/run/v.sock?queues=2&indirect=off; vfio-user:PATH;\n"
	"               pci:DDDD:BB:DD.F; or vhost-scsi:NAME, a target of the kernel\n"
	"  TARGET:LUN   one logical unit, such as 0:1; or without it, by its identity:\n"
	"               ADDRESS?id=naa.6001405...\n"
	"  --json       print a JSON object instead\n"
	"  --metrics    print OpenMetrics text instead; reads a block of each disk to time it\n"
	"  --verbose    also print features, limits and all properties of each unit\n"
	"  --options    list the options of an address\n"
	"  --log=LEVEL  " TOOL_LOG_VALUES ": messages of the library on\n"
	"               stderr; default: VSCSI_LOG of the environment, or warn\n"
	"  --help       print this text\n"
	"  --version    print the library's version\n"
	"Exit status: 0 success; 1 the device or a unit can't be reached, or the output can't be\n"
	"written; 2 usage error.\n";

static int list_options(void)
{
	struct vscsi_dev_option option;
	unsigned i;

	for (i = 0; !vscsi_dev_option(i, &option); i++)
		printf("%-15s %-23s %s\n", option.name, option.values, option.help);
	return EXIT_SUCCESS;
}

static int show(const struct report *report, const struct settings *settings)
{
	const bool one = report->one;
	unsigned i;
	int failed = report->error[0] != 0;

	/* If something can't be opened, the exit status is 1, after all output. */
	for (i = 0; i < report->count; i++)
		failed |= report->units[i].error[0] != 0;
	/* That it can't be reached is what a program that reads these wants to know. */
	if (settings->metrics) {
		metrics_print(report);
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	if (settings->json)
		return json_print(report) || failed ? EXIT_FAILURE : EXIT_SUCCESS;
	/* The message on stderr has said it. */
	if (report->error[0] || (one && failed))
		return EXIT_FAILURE;
	if (!one)
		text_table(report);
	if (settings->verbose)
		text_device(report);
	for (i = 0; i < report->count; i++) {
		if (one || settings->verbose || report->units[i].error[0])
			text_unit(&report->units[i]);
	}
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(const char *address, const char *unit, const struct settings *settings)
{
	struct report report = {.address = address, .measure = settings->metrics};
	struct vscsi_lun_addr one = {0};
	int ret;

	if (unit && text_lun(unit, &one.target, &one.lun)) {
		fprintf(stderr,
			"vscsi-info: invalid logical unit '%s' (expected TARGET:LUN, 0:0 to "
			"255:16383)\n",
			unit);
		return EXIT_USAGE;
	}
	if (unit && text_has_id(address)) {
		fprintf(stderr, "vscsi-info: the address has an identity, so leave out %s\n", unit);
		return EXIT_USAGE;
	}
	ret = report_collect(&report, unit ? &one : NULL);
	ret = ret == -EINVAL ? EXIT_USAGE : show(&report, settings);
	report_free(&report);
	return ret;
}

static int parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},      {"metrics", no_argument, NULL, 'm'},
		{"verbose", no_argument, NULL, 'v'},   {"options", no_argument, NULL, 'o'},
		{"log", required_argument, NULL, 'l'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},   {0},
	};
	struct settings settings = {0};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			settings.json = true;
			break;
		case 'm':
			settings.metrics = true;
			break;
		case 'v':
			settings.verbose = true;
			break;
		case 'o':
			return list_options();
		case 'l':
			if (tool_log(optarg))
				return EXIT_USAGE;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_SUCCESS;
		case 'V':
			printf("vscsi-info %s\n", vscsi_version());
			return EXIT_SUCCESS;
		default:
			fprintf(stderr, "vscsi-info: 'vscsi-info --help' lists the options\n");
			return EXIT_USAGE;
		}
	}
	if (settings.metrics && (settings.json || settings.verbose)) {
		fprintf(stderr,
			"vscsi-info: --metrics goes neither with --json nor with --verbose\n");
		return EXIT_USAGE;
	}
	if (argc - optind < 1 || argc - optind > 2) {
		fprintf(stderr,
			"vscsi-info: expected ADDRESS and an optional TARGET:LUN; see --help\n");
		return EXIT_USAGE;
	}
	return run(argv[optind], argc - optind == 2 ? argv[optind + 1] : NULL, &settings);
}

int main(int argc, char **argv)
{
	tool_begin("vscsi-info");
	return tool_end(parse(argc, argv));
}
