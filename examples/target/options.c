/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading the command line into struct options.
 */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

static const char help[] =
	"Usage: vscsi-target --socket=PATH --lun=T:L,STORE... [OPTION...]\n"
	"Be a virtio-scsi device for one vhost-user client at a time.\n"
	"\n"
	"  --socket=PATH       listen on this unix socket\n"
	"  --fd=N              serve this connected socket instead, and end with it\n"
	"  --lun=T:L,STORE[,PROPERTY...]\n"
	"                      a logical unit L of target T; may be given many times\n"
	"      file=PATH       kept in an existing file or block device\n"
	"      ram=SIZE        kept in memory\n"
	"      null=SIZE       not kept: reads change nothing, writes are dropped\n"
	"      ro              read-only\n"
	"      thin            unmapped blocks give their space back\n"
	"      block=512|4096  size of a block (512)\n"
	"      serial=TEXT     serial number\n"
	"  --queues=N          request queues offered, 1 to 254 (8)\n"
	"  --queue-size=N      largest ring accepted, 2 to 32768 (1024)\n"
	"  --mode=eventfd|poll wait for kicks, or look at the rings all the time (eventfd)\n"
	"  --off=NAME[,NAME]   do not offer these features\n"
	"  --in-order          offer to use requests in order: in batches, which takes longer\n"
	"  --list-features     print the names of all features\n"
	"  --seg-max=N         seg_max in config space (254)\n"
	"  --max-sectors=N     max_sectors in config space, 512-byte units (65535)\n"
	"  --cmd-per-lun=N     cmd_per_lun in config space (128)\n"
	"  --control=PATH      take commands on this unix socket: add, die, remove,\n"
	"                      resize, stat\n"
	"  --help              print this\n"
	"SIZE is in bytes, or followed by K, M, G or T.\n";

/* Long options only: a device is described once, in a script. */
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

/* Unlike atoi this takes a whole number and nothing else, and says what the range is. */
static int number(const char *name, const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || v < min || v > max)
		return refuse(EINVAL, "--%s=%s: give a number from %u to %u", name, text, min, max);
	*out = (uint32_t)v;
	return 0;
}

/* Stores are opened here, so that a bad path is found before anybody connects. */
static int add_lun(const char *text, struct lun_table *luns)
{
	struct lun_spec spec;
	int rc = lun_spec_parse(text, &spec);

	return rc ? rc : lun_add(luns, &spec);
}

static int set_mode(struct options *o, const char *text)
{
	if (strcmp(text, "poll") && strcmp(text, "eventfd"))
		return refuse(EINVAL, "--mode=%s: the modes are poll and eventfd", text);
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
		/* Their names need the socket's path, which may come later: see add_luns(). */
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
	default: /* OPT_CONTROL; the two that end the program never come here */
		o->control_path = arg;
		return 0;
	}
}

/* What only all options together can say. */
static int check(struct options *o, int argc, unsigned int luns)
{
	if (optind < argc)
		return refuse(EINVAL, "nothing was expected behind the options: see --help");
	/* Both or neither. */
	if (!o->socket_path == (o->fd < 0))
		return refuse(EINVAL, "give one of --socket=PATH and --fd=N: see --help");
	/* With a control socket there may be some later. */
	if (!luns && !o->control_path)
		return refuse(EINVAL, "give a --lun=T:L,STORE, or --control=PATH to add one later: "
				      "see --help");
	/* Nobody could negotiate them. */
	if (!(o->features.virtio & BIT(F_PROTOCOL_FEATURES)))
		o->features.protocol = 0;
	return 0;
}

/* Once more over the command line, all of which is right but what the units themselves say. */
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
	/* Drivers would take it, and wait for the end of a batch where they need not. */
	o->features.virtio &= ~BIT(VIRTIO_F_IN_ORDER);
	/* The sentence about a bad option comes from here, in the same form as all others. */
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
			rc = refuse(EINVAL, "'%s' is no option or lacks its value: see --help",
				    argv[optind - 1]);
		else
			rc = set_option(id, optarg, o, &count);
	}
	if (!rc)
		rc = check(o, argc, count);
	luns->place = o->socket_path;
	return rc ? rc : add_luns(argc, argv, luns);
}
