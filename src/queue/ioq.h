/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The request queue: one request virtqueue and the slots of the requests in it. A slot has a place
 * in DMA memory where everything that never changes is filled in once, so that a read writes a CDB,
 * one data descriptor and one ring entry; and a private part that the device can't reach, from
 * which all decisions are made.
 *
 * This file knows requests, not the public calls that make them (rw.c, rwv.c, io.c, command.c) nor
 * the handles that threads hold (queue.c).
 */
#ifndef QUEUE_IOQ_H
#define QUEUE_IOQ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include <vscsi/queue.h>

#include "queue/share.h"
#include "mem/dma.h"
#include "util/lock.h"
#include "virtio/virtq.h"

struct vscsi_dev;
struct vscsi_lun;
struct vscsi_queue;
struct watch;

/*
 * A slot's place in DMA memory: header, response, indirect table.
 *
 * The 12 bytes of the response that a good one is judged by share the header's cache line; sense is
 * behind it. The table begins as far before SLOT_DATA as it has descriptors before the first one of
 * data, so that what never changes is in one line and what each request writes in another. A
 * request moves two lines, then, header and data, and the device knows at once where the header is.
 * The slot is an odd number of lines, as else the slots' headers fall into every eighth set of a
 * cache.
 *
 * Measured with tests/bench rate, 32 and 64 reads under way (AMD EPYC, gcc 12), in millions a
 * second: 40 and 24 with slots of eight lines that move three each, 45 and 46 with seven, 47 and 54
 * with the response in the header's line, 44 and 51 with the table in a line of its own, 54 and 70
 * as it is.
 *
 * No slot lies across a page: where the pages of the memory are apart for the device, QEMU takes
 * the first piece of a response for all of it and puts data into the rest.
 */
#define PAGE_BYTES    4096u
#define SLOT_BYTES    448u
#define SLOTS_A_PAGE  9u
#define SLOT_RESPONSE 52u
#define SLOT_DATA     192u
#define SLOT_DESCS    ((SLOT_BYTES - SLOT_DATA) / sizeof(struct vring_desc))

/* Data segments of a request at most: in a write, the response is behind them. */
#define SLOT_MAX_SEGS (SLOT_DESCS - 1)

/* UNMAP's parameter list lies in the table, behind the descriptors that UNMAP needs. */
#define SLOT_PARAM       224u
#define SLOT_PARAM_BYTES (SLOT_BYTES - SLOT_PARAM)

/* The response byte before each submit: no device answers this, so it is seen when none did. */
#define RESPONSE_UNWRITTEN 0xffu

/* A used length below this can't be right: no response fits (virtio 1.4, 5.6.6.1). */
#define RESPONSE_LEAST 12u

#define NO_SLOT        UINT16_MAX

/*
 * ioq.way: which form of the hot path publishes and polls; WAY_GENERAL: none. Each has its
 * constants, so that the plainest pays for nothing that the others need.
 */
#define WAY_GENERAL 0u
#define WAY_SPLIT   (1u << 0) /* the ring is split, and not in order */
#define WAY_PACKED  (1u << 1) /* it is packed, and each chain is one descriptor */
#define WAY_DIRECT  (1u << 2) /* tables lie in the ring */
#define WAY_COUNTED (1u << 3) /* requests may have SLOT_COUNTED */

/*
 * slot.shape: what a slot's table is formatted for, segments for the device and segments from it;
 * where the table lies; and which CDB is in the header but for its numbers, if it is known. All in
 * one number, so that the hot path asks once. No slot in use has NO_SHAPE.
 */
#define SHAPE(out, in) ((uint16_t)((out) << 5 | (in)))
#define SHAPE_TABLE    SHAPE(31, 31)
#define SHAPE_10       (1u << 10) /* READ(10) or WRITE(10), as the segments say */
#define SHAPE_16       (1u << 11) /* READ(16) or WRITE(16) */
#define SHAPE_DIRECT   (1u << 12) /* the table lies in the ring */
#define NO_SHAPE       UINT16_MAX

/*
 * slot.flags: SLOT_LIVE and what is not plain about a request. SLOT_LIVE alone on the hot path; 0
 * whenever the slot is free.
 */
#define SLOT_RAW \
	(1u << 0) /* a raw command: short transfers are no error, the header needs cleaning */
