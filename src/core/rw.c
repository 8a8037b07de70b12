/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads and writes of one contiguous buffer: the hot path, and the nearly hot one for what only
 * costs a little more. Whatever neither takes goes to vscsi_readv() and vscsi_writev(), which also
 * find the errors.
 */
#include <vscsi/io.h>

#include "core/queue.h"
#include "scsi/cdb.h"
#include "util/export.h"

/* A transfer's arguments, all but the queue; never in memory, as everything here is inlined. */
struct transfer {
	struct vscsi_lun *lun;
	void *buf;
	uint64_t lba;
	uint32_t blocks;
	uint64_t user_data;
	bool write;
	bool wide;
	bool direct;
};

static inline uint16_t wanted_shape(const struct transfer *t)
{
	return (uint16_t)(SHAPE(t->write, !t->write) | (t->wide ? SHAPE_16 : SHAPE_10) |
			  (t->direct ? SHAPE_DIRECT : 0));
}

/*
 * Puts a transfer into the first free slot if that did the same kind of transfer before, and if the
 * buffer is in the region used last. The command is there then but for its numbers: what is written
 * is the LUN, the CDB's numbers, the data descriptor, the word that poisons the response, the
 * private part and the ring's entry. Otherwise nothing is touched.
 */
static inline __attribute__((always_inline)) bool put(struct ioq *ioq, const dma_in_force *in_force,
						      const struct transfer *t)
{
	uint64_t len = (uint64_t)t->blocks * t->lun->block_size;
	struct slot *slot = &ioq->slots[ioq->free];
	struct virtio_scsi_cmd_req *header;
	struct vring_desc *table;

	if (unlikely(!dma_cached(in_force, &ioq->cache, t->buf, len)))
		return false;
	/* The slot that ends the list of free ones has no shape. */
	if (unlikely(slot->shape != wanted_shape(t)))
		return false;
	ioq->free = slot->next;
	header = slot->header;
	table = t->direct ? virtq_table(&ioq->vq) + slot->head : slot_inner_table(header);
	table[t->write ? 1 : 2].addr = htole64((uintptr_t)t->buf + ioq->cache.span.delta);
	table[t->write ? 1 : 2].len = htole32((uint32_t)len);
	memcpy(header->lun, t->lun->addr, sizeof(t->lun->addr));
	if (t->wide)
		scsi_cdb_renew_16(header->cdb, t->lba, t->blocks);
	else
		scsi_cdb_renew_10(header->cdb, (uint32_t)t->lba, (uint16_t)t->blocks);
	slot_poison(header);
	slot->data_len = (uint32_t)len;
	if (!t->write)
		slot->expect = (uint32_t)(len + sizeof(struct virtio_scsi_cmd_resp));
	atomic_store_explicit(&slot->regions, ioq->cache.span.set, memory_order_relaxed);
	slot->user_data = t->user_data;
	atomic_store_explicit(&slot->lun, t->lun, memory_order_relaxed);
	slot->flags = SLOT_LIVE;
	virtq_offer(&ioq->vq, slot->head);
	return true;
}

/* Whether the arguments are such that nothing about them can be wrong but the buffer. */
static inline __attribute__((always_inline)) bool is_plain(const struct transfer *t, uint32_t flags)
{
	if (unlikely(t->blocks - 1 >= t->lun->fast_blocks[t->write]))
		return false;
	if (unlikely(flags))
		return false;
	return t->wide || likely(t->lba < t->lun->short_lbas);
}

/*
 * The hot path: an exclusive queue with tables in its slots, and a LUN whose requests need not be
 * counted. All that a request can be is a constant, nothing is called.
 */
static inline __attribute__((always_inline)) bool put_hot(struct vscsi_queue *queue,
							  const struct transfer *t, uint32_t flags)
{
	struct ioq *ioq = queue->ioq;

	if (unlikely(!is_plain(t, flags) || !queue_is_ours(queue)))
		return false;
	return put(ioq, atomic_load_explicit(&ioq->in_force, memory_order_relaxed), t);
}

