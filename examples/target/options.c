/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parses the command line and the configuration file.
 */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <linux/virtio_config.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/util/bits.h"
#include "error.h"
#include "identity.h"
#include "service.h"

static const char help[] =
	"Usage: vscsi-target --socket=PATH --lun=T:L,STORE... [OPTION...]\n"
	"Provide a virtio-scsi device to vhost-user clients.\n"
	"\n"
	"  --socket=PATH       listen on this unix socket\n"
	"  --socket-mode=MODE  its mode, octal (by the umask)\n"
	"  --socket-group=NAME its group\n"
	"  --fd=N              serve this connected socket instead, then exit\n"
	"  --clients=N         clients at once, 1 to 64 (64); others are refused\n"
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
	"  --config=FILE       read options from this file, one per line\n"
	"  --user=NAME         become this user once socket and disks are open\n"
	"  --log-level=LEVEL   error, warning, info or debug (warning)\n"
	"  --queues=N          number of request queues, 1 to 254 (8)\n"
	"  --queues-per-thread=N\n"
	"                      a thread for every N of them (one thread for all)\n"
	"  --queue-size=N      largest ring accepted, 2 to 32768 (1024)\n"
	"  --mode=eventfd|poll wait for kicks, or poll the rings (eventfd)\n"
	"  --seg-max=N         seg_max in config space (254)\n"
	"  --max-sectors=N     max_sectors in config space, 512-byte units (65535)\n"
	"  --cmd-per-lun=N     cmd_per_lun in config space (128)\n"
	"  --control=PATH      accept commands on this unix socket: add, remove, resize,\n"
	"                      stat\n"
	"  --help              print this\n"
	"  --version           print the version\n"
	"  --help-faults       print the options for testing clients\n"
	"SIZE is in bytes, or has a suffix K, M, G or T (powers of 1024).\n";

static const char help_faults[] =
	"For testing clients, see vscsi-target-faults(7):\n"
	"\n"
	"  --off=NAME[,NAME]   do not offer these features\n"
	"  --in-order          offer VIRTIO_F_IN_ORDER: completes in batches, slower\n"
	"  --list-features     print the names of all features\n"
	"\n"
	"With --control=PATH, 'die POINT N' there kills the target at this point of the\n"
	"Nth request: taken, done, linked, shown or cleared.\n";

static int set_fd(struct options *o, const char *text);
static int set_group(struct options *o, const char *text);
static int set_in_order(struct options *o, const char *text);
static int set_log_level(struct options *o, const char *text);
static int set_lun(struct options *o, const char *text);
static int set_mode(struct options *o, const char *text);
static int set_off(struct options *o, const char *text);
static int set_socket_mode(struct options *o, const char *text);
static int set_user(struct options *o, const char *text);

#define AT(field) offsetof(struct options, field)

/* The options that a file can have too. Without @set, a string, or a number if there is a @max. */
static const struct key {
	const char *name;
	int (*set)(struct options *o, const char *text);
	size_t at; /* in struct options */
	uint32_t min;
	uint32_t max;
} keys[] = {
	{"socket", NULL, AT(socket_path), 0, 0},
	{"socket-mode", set_socket_mode, 0, 0, 0},
	{"socket-group", set_group, 0, 0, 0},
	{"fd", set_fd, 0, 0, 0},
	{"clients", NULL, AT(clients), 1, NEXUSES},
	{"lun", set_lun, 0, 0, 0},
	{"user", set_user, 0, 0, 0},
	{"log-level", set_log_level, 0, 0, 0},
	{"queues", NULL, AT(queues), 1, QUEUES_MAX},
	{"queues-per-thread", NULL, AT(queues_per_thread), 1, QUEUES_MAX},
	{"queue-size", NULL, AT(queue_size), 2, QUEUE_SIZE_MAX},
	{"mode", set_mode, 0, 0, 0},
	{"seg-max", NULL, AT(seg_max), 1, UINT32_MAX},
	{"max-sectors", NULL, AT(max_sectors), 1, UINT32_MAX / 512},
	{"cmd-per-lun", NULL, AT(cmd_per_lun), 1, UINT32_MAX},
	{"control", NULL, AT(control_path), 0, 0},
	{"off", set_off, 0, 0, 0},
	{"in-order", set_in_order, 0, 0, 0},
};

/* What getopt_long() returns: the index of the key, or one of these. */
enum {
	OPT_KEY = 256,
	OPT_CONFIG = OPT_KEY + ARRAY_LEN(keys),
	OPT_HELP,
	OPT_VERSION,
	OPT_FAULTS,
	OPT_LIST
};

/* Options that only the command line can have. */
static const struct option other_options[] = {
	{"config", required_argument, NULL, OPT_CONFIG},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help-faults", no_argument, NULL, OPT_FAULTS},
	{"list-features", no_argument, NULL, OPT_LIST},
	{NULL, 0, NULL, 0},
};

