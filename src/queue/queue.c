/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handles on request queues: getting one, taking slots for requests, giving it back. What happens
 * to requests on their way is in submit.c and poll.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "queue/complete.h"
#include "queue/credit.h"
#include "queue/fair.h"
#include "queue/timeout.h"
#include "queue/queue.h"
#include "queue/resume.h"
#include "mem/node.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/export.h"
#include "util/options.h"

int queue_begin(struct vscsi_queue *queue, struct vscsi_lun *lun, struct slot **out)
{
	struct ioq *ioq = queue->ioq;

	if (unlikely(!ioq_up(ioq)) && dev_failed(ioq->dev))
		return -ENOTCONN;
	if (!queue_is_ours(queue))
		return -EPERM;
	queue_lock(queue);
	/* Not before: the queue that was waited for may have come back with another disk. */
	if (unlikely(lun_gone(lun))) {
		queue_unlock(queue);
		return -ENODEV;
	}
	/* What was in flight at the loss is told from what is new by its place. */
	if (unlikely(!ioq_up(ioq)))
		ioq_park(ioq);
	if (ioq->free == ioq->depth || (queue->shared && !share_may_take(queue)) ||
	    (lun->credits && !credit_get(lun, ioq))) {
		queue_unlock(queue);
		return -EAGAIN;
	}
	if (queue->shared)
		share_take(queue);
	if (lun->credits)
		credit_of(lun, ioq)->left--;
	*out = &ioq->slots[ioq->free];
	ioq->free = (*out)->next;
	(*out)->flags = lun->credits ? SLOT_COUNTED : 0;
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
		credit_give(lun, queue->ioq);
	if (queue->shared)
		share_give(queue, 1);
	slot_release(queue->ioq, slot, slot_number(queue->ioq, slot));
	queue_unlock(queue);
	return err;
}

/* The first request queue is for those who share: the library itself is always among them. */
static struct ioq *find_exclusive(struct vscsi_dev *dev)
{
	unsigned i;

	for (i = 1; i < dev->served; i++) {
		if (!dev->ioqs[i]->users)
			return dev->ioqs[i];
	}
	return NULL;
}

static struct ioq *find_shared(struct vscsi_dev *dev)
{
	struct ioq *best = dev->ioqs[0];
	unsigned i;

	for (i = 1; i < dev->served; i++) {
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
		ioq_set_hot(ioq, ioq->exclusive && ioq_up(ioq));
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
	queue->sharing = queue->shared && ioq->readable && ioq->indirect;
	queue->free_threaded = flags & VSCSI_QUEUE_SHARED;
	queue->done = NO_SLOT;
	queue->owner = pthread_self();
	/* The first handle that a device has is the library's own, for the calls that wait. */
	queue->modest = !dev->sync;
	if (queue->shared)
		share_join(queue);
	else
		node_migrate(ioq->slots, ioq->depth * sizeof(struct slot));
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
	if (queue->shared)
		share_quit(queue);
	dev = queue->ioq->dev;
	pthread_mutex_lock(&dev->lock);
	queue->ioq->users--;
	queue->ioq->exclusive = false;
	ioq_set_hot(queue->ioq, false);
	pthread_mutex_unlock(&dev->lock);
	free(queue);
}

/* Requests of this handle; counted when somebody asks, so that the hot path need not. */
static uint32_t count_inflight(struct vscsi_queue *queue)
{
	uint32_t count = 0;
	unsigned i;

	queue_lock(queue);
	for (i = 0; i < queue->ioq->depth; i++)
		count += queue_holds(queue, &queue->ioq->slots[i]);
	queue_unlock(queue);
	return count;
}

/* Ends a request that the device doesn't have, and would be sent again. */
static void hold_back(struct ioq *ioq, struct slot *slot)
{
	if (slot->flags & SLOT_ENDING)
		return;
	if (ioq_is_waiting(ioq, slot))
		limit_end(ioq, slot, clock_ms(), true);
	else if (ioq->parked && (slot->flags & SLOT_LIVE))
		ioq_end(slot);
}

void queue_detach(struct vscsi_queue *queue, uint64_t user_data, struct vscsi_lun *stand_in)
{
	unsigned i;

	queue_lock(queue);
	for (i = 0; i < queue->ioq->depth; i++) {
		struct slot *slot = &queue->ioq->slots[i];
		struct vscsi_lun *lun = atomic_load_explicit(&slot->lun, memory_order_relaxed);

		if (!queue_holds(queue, slot) || slot->user_data != user_data)
			continue;
		hold_back(queue->ioq, slot);
		if (slot->flags & SLOT_COUNTED)
			credit_give(lun, queue->ioq);
		slot->flags &= (uint8_t)~SLOT_COUNTED;
		slot->flags |= SLOT_ONCE;
		slot->retries = 0;
		lun_init(stand_in, lun->dev, lun->info.target, lun->info.lun);
		/* Release: as in slot_release(), the LUN may be freed by whoever sees this. */
		atomic_store_explicit(&slot->lun, stand_in, memory_order_release);
	}
	queue_unlock(queue);
	limit_kick(queue);
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
	if (dev_failed(dev))
		return dev_explain_lost(dev);
	err = queue_create(dev, opts.flags, out);
	if (err)
		return err;
	(*out)->spin_ns = UINT64_C(1000) * opts.spin_us;
	atomic_fetch_add(&dev->handles, 1);
	return 0;
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
		.depth = queue->shared ? share_depth(queue) : queue->ioq->depth,
		.node = node_of(queue->ioq->memory),
		.notifications = atomic_load_explicit(&queue->notifications, memory_order_relaxed),
	};

	error_enter(__func__);
	info.inflight = count_inflight(queue);
	return info_copy(out, &info, sizeof(info));
}
