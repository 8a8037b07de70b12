/* SPDX-License-Identifier: BSD-3-Clause */
/* Device, LUNs, regions and buffers of a load, and its reads. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>

#include "fake_device.h"
#include "fake_disk.h"

/* A read's buffer: segments of 512 bytes that don't touch, or the first 4 KiB of it at once. */
#define SEGMENT      512u
#define STRIDE       (2 * SEGMENT)
#define BUFFER       (LOAD_MAX_SEGS * STRIDE)
#define REGION_BYTES (LOAD_MAX_DEPTH * BUFFER)

/* A library that knows packed rings uses them wherever they are offered. */
#ifdef VSCSI_HAVE_PACKED
#define PACKED "&packed=on"
#define SPLIT  "&packed=off"
#else
#define PACKED ""
#define SPLIT  ""
#endif

_Static_assert(LOAD_MAX_SEGS *SEGMENT == FAKE_BLOCK_SIZE, "a read is one block");

/*
 * The ring has room for LOAD_MAX_DEPTH reads: one entry for each of them with indirect descriptors,
 * else a power of two that header, response and segments fit in.
 */
static void write_address(const struct load_opts *opts, char *address, size_t len)
{
	unsigned entries = opts->direct ? (opts->segs > 2 ? 16 : 4) : 1;

	snprintf(address, len,
		 "fake:?queues=%u&queue_size=%u&max_segs=%u&indirect=%s&mem=%uM"
		 "&io_timeout_ms=4294967295&stats=%s%s",
		 opts->queues, LOAD_MAX_DEPTH * entries, opts->segs > 2 ? LOAD_MAX_SEGS : 2,
		 opts->direct ? "off" : "on", opts->queues > 16 ? 64u : 16u,
		 opts->stats ? "on" : "off", opts->packed ? PACKED : SPLIT);
}

static int open_luns(struct load *load)
{
	int err = 0;

	load->luns = calloc(load->opts.luns, sizeof(struct vscsi_lun *));
	if (!load->luns)
		return -ENOMEM;
	for (unsigned i = 0; !err && i < load->opts.luns; i++)
		err = vscsi_lun_open(load->dev, 0, i, NULL, &load->luns[i]);
	return err;
}

/* Every other piece of one mapping, so that no two regions could be taken for one. */
static char *region(const struct load *load, unsigned number)
{
	return load->mapping + (size_t)2 * number * REGION_BYTES;
}

static int register_regions(struct load *load)
{
	size_t bytes = (size_t)2 * load->opts.regions * REGION_BYTES;
	struct vscsi_mem *mem = vscsi_dev_mem(load->dev);
	int err;

	load->pool = vscsi_mem_alloc(mem, REGION_BYTES, FAKE_BLOCK_SIZE);
	if (!load->pool)
		return -ENOMEM;
	if (!bytes)
		return 0;
	load->fd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (load->fd < 0 || ftruncate(load->fd, (off_t)bytes) < 0)
		return -errno;
	load->mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, load->fd, 0);
	if (load->mapping == MAP_FAILED)
		return -errno;
	for (; load->registered < load->opts.regions; load->registered++) {
		char *start = region(load, load->registered);

		err = vscsi_mem_register(mem, start, REGION_BYTES, load->fd, start - load->mapping);
		if (err)
			return err;
	}
	return 0;
}

int load_queue(struct load *load, struct vscsi_queue **queue)
{
	struct vscsi_queue_opts opts = {
		.size = sizeof(opts),
		.flags = load->opts.shared ? VSCSI_QUEUE_SHARED : VSCSI_QUEUE_EXCLUSIVE,
	};

	return vscsi_queue_open(load->dev, &opts, queue);
}

int load_open(struct load *load, const struct load_opts *opts)
{
	char address[160];
	int err;

	*load = (struct load){.opts = *opts, .fd = -1, .mapping = MAP_FAILED};
	write_address(opts, address, sizeof(address));
	fake_device_offer(opts->queues);
	fake_device_limit(opts->limit);
	fake_disk_huge(opts->wide);
	err = vscsi_dev_open(address, NULL, &load->dev);
	if (!err)
		err = open_luns(load);
	if (!err)
		err = register_regions(load);
	if (!err)
		err = load_queue(load, &load->queue);
	if (!err)
		fake_device_polls(true);
	return err;
}

void load_close(struct load *load)
{
	struct vscsi_mem *mem = load->dev ? vscsi_dev_mem(load->dev) : NULL;

	fake_device_polls(false);
	vscsi_queue_close(load->queue);
	for (unsigned i = 0; load->luns && i < load->opts.luns; i++)
		vscsi_lun_close(load->luns[i]);
	for (unsigned i = 0; i < load->registered; i++)
		vscsi_mem_unregister(mem, region(load, i));
	vscsi_dev_close(load->dev);
	if (load->mapping != MAP_FAILED)
		munmap(load->mapping, (size_t)2 * load->opts.regions * REGION_BYTES);
	if (load->fd >= 0)
		close(load->fd);
	free(load->luns);
}

unsigned load_queue_index(struct vscsi_queue *queue)
{
	struct vscsi_queue_info info = {.size = sizeof(info)};

	vscsi_queue_get_info(queue, &info);
	return info.index;
}

int load_read(struct load *load, struct vscsi_queue *queue, uint64_t number)
{
	const struct load_opts *opts = &load->opts;
	struct vscsi_lun *lun = load->luns[number % opts->luns];
	char *base = opts->spread ? region(load, (unsigned)(number % opts->spread)) : load->pool;
	char *buffer = base + number % LOAD_MAX_DEPTH * BUFFER;
	/* Strides over the disk, so that no two reads are neighbours. */
	uint64_t lba = number * 7919 % FAKE_BLOCKS;
	bool write = opts->mixed && (number * 2654435761u >> 16 & 1);
	struct iovec iov[LOAD_MAX_SEGS];

	if (opts->segs == 1 && write)
		return vscsi_write(queue, lun, buffer, lba, 1, 0, number);
	if (opts->segs == 1)
		return vscsi_read(queue, lun, buffer, lba, 1, 0, number);
	for (unsigned i = 0; i < opts->segs; i++)
		iov[i] = (struct iovec){buffer + (size_t)i * STRIDE, FAKE_BLOCK_SIZE / opts->segs};
	if (write)
		return vscsi_writev(queue, lun, iov, opts->segs, lba, 1, 0, number);
	return vscsi_readv(queue, lun, iov, opts->segs, lba, 1, 0, number);
}