#define SLOT_COUNTED (1u << 1) /* it counts against its LUN's limit */
#define SLOT_AGAIN   (1u << 2) /* it was sent again, so that its tries need cleaning */
#define SLOT_LIVE    (1u << 3) /* the ring has it: its head may come back, once */
#define SLOT_SEEN    (1u << 4) /* it was in flight when time limits were looked after */
#define SLOT_ENDING  (1u << 5) /* it is to end before its time, see limit.h */
#define SLOT_ONCE    (1u << 6) /* must not be carried out twice, so not sent again */
#define SLOT_UNKNOWN (1u << 7) /* its device was lost and gave no answer */

/**
 * struct slot - The private part of a request, one cache line
 * @header: the start of its place in DMA memory
 * @user_data: as given with the request
 * @lun: LUN that the request is for; NULL: the slot is free. Read by other threads too
 * @regions: DMA regions that its buffers are in. Read by other threads too
 * @owner: handle that prepared it
 * @data_len: bytes of data, all segments together
 * @expect: bytes that the device has written at least when all went well
 * @used_len: bytes that it says it has written, from its return to its judgement
 * @due: from then on, when it is sent again, in milliseconds that wrap
 * @retries: times that a raw command is sent again; others take their LUN's
 * @tries: times that it was sent again; 0 whenever the slot is free
 * @shape: SHAPE() and more
 * @head: its head in the ring
 * @next: next one in whatever list it is in
 * @flags: SLOT_*
 * @carried: it was in flight when its device was back, see recovery.owed; then it has SLOT_AGAIN
 * @free: those three in one store, for a slot that is free
 */
struct slot {
	struct virtio_scsi_cmd_req *header;
	uint64_t user_data;
	_Atomic(struct vscsi_lun *) lun;
	_Atomic uint64_t regions;
	struct vscsi_queue *owner;
	uint32_t data_len;
	uint32_t expect;
	union {
		uint32_t used_len;
		uint32_t due;
	};
	uint16_t retries;
	uint16_t tries;
	uint16_t shape;
	uint16_t head;
	union {
		struct {
			uint16_t next;
			uint8_t flags;
			bool carried;
		};
		uint32_t free;
	};
};
_Static_assert(sizeof(struct slot) == CACHE_LINE, "a request's private part is one cache line");

/* What becomes of requests that a lost device had; each is better than those before. */
enum fate {
	FATE_REPORT, /* they end as 'outcome unknown' */
	FATE_REPLAY, /* they are sent again, those that may be */
	FATE_KEEP,   /* they stay where they are: the device goes on with the same virtqueue */
};

/**
 * struct ioq - A request queue
 * @vq: the virtqueue, which keeps what is in it while the device is away
 * @slots: private parts, @depth of them, and one with NO_SHAPE that ends the list of free slots
 * @memory: their places in DMA memory; @iova: where the device sees them
 * @head_shift: a slot's head in the ring is its number shifted by this
 * @max_segs: data segments of a request
 * @indirect: tables lie in the slots and the ring refers to them; else they lie in the ring
 * @readable: its used entries can be read before they are taken: the ring is split and not in order
 * @packed: the same, and each chain is one descriptor of a packed ring
 * @free: first free slot, @depth when there is none; the one freed last comes first, as its cache
 *	lines are warm
 * @waiting: first of the slots that are to be sent again later
 * @attention: the device's events come first: they may tell that a LUN was removed
 * @watches: what is known of the slots' time, @depth of them
 * @look_at_ms: when time limits are to be looked after next
 * @taken_ms: what the device gave back until then has been taken
 * @mark, @mark_ms: virtq_taken() by which all that came until then is taken, where @marked
 * @owes_kick: limit_kick() has to follow
 * @ending: requests with SLOT_ENDING
 * @cache, @map: to translate addresses
 * @dev: the device
 * @lock: held by handles that share the queue; @share: what it guards for them
 * @users: handles that use it; under the device's lock
 * @exclusive: it belongs to one handle alone
 * @credit_at: where its credits are among those of a LUN, see credit.h
 * @counting: there are LUNs with credits; written under the device's lock
 * @hot: it is @exclusive and @up, and the hot path may be taken
 * @way: how, WAY_*; the one thing that the hot path asks about the queue
 * @up: the device has @vq; cleared by the thread that finds it lost, set by the queue's user
 * @fate: enum fate: what becomes of what was in flight when it was cleared
 * @spare: what the device has after a recovery, until the queue's user takes it for @vq; under the
 *	device's lock
 * @ready: it does have it, or with FATE_KEEP @vq again
 * @parked: what was in flight when the device was lost has been decided about
 */
