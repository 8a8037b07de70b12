/* SPDX-License-Identifier: BSD-3-Clause */
/* Creates request queues, formats descriptor tables, and finds users of memory and LUNs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "queue/credit.h"
#include "queue/queue.h"
#include "queue/timeout.h"
#include "scsi/cdb.h"
#include "util/error.h"

/* Bytes of a header and of a response as the device expects them (virtio 1.4, 5.6.6.1). */
#define HEADER_BYTES   sizeof(struct virtio_scsi_cmd_req)
#define RESPONSE_BYTES sizeof(struct virtio_scsi_cmd_resp)

_Static_assert(HEADER_BYTES == 51 && HEADER_BYTES <= SLOT_RESPONSE, "header");
_Static_assert(SLOT_RESPONSE + RESPONSE_LEAST <= CACHE_LINE, "what is_good() reads is in its line");
_Static_assert(SLOTS_A_PAGE == PAGE_BYTES / SLOT_BYTES, "none lies across a page");
_Static_assert(SLOT_BYTES / CACHE_LINE % 2 && SLOT_BYTES % CACHE_LINE == 0, "odd number of lines");
_Static_assert(RESPONSE_BYTES == 108 &&
		       SLOT_RESPONSE + RESPONSE_BYTES <= SLOT_DATA - 2 * sizeof(struct vring_desc),
	       "response");

/*
 * Indirect: a slot is one entry of the ring, and its table is in the slot. Direct: a slot is a run
 * of entries, a power of two so that heads and slots convert by shifting. The longest chain is the
 * ring's size in either case (virtio 1.4, 2.7.5.3.1). Indirect is used if the device offers it:
 * with 64 reads in flight it makes 68 million reads a second, and direct, where several requests
 * share a cache line of the table, 33 million (tests/bench rate, AMD EPYC).
 */
static void choose_geometry(struct ioq *ioq, unsigned size, unsigned wanted)
{
	unsigned segs = ioq->indirect ? SLOT_MAX_SEGS : 2;

	if (wanted)
		segs = wanted;
	if (segs > ioq->set->seg_max)
		segs = ioq->set->seg_max;
	if (segs + 2 > size)
		segs = size - 2;
	while (!ioq->indirect && (1u << ioq->head_shift) < segs + 2)
		ioq->head_shift++;
	ioq->max_segs = (uint16_t)segs;
	ioq->depth = (uint16_t)(size >> ioq->head_shift);
	/*
	 * Still a power of two. A slot number must not be NO_SLOT, and ring indices must not wrap.
	 */
	if (ioq->depth > RING_MAX_SIZE / 2)
		ioq->depth = RING_MAX_SIZE / 2;
}

static int allocate(struct ioq *ioq)
{
	size_t bytes = align_up(slot_place(ioq->depth), PAGE_BYTES);
	uint64_t regions = 0;

	/* Whole pages, because they are migrated to the node of the thread that takes the queue. */
	ioq->slots = aligned_alloc(PAGE_BYTES,
				   align_up((ioq->depth + 1u) * sizeof(struct slot), PAGE_BYTES));
	if (!ioq->slots)
		return error_set(-ENOMEM, "out of memory");
	memset(ioq->slots, 0, (ioq->depth + 1u) * sizeof(struct slot));
	ioq->timers = calloc(ioq->depth, sizeof(*ioq->timers));
	ioq->copies = calloc(ioq->depth, sizeof(*ioq->copies));
	ioq->order = calloc(ioq->vq.size, sizeof(*ioq->order));
	if (!ioq->timers || !ioq->copies || !ioq->order)
		return error_set(-ENOMEM, "out of memory");
	ioq->memory = dma_alloc(ioq->set->mem, bytes, PAGE_BYTES);
	if (!ioq->memory)
		return error_set(-ENOMEM,
				 "no room for %u request slots of %u bytes in the DMA memory; "
				 "give the device a larger pool or ask for fewer queues",
				 ioq->depth, SLOT_BYTES);
	memset(ioq->memory, 0, bytes);
	if (dma_translate(ioq->map, &ioq->cache, ioq->memory, bytes, &ioq->iova, &regions) < bytes)
		return error_set(-EFAULT, "the pool's own memory is not mapped for the device");
	return 0;
}

static void prepare_slots(struct ioq *ioq)
{
	unsigned i;

	ioq->free = (uint16_t)ioq->depth;
	ioq->slots[ioq->depth].shape = NO_SHAPE;
	ioq->backoff = NO_SLOT;
	for (i = ioq->depth; i-- > 0;) {
		struct slot *slot = &ioq->slots[i];

		slot->header = (void *)(ioq->memory + slot_place(i));
		slot->head = (uint16_t)(i << ioq->head_shift);
		slot->shape = NO_SHAPE;
		/* Unique in the device, as task management requires (virtio 1.4, 5.6.6.1). */
		slot->header->tag = htole64((uint64_t)ioq->vq.index << 16 | i);
		slot_release(ioq, slot, (uint16_t)i);
	}
}