/* Makes the first free slot one that put() takes, and finds the buffer's region. */
static void prepare(struct ioq *ioq, const struct transfer *t)
{
	struct slot *slot = &ioq->slots[ioq->free];

	dma_find(ioq->map, &ioq->cache, (uint64_t)(uintptr_t)t->buf);
	if (ioq->free == ioq->depth || slot->shape == wanted_shape(t))
		return;
	slot_format(ioq, slot, t->write, !t->write);
	slot->expect = RESPONSE_LEAST;
	if (t->wide)
		scsi_cdb_put_16(slot->header->cdb, t->write ? SCSI_WRITE_16 : SCSI_READ_16, 0, 0,
				0);
	else
		scsi_cdb_put_10(slot->header->cdb, t->write ? SCSI_WRITE_10 : SCSI_READ_10, 0, 0,
				0);
	slot->shape = wanted_shape(t);
}

/*
 * The nearly hot path: also a queue that is shared, tables in the ring, another region than last
 * time, a slot that did something else last time.
 */
static inline __attribute__((always_inline)) bool put_warm(struct vscsi_queue *queue,
							   const struct transfer *t, uint32_t flags)
{
	struct ioq *ioq = queue->ioq;
	bool done;

	if (!is_plain(t, flags) || !ioq_up(ioq) || lun_gone(t->lun) || !queue_is_ours(queue))
		return false;
	queue_lock(queue);
	ioq->slots[ioq->free].owner = queue;
	done = put(ioq, &ioq->map->table, t);
	if (!done) {
		prepare(ioq, t);
		done = put(ioq, &ioq->map->table, t);
	}
	queue_unlock(queue);
	return done;
}

/* For whatever is left, every error among it. */
static __attribute__((noinline)) int read_general(struct vscsi_queue *queue, struct vscsi_lun *lun,
						  void *buf, uint64_t lba, uint32_t blocks,
						  uint32_t flags, uint64_t user_data)
{
	struct iovec iov = {.iov_base = buf, .iov_len = (size_t)blocks * lun->block_size};

	return vscsi_readv(queue, lun, &iov, 1, lba, blocks, flags, user_data);
}

static __attribute__((noinline)) int read_warm(struct vscsi_queue *queue, struct vscsi_lun *lun,
					       void *buf, uint64_t lba, uint32_t blocks,
					       uint32_t flags, uint64_t user_data)
{
	struct transfer t = {lun, buf, lba, blocks, user_data, .write = false, .wide = true};

	if (lun->wide && put_hot(queue, &t, flags))
		return 0;
	t.wide = lun->wide;
	t.direct = !queue->ioq->indirect;
	if (put_warm(queue, &t, flags))
		return 0;
	return read_general(queue, lun, buf, lba, blocks, flags, user_data);
}

/* For whatever is left, every error among it. */
static __attribute__((noinline)) int write_general(struct vscsi_queue *queue, struct vscsi_lun *lun,
						   void *buf, uint64_t lba, uint32_t blocks,
						   uint32_t flags, uint64_t user_data)
{
	struct iovec iov = {.iov_base = buf, .iov_len = (size_t)blocks * lun->block_size};

	return vscsi_writev(queue, lun, &iov, 1, lba, blocks, flags, user_data);
}

static __attribute__((noinline)) int write_warm(struct vscsi_queue *queue, struct vscsi_lun *lun,
						void *buf, uint64_t lba, uint32_t blocks,
						uint32_t flags, uint64_t user_data)
{
	struct transfer t = {lun, buf, lba, blocks, user_data, .write = true, .wide = true};

	if (lun->wide && put_hot(queue, &t, flags))
		return 0;
	t.wide = lun->wide;
	t.direct = !queue->ioq->indirect;
	if (put_warm(queue, &t, flags))
		return 0;
	return write_general(queue, lun, buf, lba, blocks, flags, user_data);
}

EXPORT int vscsi_read(struct vscsi_queue *queue, struct vscsi_lun *lun, void *buf, uint64_t lba,
		      uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	const struct transfer t = {lun, buf, lba, blocks, user_data, .write = false};

	if (likely(put_hot(queue, &t, flags)))
		return 0;
	return read_warm(queue, lun, buf, lba, blocks, flags, user_data);
}

EXPORT int vscsi_write(struct vscsi_queue *queue, struct vscsi_lun *lun, const void *user_buf,
		       uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data)
{
	void *buf = (void *)(uintptr_t)user_buf;
	const struct transfer t = {lun, buf, lba, blocks, user_data, .write = true};

	if (likely(put_hot(queue, &t, flags)))
		return 0;
	return write_warm(queue, lun, buf, lba, blocks, flags, user_data);
}