static bool has_value(const struct key *k)
{
	return k->set != set_in_order;
}

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

static int set_fd(struct options *o, const char *text)
{
	uint32_t fd = 0;
	int rc = number("fd", text, 0, INT32_MAX, &fd);

	if (!rc)
		o->fd = (int)fd;
	return rc;
}

static int set_socket_mode(struct options *o, const char *text)
{
	unsigned long v = strtoul(text, NULL, 8);

	if (strspn(text, "01234567") != strlen(text) || strlen(text) > 4 || !v || v > 0777)
		return set_error(EINVAL,
				 "invalid value '%s' for --socket-mode (expected octal digits, "
				 "such as 660)",
				 text);
	o->access.mode = (mode_t)v;
	return 0;
}

static int set_group(struct options *o, const char *text)
{
	const struct group *g = getgrnam(text);

	if (!g)
		return set_error(EINVAL, "there is no group '%s' for --socket-group", text);
	o->access.group = g->gr_gid;
	return 0;
}

static int set_user(struct options *o, const char *text)
{
	return service_find_user(text, &o->user);
}

/* At once, so that it holds for errors in what follows too. */
static int set_log_level(struct options *o, const char *text)
{
	static const struct {
		const char *name;
		int level;
	} levels[] = {
		{"error", LOG_ERR},
		{"warning", LOG_WARNING},
		{"info", LOG_INFO},
		{"debug", LOG_DEBUG},
	};
	unsigned int i;

	(void)o;
	for (i = 0; i < ARRAY_LEN(levels); i++) {
		if (!strcmp(levels[i].name, text)) {
			messages_level(levels[i].level);
			return 0;
		}
	}
	return set_error(EINVAL,
			 "invalid value '%s' for --log-level (expected error, warning, info or "
			 "debug)",
			 text);
}

static int set_mode(struct options *o, const char *text)
{
	if (strcmp(text, "poll") && strcmp(text, "eventfd"))
		return set_error(EINVAL, "invalid value '%s' for --mode (expected poll or eventfd)",
				 text);
	o->poll = *text == 'p';
	return 0;
}

static int set_off(struct options *o, const char *text)
{
	return features_off(&o->features, text);
}

static int set_in_order(struct options *o, const char *text)
{
	(void)text;
	o->features.virtio |= BIT(VIRTIO_F_IN_ORDER);
	return 0;
}

/* Opened later, by add_luns(): their names depend on --socket. */
static int set_lun(struct options *o, const char *text)
{
	struct lun_option *luns = realloc(o->luns, (o->lun_count + 1) * sizeof(*luns));

	if (!luns)
		return set_error(ENOMEM, "no memory left for %u LUNs", o->lun_count + 1);
	o->luns = luns;
	o->luns[o->lun_count++] = (struct lun_option){text, o->config_line};
	return 0;
}

static int set_option(struct options *o, const struct key *k, const char *text)
{
	void *field = (char *)o + k->at;

	if (k->set)
		return k->set(o, text);
	if (k->max)
		return number(k->name, text, k->min, k->max, field);
	*(const char **)field = text;
	return 0;
}

/* Puts the place in front of the error text. */
static int error_in_file(const struct options *o, unsigned int line, int rc)
{
	char text[512];

	snprintf(text, sizeof(text), "%s", last_error());
	return set_error(-rc, "%s:%u: %s", o->config_path, line, text);
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text + strspn(text, " \t");
}

/* A line "KEY=VALUE", "KEY" or "# comment". */
static int read_line(struct options *o, char *line)
{
	char *value;
	unsigned int i;

	line = trim(line);
	if (!*line || *line == '#')
		return 0;
	value = strchr(line, '=');
	if (value)
		*value++ = '\0';
	line = trim(line);
	for (i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(keys[i].name, line))
			continue;
		if (has_value(&keys[i]) != !!value)
			return set_error(EINVAL, "'%s' %s", line,
					 value ? "has no value" : "needs a value: KEY=VALUE");
		return set_option(o, &keys[i], value ? trim(value) : NULL);
	}
	return set_error(
		EINVAL, "unknown key '%s' (the keys are the options of vscsi-target --help)", line);
}

/* The text is kept, because options point into it. */
static int read_config(struct options *o, const char *path)
{
	size_t size = 0;
	ssize_t len;
	char *next;
	char *line;
	FILE *file;
	int rc = 0;

	if (o->config_path)
		return set_error(EINVAL, "--config was given twice");
	o->config_path = path;
	file = fopen(path, "re");
	if (!file)
		return set_error(errno, "cannot open %s: %s", path, strerror(errno));
	len = getdelim(&o->config, &size, '\0', file);
	if (len < 0 && ferror(file))
		rc = set_error(errno, "cannot read %s: %s", path, strerror(errno));
	fclose(file);
	next = len < 0 ? NULL : o->config;
	while (!rc && (line = strsep(&next, "\n"))) {
		o->config_line++;
		rc = read_line(o, line);
		if (rc)
			rc = error_in_file(o, o->config_line, rc);
	}
	o->config_line = 0;
	return rc;
}

