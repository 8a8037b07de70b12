/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi-sg: runs a program with SCSI generic devices of its own. Everything is done by the module
 * that this preloads.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vscsi/vscsi.h>

#include "common/tool.h"

#define EXIT_USAGE 2
/* As a shell does. */
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND  127

static const char help[] =
	"usage: vscsi-sg [--log=LEVEL] ADDRESS COMMAND [ARGUMENT...]\n"
	"Runs a program for which 'vscsi:TARGET:LUN' is a SCSI generic device: a logical unit of\n"
	"the virtio-scsi device at ADDRESS. An argument 'vscsi:id' or 'NAME=vscsi:id' gets that\n"
	"name of the unit whose identity is in the address: ADDRESS?id=naa.6001405...\n"
	"  ADDRESS      as of vscsi-info(1): vhost-user:PATH, pci:DDDD:BB:DD.F, with options\n"
	"  COMMAND      a program that is linked dynamically, such as sg_inq\n"
	"  --log=LEVEL  " TOOL_LOG_VALUES ": messages of the library on\n"
	"               stderr; default: VSCSI_LOG of the environment, or warn\n"
	"  --help       print this text\n"
	"  --version    print the library's version\n"
	"Example: vscsi-sg vhost-user:/run/v.sock sg_inq vscsi:0:0\n"
	"Exit status: that of the program; 2 usage error; 126 it can't be run; 127 it is not\n"
	"found.\n";

/* The module in this program's folder, as in a build folder, or where it is installed. */
static const char *module(char *own, size_t len)
{
	ssize_t n = readlink("/proc/self/exe", own, len - 1);
	char *name;

	own[n < 0 ? 0 : n] = 0;
	name = strrchr(own, '/');
	if (name && (size_t)(name - own) + sizeof("/vscsi-sg.so") <= len) {
		strcpy(name, "/vscsi-sg.so");
		if (!access(own, R_OK))
			return own;
	}
	return VSCSI_SG_MODULE;
}

/* Adds the module to what is preloaded already; those come first, as sanitizers insist on. */
static int preload(void)
{
	const char *others = getenv("LD_PRELOAD");
	char own[4096], list[8192];
	const char *path = module(own, sizeof(own));

	if (access(path, R_OK)) {
		fprintf(stderr, "vscsi-sg: cannot use %s: %s\n", path, strerror(errno));
		return -errno;
	}
	/* The dynamic linker has no way to quote them. */
	if (strpbrk(path, ": ")) {
		fprintf(stderr, "vscsi-sg: cannot preload '%s': its path has a blank or colon\n",
			path);
		return -EINVAL;
	}
	if (snprintf(list, sizeof(list), "%s%s%s", others ? others : "", others ? ":" : "", path) >=
	    (int)sizeof(list)) {
		fprintf(stderr, "vscsi-sg: LD_PRELOAD of the environment is too long\n");
		return -E2BIG;
	}
	return setenv("LD_PRELOAD", list, 1) ? -errno : 0;
}

/* Where "vscsi:id" begins in "vscsi:id" or "NAME=vscsi:id"; NULL: it is neither. */
static char *find_id(char *argument)
{
	static const char id[] = "vscsi:id";
	size_t len = strlen(argument);
	char *at;

	if (len < strlen(id))
		return NULL;
	at = argument + len - strlen(id);
	return !strcmp(at, id) && (at == argument || at[-1] == '=') ? at : NULL;
}

/* The address of the unit whose identity is in the address of the device. */
static int find_unit(const char *address, struct vscsi_lun_info *info)
{
	struct vscsi_dev *dev = NULL;
	struct vscsi_lun *lun = NULL;
	int ret = vscsi_dev_open(address, NULL, &dev);

	if (!ret)
		ret = vscsi_lun_open_by_id(dev, NULL, NULL, &lun);
	if (!ret)
		ret = vscsi_lun_get_info(lun, info);
	if (ret)
		fprintf(stderr, "vscsi-sg: %s\n", vscsi_last_error());
	vscsi_lun_close(lun);
	vscsi_dev_close(dev);
	return ret;
}

/* Replaces "vscsi:id" in arguments. Return: 0, or a negative errno after a message. */
static int replace_ids(const char *address, char **command)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	bool known = false;
	char *at;
	int ret;

	for (; *command; command++) {
		at = find_id(*command);
		if (!at)
			continue;
		ret = known ? 0 : find_unit(address, &info);
		if (ret)
			return ret;
		known = true;
		/* Until the program is started. */
		if (asprintf(command, "%.*svscsi:%u:%u", (int)(at - *command), *command,
			     info.target, info.lun) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int run(const char *address, char **command)
{
	int cause;

	if (replace_ids(address, command) || preload())
		return EXIT_CANNOT_RUN;
	setenv("VSCSI_SG_ADDRESS", address, 1);
	execvp(command[0], command);
	cause = errno;
	fprintf(stderr, "vscsi-sg: cannot run %s: %s\n", command[0], strerror(cause));
	return cause == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}

static int parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"log", required_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int option;

	/* "+": what follows the address is the program's. */
	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (option) {
		case 'l':
			if (tool_log(optarg))
				return EXIT_USAGE;
			setenv("VSCSI_LOG", optarg, 1);
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_SUCCESS;
		case 'V':
			printf("vscsi-sg %s\n", vscsi_version());
			return EXIT_SUCCESS;
		default:
			fprintf(stderr, "vscsi-sg: 'vscsi-sg --help' lists the options\n");
			return EXIT_USAGE;
		}
	}
	if (argc - optind < 2) {
		fprintf(stderr, "vscsi-sg: expected ADDRESS COMMAND; see --help\n");
		return EXIT_USAGE;
	}
	return run(argv[optind], argv + optind + 1);
}

int main(int argc, char **argv)
{
	tool_begin("vscsi-sg");
	return tool_end(parse(argc, argv));
}
