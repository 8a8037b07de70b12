/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi-copy: copies a whole disk to a file, or a file to a disk. Many requests are in flight, each
 * with its own buffer in DMA memory. The file is read and written in its order, so that it may be a
 * pipe.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vscsi/vscsi.h>

#include "common/image.h"
#include "common/text.h"
#include "common/tool.h"

#define DEPTH      32
#define CHUNK      (256u * 1024)
#define EXIT_USAGE 2

/* A request: its position in the disk and in the file, and its buffer. */
struct chunk {
	unsigned char *buf;
	uint64_t offset;
	uint32_t bytes; /* to the disk: of the file, in @buf */
	bool done;      /* the disk has returned it */
};

struct copy {
	bool to_disk;
	bool pipe; /* the size of the file is not known */
	const char *path;
	int fd;
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	struct vscsi_lun_info info;
	unsigned char *buffers;
	struct chunk chunks[DEPTH]; /* a ring */
	unsigned oldest;            /* of those started and not finished; modulo DEPTH */
	unsigned next;              /* to be started; modulo DEPTH */
	uint32_t chunk_bytes;
	uint64_t total;   /* of a pipe, at most */
	uint64_t started; /* this and the next two are in bytes */
	uint64_t finished;
	uint64_t shown;
	int error;       /* the first one, which was printed */
	unsigned failed; /* requests that failed after it */
};

static int fail(int ret, const char *what, const char *name)
{
	fprintf(stderr, "vscsi-copy: %s %s: %s\n", what, name, strerror(-ret));
	return ret;
}

static int library_fail(int ret)
{
	fprintf(stderr, "vscsi-copy: %s\n", vscsi_last_error());
	return ret;
}

/* At the end of the file. A file that is not a pipe was truncated in the meantime. */
static int end_of_file(struct copy *copy, const struct chunk *chunk)
{
	if (!copy->pipe)
		return fail(-ENODATA, "reading", copy->path);
	if (chunk->bytes % copy->info.block_size) {
		fprintf(stderr, "vscsi-copy: %s ends within a block of %u bytes\n", copy->path,
			copy->info.block_size);
		return -EINVAL;
	}
	copy->total = copy->started + chunk->bytes;
	return 0;
}

/* Fills a chunk from the file. Returns 0, -EAGAIN if a pipe is empty, or an error. */
static int load(struct copy *copy, struct chunk *chunk)
{
	struct pollfd input = {.fd = copy->fd, .events = POLLIN};
	uint64_t left = copy->total - copy->started;
	uint32_t bytes = left < copy->chunk_bytes ? (uint32_t)left : copy->chunk_bytes;
	ssize_t ret;

	while (chunk->bytes < bytes) {
		/* The disk needs polling while it has requests, and now and then in any case. */
		if (copy->pipe && poll(&input, 1, copy->next != copy->oldest ? 0 : 100) <= 0)
			return -EAGAIN;
		ret = read(copy->fd, chunk->buf + chunk->bytes, bytes - chunk->bytes);
		if (ret < 0 && (errno == EINTR || errno == EAGAIN))
			return -EAGAIN;
		if (ret < 0)
			return fail(-errno, "reading", copy->path);
		if (!ret)
			return end_of_file(copy, chunk);
		chunk->bytes += (uint32_t)ret;
	}
	return 0;
}

static int store(const struct copy *copy, const struct chunk *chunk)
{
	struct pollfd output = {.fd = copy->fd, .events = POLLOUT};
	uint32_t stored = 0;
	ssize_t ret;

	while (stored < chunk->bytes) {
		ret = write(copy->fd, chunk->buf + stored, chunk->bytes - stored);
		/* Standard output may have been made non-blocking by another process. */
		if (ret < 0 && errno == EAGAIN)
			poll(&output, 1, -1);
		else if (ret < 0 && errno != EINTR)
			return fail(-errno, "writing", copy->path);
		if (ret > 0)
			stored += (uint32_t)ret;
	}
	return 0;
}

