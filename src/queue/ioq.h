/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The request queue: one request virtqueue and the slots of the requests in it. A slot has a part
 * in DMA memory where everything that never changes is filled in once, so that a read writes a CDB,
 * one data descriptor and one ring entry; and a private part that the device can't reach, on which
 * all decisions are based.
 *
 * Private to this folder and to the device above it; queue.h is the folder's interface.
 *
 * States of a queue
 *
 *             the device is told to stop          it no longer accesses memory
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
 * The device layer makes the transitions RUNNING -> STOPPING or DOWN, STOPPING -> DOWN, DOWN ->
 * READY, DRAINED -> RESUMING, the reverse of the last two if the device is lost again, and those to
 * DEAD. A thread that uses the queue makes the others in its polls: DOWN -> DRAINED and READY ->
 * RESUMING when it has decided about the requests in flight, RESUMING -> RUNNING when it has
 * switched to the new virtqueue. All with queue_set.lock held.
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
	IOQ_DOWN,     /* it no longer can; requests in flight are not decided about */
	IOQ_DRAINED,  /* decided: requests that are not sent again have completed */
	IOQ_READY,    /* as DOWN, and the device has a virtqueue for the queue again */
	IOQ_RESUMING, /* as DRAINED, likewise */
	IOQ_DEAD,
};

/* In-flight policy: what the library does with requests in flight when the device is lost. */
enum inflight_policy {
	INFLIGHT_REPORT, /* all complete as 'outcome unknown' */
	INFLIGHT_READS,  /* reads and flushes are sent again, others as with INFLIGHT_REPORT */
	INFLIGHT_REPLAY, /* repeatable requests are sent again, others as with INFLIGHT_REPORT */
};

/**
 * struct ioq - A request queue
 * @vq: the virtqueue, which keeps its contents while the device is away
 * @slots: private parts, @depth of them, and one with NO_SHAPE that ends the list of free slots
 * @free: first free slot, @depth if there is none; a stack, because the cache lines of the slot
 *	freed last are warm
 * @backoff: list of the slots that are to be sent again later
 * @head_shift: a slot's head in the ring is its number shifted by this
 * @max_segs: most data segments of a request
 * @indirect: descriptor tables are in the slots and the ring refers to them; false: in the ring
 * @readable: used entries can be read before they are taken: the ring is split, without IN_ORDER
 * @packed: the ring is packed, without IN_ORDER, and each chain is one descriptor
 * @memory: the slots in DMA memory; @iova: their address for the device
 * @copies: private copies of what is in them, @depth of them
 * @order: room to sort slots by slot.pushed; one element for each entry of the ring
 * @cache, @map: for the translation of addresses
 * @set: the queues of the device
 * @credit_at: offset of its credits among those of a LUN, see credit.h
 * @timers: the slots' timers, @depth of them
 * @tend_at_ms: when a poll returns QUEUE_TEND next
 * @scan_at_ms: when to scan for late requests next
 * @progress: the time up to which all returned requests have been taken, see timeout.c
 * @aborting: number of requests that are ABORTING
 * @reset_noted: timeout_take_resets() has work to do
 * @errors: number of rules that the device broke and that were corrected; read by any thread
 * @kick_pending: a kick must be sent once the lock is released
 * @batch_begun: with queue_set.measured, when the first request of the batch that is not submitted
 *	yet was prepared; 0: none
 * @lock: held by handles that share the queue; @share: protected by it
 * @state: enum ioq_state; @policy: enum inflight_policy, set at a loss in RUNNING
 * @handles: handles that use it, @users of them; @exclusive: it belongs to one handle
 * @counting: some LUNs have credits
 * @next_vq: the virtqueue that a reconnected device has, until the queue's user switches to it
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
 * struct queue_set - The request queues of a device
 * @lock: protects the states of the queues and their users; held briefly, never while waiting
 * @transport, @mem, @map: of the device
 * @features: features of the last negotiation, also while the device is away
 * @doubled: queues have a second virtqueue, for a device that reconnects
 * @ioqs, @count: the request queues
 * @usable: how many of them the device has: fewer if it reconnected with fewer; no handle uses the
 *	others. Under @lock
 * @seg_max: data segments that a request may have (virtio 1.4, 5.6.4); @max_segs: the application's
 *	limit, 0: as many as fit
 * @scan_ms: interval between scans for late requests; 0: no request has a time limit
 * @report: requests that may have been executed are never sent again
 * @no_used_len: as in struct transport_ops
 * @measured: requests are counted, see stats.h; @ticks_scale: as for ticks_to_ns()
 * @replayed: number of requests replayed after the reconnect and not completed yet
 * @answered: the device has answered one of them
 * @zeroes: a block of zeros in DMA memory, for WRITE SAME
 * @forked: this is a child of the process that opened the device
 * @notices: notices from the queues to the device layer
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
 * ioq_create - Create a request queue, to be started later
 * @set: queues of the device, with everything except @ioqs filled in
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

/* Changes the state; set->lock is held. The only place that changes it. */
void ioq_set_state(struct ioq *ioq, enum ioq_state to);

