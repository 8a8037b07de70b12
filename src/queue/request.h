/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making a request of any shape: take a slot, gather the segments on the stack, fill the slot, hand
 * it to the ring. One that can't be made leaves no trace.
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
 * struct request - What a slot is to carry besides its CDB
 * @out, @in: number of pieces for and from the device
 * @out_bytes, @in_bytes: their bytes
 * @regions: DMA regions that they are in
 * @parameters: bytes of parameters, which are one of the pieces
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

/* Gives a slot back whose request turned out to be impossible, and unlocks. Returns @err. */
int request_abandon(struct vscsi_queue *queue, struct io_lun *lun, struct slot *slot, int err);

/*
 * Hands a filled slot to the ring, or holds it back while the LUN is suspect; unlocks. Returns 0.
 */
int request_commit(struct vscsi_queue *queue, struct io_lun *lun, struct slot *slot,
		   uint64_t user_data);

/* Begins with a request that carries nothing; the pieces needn't be cleaned. */
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
 * @ioq: queue that it is for
 * @request: the request; segments for the device have to be added before those from it
 * @iov, @iovcnt: the segments; empty ones are left out (a zero-length descriptor breaks devices),
 *	those that touch are joined within a region (virtio 1.4, 2.7.4.2)
 * @out: they are for the device
 *
 * Return: 0; -EFAULT (not DMA memory); -E2BIG (too many pieces, or more than 4 GiB: 2.7.5.2).
 */
int request_gather(struct ioq *ioq, struct request *request, const struct iovec *iov,
		   unsigned iovcnt, bool out);

/*
 * Adds the @bytes of parameters that are in the slot's copy, for the device. They don't count as
 * data: a device that says GOOD has had them, though SPDK has the residual of UNMAP say
 * that it hasn't.
 */
void request_add_parameters(struct ioq *ioq, struct request *request, const struct slot *slot,
			    uint32_t bytes);

/**
 * request_fill - Write a request into its slot, whose CDB is in slot.cdb already
 *
 * Return: false, with nothing in the slot, when the regions of DMA memory changed since
 * request_init(): what was gathered has to be gathered again. Never with nothing gathered.
 */
bool request_fill(struct ioq *ioq, struct slot *slot, struct io_lun *lun,
		  const struct request *request);

#endif
