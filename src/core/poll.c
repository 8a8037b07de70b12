/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Publishing and polling. Handles that share a request queue put each other's completions where
 * their owner finds them.
 */
#include <errno.h>
#include <string.h>

#include "core/complete.h"
#include "core/queue.h"
#include "util/export.h"

/* Empty polls between two looks at the device's connection. */
#define IDLE_POLLS 16384u

EXPORT int vscsi_submit(struct vscsi_queue *queue)
{
	bool kick;

	if (unlikely(!dev_running(queue->ioq->dev)))
		return -ENOTCONN;
	queue_lock(queue);
	kick = virtq_publish(&queue->ioq->vq);
	queue_unlock(queue);
	/* Outside the lock: a system call must not keep the others waiting. */
	if (kick)
		virtq_kick(&queue->ioq->vq);
	return 0;
}

static void finish_special(struct slot *slot)
{
	if (slot->flags & SLOT_COUNTED)
		lun_give_credit(atomic_load_explicit(&slot->lun, memory_order_relaxed));
	if (slot->flags & SLOT_RAW)
		slot_clean(slot);
	slot->tries = 0;
	slot->flags = 0;
}

static inline void finish(struct ioq *ioq, struct slot *slot, uint16_t number)
{
	if (unlikely(slot->flags))
		finish_special(slot);
	slot_release(ioq, slot, number);
}

/*
 * Turns a slot that came back into a completion. The plain case reads the first 12 bytes of the
 * response, all zero when it is good (virtio 1.4, 5.6.6.1), and nothing else of shared memory.
 *
 * Return: completions written, 0 when the request is sent again.
 */
static inline unsigned deliver(struct ioq *ioq, uint16_t number, uint32_t used_len,
			       struct vscsi_completion *out)
{
	struct slot *slot = &ioq->slots[number];
	const struct virtio_scsi_cmd_resp *resp = slot_response(slot);
	uint64_t lengths = __atomic_load_n((const uint64_t *)(const void *)resp, __ATOMIC_RELAXED);
	uint32_t codes = __atomic_load_n((const uint32_t *)(const void *)&resp->status_qualifier,
					 __ATOMIC_RELAXED);
	bool whole = used_len >= slot->expect || used_len < RESPONSE_LEAST;

	if (likely(!lengths && !codes && whole)) {
		out->user_data = slot->user_data;
		memset(&out->result, 0,
		       offsetof(struct vscsi_completion, sense) -
			       offsetof(struct vscsi_completion, result));
	} else {
		slot->used_len = used_len;
		if (!slot_judge(ioq, slot, out))
			return 0;
	}
	finish(ioq, slot, number);
	return 1;
}

/* Leaves a completed slot for the handle that it belongs to. */
static void hand_over(struct slot *slot, uint32_t used_len)
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

static unsigned deliver_done(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	unsigned count = 0;

	while (queue->done != NO_SLOT && count < max) {
		uint16_t number = queue->done;

		queue->done = queue->ioq->slots[number].next;
		count += deliver(queue->ioq, number, queue->ioq->slots[number].used_len,
				 &out[count]);
	}
	return count;
}

/*
 * Takes what the device gave back, at most so many chains as it had when this began: a device
 * that completes for ever can't keep us here.
 *
 * Return: completions written, or -EPROTO when the device broke the ring.
 */
static inline __attribute__((always_inline)) int collect(struct vscsi_queue *queue,
							 struct vscsi_completion *out, unsigned max,
							 bool shared)
{
	struct ioq *ioq = queue->ioq;
	int pending = virtq_pending(&ioq->vq);
	unsigned count = 0;
	struct split_used used;
	struct slot *slot;
	uint16_t number;

	for (; pending > 0 && count < max; pending--) {
		if (unlikely(virtq_take(&ioq->vq, &used)))
			return count ? (int)count : -EPROTO;
		number = (uint16_t)(used.head >> ioq->head_shift);
		slot = &ioq->slots[number];
		if (!shared || slot->owner == queue)
			count += deliver(ioq, number, used.len, &out[count]);
		else
			hand_over(slot, used.len);
	}
	if (unlikely(ioq->waiting != NO_SLOT) && ioq_push_due(ioq))
		virtq_submit(&ioq->vq);
	return pending < 0 ? pending : (int)count;
}

/* Returns what is left once the device is lost; it was cut off before anybody could see that. */
static int collect_lost(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	struct ioq *ioq = queue->ioq;
	unsigned count;
	unsigned i;

	queue_lock(queue);
	count = deliver_done(queue, out, max);
	for (i = 0; i < ioq->depth && count < max; i++) {
		struct slot *slot = &ioq->slots[i];

		if (!queue_holds(queue, slot))
			continue;
		slot_lost(slot, &out[count++]);
		finish(ioq, slot, (uint16_t)i);
	}
	queue_unlock(queue);
	return count ? (int)count : -ENOTCONN;
}

/*
 * What follows a poll that found nothing or something wrong; true: the device may have been lost.
 */
static bool look_closer(struct vscsi_queue *queue, int found)
{
	uint32_t idle;

	if (found == -EPROTO) {
		dev_fail(queue->ioq->dev, virtq_rule(&queue->ioq->vq));
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
	count = (int)deliver_done(queue, out, max);
	if (!count && dev_running(queue->ioq->dev))
		count = collect(queue, out, max, true);
	pthread_mutex_unlock(&queue->ioq->lock);
	return count;
}

EXPORT int vscsi_poll(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	int count;

	if (unlikely(!dev_running(queue->ioq->dev)))
		return collect_lost(queue, out, max);
	if (likely(!queue->shared))
		count = collect(queue, out, max, false);
	else
		count = collect_shared(queue, out, max);
	if (likely(count > 0)) {
		atomic_store_explicit(&queue->idle, 0, memory_order_relaxed);
		return count;
	}
	if (look_closer(queue, count) && !dev_running(queue->ioq->dev))
		return collect_lost(queue, out, max);
	return 0;
}
