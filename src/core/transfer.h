/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the fast ways of reading and writing share, whether a transfer has one buffer (rw.c) or
 * several (rwv.c): the slot is prepared for its kind of transfer once, and then only numbers are
 * written. Everything here is inlined where its arguments are constants.
 */
#ifndef CORE_TRANSFER_H
#define CORE_TRANSFER_H

#include "core/fair.h"
#include "core/queue.h"
#include "scsi/cdb.h"

#define HOT static inline __attribute__((always_inline))

/* The shape of a slot for @segs segments. */
HOT uint16_t transfer_shape(unsigned segs, bool write, bool wide, bool direct)
{
	unsigned table = write ? SHAPE(segs, 0) : SHAPE(0, segs);

	return (uint16_t)(table | (wide ? SHAPE_16 : SHAPE_10) | (direct ? SHAPE_DIRECT : 0));
}

/* A transfer as an initialiser. */
#define TRANSFER(lun, lba, blocks, user_data, segs, write, wide, direct, format)              \
	{                                                                                     \
		lun, lba, blocks, user_data, segs, transfer_shape(segs, write, wide, direct), \
			write, wide, direct, format                                           \
	}

/**
 * struct transfer - A transfer's arguments; never in memory
 * @lun, @lba, @blocks, @user_data: as given
 * @segs: number of data descriptors
 * @shape: what the slot must have
 * @write: it is a write
 * @wide: with a 16-byte CDB
 * @direct: the table lies in the ring
 * @format: the ring's
 */
struct transfer {
	struct vscsi_lun *lun;
	uint64_t lba;
	uint32_t blocks;
	uint64_t user_data;
	unsigned segs;
	uint16_t shape;
	bool write;
	bool wide;
	bool direct;
	enum virtq_format format;
};

/* Whether nothing about it can be wrong but the buffers. */
HOT bool transfer_is_plain(const struct transfer *t, uint32_t flags)
{
	if (unlikely(t->blocks - 1 >= t->lun->fast_blocks[t->write]))
		return false;
	if (unlikely(flags))
		return false;
	return t->wide || likely(t->lba < t->lun->short_lbas);
}

/* Its data descriptors in a slot of its shape. */
HOT struct vring_desc *transfer_data(const struct ioq *ioq, const struct slot *slot,
				     const struct transfer *t)
{
	struct vring_desc *table =
		t->direct ? virtq_table(&ioq->vq) + slot->head : slot_inner_table(slot->header);

	return &table[t->write ? 1 : 2];
}

/*
 * Takes the first free slot, which has its shape and its data descriptors already, writes the rest
 * and hands it to the ring. What is written is the LUN, the CDB's numbers, the word that poisons
 * the response, the private part and the ring's entry. @len: its bytes.
 */
HOT void transfer_push(struct ioq *ioq, struct slot *slot, const struct transfer *t, uint32_t len)
{
	struct virtio_scsi_cmd_req *header = slot->header;

	ioq->free = slot->next;
	memcpy(header->lun, t->lun->addr, sizeof(t->lun->addr));
	if (t->wide)
		scsi_cdb_renew_16(header->cdb, t->lba, t->blocks);
	else
		scsi_cdb_renew_10(header->cdb, (uint32_t)t->lba, (uint16_t)t->blocks);
	slot_poison(header);
	slot->data_len = len;
	if (!t->write)
		slot->expect = len + (uint32_t)sizeof(struct virtio_scsi_cmd_resp);
	atomic_store_explicit(&slot->regions, ioq->cache.span.set, memory_order_relaxed);
	slot->user_data = t->user_data;
	atomic_store_explicit(&slot->lun, t->lun, memory_order_relaxed);
	slot->flags = SLOT_LIVE;
	virtq_offer_in(&ioq->vq, t->format, slot->head);
}

/**
 * transfer_prepare - Give the first free slot the shape that a transfer needs
 * @ioq: its queue, locked where that is needed
 * @buf: the cache is to have the region that this is in
 * @segs, @shape, @write, @wide: of the transfer. One by one, as pointing at it would put it into
 *	memory
 *
 * Where there is no free slot, or too many segments, nothing is done: the transfer still won't fit.
 */
void transfer_prepare(struct ioq *ioq, const void *buf, unsigned segs, uint16_t shape, bool write,
		      bool wide);

#endif
