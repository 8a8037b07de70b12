/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Publishing and polling. Handles that share a request queue put each other's completions where
 * their owner finds them.
 */
#include <errno.h>
#include <string.h>

#include "core/complete.h"
#include "core/queue.h"
#include "core/recover.h"
#include "core/resume.h"
#include "util/export.h"

/* Empty polls between two looks at the device's connection. */
#define IDLE_POLLS 16384u

/* A queue that is shared, or a device that is lost. */
static __attribute__((noinline)) int submit_general(struct vscsi_queue *queue)
{
	bool kick;

	/* What is prepared meanwhile goes to the device when it is back. */
	if (unlikely(!ioq_up(queue->ioq)))
		return dev_failed(queue->ioq->dev) ? -ENOTCONN : 0;
	queue_lock(queue);
	kick = virtq_publish(&queue->ioq->vq);
	queue_unlock(queue);
	/* Outside the lock: a system call must not keep the others waiting. */
	if (kick)
		virtq_kick(&queue->ioq->vq);
	return 0;
}

EXPORT int vscsi_submit(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;

	if (unlikely(!ioq_hot(ioq)))
		return submit_general(queue);
	virtq_submit(&ioq->vq);
	return 0;
}

/* Ends a request in whatever state it is. */
static void finish(struct ioq *ioq, struct slot *slot)
{
	if (slot->flags & SLOT_COUNTED)
		lun_give_credit(atomic_load_explicit(&slot->lun, memory_order_relaxed));
	if (slot->flags & SLOT_RAW)
		slot_clean(slot);
	slot_forget(slot);
	slot->tries = 0;
	slot_release(ioq, slot, slot_number(ioq, slot));
}

/*
 * Whether a request ended well: the first 12 bytes of the response are all zero (virtio 1.4,
 * 5.6.6.1), each read once, and all data was transferred. Nothing else of shared memory is read.
 */
static inline bool is_good(const struct slot *slot, uint32_t used_len)
{
	const struct virtio_scsi_cmd_resp *resp = slot_response(slot);
	uint64_t lengths = __atomic_load_n((const uint64_t *)(const void *)resp, __ATOMIC_RELAXED);
	uint32_t codes = __atomic_load_n((const uint32_t *)(const void *)&resp->status_qualifier,
					 __ATOMIC_RELAXED);

	return likely(!(lengths | codes)) &&
	       likely(used_len >= slot->expect || used_len < RESPONSE_LEAST);
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
	if (is_good(slot, used_len))
		fill_good(out, slot);
	else if (!slot_judge(ioq, slot, out))
		return 0;
	finish(ioq, slot);
	return 1;
}

void slot_hand_over(struct slot *slot, uint32_t used_len)
{
	struct vscsi_queue *owner = slot->owner;
	struct ioq *ioq = owner->ioq;
	uint16_t number = slot_number(ioq, slot);

	slot->used_len = used_len;
	slot->next = NO_SLOT;
	if (owner->done == NO_SLOT)
		owner->done = number;
	else
		ioq->slots[owner->done_last].next = number;
	owner->done_last = number;
}

static int deliver_done(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	unsigned count = 0;

	while (queue->done != NO_SLOT && count < max) {
		struct slot *slot = &ioq->slots[queue->done];

		queue->done = slot->next;
		if (slot->flags & SLOT_UNKNOWN) {
			slot_lost(slot, slot_gone(slot) ? -ENODEV : -ECONNRESET, &out[count++]);
			finish(ioq, slot);
		} else {
			count += (unsigned)deliver(ioq, slot, slot->used_len, &out[count]);
		}
	}
	return (int)count;
}

/* Notes that a head is none that the device has. All 32 bits count (virtio 1.4, 2.7.8). */
static int bad_head(struct ioq *ioq)
{
	return virtq_broken(&ioq->vq, "a used id names no chain that the device has (2.7.8)");
}

/*
 * Takes back one entry of any kind.
 *
 * Return: completions written, or -EPROTO when the device doesn't have such a chain.
 */
static int take(struct vscsi_queue *queue, struct split_used used, struct vscsi_completion *out)
{
	struct ioq *ioq = queue->ioq;
	struct slot *slot = ioq_find(ioq, used.head);

	if (unlikely(!slot))
		return bad_head(ioq);
	slot->flags &= (uint8_t)~SLOT_LIVE;
	if (slot->owner == queue)
		return deliver(ioq, slot, used.len, out);
	slot_hand_over(slot, used.len);
	return 0;
}

/*
 * Takes what the device gave back, at most so many chains as it had when this began: a device
 * that completes for ever can't keep us here.
 *
 * Return: completions written, or -EPROTO when the device broke the ring.
 */
static int collect(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	int pending = virtq_pending(&ioq->vq);
	struct split_reader reader = virtq_reader(&ioq->vq);
	unsigned count = 0;
	int err = pending < 0 ? pending : 0;
	int taken;

	for (; pending > 0 && count < max; pending--) {
		taken = take(queue, virtq_read(&reader), &out[count]);
		if (unlikely(taken < 0)) {
			err = taken;
			break;
		}
		count += (unsigned)taken;
	}
	virtq_read_end(&ioq->vq, &reader);
	if (unlikely(ioq->waiting != NO_SLOT) && ioq_push_due(ioq))
		virtq_submit(&ioq->vq);
	return count ? (int)count : err;
}