int ioq_create(struct queue_set *set, unsigned index, unsigned size, struct ioq **out)
{
	struct ioq *ioq = aligned_alloc(CACHE_LINE, align_up(sizeof(*ioq), CACHE_LINE));
	uint64_t features = atomic_load(&set->features);
	int err;

	if (!ioq)
		return error_set(-ENOMEM, "out of memory");
	memset(ioq, 0, sizeof(*ioq));
	ioq->set = set;
	ioq->map = set->map;
	ioq->credit_at = credit_offset(index - VQ_REQUEST);
	ioq->indirect = queue_set_has(set, VIRTIO_RING_F_INDIRECT_DESC);
	/* The state before the first start: DOWN without requests is DRAINED. */
	atomic_store(&ioq->state, IOQ_DRAINED);
	choose_geometry(ioq, size, set->max_segs);
	err = virtq_init(&ioq->vq, set->transport, set->mem, index, size, features);
	/* Allocated now, because memory may be short when it is needed. */
	if (!err && set->doubled)
		err = virtq_init(&ioq->next_vq, set->transport, set->mem, index, size, features);
	ioq->readable = ioq->vq.format == VIRTQ_SPLIT;
	ioq->packed = virtq_is_packed(&ioq->vq) && ioq->indirect &&
		      !queue_set_has(set, VIRTIO_F_IN_ORDER);
	if (ioq->packed)
		ioq->vq.format = ioq->next_vq.format = VIRTQ_PACKED_ONE;
	if (!err)
		err = allocate(ioq);
	if (err) {
		ioq_destroy(ioq);
		return err;
	}
	prepare_slots(ioq);
	*out = ioq;
	return 0;
}

void ioq_destroy(struct ioq *ioq)
{
	if (!ioq)
		return;
	virtq_fini(&ioq->vq);
	virtq_fini(&ioq->next_vq);
	if (ioq->memory)
		dma_free(ioq->set->mem, ioq->memory);
	share_fini(&ioq->share);
	free(ioq->order);
	free(ioq->copies);
	free(ioq->timers);
	free(ioq->slots);
	free(ioq);
}

void ioq_begin_counting(struct ioq *ioq)
{
	atomic_store_explicit(&ioq->counting, true, memory_order_relaxed);
	ioq_choose_path(ioq);
}

bool ioq_uses_regions(const struct ioq *ioq, uint64_t regions)
{
	unsigned i;

	for (i = 0; i < ioq->depth; i++) {
		const struct slot *slot = &ioq->slots[i];

		if (atomic_load_explicit(&slot->lun, memory_order_acquire) &&
		    (atomic_load_explicit(&slot->regions, memory_order_relaxed) & regions))
			return true;
	}
	return false;
}

bool ioq_uses_lun(const struct ioq *ioq, const struct io_lun *lun)
{
	unsigned i;

	for (i = 0; i < ioq->depth; i++) {
		struct io_lun *used =
			atomic_load_explicit(&ioq->slots[i].lun, memory_order_acquire);

		if (used && (!lun || used == lun))
			return true;
	}
	return false;
}

static void put_desc(struct vring_desc *desc, uint64_t addr, size_t len, unsigned flags,
		     unsigned next)
{
	desc->addr = htole64(addr);
	desc->len = htole32((uint32_t)len);
	desc->flags = htole16((uint16_t)flags);
	desc->next = htole16(flags & VRING_DESC_F_NEXT ? (uint16_t)next : 0);
}

/* As put_desc(), in the format of a packed ring. */
static void put_packed(struct vring_desc *at, uint64_t addr, size_t len, unsigned flags,
		       unsigned id)
{
	struct vring_packed_desc *desc = (struct vring_packed_desc *)(void *)at;

	desc->addr = htole64(addr);
	desc->len = htole32((uint32_t)len);
	desc->id = htole16((uint16_t)id);
	desc->flags = htole16((uint16_t)flags);
}

static size_t table_offset(unsigned out)
{
	return SLOT_DATA - descs_before_data(out) * sizeof(struct vring_desc);
}

struct vring_desc *slot_table(const struct ioq *ioq, const struct slot *slot, unsigned out)
{
	if (!ioq->indirect)
		return virtq_table(&ioq->vq) + slot->head;
	return (void *)((char *)slot->header + table_offset(out));
}

/*
 * The chain: header, data for the device, response, data from the device. Descriptors that the
 * device reads come before those that it writes (virtio 1.4, 2.7.4.2); header and response have a
 * descriptor each, because some back-ends parse by descriptor. The address and length of data
 * descriptors are written later.
 */
