/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The request queue: one request virtqueue and the slots of the requests in it. A slot has a place
 * in DMA memory where everything that never changes is filled in once, so that a read writes a CDB,
 * one data descriptor and one ring entry; and a private part that the device can't reach, from
 * which all decisions are made.
 *
 * Private to this folder and to the device above it; queue.h is the folder's interface.
 *
 * States of a queue
 *
 *             the device is told to stop          it let go of our memory
 *   RUNNING ----------------------------> STOPPING ----------------------+
 *      |  |                                                              v
 *      |  |                   connection lost                          DOWN ---> DRAINED
 *      |  +--------------------------------------------------------------^          |
 *      |                                                                 |          |
 *      |      the device has a virtqueue for it again:  READY <----------+          |
 *      |                                                  |      RESUMING <---------+
 *      |                                                  +---------^  |
 *      +<--------------------------------------------------------------+
 *
 *   any state --> DEAD                                          the device failed or was closed
 *
 * A new queue is DRAINED; the start sequence makes it RESUMING, then RUNNING.
 *
 * The device makes RUNNING -> STOPPING or DOWN, STOPPING -> DOWN, DOWN -> READY, DRAINED ->
 * RESUMING, the way back of these two when it is lost once more, and DEAD. A thread that uses the
 * queue makes the others, from its polls: DOWN -> DRAINED and READY -> RESUMING when it has decided
 * what becomes of the requests in flight, RESUMING -> RUNNING when it has switched to the new
 * virtqueue. All with queue_set.lock held.
 *
 * States of a request
 *
 *          taken       written to the ring     came back         returned by a poll
 *   FREE -------> PREPARED -------------> IN_RING -------> DONE ------------------> FREE
 *                    |                    ^  |  |           ^
 *                    | LUN is suspect     |  |  | too late, | came back after all
 *                    v        again later |  |  | aborted   |
 *                  BACKOFF ---------------+  |  +------> ABORTING
 *                    ^  |     to be retried  |               |
 *                    +--|--------------------+               | device lost or
 *                       | aborted, LUN gone                  | LUN gone
 *                       +-------------> LOST <---------------+
 *
 * Also: IN_RING -> LOST, the device was lost and the request is not sent again; ABORTING ->
 * IN_RING, the device refused an abort by the application; DONE -> BACKOFF, its handle polled it
 * and it is to be retried.
 *
 * DONE and LOST are left at once where the poll that finds a request is its own handle's; on a
 * shared queue they last until the handle polls. LOST is a request that ends without an answer.
 */
#ifndef QUEUE_IOQ_H
#define QUEUE_IOQ_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include <vscsi/queue.h>

#include "mem/dma.h"
#include "queue/io_lun.h"
#include "queue/notice.h"
#include "queue/share.h"
#include "util/lock.h"
#include "virtio/virtq.h"

struct queue_set;
struct slot_timer;
struct vscsi_queue;

/*
 * A slot's place in DMA memory: header, response, indirect table.
 *
 * The 12 bytes of the response that tell a good one share the header's cache line; sense
 * follows. The table begins as far before SLOT_DATA as it has descriptors before the first one of
 * data, so that what never changes is in one line and what each request writes in another. A
 * request moves two lines, header and data, and the device knows at once where the header is. The
 * slot is an odd number of lines, because otherwise the headers fall into every eighth set of a
 * cache.
 *
 * Measured with tests/bench rate, 32 and 64 reads in flight (AMD EPYC, gcc 12), in millions a
 * second: 54 and 70; 40 and 24 with slots of eight lines that move three each.
 *
 * No slot crosses a page: where the pages of the memory are apart for the device, QEMU takes the
 * first piece of a response for all of it and puts data into the rest.
 */
#define PAGE_BYTES    4096u
#define SLOT_BYTES    448u
#define SLOTS_A_PAGE  9u
#define SLOT_RESPONSE 52u
#define SLOT_DATA     192u
#define SLOT_DESCS    ((SLOT_BYTES - SLOT_DATA) / sizeof(struct vring_desc))

/* Most data segments of a request: in a write, the response follows them. */
#define SLOT_MAX_SEGS (SLOT_DESCS - 1)