/* Exactly one place where clients come from. */
static int check_socket(struct options *o)
{
	int rc = service_socket();

	if (rc < 0 && rc != -ENOENT)
		return rc;
	o->listen_fd = rc < 0 ? -1 : rc;
	if (o->listen_fd >= 0 && (o->socket_path || o->fd >= 0))
		return set_error(EINVAL, "the service manager has passed a socket: leave out "
					 "--socket and --fd");
	/* Both or neither. */
	if (o->listen_fd < 0 && !o->socket_path == (o->fd < 0))
		return set_error(EINVAL, "give either --socket=PATH or --fd=N; see --help");
	if (!o->socket_path && (o->access.mode || o->access.group != (gid_t)-1))
		return set_error(EINVAL,
				 o->fd < 0 ? "socket-mode and socket-group can't be used with the "
					     "service manager's socket: set SocketMode= and "
					     "SocketGroup= in its .socket unit instead"
					   : "--socket-mode and --socket-group need --socket=PATH");
	return 0;
}

/* Checks that concern several options. */
static int check(struct options *o)
{
	/* With a control socket, units can be added later. */
	if (!o->lun_count && !o->control_path)
		return set_error(EINVAL,
				 "give --lun=T:L,STORE, or --control=PATH to add one later; "
				 "see --help");
	/* Protocol features require bit 30. */
	if (!(o->features.virtio & BIT(F_PROTOCOL_FEATURES)))
		o->features.protocol = 0;
	return check_socket(o);
}

/* Opens the stores, so that a wrong path is reported before a client connects. */
static int add_luns(const struct options *o, struct lun_table *luns)
{
	struct lun_spec spec;
	unsigned int i;
	int rc = 0;

	if (o->socket_path)
		luns->place = identity_path(o->socket_path);
	else if (o->listen_fd >= 0)
		luns->place = service_socket_place(o->listen_fd);
	else
		luns->place = identity_fd(o->fd);
	for (i = 0; !rc && i < o->lun_count; i++) {
		rc = lun_spec_parse(o->luns[i].text, &spec);
		if (!rc)
			rc = lun_add(luns, &spec);
		if (rc && o->luns[i].line)
			rc = error_in_file(o, o->luns[i].line, rc);
	}
	return rc;
}

/* The table as getopt_long() wants it. */
static void list_options(struct option *list)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(keys); i++)
		list[i] = (struct option){keys[i].name,
					  has_value(&keys[i]) ? required_argument : no_argument,
					  NULL, OPT_KEY + (int)i};
	memcpy(list + i, other_options, sizeof(other_options));
}

/* Those that end the program are answered at once. Returns as options_parse(). */
static int parse(struct options *o, int argc, char **argv)
{
	struct option list[ARRAY_LEN(keys) + ARRAY_LEN(other_options)];
	int rc = 0;
	int id;

	list_options(list);
	/* Errors are reported in the same form as all others. */
	opterr = 0;
	while (!rc && (id = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (id) {
		case OPT_HELP:
			fputs(help, stdout);
			return 1;
		case OPT_VERSION:
			puts("vscsi-target " VSCSI_TARGET_VERSION);
			return 1;
		case OPT_FAULTS:
			fputs(help_faults, stdout);
			return 1;
		case OPT_LIST:
			features_list(stdout);
			return 1;
		case OPT_CONFIG:
			rc = read_config(o, optarg);
			break;
		case '?':
			return set_error(EINVAL,
					 "invalid option '%s', or its value is missing; see --help",
					 argv[optind - 1]);
		default:
			rc = set_option(o, &keys[id - OPT_KEY], optarg);
		}
	}
	if (!rc && optind < argc)
		rc = set_error(EINVAL, "unexpected argument after the options; see --help");
	return rc;
}

int options_parse(int argc, char **argv, struct options *o, struct lun_table *luns)
{
	int rc;

	*o = (struct options){
		.fd = -1,
		.listen_fd = -1,
		.access.group = (gid_t)-1,
		.clients = NEXUSES,
		.features = features_all(),
		.queues = 8,
		.queue_size = 1024,
		.seg_max = 254,
		.max_sectors = 65535,
		.cmd_per_lun = 128,
	};
	/* Off by default: with it, requests wait for the end of their batch. */
	o->features.virtio &= ~BIT(VIRTIO_F_IN_ORDER);
	rc = parse(o, argc, argv);
	if (!rc)
		rc = check(o);
	return rc ? rc : add_luns(o, luns);
}

void options_free(struct options *o)
{
	free(o->config);
	free(o->luns);
}
