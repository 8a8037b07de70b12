/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Polling. Handles that share a request queue put each other's completions where their owner finds
 * them.
 */
#include <errno.h>
#include <string.h>

#include "queue/complete.h"
#include "queue/credit.h"
#include "queue/fair.h"
#include "queue/timeout.h"
#include "queue/queue.h"
#include "device/recover.h"
#include "queue/resume.h"
#include "util/export.h"

/* Empty polls between two looks at the device's connection. */
#define IDLE_POLLS 16384u

/* Polls between two looks at the clock: that found nothing, and that found something. */
#define EMPTY_POLLS 64u
#define BUSY_POLLS  256u

/* Takes back what only a request that isn't plain leaves behind. */
static void finish_special(struct ioq *ioq, struct slot *slot)
{
	if (slot->flags & SLOT_ENDING)
		limit_ended(ioq, slot);
	if (slot->flags & SLOT_RAW)
		slot_clean(slot);
	if (slot->carried)
		slot_carried(ioq, slot);
	slot->tries = 0;
}

/* Ends a request in whatever state it is. */
static void finish(struct ioq *ioq, struct slot *slot)
{
	if (slot->flags & (SLOT_ENDING | SLOT_RAW | SLOT_AGAIN))
		finish_special(ioq, slot);
	if (slot->flags & SLOT_COUNTED)
		credit_give(atomic_load_explicit(&slot->lun, memory_order_relaxed), ioq);
	slot_forget(slot);
	slot_release(ioq, slot, slot_number(ioq, slot));
}

/*
 * Whether a request ended well: the first 12 bytes of the response are all zero (virtio 1.4,
 * 5.6.6.1), each read once, and all data was transferred. Nothing else of shared memory is read.
 */
static inline bool is_good(const struct slot *slot, struct virtio_scsi_cmd_req *header,
			   uint32_t used_len)
{
	const struct virtio_scsi_cmd_resp *resp = header_response(header);
	uint64_t codes;
	uint32_t sense;

	if (unlikely(used_len < slot->expect) && used_len >= RESPONSE_LEAST)
		return false;
	sense = __atomic_load_n((const uint32_t *)(const void *)resp, __ATOMIC_RELAXED);
	codes = __atomic_load_n((const uint64_t *)(const void *)&resp->resid, __ATOMIC_RELAXED);
	return likely(!(sense | codes));
}

static inline void fill_good(struct vscsi_completion *out, const struct slot *slot)
{
	out->user_data = slot->user_data;
	memset(&out->result, 0,
	       offsetof(struct vscsi_completion, sense) -
		       offsetof(struct vscsi_completion, result));
}

/*
 * Turns a slot of this handle that came back into a completion.
 *
 * Return: completions written, 0 when the request is sent again.
 */
static int deliver(struct ioq *ioq, struct slot *slot, uint32_t used_len,
		   struct vscsi_completion *out)
{
	slot->used_len = used_len;
	if (is_good(slot, slot->header, used_len))
		fill_good(out, slot);
	else if (!slot_judge(ioq, slot, out))
		return 0;
	finish(ioq, slot);
	return 1;
}

static int deliver_done(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	unsigned count = 0;

	while (queue->done != NO_SLOT && count < max) {
		struct slot *slot = &ioq->slots[queue->done];

		queue->done = slot->next;
		if (likely(!(slot->flags & SLOT_UNKNOWN))) {
			count += (unsigned)deliver(ioq, slot, slot->used_len, &out[count]);
			continue;
		}
		slot_lost(ioq, slot, &out[count++]);
		finish(ioq, slot);
	}
	return (int)count;
}

struct slot *slot_of_used(struct ioq *ioq, struct ring_used used)
{
	struct slot *slot = ioq_find(ioq, used.head);

	if (unlikely(!slot)) {
		virtq_mark_broken(&ioq->vq, "a used id is not in flight (2.7.8)");
		return NULL;
	}
	slot->flags &= (uint8_t)~SLOT_LIVE;
	return slot;
}

/*
 * Takes back one entry of any kind.
 *
 * Return: completions written, or -EPROTO when the device doesn't have such a chain.
 */
COLD int take(struct vscsi_queue *queue, struct ring_used used, struct vscsi_completion *out)
{
	struct slot *slot = slot_of_used(queue->ioq, used);

	if (unlikely(!slot))
		return -EPROTO;
	if (slot->owner == queue)
		return deliver(queue->ioq, slot, used.len, out);
	share_hand_over(slot, used.len);
	return 0;
}

/* Ends what waits to be sent again and will not be. Return: completions written. */
static unsigned end_waiting(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	unsigned count = 0;

	while (count < max) {
		struct slot *slot = ioq_take_ended(queue);
		int result;

		if (!slot)
			break;
		result = slot->flags & SLOT_ENDING ? limit_result(ioq, slot) : -ENODEV;
		slot_unanswered(slot, result, &out[count++]);
		finish(ioq, slot);
	}
	return count;
}