/* UNMAP's parameter list lies in the table, after the descriptors that UNMAP needs. */
#define SLOT_PARAM       224u
#define SLOT_PARAM_BYTES (SLOT_BYTES - SLOT_PARAM)

/* The response byte before each submit: no device answers this, so it shows that none did. */
#define RESPONSE_UNWRITTEN 0xffu

/* A used length below this can't be right: no response fits (virtio 1.4, 5.6.6.1). */
#define RESPONSE_LEAST 12u

#define NO_SLOT        UINT16_MAX

/* First request virtqueue: control and event queue come before (virtio 1.4, 5.6.2). */
#define VQ_REQUEST 2u

enum ioq_state {
	IOQ_RUNNING,
	IOQ_STOPPING, /* the device may still access buffers; no request completes */
	IOQ_DOWN,     /* it no longer can; what becomes of requests in flight is not decided */
	IOQ_DRAINED,  /* decided: requests that are not sent again have completed */
	IOQ_READY,    /* as DOWN, and the device has a virtqueue for the queue again */
	IOQ_RESUMING, /* as DRAINED, likewise */
	IOQ_DEAD,
};

/* What becomes of requests in flight when the device is lost. */
enum inflight_policy {
	INFLIGHT_REPORT, /* they end as 'outcome unknown' */
	INFLIGHT_READS,  /* reads and flushes are sent again, the others end so */
	INFLIGHT_REPLAY, /* they are sent again, those that may be */
};

enum slot_state {
	SLOT_FREE,
	SLOT_PREPARED,
	SLOT_IN_RING,
	SLOT_ABORTING, /* in the ring, and to end before its time: see timeout.h */
	SLOT_BACKOFF,  /* with us, to be sent again later: in ioq.backoff */
	SLOT_DONE,     /* came back, for its handle to poll */
	SLOT_LOST,     /* ended without an answer, for its handle to poll */
};

/* slot.flags: what is not plain about a request; 0 on the fast path, and whenever it is FREE. */
#define SLOT_RAW       (1u << 0) /* a raw command: may transfer less; the header needs cleaning */
#define SLOT_COUNTED   (1u << 1) /* it counts against its LUN's limit */
#define SLOT_NO_REPLAY (1u << 2) /* must not be executed twice, so is never sent again */
#define SLOT_RETRIED   (1u << 3) /* it was sent again: its count of tries needs cleaning */
#define SLOT_SEEN      (1u << 4) /* it was in flight at a scan for late requests */
#define SLOT_REPLAYED  (1u << 5) /* in flight when its device reconnected: queue_set.replayed */
#define SLOT_ABORTED   (1u << 6) /* it is or was ABORTING: its timer has a result for it */
#define SLOT_RESET     (1u << 7) /* in flight when the application reset its LUN */

/* State and flags in one number, for one comparison. */
#define SLOT_STATUS(state, flags) \
	((uint16_t)(BYTE_ORDER == LITTLE_ENDIAN ? (state) | (flags) << 8 : (state) << 8 | (flags)))

/*
 * slot.shape: what a slot's table is formatted for, segments for the device and segments from it;
 * where the table lies; and which CDB is in the header except for its numbers, if it is known. All
 * in one number, so that the fast path asks once. No slot in use has NO_SHAPE.
 */
#define SHAPE(out, in) ((uint16_t)((out) << 5 | (in)))
#define SHAPE_TABLE    SHAPE(31, 31)
#define SHAPE_OUT(s)   ((unsigned)(s) >> 5 & 31)
#define SHAPE_IN(s)    ((unsigned)(s)&31)
#define SHAPE_10       (1u << 10) /* READ(10) or WRITE(10), as the segments say */
#define SHAPE_16       (1u << 11) /* READ(16) or WRITE(16) */
#define SHAPE_DIRECT   (1u << 12) /* the table lies in the ring */
#define NO_SHAPE       UINT16_MAX

