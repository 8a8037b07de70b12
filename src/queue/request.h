/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prepares a request of any shape: takes a slot, gathers the segments on the stack, fills the slot,
 * and pushes it. A failure changes nothing.
 */
#ifndef QUEUE_REQUEST_H
#define QUEUE_REQUEST_H

#include <sys/uio.h>

#include "queue/queue.h"

/* A piece of a data buffer that is contiguous for the device and in one region. */
struct piece {
	uint64_t iova;
	uint64_t len;
	uint64_t region;
};

/**
 * struct request - The data of a request, without its CDB
 * @out, @in: number of pieces for and from the device
 * @out_bytes, @in_bytes: their bytes
 * @regions: DMA regions that they are in
 * @parameters: bytes of a parameter list, which is one of the pieces
 * @version: dma_version() before the first of them
 * @pieces: first those for the device, then those from it
 */
struct request {
	unsigned out;
	unsigned in;
	uint64_t out_bytes;
	uint64_t in_bytes;
	uint64_t regions;
	uint32_t parameters;
	uint64_t version;
	struct piece pieces[SLOT_MAX_SEGS];
};

/**
 * request_begin - Take a slot for a request
 * @queue: the queue; locked when this returns 0
 * @lun: LUN that the request is for
 * @out: receives the slot: request_fill(), its CDB, then request_commit(); or request_abandon()
 *
 * Return: 0; -EAGAIN (full now); -ENODEV (the LUN is gone); -ENOTCONN; -EPERM, -ECHILD as
 * queue_check().
 */
int request_begin(struct vscsi_queue *queue, struct io_lun *lun, struct slot **out);

/* Releases the slot of a request that failed, and unlocks the queue. Returns @err. */
int request_abandon(struct vscsi_queue *queue, struct io_lun *lun, struct slot *slot, int err);

/*
 * Pushes a filled slot, or puts it into BACKOFF if the LUN is not PRESENT; unlocks. Returns 0.
 */
int request_commit(struct vscsi_queue *queue, struct io_lun *lun, struct slot *slot,
		   uint64_t user_data);

/* Initializes a request without data; the pieces needn't be zeroed. */
static inline void request_init(const struct ioq *ioq, struct request *request)
{
	request->version = dma_version(ioq->map);
	request->out = 0;
	request->in = 0;
	request->out_bytes = 0;
	request->in_bytes = 0;
	request->regions = 0;
	request->parameters = 0;
	request->pieces[0].iova = 0;
}

/**
 * request_gather - Add segments of DMA memory to a request
 * @ioq: its queue
 * @request: the request; segments for the device must be added before those from it
 * @iov, @iovcnt: the segments; empty ones are left out (a zero-length descriptor breaks devices),
 *	adjoining ones are merged within a region (virtio 1.4, 2.7.4.2)
 * @out: they are for the device
 *
 * Return: 0; -EFAULT (not DMA memory); -E2BIG (too many pieces, or more than 4 GiB: 2.7.5.2).
 */
int request_gather(struct ioq *ioq, struct request *request, const struct iovec *iov,
		   unsigned iovcnt, bool out);

/*
 * Adds the parameter list in the slot's copy, @bytes long, for the device. It doesn't count as
 * data, so the residual is not checked against it: SPDK reports the whole list as the residual of a
 * successful UNMAP.
 */
void request_add_parameters(struct ioq *ioq, struct request *request, const struct slot *slot,
			    uint32_t bytes);

/**
 * request_fill - Write a request into its slot, whose CDB is in slot.cdb already
 *
 * Return: false if the DMA regions changed since request_init(): then the caller must gather the
 * segments again. Always true without segments.
 */
bool request_fill(struct ioq *ioq, struct slot *slot, struct io_lun *lun,
		  const struct request *request);

#endif