struct ioq {
	struct virtq vq;
	struct slot *slots;
	char *memory;
	uint64_t iova;
	uint16_t head_shift;
	uint16_t free;
	uint16_t waiting;
	bool attention;
	uint32_t depth;
	uint16_t max_segs;
	bool indirect;
	bool readable;
	bool packed;
	struct dma_cache cache;
	const struct dma_map *map;
	struct vscsi_dev *dev;
	struct watch *watches;
	_Atomic uint64_t look_at_ms;
	uint64_t taken_ms;
	uint64_t mark_ms;
	uint16_t mark;
	bool marked;
	atomic_uint ending;
	atomic_bool owes_kick;
	struct lock lock;
	struct share share;
	unsigned users;
	bool exclusive;
	atomic_bool counting;
	bool hot;
	uint32_t credit_at;
	_Atomic uint8_t way;
	atomic_bool up;
	_Atomic uint32_t fate;
	atomic_bool ready;
	bool parked;
	struct virtq spare;
};

/**
 * ioq_create - Make a request queue that the device doesn't know of yet
 * @dev: the device, negotiated
 * @index: virtqueue number
 * @size: entries of the ring
 * @out: receives it: ioq_destroy(), once the device no longer has it
 *
 * Return: 0, or a negative errno with its sentence set.
 */
int ioq_create(struct vscsi_dev *dev, unsigned index, unsigned size, struct ioq **out);
void ioq_destroy(struct ioq *ioq);

/*
 * Whether a request in flight uses a region of the set. Any thread; requests prepared before count.
 */
bool ioq_uses_regions(const struct ioq *ioq, uint64_t regions);

/* Whether a request to @lun, or with NULL any request, is in flight. Any thread. */
bool ioq_uses_lun(const struct ioq *ioq, const struct vscsi_lun *lun);

/* A slot's table, with @out segments for the device. */
struct vring_desc *slot_table(const struct ioq *ioq, const struct slot *slot, unsigned out);

/* Formats a slot's table for @out segments to and @in segments from the device. */
void slot_format(struct ioq *ioq, struct slot *slot, unsigned out, unsigned in);

/* Cleans what a raw command left in the request header. */
void slot_clean(struct slot *slot);

/* Relaxed: what the way depends on is known to the queue's user, or asked again. */
static inline unsigned ioq_way(const struct ioq *ioq)
{
	return atomic_load_explicit(&ioq->way, memory_order_relaxed);
}

/*
 * Opens the hot path, where there is one, or closes it. With @strangers it stays closed, as the hot
 * path doesn't look at a request's LUN. Any thread, with the device's lock held.
 */
void ioq_set_hot(struct ioq *ioq, bool hot);

/* Closes the hot path once @strangers is set. Any thread, without a lock. */
void ioq_close_hot(struct ioq *ioq);

/* From now on requests may have SLOT_COUNTED. As ioq_set_hot(). */
void ioq_begin_counting(struct ioq *ioq);

/*
 * Whether requests may have SLOT_COUNTED. Relaxed: those that do are told by that in any case, and
 * are only slower where this is not known yet.
 */
static inline bool ioq_counting(const struct ioq *ioq)
{
	return atomic_load_explicit(&ioq->counting, memory_order_relaxed);
}

/*
 * Whether the device has the queue's virtqueue. Acquire pairs with the loss: it was cut off before
 * we see that.
 */
static inline bool ioq_up(const struct ioq *ioq)
{
	return atomic_load_explicit(&ioq->up, memory_order_acquire);
}

static inline bool ioq_kept(const struct ioq *ioq)
{
	return atomic_load_explicit(&ioq->fate, memory_order_relaxed) == FATE_KEEP;
}

/* The virtqueue that the device has, to which the queue's user may still have to go over. */
static inline struct virtq *ioq_live(struct ioq *ioq)
{
	return atomic_load(&ioq->ready) && !ioq_kept(ioq) ? &ioq->spare : &ioq->vq;
}

/* Where slot @number begins in the slots' memory. */
static inline size_t slot_place(unsigned number)
{
	return (size_t)PAGE_BYTES * (number / SLOTS_A_PAGE) +
	       (size_t)SLOT_BYTES * (number % SLOTS_A_PAGE);
}

