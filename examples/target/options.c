/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parses the command line.
 */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "identity.h"

static const char help[] =
	"Usage: vscsi-target --socket=PATH --lun=T:L,STORE... [OPTION...]\n"
	"Provide a virtio-scsi device to one vhost-user client at a time.\n"
	"\n"
	"  --socket=PATH       listen on this unix socket\n"
	"  --fd=N              serve this connected socket instead, then exit\n"
	"  --lun=T:L,STORE[,PROPERTY...]\n"
	"                      add logical unit L of target T; may be repeated\n"
	"      file=PATH       store data in an existing file or block device\n"
	"      nbd=URI         store data on an NBD server: nbd://HOST/NAME or\n"
	"                      nbd+unix:///NAME?socket=PATH\n"
	"      ram=SIZE        store data in memory\n"
	"      null=SIZE       store nothing: reads return no data, writes are discarded\n"
	"      ro              read-only\n"
	"      thin            thin provisioned: UNMAP frees space\n"
	"      block=512|4096  block size (512)\n"
	"      serial=TEXT     serial number (derived from the file, not its path)\n"
	"      reservations=PATH  keep persistent reservations in this file\n"
	"      wwn=HEX         worldwide name, 16 digits (derived from the serial number)\n"
	"  --queues=N          number of request queues, 1 to 254 (8)\n"
	"  --queue-size=N      largest ring accepted, 2 to 32768 (1024)\n"
	"  --mode=eventfd|poll wait for kicks, or poll the rings (eventfd)\n"
	"  --off=NAME[,NAME]   do not offer these features\n"
	"  --in-order          offer VIRTIO_F_IN_ORDER: completes in batches, slower\n"
	"  --list-features     print the names of all features\n"
	"  --seg-max=N         seg_max in config space (254)\n"
	"  --max-sectors=N     max_sectors in config space, 512-byte units (65535)\n"
	"  --cmd-per-lun=N     cmd_per_lun in config space (128)\n"
	"  --control=PATH      accept commands on this unix socket: add, die, remove,\n"
	"                      resize, stat\n"
	"  --help              print this\n"
	"SIZE is in bytes, or has a suffix K, M, G or T (powers of 1024).\n";

/* There are only long options. */
enum option_id {
	OPT_SOCKET = 1,
	OPT_FD,
	OPT_LUN,
	OPT_QUEUES,
	OPT_QUEUE_SIZE,
	OPT_MODE,
	OPT_OFF,
	OPT_LIST,
	OPT_SEG_MAX,
	OPT_MAX_SECTORS,
	OPT_CMD_PER_LUN,
	OPT_CONTROL,
	OPT_IN_ORDER,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"fd", required_argument, NULL, OPT_FD},
	{"lun", required_argument, NULL, OPT_LUN},
	{"queues", required_argument, NULL, OPT_QUEUES},
	{"queue-size", required_argument, NULL, OPT_QUEUE_SIZE},
	{"mode", required_argument, NULL, OPT_MODE},
	{"off", required_argument, NULL, OPT_OFF},
	{"in-order", no_argument, NULL, OPT_IN_ORDER},
	{"list-features", no_argument, NULL, OPT_LIST},
	{"seg-max", required_argument, NULL, OPT_SEG_MAX},
	{"max-sectors", required_argument, NULL, OPT_MAX_SECTORS},
	{"cmd-per-lun", required_argument, NULL, OPT_CMD_PER_LUN},
	{"control", required_argument, NULL, OPT_CONTROL},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

/* Parses a decimal number and checks its range. */
static int number(const char *name, const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || v < min || v > max)
		return set_error(EINVAL, "invalid value '%s' for --%s (expected %u to %u)", text,
				 name, min, max);
	*out = (uint32_t)v;
	return 0;
}

/* Opens the store, so that a wrong path is reported before a client connects. */
static int add_lun(const char *text, struct lun_table *luns)
{
	struct lun_spec spec;
	int rc = lun_spec_parse(text, &spec);

	return rc ? rc : lun_add(luns, &spec);
}