/**
 * struct slot - The private part of a request
 * @header: the start of its place in DMA memory
 * @user_data: as given with the request
 * @lun: LUN of the request; NULL while it is FREE, or PREPARED and not filled yet. Read by other
 *	threads too
 * @regions: DMA regions that its buffers are in. Read by other threads too
 * @owner: handle that prepared it
 * @out_len: bytes of data for the device; 0 in a slot whose shape has none
 * @expect: bytes that the device has written at least when all went well: RESPONSE_LEAST, or with
 *	data from the device those and the whole response
 * @used_len: bytes that it says it has written, while DONE
 * @due: from then on it is sent again, in milliseconds that wrap, while in BACKOFF
 * @retries: times that a raw command is sent again; others take their LUN's
 * @tries: times that it was sent again, not counting those while the LUN was busy; 0 whenever the
 *	slot is free
 * @shape: SHAPE() and more
 * @head: its head in the ring
 * @next: next one in whatever list it is in
 * @pushed: while in the ring, where it was pushed: virtq_next()
 * @state: enum slot_state; @flags: SLOT_*; @status: both, SLOT_STATUS()
 * @free: all of these in one store, for a slot that becomes free
 * @lba: with SHAPE_10 or SHAPE_16, the first block
 * @addr: where the device sees its data, if that is one segment
 * @cdb, @task_attr: what the header has of these, without SHAPE_10 and SHAPE_16
 * @parameters: bytes of an UNMAP's parameter list, else 0
 *
 * A completion needs the first line only. The second one, with ioq.copies, has what else a lost
 * device may have overwritten in DMA memory: see slot_restore().
 */
struct slot {
	struct virtio_scsi_cmd_req *header;
	uint64_t user_data;
	_Atomic(struct io_lun *) lun;
	_Atomic uint64_t regions;
	struct vscsi_queue *owner;
	uint32_t out_len;
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
			union {
				uint16_t next;
				uint16_t pushed;
			};
			union {
				struct {
					uint8_t state;
					uint8_t flags;
				};
				uint16_t status;
			};
		};
		uint32_t free;
	};
	uint64_t lba;
	uint64_t addr;
	uint8_t cdb[VIRTIO_SCSI_CDB_DEFAULT_SIZE];
	uint8_t task_attr;
	uint8_t parameters;
	uint8_t pad[14];
};
_Static_assert(offsetof(struct slot, lba) == CACHE_LINE && sizeof(struct slot) == 2 * CACHE_LINE,
	       "a request's private part is two cache lines");

/* A data segment as the device sees it. The types are those of descriptors, not of an iovec. */
struct segment {
	__u64 addr;
	__u32 len;
};

/* The rest: segments if they are more than one, those for the device first, or an UNMAP's list. */
union slot_copy {
	struct segment segments[SLOT_MAX_SEGS];
	uint8_t parameters[SLOT_PARAM_BYTES];
};

/**
 * struct ioq - A request queue
 * @vq: the virtqueue, which keeps its contents while the device is away
 * @slots: private parts, @depth of them, and one with NO_SHAPE that ends the list of free slots
 * @free: first free slot, @depth when there is none; the one freed last comes first, as its cache
 *	lines are warm
 * @backoff: first of the slots that are to be sent again later
 * @head_shift: a slot's head in the ring is its number shifted by this
 * @max_segs: data segments of a request
 * @indirect: tables lie in the slots and the ring refers to them; else they lie in the ring
 * @readable: its used entries can be read before they are taken: the ring is split and not in order
 * @packed: the same, and each chain is one descriptor of a packed ring
 * @memory: the slots' places in DMA memory; @iova: where the device sees them
 * @copies: private copies of what is in them, @depth of them
 * @order: room to sort by slot.pushed: as many numbers of slots as the ring has entries
 * @cache, @map: to translate addresses
 * @set: the queues of the device
 * @credit_at: where its credits are among those of a LUN, see credit.h
 * @timers: what is known of the slots' time, @depth of them
 * @tend_at_ms: when a poll is to report next that something is due, see queue_poll()
 * @scan_at_ms: when to look for late requests next
 * @progress: up to when what the device returned has been taken, see timeout.c
 * @aborting: requests that are ABORTING
 * @reset_noted: timeout_take_resets() has something to take
 * @errors: rules that the device broke and that were put right; read by any thread
 * @kick_pending: a kick is to be sent once the lock is released
 * @lock: held by handles that share the queue; @share: what it guards for them
 * @state: enum ioq_state; @policy: enum inflight_policy, from when it was RUNNING last
 * @handles: handles that use it, @users of them; @exclusive: it belongs to one handle alone
 * @counting: there are LUNs with credits
 * @next_vq: what the device has after a reconnect, until the queue's user switches to it
 */