static inline uint16_t slot_number(const struct ioq *ioq, const struct slot *slot)
{
	return (uint16_t)(slot - ioq->slots);
}

/*
 * The slot of a used id, or NULL when the device has no such chain: it was never given, or given
 * back before.
 */
static inline struct slot *ioq_find(const struct ioq *ioq, uint32_t head)
{
	struct slot *slot;

	if (unlikely(head >> ioq->head_shift >= ioq->depth))
		return NULL;
	slot = &ioq->slots[head >> ioq->head_shift];
	/* All 32 bits count (virtio 1.4, 2.7.8). */
	return likely((slot->flags & SLOT_LIVE) && slot->head == head) ? slot : NULL;
}

static inline struct virtio_scsi_cmd_resp *header_response(struct virtio_scsi_cmd_req *header)
{
	return (void *)((char *)header + SLOT_RESPONSE);
}

static inline struct virtio_scsi_cmd_resp *slot_response(const struct slot *slot)
{
	return header_response(slot->header);
}

/* Where the data descriptors of an indirect table begin. */
static inline struct vring_desc *header_data(struct virtio_scsi_cmd_req *header)
{
	return (void *)((char *)header + SLOT_DATA);
}

/* How many descriptors come before those of data: the header's, and the response's in a read. */
static inline unsigned descs_before_data(unsigned out)
{
	return out ? 1 : 2;
}

/*
 * Poison: an answer left over from the request before must not be taken for this one's (virtio 1.4,
 * 2.7.8.3). Good responses are judged by their first 12 bytes alone: two lengths and this word. The
 * lengths of a free slot are zero: they were read so, or slot_forget() made them so.
 */
static inline void slot_poison(struct virtio_scsi_cmd_req *header)
{
	static const struct virtio_scsi_cmd_resp poison = {.response = RESPONSE_UNWRITTEN};
	struct virtio_scsi_cmd_resp *resp = header_response(header);

	memcpy(&resp->status_qualifier, &poison.status_qualifier, sizeof(uint32_t));
}

/*
 * Ends a request that no list holds and the device doesn't have; @next: the first free slot. A free
 * slot is poisoned: done as soon as its response was read, it also begins to bring the line back
 * that the next header is written to.
 */
static inline void slot_end(struct slot *slot, struct virtio_scsi_cmd_req *header, uint16_t next)
{
	slot_poison(header);
	slot->free = BYTE_ORDER == LITTLE_ENDIAN ? next : (uint32_t)next << 16;
	/*
	 * Release: whoever sees that the LUN is not in use may free it. Pairs with ioq_uses_lun().
	 */
	atomic_store_explicit(&slot->lun, NULL, memory_order_release);
}

/*
 * Begins to bring back the line that the next request's data descriptors are written to, by a store
 * to the first of them: so it is under way before the batch's full fence waits for it. An eighth
 * more reads a second (tests/bench rate, AMD EPYC), where a prefetch for writing halved them.
 */
static inline void slot_touch_data(struct virtio_scsi_cmd_req *header)
{
	__atomic_store_n(&header_data(header)->len, 0, __ATOMIC_RELAXED);
}

/* Puts slot @number back among the free ones. */
static inline void slot_release(struct ioq *ioq, struct slot *slot, uint16_t number)
{
	slot_end(slot, slot->header, ioq->free);
	ioq->free = number;
}

/* Forgets a response that was not plainly good. */
static inline void slot_forget(const struct slot *slot)
{
	slot_response(slot)->sense_len = 0;
	slot_response(slot)->resid = 0;
}

/* Hands a slot to the ring once more, with the request that is in it. */
static inline void slot_push_again(struct ioq *ioq, struct slot *slot)
{
	slot_poison(slot->header);
	slot->flags |= SLOT_LIVE;
	virtq_push_untracked(&ioq->vq, slot->head);
}

/* Hands a filled slot to the ring; the device sees it after the next publish. */
static inline void slot_push(struct ioq *ioq, struct slot *slot, struct vscsi_lun *lun,
			     uint64_t user_data)
{
	slot->user_data = user_data;
	atomic_store_explicit(&slot->lun, lun, memory_order_relaxed);
	slot->flags |= SLOT_LIVE;
	virtq_push_untracked(&ioq->vq, slot->head);
}

#endif
