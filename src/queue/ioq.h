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
#include "queue/slot.h"
#include "util/lock.h"
#include "virtio/virtq.h"

struct queue_set;
struct slot_timer;
struct vscsi_queue;

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
 * @batch_begun: where requests are measured, when the first one was prepared that is not submitted
 *	yet, else 0
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
	uint64_t batch_begun;
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
 * @no_used_len: as in struct transport_ops
 * @measured: requests are counted, see stats.h; @ticks_scale: as for ticks_to_ns()
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
	bool no_used_len;
	bool measured;
	uint64_t ticks_scale;
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

/* Counts a used length too short for any response, where the device gives lengths at all. */
static inline void ioq_count_short(struct ioq *ioq)
{
	if (!ioq->set->no_used_len)
		ioq_count_error(ioq);
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

/* Puts slot @number back among the free ones. */
static inline void slot_release(struct ioq *ioq, struct slot *slot, uint16_t number)
{
	slot_end(slot, slot->header, ioq->free);
	ioq->free = number;
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
