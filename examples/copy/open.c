/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opens both sides of a copy, and checks that they fit. An existing file is not touched before
 * everything else has been checked.
 */
#include "copy.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* For the buffers, and for the rings and requests of both devices. */
#define POOL_BYTES (24u << 20)

static int open_disks(struct copy *copy)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY, .bytes = POOL_BYTES};
	struct side *input = &copy->input, *output = &copy->output;
	int ret = 0;

	/* Both devices have to reach the buffers. */
	if (input->disk && output->disk && strcmp(input->name, output->name) != 0 &&
	    vscsi_mem_create(&opts, &copy->mem))
		return complain(-ENOMEM, "%s", vscsi_last_error());
	if (input->disk)
		ret = disk_open(input, output, copy->mem);
	if (!ret && output->disk)
		ret = disk_open(output, input, copy->mem);
	return ret;
}

/* A device has several addresses, because options are part of them, and a disk may have more. */
static bool same_disk(const struct side *a, const struct side *b)
{
	const size_t address = strcspn(a->name, "?");

	if (a->target == b->target && a->number == b->number && address == strcspn(b->name, "?") &&
	    !strncmp(a->name, b->name, address))
		return true;
	if (a->info.wwid[0] || b->info.wwid[0])
		return !strcmp(a->info.wwid, b->info.wwid);
	return a->info.serial[0] && !strcmp(a->info.serial, b->info.serial);
}

/* Some blocks would be read after they were written. */
static int check_overlap(const struct copy *copy)
{
	const struct side *input = &copy->input, *output = &copy->output;
	char source[SIDE_NAME_LEN], destination[SIDE_NAME_LEN];

	if (!input->disk || !output->disk || input->start >= output->start + copy->total ||
	    output->start >= input->start + copy->total || !same_disk(input, output))
		return 0;
	return complain(-EINVAL,
			"%s and %s are the same disk, %s, and the parts to read and to write "
			"overlap; between two disks with one identity, copy through a pipe: "
			"'vscsi-copy SOURCE - | vscsi-copy - DESTINATION'",
			side_name(source, input), side_name(destination, output),
			output->info.wwid[0] ? output->info.wwid : "which has no identity");
}

/* From now on, the size is counted from the start on. */
static int check_start(struct side *side, const char *option)
{
	char name[SIDE_NAME_LEN];

	if (side->start % side->block)
		return complain(-EINVAL, "--%s=%" PRIu64 " is within a block of %u bytes of %s",
				option, side->start, side->block, side_name(name, side));
	if (side->size == UNKNOWN)
		return 0;
	if (side->start > side->size)
		return complain(-EINVAL, "--%s=%" PRIu64 " exceeds the %" PRIu64 " bytes of %s",
				option, side->start, side->size, side_name(name, side));
	side->size -= side->start;
	return 0;
}

static uint32_t block_of_both(const struct copy *copy)
{
	return copy->input.block > copy->output.block ? copy->input.block : copy->output.block;
}

static int set_total(struct copy *copy)
{
	const struct side *input = &copy->input, *output = &copy->output;
	const uint32_t block = block_of_both(copy);
	char name[SIDE_NAME_LEN];

	copy->total = copy->count < input->size ? copy->count : input->size;
	/* A stream has what it has. */
	if (copy->total == UNKNOWN)
		copy->total = output->size;
	if (copy->total > output->size)
		return complain(-EFBIG,
				"%" PRIu64 " bytes don't fit: %s has room for %" PRIu64
				"; --count limits the copy",
				copy->total, side_name(name, output), output->size);
	if (copy->total % block)
		return complain(-EFBIG, "%" PRIu64 " bytes of %s are not whole blocks of %u bytes",
				copy->total, side_name(name, input), block);
	if (copy->resume % block || copy->resume > copy->total)
		return complain(-EINVAL,
				"--resume-from=%" PRIu64 ": expected a multiple of %u, at most "
				"%" PRIu64,
				copy->resume, block, copy->total);
	return 0;
}

/* Also what can't be done with a stream. */
static int check(struct copy *copy)
{
	const struct side *output = &copy->output;
	char name[SIDE_NAME_LEN];
	int ret = check_start(&copy->output, "seek");

	if (!ret)
		ret = set_total(copy);
	if (!ret)
		ret = check_overlap(copy);
	if (ret)
		return ret;
	if (output->disk && (output->info.flags & VSCSI_LUN_READ_ONLY))
		return complain(-EROFS, "%s is read-only", side_name(name, output));
	/* Zeros are found in whole blocks. */
	if (copy->sparse && copy->sparse % output->block)
		copy->sparse = output->block;
	if (copy->verify && (copy->input.stream || output->stream))
		return complain(-EINVAL, "--verify can't read a pipe again");
	if (output->stream && output->start)
		return complain(-EINVAL, "--seek needs a file that is not a pipe");
	if (output->stream && copy->resume)
		return complain(-EINVAL, "--resume-from needs a file that is not a pipe");
	return 0;
}

static int allocate(struct copy *copy)
{
	const struct side *side = copy->input.disk ? &copy->input : &copy->output;
	struct side *const sides[] = {&copy->input, &copy->output};
	uint64_t most;
	size_t bytes;
	unsigned i;

	/* Asynchronous requests are not split: a chunk must fit the disks' limits. */
	copy->chunk_bytes = CHUNK;
	for (i = 0; i < 2; i++) {
		most = (uint64_t)sides[i]->info.max_blocks * sides[i]->block;
		if (sides[i]->disk && most < copy->chunk_bytes)
			copy->chunk_bytes = (uint32_t)most;
	}
	copy->chunk_bytes -= copy->chunk_bytes % block_of_both(copy);
	bytes = (size_t)DEPTH * copy->chunk_bytes;
	copy->buffers = bytes ? vscsi_mem_alloc(vscsi_dev_mem(side->dev), bytes, 4096) : NULL;
	if (!copy->buffers)
		return complain(-ENOMEM,
				"no DMA memory for buffers of %zu bytes; reserve more with the "
				"address option mem=",
				bytes);
	for (i = 0; i < DEPTH; i++)
		copy->chunks[i].buf = copy->buffers + (size_t)i * copy->chunk_bytes;
	return 0;
}

int copy_open(struct copy *copy)
{
	int ret = open_disks(copy);

	if (!ret && !copy->input.disk)
		ret = file_open(&copy->input);
	if (!ret)
		ret = check_start(&copy->input, "skip");
	copy->output.readable = copy->verify;
	copy->output.keep |= copy->resume != 0;
	copy->output.least = copy->resume;
	if (!ret)
		ret = check(copy);
	if (!ret)
		ret = allocate(copy);
	if (ret || copy->output.disk)
		return ret;
	ret = file_open(&copy->output);
	/* Once more: it may be a block device or a pipe. */
	return ret ? ret : check(copy);
}

int copy_close(struct copy *copy)
{
	const struct side *side = copy->input.dev ? &copy->input : &copy->output;
	int ret = 0;

	if (copy->input.fd >= 0)
		close(copy->input.fd);
	if (copy->output.fd >= 0 && close(copy->output.fd))
		ret = complain(-errno, "closing %s: %s", copy->output.name, strerror(errno));
	if (side->dev)
		vscsi_mem_free(vscsi_dev_mem(side->dev), copy->buffers);
	disk_close(&copy->output, &copy->input);
	disk_close(&copy->input, &copy->output);
	vscsi_mem_destroy(copy->mem);
	return ret;
}
