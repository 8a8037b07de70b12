/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queues as threads see them: getting one, publishing, polling. Handles that share a request queue
 * put each other's completions where their owner finds them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/complete.h"
#include "core/queue.h"
#include "util/error.h"
#include "util/export.h"
#include "util/options.h"

/* Empty polls between two looks at the device's connection. */
#define IDLE_POLLS 16384u

/* Counts a request against its LUN's own limit (virtio 1.4, 5.6.4.1). Only where there is one. */
static bool lun_take_credit(struct vscsi_lun *lun)
{
	uint32_t before = atomic_fetch_add_explicit(&lun->inflight, 1, memory_order_relaxed);

	if (before < lun->limit)
		return true;
	atomic_fetch_sub_explicit(&lun->inflight, 1, memory_order_relaxed);
	return false;
}

static void lun_give_credit(struct vscsi_lun *lun)
{
	atomic_fetch_sub_explicit(&lun->inflight, 1, memory_order_relaxed);
}

int queue_begin(struct vscsi_queue *queue, struct vscsi_lun *lun, struct slot **out)
{
	struct ioq *ioq = queue->ioq;

	if (!dev_running(ioq->dev))
		return -ENOTCONN;
	if (!queue_is_ours(queue))
		return -EPERM;
	queue_lock(queue);
	if (ioq->free == NO_SLOT || (lun->limit && !lun_take_credit(lun))) {
		queue_unlock(queue);
		return -EAGAIN;
	}
	*out = &ioq->slots[ioq->free];
	ioq->free = (*out)->next;
	(*out)->flags = lun->limit ? SLOT_COUNTED : 0;
	return 0;
}

int queue_commit(struct vscsi_queue *queue, struct vscsi_lun *lun, struct slot *slot,
		 uint64_t user_data)
{
	slot->owner = queue;
	slot_push(queue->ioq, slot, lun, user_data);
	queue_unlock(queue);
	return 0;
}

int queue_abandon(struct vscsi_queue *queue, struct vscsi_lun *lun, struct slot *slot, int err)
{
	if (slot->flags & SLOT_COUNTED)
		lun_give_credit(lun);
	slot->flags = 0;
	slot_release(queue->ioq, slot, slot_number(queue->ioq, slot));
	queue_unlock(queue);
	return err;
}

/* The first request queue is for those who share: the library itself is always among them. */
static struct ioq *find_exclusive(struct vscsi_dev *dev)
{
	unsigned i;

	for (i = 1; i < dev->queues; i++) {
		if (!dev->ioqs[i]->users)
			return dev->ioqs[i];
	}
	return NULL;
}

static struct ioq *find_shared(struct vscsi_dev *dev)
{
	struct ioq *best = dev->ioqs[0];
	unsigned i;

	for (i = 1; i < dev->queues; i++) {
		if (!dev->ioqs[i]->exclusive && dev->ioqs[i]->users < best->users)
			best = dev->ioqs[i];
	}
	return best;
}

int queue_create(struct vscsi_dev *dev, uint32_t flags, struct vscsi_queue **out)
{
	struct vscsi_queue *queue = calloc(1, sizeof(*queue));
	struct ioq *ioq = NULL;
	unsigned i;

	if (!queue)
		return error_set(-ENOMEM, "out of memory");
	pthread_mutex_lock(&dev->lock);
	if (!(flags & VSCSI_QUEUE_SHARED))
		ioq = find_exclusive(dev);
	queue->shared = !ioq;
	if (!ioq && !(flags & VSCSI_QUEUE_EXCLUSIVE))
		ioq = find_shared(dev);
	if (ioq) {
		ioq->users++;
		ioq->exclusive = !queue->shared;
		atomic_store(&ioq->fast, ioq->exclusive && dev_running(dev));
	}
	pthread_mutex_unlock(&dev->lock);
	if (!ioq) {
		free(queue);
		return error_set(
			-EBUSY,
			"all %u request queues of the device are in use or kept for sharing; "
			"close one, or open this one without VSCSI_QUEUE_EXCLUSIVE",
			dev->queues);
	}
	queue->ioq = ioq;
	queue->free_threaded = flags & VSCSI_QUEUE_SHARED;
	queue->done = NO_SLOT;
	queue->owner = pthread_self();
	/* The hot path relies on it: all slots of an exclusive queue are this handle's. */
	for (i = 0; !queue->shared && i < ioq->depth; i++)
		ioq->slots[i].owner = queue;
	*out = queue;
	return 0;
}

