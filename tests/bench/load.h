/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the benchmarks around the fake device have in common: a device with its LUNs, memory and a
 * queue, and 4 KiB reads from it. How often and in which order is for each of them to say.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <vscsi/vscsi.h>

/* Most reads that may be in flight at once: the slots of each queue. */
#define LOAD_MAX_DEPTH 128u

/* Most segments of a read. */
#define LOAD_MAX_SEGS 8u

/**
 * struct load_opts - A cell of the matrix
 * @queues: request queues to set up
 * @luns: LUNs to open, which the reads go around
 * @regions: memory regions to register
 * @spread: regions that the buffers of the reads go around; 0: buffers from the pool
 * @limit: requests that the device takes for one LUN, so that they are counted; 0: any number
 * @segs: segments of a read, 1 or LOAD_MAX_SEGS
 * @direct: no indirect descriptors
 * @packed: packed ring
 * @shared: a queue that may be shared
 * @wide: a LUN that takes 16-byte commands
 * @stats: requests are counted and timed
 * @mixed: every other request, in no order, is a write
 */
struct load_opts {
	unsigned queues;
	unsigned luns;
	unsigned regions;
	unsigned spread;
	unsigned limit;
	unsigned segs;
	bool direct;
	bool packed;
	bool shared;
	bool wide;
	bool mixed;
	bool stats;
};

struct load {
	struct load_opts opts;
	struct vscsi_dev *dev;
	struct vscsi_queue *queue;
	struct vscsi_lun **luns;
	char *pool;
	char *mapping;
	int fd;
	unsigned registered;
};

/**
 * load_open - Open device, LUNs and one queue
 * @load: the load; load_close() is needed whether this succeeds or not
 * @opts: the cell
 *
 * Return: 0, or a negative errno; vscsi_last_error() says why.
 */
int load_open(struct load *load, const struct load_opts *opts);
void load_close(struct load *load);

/* Opens one more exclusive queue of the same device: for a second thread, and by it. */
int load_queue(struct load *load, struct vscsi_queue **queue);

/* Number of the device's request queue that a handle uses, as fake_device_serve() takes it. */
unsigned load_queue_index(struct vscsi_queue *queue);

/**
 * load_read - Prepare a read of 4 KiB, or where they are mixed a write
 * @number: counts up, one for each read of a queue: it chooses LUN, block and buffer
 *
 * Return: what vscsi_read() or vscsi_write(), or with several segments vscsi_readv() or
 * vscsi_writev(), returned.
 */
int load_read(struct load *load, struct vscsi_queue *queue, uint64_t number);

#endif