/* Ends or sends again what waits for that. @kick: as for collect(). Return: completions written. */
COLD unsigned tend_waiting(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
			   bool *kick)
{
	unsigned count = end_waiting(queue, out, max);

	*kick = ioq_push_due(queue->ioq) && virtq_publish(&queue->ioq->vq);
	return count;
}

/*
 * Takes what the device gave back, at most so many chains as it had when this began: a device
 * that completes for ever can't keep us here. Then publishes what is to be sent again.
 *
 * @kick: receives whether queue_kick() has to follow, outside the lock
 *
 * Return: completions written, or -EPROTO when the device broke the ring.
 */
static int collect(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
		   bool *kick)
{
	struct ioq *ioq = queue->ioq;
	int pending = virtq_pending(&ioq->vq);
	struct ring_used used;
	unsigned count = 0;
	int err = pending < 0 ? pending : 0;
	int taken;

	for (; pending > 0 && count < max; pending--) {
		taken = virtq_take_untracked(&ioq->vq, &used);
		if (unlikely(taken)) {
			err = taken < 0 ? taken : 0;
			break;
		}
		taken = take(queue, used, &out[count]);
		if (unlikely(taken < 0)) {
			err = taken;
			break;
		}
		count += (unsigned)taken;
	}
	*kick = false;
	if (unlikely(ioq->waiting != NO_SLOT) && !err)
		count += tend_waiting(queue, &out[count], max - count, kick);
	return count ? (int)count : err;
}

/*
 * The hot path's form of collect(): takes up to @count entries, at least one of which is there, as
 * long as they are good and plain: live and of no special kind, and counted or not as the way says.
 * With an @owner they are also his. @way: the queue's, a constant where it is known. It calls
 * nothing, and all that changes from one entry to the next stays in registers.
 *
 * Nothing is prefetched: the entries don't depend on each other, so that a processor reads ahead by
 * itself. With responses fetched for writing ahead of the loop, reads a second halved (tests/bench
 * rate, AMD EPYC).
 */
HOT unsigned collect_plain(struct ioq *ioq, const struct vscsi_queue *owner,
			   struct vscsi_completion *out, unsigned count, unsigned way)
{
	const bool packed = way & WAY_PACKED;
	const bool counted = way & WAY_COUNTED;
	const unsigned plain = counted ? SLOT_LIVE | SLOT_COUNTED : SLOT_LIVE;
	const unsigned shift = way & WAY_DIRECT ? ioq->head_shift : 0;
	struct virtq_reader reader = virtq_reader(&ioq->vq, packed);
	struct vscsi_completion *const start = out;
	struct vscsi_completion *const stop = out + count;
	uint16_t free = ioq->free;

	do {
		struct virtq_reader next = reader;
		struct virtio_scsi_cmd_req *header;
		struct ring_used used;
		struct slot *slot;

		if (!virtq_read(&next, packed, &used) || unlikely(used.head >> shift >= ioq->depth))
			break;
		slot = &ioq->slots[used.head >> shift];
		header = slot->header;
		if (unlikely(slot->flags != plain) || !is_good(slot, header, used.len))
			break;
		if ((owner && slot->owner != owner) || (shift && slot->head != used.head))
			break;
		if (counted)
			credit_give(atomic_load_explicit(&slot->lun, memory_order_relaxed), ioq);
		fill_good(out++, slot);
		slot_end(slot, header, free);
		if (!shift)
			slot_touch_data(header);
		free = (uint16_t)(used.head >> shift);
		reader = next;
	} while (out != stop);
	ioq->free = free;
	count = (unsigned)(out - start);
	virtq_read_end(&ioq->vq, packed, count);
	return count;
}

/* collect_plain(), then collect() for what that left, on any queue. @kick: as for collect(). */
static int collect_any(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
		       bool *kick)
{
	struct ioq *ioq = queue->ioq;
	const unsigned counted = ioq_counting(ioq) ? WAY_COUNTED : 0;
	int pending = virtq_pending(&ioq->vq);
	unsigned most = pending < 0 ? 0 : (unsigned)pending < max ? (unsigned)pending : max;
	unsigned run = virtq_run(&ioq->vq, !ioq->readable, most);
	unsigned count = 0;
	int more;

	if (likely(run && ioq->readable && ioq->indirect && !counted))
		count = collect_plain(ioq, queue, out, run, WAY_SPLIT);
	else if (run && ioq->readable)
		count = collect_plain(ioq, queue, out, run, WAY_SPLIT | WAY_DIRECT | counted);
	else if (run && ioq->packed)
		count = collect_plain(ioq, queue, out, run, WAY_PACKED | counted);
	*kick = false;
	if (likely(count) && count == most && ioq->waiting == NO_SLOT)
		return (int)count;
	more = collect(queue, out + count, max - count, kick);
	return count ? (int)count + (more > 0 ? more : 0) : more;
}

