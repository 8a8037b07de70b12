/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The general path of reads and writes.
 *
 * There is a fast path (fast.c) for each layout of layout.h. It takes the first free slot if that
 * slot's last request was the same kind of transfer, so that only numbers are written to it: LUN,
 * LBA, length, one data descriptor for each segment, and the ring's entry. Otherwise the slot is
 * formatted first. Everything else goes to queue_transfer(), which handles any transfer on any
 * queue and detects every error.
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

/* The same for one buffer: for vscsi_read() and vscsi_write(). */
int queue_transfer_one(struct vscsi_queue *queue, struct io_lun *lun, const void *buf, uint64_t lba,
		       uint32_t blocks, uint32_t flags, uint64_t user_data, bool write);

#endif