/*
 * The hot path's form of collect(), for an exclusive queue whose slots are the ring's entries:
 * takes them as long as they are plain, that is live, of no special kind, and good. It calls
 * nothing, and all that changes from one entry to the next stays in registers.
 *
 * Nothing is prefetched: the entries don't depend on each other, so that a processor reads ahead by
 * itself.
 */
static inline __attribute__((always_inline)) unsigned collect_plain(struct ioq *ioq,
								    struct vscsi_completion *out,
								    unsigned count)
{
	struct split_reader reader = virtq_reader(&ioq->vq);
	const uint32_t start = reader.at;
	const uint32_t stop = start + count;
	struct slot *const slots = ioq->slots;
	const uint32_t depth = ioq->depth;
	uint16_t free = ioq->free;

	while (reader.at != stop) {
		struct split_reader next = reader;
		struct split_used used = virtq_read(&next);
		struct slot *slot;

		if (unlikely(used.head >= depth))
			break;
		slot = &slots[used.head];
		if (unlikely(slot->flags != SLOT_LIVE) || !is_good(slot, used.len))
			break;
		fill_good(out++, slot);
		slot_end(slot, free);
		free = (uint16_t)used.head;
		reader = next;
	}
	ioq->free = free;
	virtq_read_end(&ioq->vq, &reader);
	return reader.at - start;
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
		slot_lost(slot, -ENOTCONN, &out[count++]);
		finish(ioq, slot);
	}
	queue_unlock(queue);
	return count ? (int)count : -ENOTCONN;
}

/*
 * A poll while the device is away, queue locked: first what it had given back before it went and
 * what will not be sent again, then the way back.
 */
static int collect_down(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
			bool *kick)
{
	int count;

	if (!queue->ioq->parked)
		ioq_park(queue->ioq);
	count = deliver_done(queue, out, max);
	/* The hot path of an exclusive queue doesn't look for those: they come first. */
	if (queue->done == NO_SLOT)
		ioq_resume(queue->ioq, kick);
	return count;
}

static int poll_down(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	bool kick = false;
	int count = 0;

	recover_step(queue->ioq->dev);
	if (dev_failed(queue->ioq->dev))
		return collect_lost(queue, out, max);
	queue_lock(queue);
	if (!ioq_up(queue->ioq))
		count = collect_down(queue, out, max, &kick);
	queue_unlock(queue);
	if (kick)
		virtq_kick(&queue->ioq->vq);
	return count;
}

/*
 * What follows a poll that found nothing or something wrong; true: the device may have been lost.
 */
static bool look_closer(struct vscsi_queue *queue, int found)
{
	uint32_t idle;

	if (found == -EPROTO) {
		dev_fail_queue(queue->ioq, virtq_rule(&queue->ioq->vq));
		return true;
	}
	/* Threads that share a handle may lose a count: it only has to grow. */
	idle = atomic_load_explicit(&queue->idle, memory_order_relaxed) + 1;
	atomic_store_explicit(&queue->idle, idle, memory_order_relaxed);
	if (idle % IDLE_POLLS)
		return false;
	dev_check(queue->ioq->dev);
	return true;
}

/*
 * Whether the device works is asked again under the lock: once another handle has begun to take
 * back what a lost device had, an entry that is still in the ring names a request that was
 * returned.
 */
static int collect_shared(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	int count;

	pthread_mutex_lock(&queue->ioq->lock);
	count = deliver_done(queue, out, max);
	if (!count && ioq_up(queue->ioq))
		count = collect(queue, out, max);
	pthread_mutex_unlock(&queue->ioq->lock);
	return count;
}

/* A poll that found nothing or something wrong. */
static __attribute__((noinline)) int poll_idle(struct vscsi_queue *queue,
					       struct vscsi_completion *out, unsigned max,
					       int found)
{
	if (look_closer(queue, found) && !ioq_up(queue->ioq))
		return poll_down(queue, out, max);
	return 0;
}

/* A queue that is shared or direct, or a device that is lost. */
static __attribute__((noinline)) int poll_general(struct vscsi_queue *queue,
						  struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	int count;

	if (unlikely(!ioq_up(ioq)))
		return poll_down(queue, out, max);
	if (queue->shared)
		count = collect_shared(queue, out, max);
	else
		count = collect(queue, out, max);
	if (unlikely(count <= 0))
		return poll_idle(queue, out, max, count);
	atomic_store_explicit(&queue->idle, 0, memory_order_relaxed);
	return count;
}

/* What follows @count plain entries. */
static __attribute__((noinline)) int poll_rest(struct vscsi_queue *queue,
					       struct vscsi_completion *out, unsigned max,
					       unsigned count)
{
	int more = collect(queue, out + count, max - count);

	if (!count && more <= 0)
		return poll_idle(queue, out, max, more);
	return (int)count + (more > 0 ? more : 0);
}

EXPORT int vscsi_poll(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	unsigned count;
	int pending;

	if (unlikely(!ioq_hot(ioq) || !ioq->indirect))
		return poll_general(queue, out, max);
	pending = virtq_pending(&ioq->vq);
	if (unlikely(pending <= 0 || ioq->waiting != NO_SLOT))
		return poll_rest(queue, out, max, 0);
	if ((unsigned)pending < max)
		max = (unsigned)pending;
	count = collect_plain(ioq, out, max);
	atomic_store_explicit(&queue->idle, 0, memory_order_relaxed);
	return likely(count == max) ? (int)count : poll_rest(queue, out, max, count);
}
