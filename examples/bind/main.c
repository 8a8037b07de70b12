/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi-bind: binds virtio-scsi PCI functions to vfio-pci, so that the library can use them, and
 * back to the kernel's driver. This file parses the command line.
 */
#include "bind.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vscsi/vscsi.h>

#include "common/tool.h"

#define MAX_ROOT 1024u /* leaves room for the longest path below it */

static const char help[] =
	"usage: vscsi-bind list [--json]\n"
	"       vscsi-bind take ADDRESS...\n"
	"       vscsi-bind give-back ADDRESS...\n"
	"Binds virtio-scsi PCI functions to vfio-pci, and back to the kernel's own driver.\n"
	"  list         list them: driver, IOMMU group, NUMA node, disks and their uses\n"
	"  take         bind to vfio-pci; fails while a disk of the function is in use\n"
	"  give-back    bind to the kernel's own driver again\n"
	"  ADDRESS      DDDD:BB:DD.F, such as 0000:00:05.0\n"
	"  --json       print a JSON object instead\n"
	"  --root DIR   for tests: use /sys, /proc and /dev below DIR\n"
	"  --help       print this text\n"
	"  --version    print the library's version\n"
	"Exit status: 0 success; 1 kernel error, or the output can't be written; 2 usage error;\n"
	"3 no such function, or not a virtio-scsi function; 4 in use; 5 the machine is not ready:\n"
	"no vfio-pci, no IOMMU, IOMMU group shared with a function of another driver, or no\n"
	"permission.\n";

static int list(const char *root, bool json)
{
	struct functions all;
	int status = functions_read(root, &all);

	if (!status)
		status = json ? list_json(&all) : list_text(&all);
	functions_free(&all);
	return status;
}

static int run(const char *root, bool json, char **words, unsigned count)
{
	if (count == 1 && strcmp(words[0], "list") == 0)
		return list(root, json);
	if (count > 1 && !json && strcmp(words[0], "take") == 0)
		return take(root, words + 1, count - 1);
	if (count > 1 && !json && strcmp(words[0], "give-back") == 0)
		return give_back(root, words + 1, count - 1);
	return fail(STATUS_USAGE,
		    "expected 'list [--json]', 'take ADDRESS...' or 'give-back ADDRESS...'; see "
		    "--help");
}

static int parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"root", required_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	const char *root = "";
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			json = true;
			break;
		case 'r':
			root = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return STATUS_DONE;
		case 'V':
			printf("vscsi-bind %s\n", vscsi_version());
			return STATUS_DONE;
		default:
			return fail(STATUS_USAGE, "'vscsi-bind --help' lists the options");
		}
	}
	if (strlen(root) > MAX_ROOT)
		return fail(STATUS_USAGE, "the path of the root directory is too long");
	return run(root, json, argv + optind, (unsigned)(argc - optind));
}

int main(int argc, char **argv)
{
	tool_begin("vscsi-bind");
	return tool_end(parse(argc, argv));
}