void queue_destroy(struct vscsi_queue *queue)
{
	struct vscsi_dev *dev;

	if (!queue)
		return;
	dev = queue->ioq->dev;
	pthread_mutex_lock(&dev->lock);
	queue->ioq->users--;
	queue->ioq->exclusive = false;
	atomic_store(&queue->ioq->fast, false);
	pthread_mutex_unlock(&dev->lock);
	free(queue);
}

/* Whether a slot carries a request of this handle. */
static bool holds(const struct vscsi_queue *queue, const struct slot *slot)
{
	return atomic_load_explicit(&slot->lun, memory_order_relaxed) && slot->owner == queue;
}

/* Requests of this handle; counted when somebody asks, so that the hot path need not. */
static uint32_t count_inflight(struct vscsi_queue *queue)
{
	uint32_t count = 0;
	unsigned i;

	queue_lock(queue);
	for (i = 0; i < queue->ioq->depth; i++)
		count += holds(queue, &queue->ioq->slots[i]);
	queue_unlock(queue);
	return count;
}

void queue_detach(struct vscsi_queue *queue, uint64_t user_data, struct vscsi_lun *stand_in)
{
	unsigned i;

	queue_lock(queue);
	for (i = 0; i < queue->ioq->depth; i++) {
		struct slot *slot = &queue->ioq->slots[i];
		struct vscsi_lun *lun = atomic_load_explicit(&slot->lun, memory_order_relaxed);

		if (!holds(queue, slot) || slot->user_data != user_data)
			continue;
		if (slot->flags & SLOT_COUNTED)
			lun_give_credit(lun);
		slot->flags &= (uint16_t)~SLOT_COUNTED;
		slot->retries = 0;
		lun_init(stand_in, lun->dev, lun->info.target, lun->info.lun);
		/* Release: as in slot_release(), the LUN may be freed by whoever sees this. */
		atomic_store_explicit(&slot->lun, stand_in, memory_order_release);
	}
	queue_unlock(queue);
}

EXPORT int vscsi_queue_open(struct vscsi_dev *dev, const struct vscsi_queue_opts *user,
			    struct vscsi_queue **out)
{
	const uint32_t both = VSCSI_QUEUE_EXCLUSIVE | VSCSI_QUEUE_SHARED;
	struct vscsi_queue_opts opts;
	int err;

	error_enter(__func__);
	err = options_copy(&opts, sizeof(opts), user);
	if (err)
		return err;
	if ((opts.flags & ~both) || opts.flags == both)
		return error_set(-EINVAL, "flags 0x%x: give one of VSCSI_QUEUE_* or none",
				 opts.flags);
	if (!dev_running(dev))
		return error_set(-ENOTCONN, "the device is lost: %s; close it and open it again",
				 dev->failure);
	err = queue_create(dev, opts.flags, out);
	if (!err)
		atomic_fetch_add(&dev->handles, 1);
	return err;
}

EXPORT int vscsi_queue_close(struct vscsi_queue *queue)
{
	struct vscsi_dev *dev;
	uint32_t inflight;

	error_enter(__func__);
	if (!queue)
		return 0;
	inflight = count_inflight(queue);
	if (inflight)
		return error_set(-EBUSY,
				 "%u requests have not been returned; call vscsi_poll() first",
				 inflight);
	dev = queue->ioq->dev;
	queue_destroy(queue);
	atomic_fetch_sub(&dev->handles, 1);
	return 0;
}

EXPORT int vscsi_queue_get_info(struct vscsi_queue *queue, struct vscsi_queue_info *out)
{
	struct vscsi_queue_info info = {
		.index = queue->ioq->vq.index - VQ_REQUEST,
		.exclusive = !queue->shared,
		.depth = queue->ioq->depth,
	};

	error_enter(__func__);
	info.inflight = count_inflight(queue);
	return info_copy(out, &info, sizeof(info));
}

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

		if (!holds(queue, slot))
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
