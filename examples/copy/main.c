/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi-copy: copies disks to files, files to disks, and disks to disks. This file parses the
 * command line and runs the copy.
 */
#include "copy.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"
#include "common/tool.h"

#define SPARSE 4096

/* Where the report goes: not to what receives the data. */
static FILE *report_file(const struct copy *copy)
{
	struct stat out, file;

	if (copy->output.fd >= 0 && !fstat(STDOUT_FILENO, &out) && !fstat(copy->output.fd, &file) &&
	    out.st_dev == file.st_dev && out.st_ino == file.st_ino)
		return stderr;
	return stdout;
}

static void abandon(void *ctx)
{
	struct copy *copy = ctx;

	if (copy->input.dev)
		vscsi_dev_shutdown(copy->input.dev);
	if (copy->output.dev && copy->output.dev != copy->input.dev)
		vscsi_dev_shutdown(copy->output.dev);
}

static int begin_signals(struct copy *copy)
{
	int ret = interrupt_begin(0, abandon, copy);

	progress_signals();
	return ret ? complain(ret, "catching signals: %s", strerror(-ret)) : 0;
}

static int run(struct copy *copy)
{
	FILE *out;
	int ret = copy_open(copy), flushed, closed;
	/* Of an address, or options that contradict each other. */
	const bool wrong_usage = ret == -EINVAL;

	out = report_file(copy);
	if (!ret)
		ret = begin_signals(copy);
	if (!ret) {
		copy->start_ns = clock_now();
		ret = transfer(copy);
		/* After an error too, for the resume point. */
		flushed = transfer_flush(copy);
		copy->end_ns = clock_now();
		if (!ret)
			ret = flushed;
		copy->copied = !ret;
		if (!ret && copy->verify)
			ret = verify(copy);
	}
	interrupt_end();
	closed = copy_close(copy);
	if (!ret)
		ret = closed;
	if (report(copy, out, ret) && !ret)
		ret = -ENOMEM;
	if (wrong_usage)
		return EXIT_USAGE;
	if (ret == -EILSEQ && copy->different)
		return EXIT_DIFFERENT;
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const char help[] =
	"usage: vscsi-copy [OPTION...] SOURCE DESTINATION\n"
	"Copies a disk to a file, a file to a disk, or a disk to another one.\n"
	"SOURCE and DESTINATION:\n"
	"  ADDRESS TARGET:LUN   a disk; ADDRESS is as for vscsi-info, and begins with\n"
	"                       vhost-user:, vfio-user:, pci: or vhost-scsi:\n"
	"  ADDRESS?id=NAME      the disk with that identity, such as naa.6001405...\n"
	"  FILE                 a file, block device or pipe; ./FILE if its name has a colon\n"
	"  -                    standard input or output\n"
	"Options; BYTES may end with K, M, G or T (powers of 1024):\n"
	"  --skip=BYTES         start there in SOURCE; default: 0\n"
	"  --seek=BYTES         start there in DESTINATION, default: 0; a file is not truncated\n"
	"  --count=BYTES        copy at most this; default: all\n"
	"  --sparse=BYTES       zeros, in units of this, become holes of a file or\n"
	"                       unmapped blocks of a disk; default: 4K; 0: all is written\n"
	"  --target-is-zero     DESTINATION, a disk, has only zeros: none need be written\n"
	"  --rate=BYTES         read at most this per second; default: no limit\n"
	"  --verify             read both again, and compare\n"
	"  --resume-from=BYTES  continue a copy that has failed: the number is in its message\n"
	"  --progress=auto|never|always\n"
	"                       print the progress each second; auto, the default: on\n"
	"                       a terminal\n"
	"  --json               print the report as a JSON object\n"
	"  --log=" TOOL_LOG_VALUES "\n"
	"                       messages of the library on stderr; default: VSCSI_LOG of the\n"
	"                       environment, or warn\n"
	"  --help               print this text\n"
	"  --version            print the library's version\n"
	"SIGUSR1 prints the progress, SIGINT (Ctrl-C) ends the copy and says what was copied.\n"
	"Exit status: 0 success, 1 I/O error, 2 usage error, 3 --verify found a difference.\n";

static int usage(const char *wrong, const char *what)
{
	fprintf(stderr, "vscsi-copy: %s%s; see --help\n", wrong, what);
	return EXIT_USAGE;
}

/* "name:" with no slash before the colon, as QEMU tells protocols from files. */
static bool is_address(const char *word)
{
	return word[strcspn(word, ":/")] == ':';
}

/* Takes one or two words of @argv. Return: how many, or 0 with a message. */
static int parse_side(struct side *side, char **argv)
{
	bool by_id;

	side->name = argv[0];
	if (!side->name)
		return usage("expected SOURCE and DESTINATION", ""), 0;
	if (!is_address(side->name))
		return 1;
	side->disk = true;
	by_id = text_has_id(side->name);
	if (argv[1] && !text_lun(argv[1], &side->target, &side->number)) {
		if (by_id)
			return usage("the address has an identity, so leave out ", argv[1]), 0;
		return 2;
	}
	if (by_id)
		return 1;
	fprintf(stderr,
		"vscsi-copy: after the address '%s', expected TARGET:LUN (0:0 to 255:16383), or "
		"an identity as in ADDRESS?id=naa.6001405...; write ./%s for a file\n",
		side->name, side->name);
	return 0;
}

static int parse_sides(struct copy *copy, char **argv)
{
	int words = parse_side(&copy->input, argv);

	if (!words)
		return EXIT_USAGE;
	argv += words;
	words = parse_side(&copy->output, argv);
	if (!words)
		return EXIT_USAGE;
	if (argv[words])
		return usage("unexpected argument after DESTINATION: ", argv[words]);
	if (!copy->input.disk && !copy->output.disk)
		return usage("neither SOURCE nor DESTINATION is a disk: ADDRESS TARGET:LUN", "");
	if (copy->output.blank && !copy->output.disk)
		return usage("--target-is-zero is for a disk as DESTINATION", "");
	return run(copy);
}

enum option_id {
	OPT_SKIP = 1,
	OPT_SEEK,
	OPT_COUNT,
	OPT_SPARSE,
	OPT_ZERO,
	OPT_RATE,
	OPT_VERIFY,
	OPT_RESUME,
	OPT_PROGRESS,
	OPT_JSON,
	OPT_LOG,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option options[] = {
	{"skip", required_argument, NULL, OPT_SKIP},
	{"seek", required_argument, NULL, OPT_SEEK},
	{"count", required_argument, NULL, OPT_COUNT},
	{"sparse", required_argument, NULL, OPT_SPARSE},
	{"target-is-zero", no_argument, NULL, OPT_ZERO},
	{"rate", required_argument, NULL, OPT_RATE},
	{"verify", no_argument, NULL, OPT_VERIFY},
	{"resume-from", required_argument, NULL, OPT_RESUME},
	{"progress", required_argument, NULL, OPT_PROGRESS},
	{"json", no_argument, NULL, OPT_JSON},
	{"log", required_argument, NULL, OPT_LOG},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{0},
};

static int set_bytes(const char *name, const char *text, uint64_t *value)
{
	if (!text_size(text, value) && *value <= INT64_MAX)
		return 0;
	fprintf(stderr,
		"vscsi-copy: invalid value '%s' for --%s (expected bytes, or a number with K, M, G "
		"or T)\n",
		text, name);
	return -EINVAL;
}

/* Zeros are found in whole blocks. */
static int set_sparse(struct copy *copy, const char *text)
{
	int ret = set_bytes("sparse", text, &copy->sparse);

	if (ret || !(copy->sparse % SPARSE))
		return ret;
	fprintf(stderr, "vscsi-copy: invalid value '%s' for --sparse (expected a multiple of %d)\n",
		text, SPARSE);
	return -EINVAL;
}

static int set_progress(struct copy *copy, const char *text)
{
	static const char *const words[] = {"auto", "never", "always"};
	unsigned i;

	for (i = 0; i < 3; i++) {
		if (!strcmp(text, words[i])) {
			copy->progress = (enum progress)i;
			return 0;
		}
	}
	fprintf(stderr,
		"vscsi-copy: invalid value '%s' for --progress (expected auto, never or always)\n",
		text);
	return -EINVAL;
}

static int set_option(struct copy *copy, int id, const char *text)
{
	switch (id) {
	case OPT_SKIP:
		return set_bytes("skip", text, &copy->input.start);
	case OPT_SEEK:
		copy->output.keep = true;
		return set_bytes("seek", text, &copy->output.start);
	case OPT_COUNT:
		return set_bytes("count", text, &copy->count);
	case OPT_SPARSE:
		return set_sparse(copy, text);
	case OPT_ZERO:
		copy->output.blank = true;
		return 0;
	case OPT_RATE:
		return set_bytes("rate", text, &copy->rate);
	case OPT_VERIFY:
		copy->verify = true;
		return 0;
	case OPT_RESUME:
		return set_bytes("resume-from", text, &copy->resume);
	case OPT_PROGRESS:
		return set_progress(copy, text);
	case OPT_JSON:
		copy->json = true;
		return 0;
	default:
		return tool_log(text);
	}
}

static int parse(int argc, char **argv)
{
	struct copy copy = {
		.count = UNKNOWN,
		.sparse = SPARSE,
		.input.fd = -1,
		.output = {.fd = -1, .output = true, .size = UNKNOWN, .block = 1},
	};
	int id;

	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (id) {
		case OPT_HELP:
			fputs(help, stdout);
			return EXIT_SUCCESS;
		case OPT_VERSION:
			printf("vscsi-copy %s\n", vscsi_version());
			return EXIT_SUCCESS;
		case '?':
			return usage("unknown option, or its value is missing", "");
		default:
			if (set_option(&copy, id, optarg))
				return EXIT_USAGE;
		}
	}
	return parse_sides(&copy, argv + optind);
}

int main(int argc, char **argv)
{
	int status;

	tool_begin("vscsi-copy");
	status = tool_end(parse(argc, argv));
	/* As a shell expects it of a program that a signal has ended. */
	if (interrupted && status) {
		signal(interrupted, SIG_DFL);
		raise(interrupted);
	}
	return status;
}