/* Returns 0, -EAGAIN if the disk or the file is not ready, or an error that was printed. */
static int start_chunk(struct copy *copy)
{
	unsigned number = copy->next % DEPTH;
	struct chunk *chunk = &copy->chunks[number];
	uint64_t left, lba = copy->started / copy->info.block_size;
	uint32_t blocks;
	int ret = copy->to_disk ? load(copy, chunk) : 0;

	left = copy->total - copy->started;
	if (ret || !left)
		return ret;
	chunk->offset = copy->started;
	chunk->bytes = left < copy->chunk_bytes ? (uint32_t)left : copy->chunk_bytes;
	blocks = chunk->bytes / copy->info.block_size;
	if (copy->to_disk)
		ret = vscsi_write(copy->queue, copy->lun, chunk->buf, lba, blocks, 0, number);
	else
		ret = vscsi_read(copy->queue, copy->lun, chunk->buf, lba, blocks, 0, number);
	/* After -EAGAIN the chunk keeps what was read from the file. */
	if (ret)
		return ret == -EAGAIN ? ret : fail(ret, "preparing a request to", "the disk");
	copy->next++;
	copy->started += chunk->bytes;
	return 0;
}

static void take_completion(struct copy *copy, const struct vscsi_completion *done)
{
	struct chunk *chunk = &copy->chunks[done->user_data];

	chunk->done = true;
	if (!done->result)
		return;
	/* One message: what made one fail will make all fail that are in flight. */
	if (copy->error) {
		copy->failed++;
		return;
	}
	copy->error = done->result;
	fprintf(stderr, "vscsi-copy: the disk failed at byte %" PRIu64 ": %s%s%s\n", chunk->offset,
		strerror(-done->result), done->sense_key ? ": " : "",
		done->sense_key ? vscsi_sense_text(done->sense_key, done->asc, done->ascq) : "");
}

/* Finishes chunks in the order of the file. */
static void finish_chunks(struct copy *copy)
{
	struct chunk *chunk = &copy->chunks[copy->oldest % DEPTH];

	while (copy->oldest != copy->next && chunk->done) {
		if (!copy->to_disk && !copy->error)
			copy->error = store(copy, chunk);
		copy->finished += chunk->bytes;
		chunk->bytes = 0;
		chunk->done = false;
		chunk = &copy->chunks[++copy->oldest % DEPTH];
	}
}

/* Overwrites its line, every 16 MiB and at the end, and only on a terminal. */
static void show_progress(struct copy *copy)
{
	char done[TEXT_HUMAN_LEN], total[TEXT_HUMAN_LEN];

	if (!isatty(STDERR_FILENO))
		return;
	if (copy->finished < copy->total && copy->finished - copy->shown < 16u << 20)
		return;
	/* Not for each completion: terminals are slow. */
	copy->shown = copy->finished;
	fprintf(stderr, "\r%s of %s%s%s", text_human(done, copy->finished),
		copy->pipe ? "at most " : "", text_human(total, copy->total),
		copy->finished == copy->total ? "\n" : " ");
}

static int transfer(struct copy *copy)
{
	struct vscsi_completion done[DEPTH];
	int ret = 0, count, i;

	/* After an error too, wait for the rest: the buffers belong to the device until then. */
	while (copy->oldest != copy->next || (!copy->error && copy->started < copy->total)) {
		while (!ret && !copy->error && copy->next - copy->oldest < DEPTH &&
		       copy->started < copy->total)
			ret = start_chunk(copy);
		if (ret && ret != -EAGAIN && !copy->error)
			copy->error = ret;
		ret = 0;
		/* Ignore errors: a lost device is reported by the completions. */
		vscsi_submit(copy->queue);
		count = vscsi_poll(copy->queue, done, DEPTH);
		if (count < 0) {
			if (!copy->error)
				copy->error = fail(count, "waiting for", "the disk");
			break;
		}
		for (i = 0; i < count; i++)
			take_completion(copy, &done[i]);
		finish_chunks(copy);
		show_progress(copy);
	}
	if (copy->failed)
		fprintf(stderr, "vscsi-copy: %u other requests failed too\n", copy->failed);
	return copy->error;
}

/* Makes the copy survive a power failure; a pipe has nothing to flush. */
static int flush(const struct copy *copy)
{
	struct stat status;

	if (copy->to_disk)
		return vscsi_sync_flush(copy->lun) ? library_fail(-EIO) : 0;
	if (fstat(copy->fd, &status))
		return fail(-errno, "examining", copy->path);
	if ((S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) && fsync(copy->fd))
		return fail(-errno, "flushing", copy->path);
	return 0;
}