void slot_format(struct ioq *ioq, struct slot *slot, unsigned out, unsigned in)
{
	unsigned number = slot_number(ioq, slot);
	unsigned first = ioq->indirect ? 0 : slot->head;
	unsigned total = out + in + 2;
	uint64_t iova = ioq->iova + slot_place(number);
	struct vring_desc *table = slot_table(ioq, slot, out);
	bool packed = ioq->indirect && virtq_is_packed(&ioq->vq);
	unsigned i;

	for (i = 0; i < total; i++) {
		unsigned next = i + 1 < total ? VRING_DESC_F_NEXT : 0;
		unsigned write = i > out ? VRING_DESC_F_WRITE : 0;

		/* A packed indirect table may have only the flag WRITE (2.8.19). */
		if (packed)
			put_packed(&table[i], 0, 0, write, 0);
		else
			put_desc(&table[i], 0, 0, next | write, first + i + 1);
	}
	table[0].addr = htole64(iova);
	table[0].len = htole32(HEADER_BYTES);
	table[1 + out].addr = htole64(iova + SLOT_RESPONSE);
	table[1 + out].len = htole32(RESPONSE_BYTES);
	if (ioq->packed)
		put_packed(&virtq_table(&ioq->vq)[slot->head], iova + table_offset(out),
			   sizeof(*table) * total, VRING_DESC_F_INDIRECT, slot->head);
	else if (ioq->indirect)
		put_desc(&virtq_table(&ioq->vq)[slot->head], iova + table_offset(out),
			 sizeof(*table) * total, VRING_DESC_F_INDIRECT, 0);
	slot->shape = (uint16_t)(SHAPE(out, in) | (ioq->indirect ? 0 : SHAPE_DIRECT));
}

/* Writes the data descriptors from the private copies. */
static void write_segments(struct ioq *ioq, struct slot *slot, unsigned out, unsigned in)
{
	const struct segment one = {.addr = slot->addr,
				    .len = slot->parameters ? slot->parameters
							    : slot_data_len(slot)};
	const struct segment *segments = slot_copy(ioq, slot)->segments;
	struct vring_desc *data = slot_table(ioq, slot, out) + 1;
	unsigned i;

	if (out + in == 1)
		segments = &one;
	for (i = 0; i < out + in; i++) {
		/* The response comes between the two kinds. */
		struct vring_desc *desc = &data[i < out ? i : i + 1];

		desc->addr = htole64(segments[i].addr);
		desc->len = htole32(segments[i].len);
	}
}

void slot_write(struct ioq *ioq, struct slot *slot, const struct io_lun *lun)
{
	struct virtio_scsi_cmd_req *header = slot->header;

	memcpy(header->lun, lun->addr, sizeof(header->lun));
	header->task_attr = slot->task_attr;
	memcpy(header->cdb, slot->cdb, sizeof(header->cdb));
	if (slot->parameters)
		memcpy((char *)header + SLOT_PARAM, slot_copy(ioq, slot)->parameters,
		       slot->parameters);
	write_segments(ioq, slot, SHAPE_OUT(slot->shape), SHAPE_IN(slot->shape));
}

/* Rebuilds the CDB of a plain transfer, of which only the numbers are in private memory. */
static void restore_cdb(struct slot *slot, const struct io_lun *lun)
{
	const bool write = SHAPE_OUT(slot->shape);
	/* The placeholder LUN of an abandoned call has no blocks; the call is not sent again. */
	uint32_t blocks = lun->block_size ? slot_data_len(slot) / lun->block_size : 0;

	if (slot->shape & SHAPE_10)
		scsi_cdb_put_10(slot->cdb, write ? SCSI_WRITE_10 : SCSI_READ_10, 0,
				(uint32_t)slot->lba, blocks);
	else if (slot->shape & SHAPE_16)
		scsi_cdb_put_16(slot->cdb, write ? SCSI_WRITE_16 : SCSI_READ_16, 0, slot->lba,
				blocks);
}

void slot_restore(struct ioq *ioq, struct slot *slot)
{
	const uint16_t shape = slot->shape;
	const struct io_lun *lun = slot_lun(slot);

	memset(slot->header, 0, sizeof(*slot->header));
	slot->header->tag = htole64(slot_tag(ioq, slot));
	if (!lun) {
		slot_forget(slot);
		slot_poison(slot->header);
		slot->shape = NO_SHAPE;
		return;
	}
	restore_cdb(slot, lun);
	slot_format(ioq, slot, SHAPE_OUT(shape), SHAPE_IN(shape));
	slot->shape = shape;
	slot_write(ioq, slot, lun);
}
