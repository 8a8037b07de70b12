/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi-copy: copies a whole disk to a file, or a file to a disk. Many requests are in flight, each
 * with its own buffer in DMA memory; the file is read and written in between.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vscsi/vscsi.h>

#include "common/image.h"
#include "common/text.h"

#define DEPTH      32
#define CHUNK      (256u * 1024)
#define EXIT_USAGE 2

/* A request: its position in the disk and in the file, and its buffer. */
struct chunk {
	unsigned char *buf;
	uint64_t offset;
	uint32_t bytes;
};

struct copy {
	bool to_disk;
	const char *path;
	int fd;
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	struct vscsi_lun_info info;
	unsigned char *buffers;
	struct chunk chunks[DEPTH];
	unsigned idle[DEPTH]; /* indices of chunks that are not in flight */
	unsigned idle_count;
	uint32_t chunk_bytes;
	uint64_t total;
	uint64_t started; /* this and the next two are in bytes */
	uint64_t finished;
	uint64_t shown;
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

/* Transfers all of @chunk from or to the file. A short file was truncated in the meantime. */
static int file_move(const struct copy *copy, const struct chunk *chunk)
{
	uint32_t moved = 0;
	ssize_t ret;

	while (moved < chunk->bytes) {
		if (copy->to_disk)
			ret = pread(copy->fd, chunk->buf + moved, chunk->bytes - moved,
				    (off_t)(chunk->offset + moved));
		else
			ret = pwrite(copy->fd, chunk->buf + moved, chunk->bytes - moved,
				     (off_t)(chunk->offset + moved));
		/* Interrupted by a signal. */
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return fail(ret ? -errno : -ENODATA, copy->to_disk ? "reading" : "writing",
				    copy->path);
		moved += (uint32_t)ret;
	}
	return 0;
}

/* Returns 0, -EAGAIN if the disk accepts no more requests now, or an error that was printed. */
static int start_chunk(struct copy *copy)
{
	unsigned number = copy->idle[copy->idle_count - 1];
	struct chunk *chunk = &copy->chunks[number];
	uint64_t left = copy->total - copy->started, lba;
	uint32_t blocks;
	int ret = 0;

	chunk->offset = copy->started;
	chunk->bytes = left < copy->chunk_bytes ? (uint32_t)left : copy->chunk_bytes;
	lba = chunk->offset / copy->info.block_size;
	blocks = chunk->bytes / copy->info.block_size;
	if (copy->to_disk) {
		ret = file_move(copy, chunk);
		if (ret)
			return ret;
		ret = vscsi_write(copy->queue, copy->lun, chunk->buf, lba, blocks, 0, number);
	} else {
		ret = vscsi_read(copy->queue, copy->lun, chunk->buf, lba, blocks, 0, number);
	}
	/* After -EAGAIN the slot stays idle, and the file is read again later. */
	if (ret)
		return ret == -EAGAIN ? ret : fail(ret, "preparing a request to", "the disk");
	copy->idle_count--;
	copy->started += chunk->bytes;
	return 0;
}

static int finish_chunk(struct copy *copy, const struct vscsi_completion *done)
{
	struct chunk *chunk = &copy->chunks[done->user_data];

	copy->idle[copy->idle_count++] = (unsigned)done->user_data;
	if (done->result) {
		fprintf(stderr, "vscsi-copy: the disk failed at byte %" PRIu64 ": %s%s%s\n",
			chunk->offset, strerror(-done->result), done->sense_key ? ": " : "",
			done->sense_key ? vscsi_sense_text(done->sense_key, done->asc, done->ascq)
					: "");
		return done->result;
	}
	if (!copy->to_disk && file_move(copy, chunk))
		return -EIO;
	copy->finished += chunk->bytes;
	return 0;
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
	fprintf(stderr, "\r%s of %s%s", text_human(done, copy->finished),
		text_human(total, copy->total), copy->finished == copy->total ? "\n" : " ");
}

static int transfer(struct copy *copy)
{
	struct vscsi_completion done[DEPTH];
	int ret = 0, count, i;

	/* After an error too, wait for the rest: the buffers belong to the device until then. */
	while (copy->idle_count < DEPTH || (!ret && copy->started < copy->total)) {
		while (!ret && copy->idle_count && copy->started < copy->total)
			ret = start_chunk(copy);
		if (ret == -EAGAIN)
			ret = 0;
		/* Ignore errors: a lost device is reported by the completions. */
		vscsi_submit(copy->queue);
		count = vscsi_poll(copy->queue, done, DEPTH);
		if (count < 0)
			return fail(count, "waiting for", "the disk");
		for (i = 0; i < count; i++) {
			int failed = finish_chunk(copy, &done[i]);

			ret = ret ? ret : failed;
		}
		show_progress(copy);
	}
	return ret;
}

static int open_disk(struct copy *copy, const char *address, uint32_t target, uint32_t lun)
{
	uint64_t most;
	unsigned i;

	if (vscsi_dev_open(address, NULL, &copy->dev))
		return library_fail(-EIO);
	if (vscsi_lun_open(copy->dev, target, lun, NULL, &copy->lun)) {
		library_fail(-ENODEV);
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
			target, lun, address);
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
	for (i = 0; i < DEPTH; i++) {
		copy->chunks[i].buf = copy->buffers + (size_t)i * copy->chunk_bytes;
		copy->idle[copy->idle_count++] = i;
	}
	return 0;
}

static int open_file(struct copy *copy)
{
	uint64_t disk = copy->info.blocks * copy->info.block_size;
	char error[IMAGE_ERROR_LEN];
	struct stat status;

	/* The whole disk; in the other direction the file's size. */
	copy->total = disk;
	/* A file that is in use, such as the image of this very disk, must not be truncated. */
	copy->fd = image_open(copy->path, copy->to_disk ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC,
			      error);
	if (copy->fd < 0) {
		fprintf(stderr, "vscsi-copy: %s\n", error);
		return copy->fd;
	}
	if (fstat(copy->fd, &status))
		return fail(-errno, "opening", copy->path);
	if (!copy->to_disk)
		return 0;
	copy->total = (uint64_t)status.st_size;
	if (!S_ISREG(status.st_mode) || copy->total > disk || copy->total % copy->info.block_size) {
		fprintf(stderr,
			"vscsi-copy: %s must be a file of at most %" PRIu64 " bytes, in whole "
			"blocks of %u; it has %" PRIu64 "\n",
			copy->path, disk, copy->info.block_size, copy->total);
		return -EINVAL;
	}
	return 0;
}

static int run(struct copy *copy, const char *address, uint32_t target, uint32_t lun)
{
	int ret = open_disk(copy, address, target, lun);

	if (!ret)
		ret = open_file(copy);
	if (!ret)
		ret = transfer(copy);
	/* Flush, so that the copy survives a power failure. */
	if (!ret && copy->to_disk && vscsi_sync_flush(copy->lun))
		ret = library_fail(-EIO);
	if (copy->fd >= 0 && close(copy->fd) && !ret)
		ret = fail(-errno, "closing", copy->path);
	/* In reverse order of creation; each may be NULL. */
	if (copy->dev)
		vscsi_mem_free(vscsi_dev_mem(copy->dev), copy->buffers);
	vscsi_queue_close(copy->queue);
	vscsi_lun_close(copy->lun);
	vscsi_dev_close(copy->dev);
	if (!ret)
		printf("%" PRIu64 " bytes copied\n", copy->finished);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int usage(const char *wrong)
{
	FILE *to = wrong ? stderr : stdout;

	if (wrong)
		fprintf(to, "vscsi-copy: %s\n", wrong);
	fputs("usage: vscsi-copy ADDRESS TARGET:LUN FILE\n"
	      "       vscsi-copy --to-disk FILE ADDRESS TARGET:LUN\n"
	      "Copies a whole disk to FILE; with --to-disk, FILE to the start of the disk,\n"
	      "whose contents are lost. ADDRESS is as for vscsi-info.\n"
	      "Exit status: 0 success, 1 I/O error, 2 usage error.\n",
	      to);
	return wrong ? EXIT_USAGE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"to-disk", required_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'}, {0}};
	struct copy copy = {.fd = -1};
	uint32_t target, lun;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h')
			return usage(NULL);
		if (option != 't')
			return usage("unknown option, or its value is missing");
		copy.to_disk = true;
		copy.path = optarg;
	}
	if (argc - optind != (copy.to_disk ? 2 : 3))
		return usage("wrong number of arguments");
	if (text_lun(argv[optind + 1], &target, &lun))
		return usage("invalid logical unit (expected TARGET:LUN, 0:0 to 255:16383)");
	if (!copy.to_disk)
		copy.path = argv[optind + 2];
	return run(&copy, argv[optind], target, lun);
}