struct ioq {
	struct virtq vq;
	struct slot *slots;
	uint16_t free;
	uint16_t backoff;
	uint16_t head_shift;
	uint16_t max_segs;
	uint32_t depth;
	bool indirect;
	bool readable;
	bool packed;
	char *memory;
	uint64_t iova;
	union slot_copy *copies;
	uint16_t *order;
	struct dma_cache cache;
	const struct dma_map *map;
	struct queue_set *set;
	uint32_t credit_at;
	struct slot_timer *timers;
	_Atomic uint64_t tend_at_ms;
	_Atomic uint64_t scan_at_ms;
	struct {
		uint64_t taken_ms;
		uint64_t mark_ms;
		uint16_t mark;
		bool marked;
	} progress;
	atomic_uint aborting;
	atomic_bool reset_noted;
	_Atomic uint64_t errors;
	atomic_bool kick_pending;
	struct lock lock;
	struct share share;
	_Atomic uint8_t state;
	_Atomic uint8_t policy;
	struct vscsi_queue *handles;
	unsigned users;
	bool exclusive;
	atomic_bool counting;
	struct virtq next_vq;
};

/**
 * struct queue_set - What all request queues of a device have in common
 * @lock: guards the states of the queues and their users; held for moments, never while waiting
 * @transport, @mem, @map: of the device
 * @features: features that were negotiated last, before a loss too
 * @doubled: queues have a second virtqueue, for a device that reconnects
 * @ioqs, @count: request queues that are set up
 * @usable: how many of them the device has: fewer when it reconnected with fewer, and then no
 *	handle uses the others. Under @lock
 * @seg_max: data segments that a request may have (virtio 1.4, 5.6.4); @max_segs: as the
 *	application wants it, 0: as many as fit
 * @scan_ms: interval between looks for late requests; 0: nothing has a time limit
 * @report: requests that may have been executed are never sent again
 * @replayed: requests that were in flight when the device reconnected and are not returned yet
 * @answered: it has answered one of them
 * @zeroes: a block of zeros in DMA memory, for WRITE SAME
 * @forked: this is a child of the process that opened the device
 * @notices: what queues have found out for the device
 */
struct queue_set {
	pthread_mutex_t lock;
	struct transport *transport;
	struct vscsi_mem *mem;
	struct dma_map *map;
	_Atomic uint64_t features;
	bool doubled;
	struct ioq **ioqs;
	unsigned count;
	unsigned usable;
	uint32_t seg_max;
	uint32_t max_segs;
	_Atomic uint32_t scan_ms;
	bool report;
	atomic_uint replayed;
	atomic_bool answered;
	void *zeroes;
	bool forked;
	struct notices notices;
};

/**
 * ioq_create - Make a request queue that the device doesn't know of yet
 * @set: queues of the device, with all but @ioqs filled in
 * @index: virtqueue number
 * @size: entries of the ring
 * @out: receives it: ioq_destroy(), once the device no longer has it
 *
 * Return: 0, or a negative errno with its text set.
 */
int ioq_create(struct queue_set *set, unsigned index, unsigned size, struct ioq **out);
void ioq_destroy(struct ioq *ioq);

/* Whether a request, in flight or prepared, uses a region of the set. Any thread. */
bool ioq_uses_regions(const struct ioq *ioq, uint64_t regions);

/* Whether a request to @lun, or with NULL any request, is in flight. Any thread. */
bool ioq_uses_lun(const struct ioq *ioq, const struct io_lun *lun);

/* Changes the state; set->lock held. The one place where it changes. */
void ioq_set_state(struct ioq *ioq, enum ioq_state to);

/* From now on requests may have SLOT_COUNTED; set->lock held. */
void ioq_begin_counting(struct ioq *ioq);

/* Chooses its handles' paths again after a change of state or counting; set->lock held. */
void ioq_choose_path(struct ioq *ioq);