static int collect_exclusive(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	bool kick;
	int count = collect_any(queue, out, max, &kick);

	if (kick)
		queue_kick(queue);
	return count;
}

/*
 * Returns what is left once the device is lost for good; it was cut off before anybody could see
 * that.
 */
static int collect_lost(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	unsigned count;
	unsigned i;

	queue_lock(queue);
	count = (unsigned)deliver_done(queue, out, max);
	for (i = 0; i < ioq->depth && count < max; i++) {
		struct slot *slot = &ioq->slots[i];

		if (!queue_holds(queue, slot))
			continue;
		slot_lost(ioq, slot, &out[count++]);
		finish(ioq, slot);
	}
	/* Nothing is sent again any more, and others may be about to look at the list. */
	ioq->waiting = NO_SLOT;
	if (queue->shared)
		share_give(queue, count);
	queue_unlock(queue);
	return count ? (int)count : -ENOTCONN;
}

/*
 * A poll while the device is away, queue locked: first what it had given back before it went and
 * what will not be sent again, then the way back.
 */
static unsigned collect_down(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
			     bool *kick)
{
	unsigned count;

	ioq_park(queue->ioq);
	count = (unsigned)deliver_done(queue, out, max);
	count += end_waiting(queue, out + count, max - count);
	/* The hot path of an exclusive queue doesn't look for those: they come first. */
	if (queue->done == NO_SLOT)
		ioq_resume(queue->ioq, kick);
	if (queue->shared)
		share_give(queue, count);
	return count;
}

static int poll_down(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	bool kick = false;
	unsigned count = 0;

	recover_step(queue->ioq->dev);
	if (dev_failed(queue->ioq->dev))
		return collect_lost(queue, out, max);
	queue_lock(queue);
	if (!ioq_up(queue->ioq))
		count = collect_down(queue, out, max, &kick);
	queue_unlock(queue);
	if (kick)
		queue_kick(queue);
	return (int)count;
}

/*
 * What follows a poll that found nothing or something wrong; true: the device may have been lost.
 */
static bool look_closer(struct vscsi_queue *queue, int found)
{
	uint32_t idle;

	if (found == -EPROTO) {
		const char *rule = virtq_rule(&queue->ioq->vq);

		/* None: another handle has found the same, and the queue has a new ring already. */
		if (rule)
			dev_fail_queue(queue->ioq, rule);
		return true;
	}
	/* Threads that share a handle may lose a count: it only has to grow. */
	idle = atomic_load_explicit(&queue->idle, memory_order_relaxed) + 1;
	atomic_store_explicit(&queue->idle, idle, memory_order_relaxed);
	if (idle % EMPTY_POLLS)
		return false;
	limit_poll(queue);
	if (idle % IDLE_POLLS)
		return true;
	dev_check(queue->ioq->dev);
	return true;
}

/* What follows a poll that found something: now and then a look at those that don't come back. */
static inline void count_busy(struct vscsi_queue *queue)
{
	uint32_t busy = atomic_load_explicit(&queue->busy, memory_order_relaxed) + 1;

	atomic_store_explicit(&queue->busy, busy, memory_order_relaxed);
	if (unlikely(busy % BUSY_POLLS == 0))
		limit_poll(queue);
}

/*
 * Whether the device works is asked again under the lock: once another handle has begun to take
 * back what a lost device had, an entry that is still in the ring names a request that was
 * returned. What goes to other handles rings for none of them: see bell.c.
 */
static int collect_shared(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	bool kick = false;
	bool wake = false;
	int count;

	lock_take(&ioq->lock);
	count = deliver_done(queue, out, max);
	if (!count && ioq_up(ioq))
		count = collect_any(queue, out, max, &kick);
	if (count > 0) {
		share_give(queue, (unsigned)count);
		wake = share_polled(queue);
	}
	lock_give(&ioq->lock);
	if (kick)
		queue_kick(queue);
	if (unlikely(wake))
		share_wake(ioq);
	return count;
}

/* A poll that found nothing or something wrong. */
COLD int poll_idle(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max, int found)
{
	if (look_closer(queue, found) && !ioq_up(queue->ioq))
		return poll_down(queue, out, max);
	return 0;
}

/*
 * A queue that no way is made for: shared, in order, or packed with tables in the ring; or a device
 * that is lost.
 */