/* Lets requests have SLOT_COUNTED from now on; set->lock is held. */
void ioq_begin_counting(struct ioq *ioq);

/* Chooses its handles' paths again after a change of state or counting; set->lock is held. */
void ioq_choose_path(struct ioq *ioq);

/* A slot's table, with @out segments for the device. */
struct vring_desc *slot_table(const struct ioq *ioq, const struct slot *slot, unsigned out);

/* Formats a slot's table for @out segments to and @in segments from the device. */
void slot_format(struct ioq *ioq, struct slot *slot, unsigned out, unsigned in);

/* Copies the rest of a formatted slot to DMA memory, for a request to @lun. */
void slot_write(struct ioq *ioq, struct slot *slot, const struct io_lun *lun);

/**
 * slot_restore - Write again everything that the device reads of a slot
 *
 * Used after a reconnect: the lost device may have written anything to DMA memory. The slot's
 * response stays as it is.
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
 * Whether requests may have SLOT_COUNTED. Relaxed: a thread that doesn't see the change yet handles
 * such requests correctly, only slower.
 */
static inline bool ioq_counting(const struct ioq *ioq)
{
	return atomic_load_explicit(&ioq->counting, memory_order_relaxed);
}

/* Counts a rule that the device broke. Called by one thread at a time, the one that polls. */
static inline void ioq_count_error(struct ioq *ioq)
{
	uint64_t errors = atomic_load_explicit(&ioq->errors, memory_order_relaxed);

	atomic_store_explicit(&ioq->errors, errors + 1, memory_order_relaxed);
}

/* Counts a used length too short for any response, unless the device reports no lengths. */
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

/* The offset of slot @number in @memory. */
static inline size_t slot_place(unsigned number)
{
	return (size_t)PAGE_BYTES * (number / SLOTS_A_PAGE) +
	       (size_t)SLOT_BYTES * (number % SLOTS_A_PAGE);
}

static inline uint16_t slot_number(const struct ioq *ioq, const struct slot *slot)
{
	return (uint16_t)(slot - ioq->slots);
}

/* The part of the private copy that has no room in struct slot. */
static inline union slot_copy *slot_copy(const struct ioq *ioq, const struct slot *slot)
{
	return &ioq->copies[slot_number(ioq, slot)];
}

/*
 * The slot of a used id, or NULL if no such chain is in flight: it was never pushed, or was taken
 * before.
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

/* Puts slot @number back into the list of free slots. */
static inline void slot_release(struct ioq *ioq, struct slot *slot, uint16_t number)
{
	slot_end(slot, slot->header, ioq->free);
	ioq->free = number;
}

/* Pushes a filled slot; the device sees it after the next publish. */
static inline void slot_push(struct ioq *ioq, struct slot *slot)
{
	slot_set_state(slot, SLOT_IN_RING);
	slot->pushed = virtq_next(&ioq->vq);
	virtq_push_untracked(&ioq->vq, slot->head);
}

/* The same for a request that was in the ring before. */
static inline void slot_push_again(struct ioq *ioq, struct slot *slot)
{
	slot_forget(slot);
	slot_poison(slot->header);
	slot_push(ioq, slot);
}

#endif
