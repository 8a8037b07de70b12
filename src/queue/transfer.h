/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads and writes: what the fast paths (fast.c) and the general one (transfer.c) share.
 *
 * A fast path exists for each layout of layout.h. It takes the first free slot if that did the same
 * kind of transfer last time, so that only numbers are written to it: LUN, LBA, length, one data
 * descriptor for each segment, and the ring's entry. A slot that did another kind is changed first.
 * Everything else goes to queue_transfer(), which takes any transfer on any queue and finds every
 * error.
 */
#ifndef QUEUE_TRANSFER_H
#define QUEUE_TRANSFER_H

#include "queue/queue.h"

/**
 * queue_transfer - Prepare a read or a write on any queue
 *
 * Return: as vscsi_readv() and vscsi_writev().
 */
int queue_transfer(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,
		   unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
		   uint64_t user_data, bool write);

/* The same for one buffer: what a fast path of vscsi_read() and vscsi_write() doesn't take. */
int queue_transfer_one(struct vscsi_queue *queue, struct io_lun *lun, const void *buf, uint64_t lba,
		       uint32_t blocks, uint32_t flags, uint64_t user_data, bool write);

#endif