/* A slot's table, with @out segments for the device. */
struct vring_desc *slot_table(const struct ioq *ioq, const struct slot *slot, unsigned out);

/* Formats a slot's table for @out segments to and @in segments from the device. */
void slot_format(struct ioq *ioq, struct slot *slot, unsigned out, unsigned in);

/* Copies the rest of a formatted slot to DMA memory; it is for @lun. */
void slot_write(struct ioq *ioq, struct slot *slot, const struct io_lun *lun);

/**
 * slot_restore - Write again everything that the device reads of a slot
 *
 * For a device that replaces one that was lost, and may have written anything to DMA memory. The
 * slot's response stays as it is.
 */
void slot_restore(struct ioq *ioq, struct slot *slot);

/* Acquire pairs with ioq_set_state(): a device was cut off before its queues are seen DOWN. */
static inline enum ioq_state ioq_state(const struct ioq *ioq)
{
	return (enum ioq_state)atomic_load_explicit(&ioq->state, memory_order_acquire);
}

static inline bool ioq_running(const struct ioq *ioq)
{
	return ioq_state(ioq) == IOQ_RUNNING;
}

/*
 * Whether requests may have SLOT_COUNTED. Relaxed: those that do are told by that in any case, and
 * are only slower where this is not known yet.
 */
static inline bool ioq_counting(const struct ioq *ioq)
{
	return atomic_load_explicit(&ioq->counting, memory_order_relaxed);
}

/* Counts a rule that the device broke. One thread at a time does: that which polls. */
static inline void ioq_count_error(struct ioq *ioq)
{
	uint64_t errors = atomic_load_explicit(&ioq->errors, memory_order_relaxed);

	atomic_store_explicit(&ioq->errors, errors + 1, memory_order_relaxed);
}

/* Whether a feature was negotiated. Any thread, also while the device is away. */
static inline bool queue_set_has(const struct queue_set *set, unsigned bit)
{
	return atomic_load_explicit(&set->features, memory_order_relaxed) >> bit & 1;
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

/* The private copy of what struct slot has no room for. */
static inline union slot_copy *slot_copy(const struct ioq *ioq, const struct slot *slot)
{
	return &ioq->copies[slot_number(ioq, slot)];
}

static inline enum slot_state slot_state(const struct slot *slot)
{
	return (enum slot_state)slot->state;
}

/* Bytes of data, all segments together. */
static inline uint32_t slot_data_len(const struct slot *slot)
{
	if (slot->expect == RESPONSE_LEAST)
		return slot->out_len;
	return slot->out_len + slot->expect - (uint32_t)sizeof(struct virtio_scsi_cmd_resp);
}

/* Changes a request's state; debug builds check that there is such a change. */
void slot_set_state(struct slot *slot, enum slot_state to);

/* Whether the ring has a request: its head may come back, once. */
static inline bool slot_in_ring(const struct slot *slot)
{
	return slot_state(slot) == SLOT_IN_RING || slot_state(slot) == SLOT_ABORTING;
}

static inline struct io_lun *slot_lun(const struct slot *slot)
{
	return atomic_load_explicit(&slot->lun, memory_order_relaxed);
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
	return likely(slot_in_ring(slot) && slot->head == head) ? slot : NULL;
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
 * 2.7.8.3). Good responses are told by their first 12 bytes alone: two lengths and this word. The
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
	/* FREE without flags is 0. */
	slot->free = BYTE_ORDER == LITTLE_ENDIAN ? next : (uint32_t)next << 16;
	/* Release pairs with ioq_uses_lun(): a thread that finds the LUN unused may free it. */
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

/* Hands a filled slot to the ring; the device sees it after the next publish. */
static inline void slot_push(struct ioq *ioq, struct slot *slot)
{
	slot_set_state(slot, SLOT_IN_RING);
	slot->pushed = virtq_next(&ioq->vq);
	virtq_push_untracked(&ioq->vq, slot->head);
}

/* The same for a request that was in it before. */
static inline void slot_push_again(struct ioq *ioq, struct slot *slot)
{
	slot_forget(slot);
	slot_poison(slot->header);
	slot_push(ioq, slot);
}

#endif