/* A pipe that has more than the disk has room for. */
static int check_end(const struct copy *copy)
{
	char byte;

	if (!copy->pipe || copy->total < copy->info.blocks * copy->info.block_size ||
	    read(copy->fd, &byte, 1) != 1)
		return 0;
	fprintf(stderr, "vscsi-copy: %s has more than the %" PRIu64 " bytes of the disk\n",
		copy->path, copy->total);
	return -EFBIG;
}

/* @unit: NULL for the one with the identity in the address. */
static int open_disk(struct copy *copy, const char *address, const struct vscsi_lun_addr *unit)
{
	int ret = vscsi_dev_open(address, NULL, &copy->dev);
	uint64_t most;
	unsigned i;

	if (ret)
		return library_fail(ret);
	if (unit)
		ret = vscsi_lun_open(copy->dev, unit->target, unit->lun, NULL, &copy->lun);
	else
		ret = vscsi_lun_open_by_id(copy->dev, NULL, NULL, &copy->lun);
	if (ret == -ENOENT) {
		fprintf(stderr,
			"vscsi-copy: no logical unit: give TARGET:LUN, or an identity as in "
			"ADDRESS?id=naa.6001405...\n");
		return -EINVAL;
	}
	if (ret) {
		library_fail(ret);
		fprintf(stderr, "vscsi-copy: 'vscsi-info %s' lists the logical units\n", address);
		return -ENODEV;
	}
	if (vscsi_queue_open(copy->dev, NULL, &copy->queue))
		return library_fail(-EIO);
	copy->info.size = sizeof(copy->info);
	vscsi_lun_get_info(copy->lun, &copy->info);
	if (!copy->info.block_size || !copy->info.max_blocks) {
		fprintf(stderr,
			"vscsi-copy: %u:%u has no blocks to copy; 'vscsi-info %s' lists "
			"the disks\n",
			copy->info.target, copy->info.lun, address);
		return -ENODEV;
	}
	/* Asynchronous requests are not split: a chunk must fit the disk's limit. */
	most = (uint64_t)copy->info.max_blocks * copy->info.block_size;
	copy->chunk_bytes = most < CHUNK ? (uint32_t)most : CHUNK;
	copy->buffers =
		vscsi_mem_alloc(vscsi_dev_mem(copy->dev), (size_t)DEPTH * copy->chunk_bytes, 4096);
	if (!copy->buffers) {
		fprintf(stderr,
			"vscsi-copy: no DMA memory for buffers of %zu bytes; reserve more "
			"with the address option mem=\n",
			(size_t)DEPTH * copy->chunk_bytes);
		return -ENOMEM;
	}
	for (i = 0; i < DEPTH; i++)
		copy->chunks[i].buf = copy->buffers + (size_t)i * copy->chunk_bytes;
	return 0;
}