static int set_mode(struct options *o, const char *text)
{
	if (strcmp(text, "poll") && strcmp(text, "eventfd"))
		return set_error(EINVAL, "invalid value '%s' for --mode (expected poll or eventfd)",
				 text);
	o->poll = *text == 'p';
	return 0;
}

static int set_fd(struct options *o, const char *text)
{
	uint32_t fd;
	int rc = number("fd", text, 0, INT32_MAX, &fd);

	if (!rc)
		o->fd = (int)fd;
	return rc;
}

static int set_option(int id, const char *arg, struct options *o, unsigned int *luns)
{
	switch (id) {
	case OPT_SOCKET:
		o->socket_path = arg;
		return 0;
	case OPT_FD:
		return set_fd(o, arg);
	case OPT_LUN:
		/* Added later, by add_luns(): their names depend on --socket. */
		(*luns)++;
		return 0;
	case OPT_QUEUES:
		return number("queues", arg, 1, QUEUES_MAX, &o->queues);
	case OPT_QUEUE_SIZE:
		return number("queue-size", arg, 2, QUEUE_SIZE_MAX, &o->queue_size);
	case OPT_MODE:
		return set_mode(o, arg);
	case OPT_OFF:
		return features_off(&o->features, arg);
	case OPT_IN_ORDER:
		o->features.virtio |= BIT(VIRTIO_F_IN_ORDER);
		return 0;
	case OPT_SEG_MAX:
		return number("seg-max", arg, 1, UINT32_MAX, &o->seg_max);
	case OPT_MAX_SECTORS:
		return number("max-sectors", arg, 1, UINT32_MAX / 512, &o->max_sectors);
	case OPT_CMD_PER_LUN:
		return number("cmd-per-lun", arg, 1, UINT32_MAX, &o->cmd_per_lun);
	default: /* OPT_CONTROL; the two that end the program are handled earlier */
		o->control_path = arg;
		return 0;
	}
}

/* Checks that concern several options. */
static int check(struct options *o, int argc, unsigned int luns)
{
	if (optind < argc)
		return set_error(EINVAL, "unexpected argument after the options; see --help");
	/* Both or neither. */
	if (!o->socket_path == (o->fd < 0))
		return set_error(EINVAL, "give either --socket=PATH or --fd=N; see --help");
	/* With a control socket, units can be added later. */
	if (!luns && !o->control_path)
		return set_error(EINVAL,
				 "give --lun=T:L,STORE, or --control=PATH to add one later; "
				 "see --help");
	/* Protocol features require bit 30. */
	if (!(o->features.virtio & BIT(F_PROTOCOL_FEATURES)))
		o->features.protocol = 0;
	return 0;
}

/* Second pass over the command line, in which only the units themselves can be invalid. */
static int add_luns(int argc, char **argv, struct lun_table *luns)
{
	int rc = 0;
	int id;

	optind = 0;
	while (!rc && (id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (id == OPT_LUN)
			rc = add_lun(optarg, luns);
	}
	return rc;
}

int options_parse(int argc, char **argv, struct options *o, struct lun_table *luns)
{
	unsigned int count = 0;
	int rc = 0;
	int id;

	*o = (struct options){
		.fd = -1,
		.features = features_all(),
		.queues = 8,
		.queue_size = 1024,
		.seg_max = 254,
		.max_sectors = 65535,
		.cmd_per_lun = 128,
	};
	/* Off by default: with it, requests wait for the end of their batch. */
	o->features.virtio &= ~BIT(VIRTIO_F_IN_ORDER);
	/* Errors are reported below, in the same form as all others. */
	opterr = 0;
	while (!rc && (id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (id == OPT_HELP) {
			fputs(help, stdout);
			return 1;
		}
		if (id == OPT_LIST) {
			features_list(stdout);
			return 1;
		}
		if (id == '?')
			rc = set_error(EINVAL,
				       "invalid option '%s', or its value is missing; see --help",
				       argv[optind - 1]);
		else
			rc = set_option(id, optarg, o, &count);
	}
	if (!rc)
		rc = check(o, argc, count);
	luns->place = o->socket_path ? identity_path(o->socket_path) : identity_fd(o->fd);
	return rc ? rc : add_luns(argc, argv, luns);
}
