/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the fast ways of reading and writing share, whether a transfer has one buffer (rw.c) or
 * several (rwv.c): the slot is prepared for its kind of transfer once, and then only numbers are
 * written. Everything here is inlined where its arguments are constants.
 */
#ifndef QUEUE_TRANSFER_H
#define QUEUE_TRANSFER_H

#include "queue/credit.h"
#include "queue/fair.h"
#include "queue/queue.h"
#include "mem/dma.h"
#include "scsi/cdb.h"

/**
 * struct transfer - A transfer's arguments; never in memory
 * @lun, @lba, @blocks, @user_data: as given
 * @segs: number of data descriptors
 * @write: it is a write
 * @wide: with a 16-byte CDB
 * @direct: the table lies in the ring
 * @counted: its LUN has credits
 * @format: the ring's
 */
struct transfer {
	struct vscsi_lun *lun;
	uint64_t lba;
	uint32_t blocks;
	unsigned segs;
	uint64_t user_data;
	bool write;
	bool wide;
	bool direct;
	bool counted;
	enum virtq_format format;
};

/* The shape that its slot must have. */
HOT uint16_t transfer_shape(const struct transfer *t)
{
	unsigned table = t->write ? SHAPE(t->segs, 0) : SHAPE(0, t->segs);

	return (uint16_t)(table | (t->wide ? SHAPE_16 : SHAPE_10) | (t->direct ? SHAPE_DIRECT : 0));
}

/* Whether nothing about it can be wrong but the buffers, and it would not be one too many. */
HOT bool transfer_is_plain(const struct ioq *ioq, const struct transfer *t)
{
	const uint32_t *most = t->counted ? t->lun->counted_blocks : t->lun->fast_blocks;

	if (unlikely(t->blocks - 1 >= most[t->write]))
		return false;
	if (!t->wide && unlikely(t->lba >= t->lun->short_lbas))
		return false;
	return !t->counted || likely(credit_of(t->lun, ioq)->left);
}

/* Its data descriptors in a slot of its shape. */
HOT struct vring_desc *transfer_data(const struct ioq *ioq, const struct slot *slot,
				     const struct transfer *t)
{
	if (!t->direct)
		return header_data(slot->header);
	return virtq_table(&ioq->vq) + slot->head + descs_before_data(t->write);
}

/*
 * Takes the first free slot, which has its shape and its data descriptors already, writes the rest
 * and hands it to the ring. What is written is the LUN, the CDB's numbers, the private part and the
 * ring's entry. @len: its bytes.
 */
HOT void transfer_push(struct ioq *ioq, struct slot *slot, const struct transfer *t, uint32_t len)
{
	struct virtio_scsi_cmd_req *header = slot->header;

	ioq->free = slot->next;
	memcpy(header->lun, t->lun->addr, sizeof(t->lun->addr));
	if (t->wide)
		scsi_cdb_update_16(header->cdb, t->lba, t->blocks);
	else
		scsi_cdb_update_10(header->cdb, (uint32_t)t->lba, (uint16_t)t->blocks);
	slot->data_len = len;
	if (!t->write)
		slot->expect = len + (uint32_t)sizeof(struct virtio_scsi_cmd_resp);
	atomic_store_explicit(&slot->regions, ioq->cache.span.set, memory_order_relaxed);
	slot->user_data = t->user_data;
	atomic_store_explicit(&slot->lun, t->lun, memory_order_relaxed);
	if (t->counted)
		credit_of(t->lun, ioq)->left--;
	slot->flags = t->counted ? SLOT_LIVE | SLOT_COUNTED : SLOT_LIVE;
	virtq_push_untracked_as(&ioq->vq, t->format, slot->head);
}

/*
 * Whether a slot may be taken for a LUN. Asked with the queue's lock held: while it was waited for,
 * the queue may have come back with another disk.
 */
HOT bool transfer_may_begin(const struct vscsi_queue *queue, const struct vscsi_lun *lun,
			    bool shared)
{
	return likely(!lun_gone(lun)) && (!shared || likely(share_may_take(queue)));
}

/* Gives the first free slot a shape. Its parts, as a pointer would put the transfer into memory. */
void transfer_format(struct ioq *ioq, uint16_t shape, unsigned segs, bool write, bool wide);

/*
 * Prepares cache, credit and slot for a transfer, where they are not ready. @buf: where its data
 * begin. It may still not fit: then it is found so again.
 */
HOT void transfer_prepare(struct ioq *ioq, const void *buf, const struct transfer *t)
{
	if (unlikely(!dma_cache_covers(ioq->map, &ioq->cache, buf, 1)))
		dma_find(ioq->map, &ioq->cache, (uintptr_t)buf);
	if (t->counted)
		credit_get(t->lun, ioq);
	if (unlikely(ioq->slots[ioq->free].shape != transfer_shape(t)))
		transfer_format(ioq, transfer_shape(t), t->segs, t->write, t->wide);
}

#endif
