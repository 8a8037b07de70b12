/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asynchronous I/O: reads the first 64 blocks of 4 KiB of a disk with 16 requests in flight, and
 * adds up their bytes. One thread, one queue; nothing blocks.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <vscsi/vscsi.h>

#define DEPTH 16
#define BYTES 4096
#define TOTAL 64

/* Prepares as many reads as there are free buffers, and submits them with one call. */
static int start_reads(struct vscsi_queue *queue, struct vscsi_lun *lun, unsigned char *buffers,
		       uint32_t blocks, unsigned *busy, unsigned *started)
{
	unsigned slot;
	int ret = 0, err;

	/* A slot has one buffer and one request; its number is the request's user data. */
	for (slot = 0; slot < DEPTH && *started < TOTAL; slot++) {
		if (*busy & 1u << slot)
			continue;
		ret = vscsi_read(queue, lun, buffers + (size_t)slot * BYTES,
				 (uint64_t)*started * blocks, blocks, 0, slot);
		if (ret)
			break;
		*busy |= 1u << slot;
		++*started;
	}
	/* Submit after an error too: otherwise the prepared reads would never complete. */
	err = vscsi_submit(queue);
	/* -EAGAIN only means that no more requests fit now. */
	return ret && ret != -EAGAIN ? ret : err;
}

static int sum_reads(struct vscsi_queue *queue, struct vscsi_lun *lun, unsigned char *buffers,
		     uint32_t blocks, uint64_t *sum)
{
	struct vscsi_completion done[DEPTH];
	unsigned busy = 0, started = 0, byte;
	int ret = 0, count, i;

	/* Continue after an error too: buffers belong to the device until their completion. */
	while (busy || (!ret && started < TOTAL)) {
		if (!ret)
			ret = start_reads(queue, lun, buffers, blocks, &busy, &started);
		/* Returns at once, usually with 0. */
		count = vscsi_poll(queue, done, DEPTH);
		if (count < 0)
			return count;
		for (i = 0; i < count; i++) {
			busy &= ~(1u << done[i].user_data);
			if (done[i].result)
				ret = done[i].result;
			for (byte = 0; byte < BYTES; byte++)
				*sum += buffers[done[i].user_data * BYTES + byte];
		}
	}
	return ret;
}

int main(int argc, char **argv)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	struct vscsi_queue *queue = NULL;
	struct vscsi_dev *dev = NULL;
	struct vscsi_lun *lun = NULL;
	unsigned char *buffers;
	uint64_t sum = 0;
	int ret = 1;

	if (argc != 2) {
		fprintf(stderr, "usage: async ADDRESS\n");
		return 2;
	}
	if (vscsi_dev_open(argv[1], NULL, &dev) || vscsi_lun_open(dev, 0, 0, NULL, &lun) ||
	    vscsi_lun_get_info(lun, &info) || vscsi_queue_open(dev, NULL, &queue)) {
		fprintf(stderr, "%s\n", vscsi_last_error());
		goto out;
	}
	buffers = vscsi_mem_alloc(vscsi_dev_mem(dev), (size_t)DEPTH * BYTES, 4096);
	if (!buffers || !info.block_size || info.blocks < TOTAL * BYTES / info.block_size) {
		fprintf(stderr, "0:0 is smaller than 256 KiB, or no DMA memory is left\n");
		goto out;
	}
	ret = sum_reads(queue, lun, buffers, BYTES / info.block_size, &sum);
	if (ret)
		fprintf(stderr, "reading: %s\n", strerror(-ret));
	else
		printf("sum of the first %d bytes: %llu\n", TOTAL * BYTES, (unsigned long long)sum);
	ret = ret ? 1 : 0;
	vscsi_mem_free(vscsi_dev_mem(dev), buffers);
out:
	vscsi_queue_close(queue);
	vscsi_lun_close(lun);
	vscsi_dev_close(dev);
	return ret;
}
