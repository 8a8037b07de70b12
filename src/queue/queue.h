/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handle that threads hold on a request queue, and the two steps that every request begins and
 * ends with. An exclusive handle takes no lock; those that share one take the queue's.
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "device/dev.h"
#include "lun/lun.h"

/**
 * struct vscsi_queue - A handle on a request queue
 * @ioq: the request queue
 * @shared: others may use @ioq too: lock it
 * @free_threaded: opened with VSCSI_QUEUE_SHARED: any thread may use it
 * @sharing: it is @shared, and the ring is one that the faster way of sharing is made for: split,
 *	with tables in the slots
 * @idle: polls that found nothing, wrapping
 * @notifications: kicks that it sent
 * @spin_ns: how long vscsi_wait() polls before it sleeps
 * @busy: polls that found something, but for those of the hot path; @turns: those, wrapping
 * @done: first of the slots that other handles found completed for this one; @done_last: its end
 * @owner: thread that it belongs to
 * @next: next one of those that share @ioq; from here on, see share.h
 * @held: slots that it has; @reserve: those that it can always have; @modest: the library's own,
 *	which needs few
 * @waiters: threads in vscsi_wait(); @armed: a wish of vscsi_arm() holds; @granted: it is over
 * @listed: it is to be woken
 * @bell: what wakes it, once it has slept
 */
struct vscsi_queue {
	struct ioq *ioq;
	bool shared;
	bool free_threaded;
	bool sharing;
	_Atomic uint32_t idle;
	_Atomic uint64_t notifications;
	uint64_t spin_ns;
	_Atomic uint32_t busy;
	uint8_t turns;
	uint16_t done;
	uint16_t done_last;
	pthread_t owner;
	struct vscsi_queue *next;
	unsigned held;
	unsigned reserve;
	unsigned waiters;
	bool modest;
	bool armed;
	bool granted;
	bool listed;
	struct bell *bell;
};

/* Handles for the library itself: as the public calls, but not counted as the application's. */
int queue_create(struct vscsi_dev *dev, uint32_t flags, struct vscsi_queue **out);
void queue_destroy(struct vscsi_queue *queue);

/**
 * queue_detach - Let a request in flight go on without its LUN
 * @queue: the queue that it is on
 * @user_data: names the request
 * @stand_in: takes the LUN's place until the request is returned, and must live as long
 *
 * The request isn't sent again, nor counted against the LUN's limit any more. Nothing happens when
 * it has been returned already. O(depth).
 */
void queue_detach(struct vscsi_queue *queue, uint64_t user_data, struct vscsi_lun *stand_in);

static inline void queue_lock(struct vscsi_queue *queue)
{
	if (unlikely(queue->shared))
		lock_take(&queue->ioq->lock);
}

static inline void queue_unlock(struct vscsi_queue *queue)
{
	if (unlikely(queue->shared))
		lock_give(&queue->ioq->lock);
}

/* Whether this thread may use the queue. Debug builds check it. */
static inline bool queue_is_ours(const struct vscsi_queue *queue)
{
#ifndef NDEBUG
	return queue->free_threaded || pthread_equal(queue->owner, pthread_self());
#else
	(void)queue;
	return true;
#endif
}

/* Whether a slot carries a request of this handle. */
static inline bool queue_holds(const struct vscsi_queue *queue, const struct slot *slot)
{
	return atomic_load_explicit(&slot->lun, memory_order_relaxed) && slot->owner == queue;
}

/* Whether the LUN of a slot is not there any more. */
static inline bool slot_gone(const struct slot *slot)
{
	return lun_gone(atomic_load_explicit(&slot->lun, memory_order_relaxed));
}

/**
 * queue_begin - Take a slot for a request
 * @queue: the queue; locked when this returns 0
 * @lun: LUN that the request is for
 * @out: receives the slot: fill it, then queue_commit() or queue_abandon()
 *
 * Return: 0; -EAGAIN (full now); -ENOTCONN; -EPERM (another thread's queue, in debug builds).
 */
int queue_begin(struct vscsi_queue *queue, struct vscsi_lun *lun, struct slot **out);

/* Gives a slot back whose request turned out to be impossible, and unlocks. Returns @err. */
int queue_abandon(struct vscsi_queue *queue, struct vscsi_lun *lun, struct slot *slot, int err);

/* Notifies the device; not with the lock held. Returns 0, to be the last thing a function does. */
int queue_kick(struct vscsi_queue *queue);

/* Hands a filled slot to the ring, and unlocks. Returns 0. */
int queue_commit(struct vscsi_queue *queue, struct vscsi_lun *lun, struct slot *slot,
		 uint64_t user_data);

#endif