/* A file that is in use, such as the image of this very disk, must not be truncated. */
static int open_named(struct copy *copy)
{
	char error[IMAGE_ERROR_LEN];
	int fd;

	if (!strcmp(copy->path, "-")) {
		copy->path = copy->to_disk ? "standard input" : "standard output";
		fd = fcntl(copy->to_disk ? STDIN_FILENO : STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? fail(-errno, "opening", copy->path) : fd;
	}
	fd = image_open(copy->path, copy->to_disk ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC, error);
	if (fd < 0)
		fprintf(stderr, "vscsi-copy: %s\n", error);
	return fd;
}

static int open_file(struct copy *copy)
{
	uint64_t disk = copy->info.blocks * copy->info.block_size;
	struct stat status;
	off_t position;

	/* The whole disk; in the other direction the file's size. */
	copy->total = disk;
	copy->fd = open_named(copy);
	if (copy->fd < 0)
		return copy->fd;
	if (fstat(copy->fd, &status))
		return fail(-errno, "opening", copy->path);
	if (!copy->to_disk)
		return 0;
	copy->pipe = !S_ISREG(status.st_mode);
	if (copy->pipe)
		return 0;
	/* Standard input may be somewhere in its file. */
	position = lseek(copy->fd, 0, SEEK_CUR);
	copy->total = position < status.st_size ? (uint64_t)(status.st_size - position) : 0;
	if (copy->total > disk || copy->total % copy->info.block_size) {
		fprintf(stderr,
			"vscsi-copy: %s must have at most %" PRIu64 " bytes, in whole blocks of "
			"%u; it has %" PRIu64 "\n",
			copy->path, disk, copy->info.block_size, copy->total);
		return -EFBIG;
	}
	return 0;
}

/* Where the report goes: not to what receives the disk's data. */
static FILE *report_file(const struct copy *copy)
{
	struct stat out, file;

	if (!copy->to_disk && !fstat(STDOUT_FILENO, &out) && !fstat(copy->fd, &file) &&
	    out.st_dev == file.st_dev && out.st_ino == file.st_ino)
		return stderr;
	return stdout;
}

static int run(struct copy *copy, const char *address, const struct vscsi_lun_addr *unit)
{
	FILE *report = stdout;
	int ret = open_disk(copy, address, unit);
	/* Only of the address. */
	const bool wrong_usage = ret == -EINVAL;

	if (!ret)
		ret = open_file(copy);
	if (!ret) {
		report = report_file(copy);
		ret = transfer(copy);
	}
	if (!ret)
		ret = flush(copy);
	if (!ret)
		ret = check_end(copy);
	if (copy->fd >= 0 && close(copy->fd) && !ret)
		ret = fail(-errno, "closing", copy->path);
	/* In reverse order of creation; each may be NULL. */
	if (copy->dev)
		vscsi_mem_free(vscsi_dev_mem(copy->dev), copy->buffers);
	vscsi_queue_close(copy->queue);
	vscsi_lun_close(copy->lun);
	vscsi_dev_close(copy->dev);
	if (!ret)
		fprintf(report, "%" PRIu64 " bytes copied\n", copy->finished);
	if (wrong_usage)
		return EXIT_USAGE;
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const char help[] =
	"usage: vscsi-copy [--log=LEVEL] ADDRESS [TARGET:LUN] FILE\n"
	"       vscsi-copy [--log=LEVEL] --to-disk FILE ADDRESS [TARGET:LUN]\n"
	"Copies a whole disk to FILE; with --to-disk, FILE to the start of the disk, whose\n"
	"contents are lost. ADDRESS is as for vscsi-info.\n"
	"  TARGET:LUN      not needed with an identity in the address: ADDRESS?id=naa.6001405...\n"
	"  FILE            - is standard output or, with --to-disk, standard input\n"
	"  --to-disk FILE  copy in the other direction\n"
	"  --log=LEVEL     " TOOL_LOG_VALUES ": messages of the library on stderr;\n"
	"                  default: VSCSI_LOG of the environment, or warn\n"
	"  --help          print this text\n"
	"  --version       print the library's version\n"
	"Exit status: 0 success, 1 I/O error, 2 usage error.\n";

static int usage(const char *wrong)
{
	fprintf(stderr, "vscsi-copy: %s; see --help\n", wrong);
	return EXIT_USAGE;
}

static int parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"to-disk", required_argument, NULL, 't'},
		{"log", required_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	struct copy copy = {.fd = -1};
	struct vscsi_lun_addr unit = {0};
	const char *address, *text = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't':
			copy.to_disk = true;
			copy.path = optarg;
			break;
		case 'l':
			if (tool_log(optarg))
				return EXIT_USAGE;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_SUCCESS;
		case 'V':
			printf("vscsi-copy %s\n", vscsi_version());
			return EXIT_SUCCESS;
		default:
			return usage("unknown option, or its value is missing");
		}
	}
	/* The last argument is the file, unless that was an option. */
	if (!copy.to_disk && argc > optind)
		copy.path = argv[--argc];
	if (argc - optind < 1 || argc - optind > 2)
		return usage("wrong number of arguments");
	address = argv[optind];
	if (argc - optind == 2)
		text = argv[optind + 1];
	if (text && text_lun(text, &unit.target, &unit.lun))
		return usage("invalid logical unit (expected TARGET:LUN, 0:0 to 255:16383)");
	return run(&copy, address, text ? &unit : NULL);
}

int main(int argc, char **argv)
{
	tool_begin("vscsi-copy");
	return tool_end(parse(argc, argv));
}