COLD int poll_general(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	int count;

	if (unlikely(!ioq_up(ioq)))
		return poll_down(queue, out, max);
	if (queue->shared)
		count = collect_shared(queue, out, max);
	else
		count = collect_exclusive(queue, out, max);
	if (unlikely(count <= 0))
		return poll_idle(queue, out, max, count);
	count_busy(queue);
	return count;
}

/* What follows @count plain entries. */
COLD int poll_rest(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
		   unsigned count)
{
	int more = collect_exclusive(queue, out + count, max - count);

	if (!count && more <= 0)
		return poll_idle(queue, out, max, more);
	count_busy(queue);
	return (int)count + (more > 0 ? more : 0);
}

/* Every 256th poll of the hot path: a call at its end only, which costs the others nothing. */
COLD int poll_looked(struct vscsi_queue *queue, int count)
{
	limit_poll(queue);
	return count;
}

HOT int poll_found(struct vscsi_queue *queue, int count)
{
	return likely(++queue->turns) ? count : poll_looked(queue, count);
}

/*
 * The hot path, for each way: takes what there is. How many entries a packed ring has is known at
 * their end only.
 */
HOT int poll_all(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
		 unsigned way)
{
	const bool packed = way & WAY_PACKED;
	struct ioq *ioq = queue->ioq;
	int pending = virtq_pending_in(&ioq->vq, packed);
	unsigned count = 0;
	unsigned taken;
	unsigned run;

	if (unlikely(pending <= 0 || !max || ioq->waiting != NO_SLOT))
		return poll_rest(queue, out, max, 0);
	if ((unsigned)pending < max)
		max = (unsigned)pending;
	do {
		run = virtq_run(&ioq->vq, packed, max - count);
		taken = collect_plain(ioq, NULL, out + count, run, way);
		count += taken;
	} while (taken == run && unlikely(count != max));
	if (unlikely(count != max) && (!packed || virtq_pending_in(&ioq->vq, true)))
		return poll_rest(queue, out, max, count);
	return poll_found(queue, (int)count);
}

/* One that is alone, with none of what it takes to go through many. Returns how many: 1 or 0. */
HOT int poll_one(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
		 unsigned way)
{
	struct ioq *ioq = queue->ioq;

	if (!virtq_has_one(&ioq->vq, way & WAY_PACKED) || unlikely(!max) ||
	    unlikely(ioq->waiting != NO_SLOT))
		return 0;
	return (int)collect_plain(ioq, NULL, out, 1, way);
}

/*
 * For who shares a split ring: a plain request of his own that is alone there, which a poll finds
 * most often. Everything else is left as it was to poll_general().
 */
COLD int poll_shared(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	unsigned count = 0;

	lock_take(&ioq->lock);
	if (likely(max && queue->done == NO_SLOT && !queue->armed) &&
	    likely(ioq->waiting == NO_SLOT && !ioq_counting(ioq) && ioq_up(ioq)) &&
	    virtq_has_one(&ioq->vq, false))
		count = collect_plain(ioq, queue, out, 1, WAY_SPLIT);
	if (likely(count))
		share_give(queue, 1);
	lock_give(&ioq->lock);
	if (unlikely(!count))
		return poll_general(queue, out, max);
	count_busy(queue);
	return 1;
}

/*
 * The kinds that are made for themselves, each apart from the others, so that it has the registers
 * to itself; and one for all others.
 */
COLD int poll_split(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	return poll_all(queue, out, max, WAY_SPLIT);
}

COLD int poll_counted_all(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	return poll_all(queue, out, max, WAY_SPLIT | WAY_COUNTED);
}

COLD int poll_counted(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	if (poll_one(queue, out, max, WAY_SPLIT | WAY_COUNTED))
		return poll_found(queue, 1);
	return poll_counted_all(queue, out, max);
}

COLD int poll_packed_all(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	return poll_all(queue, out, max, WAY_PACKED);
}

COLD int poll_packed(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	if (poll_one(queue, out, max, WAY_PACKED))
		return poll_found(queue, 1);
	return poll_packed_all(queue, out, max);
}

COLD int poll_any(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	unsigned way = ioq_way(queue->ioq);

	return way ? poll_all(queue, out, max, way) : poll_general(queue, out, max);
}

COLD int poll_other(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	unsigned way = ioq_way(queue->ioq);

	if (queue->sharing)
		return poll_shared(queue, out, max);
	if (way == WAY_PACKED)
		return poll_packed(queue, out, max);
	if (way == (WAY_SPLIT | WAY_COUNTED))
		return poll_counted(queue, out, max);
	return poll_any(queue, out, max);
}

EXPORT int vscsi_poll(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	if (unlikely(ioq_way(queue->ioq) != WAY_SPLIT))
		return poll_other(queue, out, max);
	if (poll_one(queue, out, max, WAY_SPLIT))
		return poll_found(queue, 1);
	return poll_split(queue, out, max);
}
