/* SPDX-License-Identifier: BSD-3-Clause */
/* Handles on request queues: creating, destroying, and operations on all requests of a handle. */
#include <errno.h>
#include <stdlib.h>

#include "mem/node.h"
#include "queue/complete.h"
#include "queue/credit.h"
#include "queue/queue.h"
#include "queue/resume.h"
#include "queue/timeout.h"
#include "util/clock.h"
#include "util/error.h"

/* The first request queue is always shared: the library's own handle uses it. */
static struct ioq *find_exclusive(struct queue_set *set)
{
	unsigned i;

	for (i = 1; i < set->usable; i++) {
		if (!set->ioqs[i]->users)
			return set->ioqs[i];
	}
	return NULL;
}

static struct ioq *find_shared(struct queue_set *set)
{
	struct ioq *best = set->ioqs[0];
	unsigned i;

	for (i = 1; i < set->usable; i++) {
		if (!set->ioqs[i]->exclusive && set->ioqs[i]->users < best->users)
			best = set->ioqs[i];
	}
	return best;
}

/* Adds the handle to the queue's list. */
static void link_handle(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;

	queue->done = NO_SLOT;
	queue->budget = queue->allowance = 1;
	queue->next_handle = ioq->handles;
	ioq->handles = queue;
	ioq->users++;
	ioq->exclusive = !queue->shared;
	ioq_choose_path(ioq);
}

static void unlink_handle(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;
	struct vscsi_queue **link = &ioq->handles;

	while (*link != queue)
		link = &(*link)->next_handle;
	*link = queue->next_handle;
	ioq->users--;
	ioq->exclusive = false;
}

/* The fast path relies on this: all slots of an exclusive queue belong to its handle. */
static void own_slots(struct vscsi_queue *queue)
{
	unsigned i;

	for (i = 0; i < queue->ioq->depth; i++)
		queue->ioq->slots[i].owner = queue;
}

/* Chooses a request queue for a handle; false if none is left that the flags allow. */
static bool take_ioq(struct queue_set *set, uint32_t flags, struct vscsi_queue *queue)
{
	pthread_mutex_lock(&set->lock);
	if (!(flags & VSCSI_QUEUE_SHARED))
		queue->ioq = find_exclusive(set);
	queue->shared = !queue->ioq;
	if (!queue->ioq && !(flags & VSCSI_QUEUE_EXCLUSIVE))
		queue->ioq = find_shared(set);
	if (queue->ioq)
		link_handle(queue);
	pthread_mutex_unlock(&set->lock);
	return queue->ioq;
}

int queue_create(struct queue_set *set, uint32_t flags, bool internal, struct vscsi_queue **out)
{
	struct vscsi_queue *queue = calloc(1, sizeof(*queue));

	if (!queue)
		return error_set(-ENOMEM, "out of memory");
	queue->free_threaded = flags & VSCSI_QUEUE_SHARED;
	queue->check_thread = flags & VSCSI_QUEUE_CHECK_THREAD;
	queue->internal = internal;
	queue->owner = pthread_self();
	if (!take_ioq(set, flags, queue)) {
		free(queue);
		return error_set(
			-EBUSY,
			"all %u request queues of the device are in use or kept for sharing; "
			"close one, or open this one without VSCSI_QUEUE_EXCLUSIVE",
			set->count);
	}
	if (queue->shared) {
		share_join(queue);
	} else {
		node_migrate(queue->ioq->slots, queue->ioq->depth * sizeof(struct slot));
		own_slots(queue);
	}
	*out = queue;
	return 0;
}

void queue_destroy(struct vscsi_queue *queue)
{
	struct queue_set *set;

	if (!queue)
		return;
	if (queue->shared)
		share_quit(queue);
	set = queue->ioq->set;
	pthread_mutex_lock(&set->lock);
	unlink_handle(queue);
	pthread_mutex_unlock(&set->lock);
	free(queue);
}

void queue_abandon(struct vscsi_queue *queue)
{
	if (!queue)
		return;
	share_abandon(queue);
	unlink_handle(queue);
	free(queue);
}

/* Counted on demand, so that the fast path need not. */
uint32_t queue_inflight(struct vscsi_queue *queue)
{
	uint32_t count = 0;
	unsigned i;

	queue_lock(queue);
	for (i = 0; i < queue->ioq->depth; i++)
		count += queue_holds(queue, &queue->ioq->slots[i]);
	queue_unlock(queue);
	return count;
}

unsigned queue_depth(struct vscsi_queue *queue)
{
	return queue->shared ? share_depth(queue) : queue->ioq->depth;
}

bool queue_has_pending(struct vscsi_queue *queue)
{
	bool pending;

	queue_lock(queue);
	pending = queue->done != NO_SLOT || ioq_has_pending(queue->ioq);
	queue_unlock(queue);
	return pending;
}

unsigned queue_retry_ms(struct vscsi_queue *queue, unsigned most)
{
	struct ioq *ioq = queue->ioq;
	uint32_t now = (uint32_t)clock_ms();
	bool running = ioq_running(ioq);
	uint16_t at;

	queue_lock(queue);
	for (at = ioq->backoff; at != NO_SLOT; at = ioq->slots[at].next) {
		const struct slot *slot = &ioq->slots[at];
		enum lun_state lun = io_lun_state(slot_lun(slot));
		int32_t left = (int32_t)(slot->due - now);

		/* Only its own handle can return a lost request. */
		if (slot_state(slot) == SLOT_LOST || lun == LUN_GONE)
			left = slot->owner == queue ? 0 : INT32_MAX;
		/* Requests that are held back are sent when their LUN has been revalidated. */
		else if (!running || lun == LUN_SUSPECT)
			left = INT32_MAX;
		if (left < (int32_t)most)
			most = left < 0 ? 0 : (unsigned)left;
	}
	queue_unlock(queue);
	return most;
}

/* Ends a request early that is IN_RING or in BACKOFF. */
static void abort_slot(struct ioq *ioq, struct slot *slot, uint64_t now)
{
	if (slot_state(slot) != SLOT_IN_RING && slot_state(slot) != SLOT_BACKOFF)
		return;
	timeout_note_seen(ioq, slot, now);
	/* The device is lost, and the request waits in the old ring to be sent again. */
	if (slot_state(slot) == SLOT_IN_RING && ioq_is_drained(ioq))
		slot_lose(ioq, slot, -ECANCELED);
	else
		timeout_abort(ioq, slot, now, -ECANCELED);
}

unsigned queue_abort(struct vscsi_queue *queue, uint64_t user_data, uint64_t now)
{
	struct ioq *ioq = queue->ioq;
	unsigned count = 0;
	unsigned i;

	queue_lock(queue);
	if (!ioq_running(ioq))
		ioq_drain(ioq);
	for (i = 0; i < ioq->depth; i++) {
		struct slot *slot = &ioq->slots[i];

		if (!queue_holds(queue, slot) || slot->user_data != user_data)
			continue;
		count++;
		abort_slot(ioq, slot, now);
	}
	queue_unlock(queue);
	queue_kick_pending(queue);
	return count;
}

/* Ends a request that the device doesn't have and that would be sent again. */
static void hold_back(struct ioq *ioq, struct slot *slot)
{
	if (slot_state(slot) == SLOT_BACKOFF)
		backoff_lose(ioq, slot, -ECANCELED);
	else if (slot_state(slot) == SLOT_IN_RING && ioq_is_drained(ioq))
		slot_lose(ioq, slot, -ECANCELED);
}

void queue_detach(struct vscsi_queue *queue, uint64_t user_data, struct io_lun *placeholder)
{
	struct ioq *ioq = queue->ioq;
	unsigned i;

	queue_lock(queue);
	for (i = 0; i < ioq->depth; i++) {
		struct slot *slot = &ioq->slots[i];
		struct io_lun *lun = slot_lun(slot);

		if (!queue_holds(queue, slot) || slot->user_data != user_data)
			continue;
		hold_back(ioq, slot);
		if (slot->flags & SLOT_COUNTED)
			credit_give(lun, ioq);
		slot->flags &= (uint8_t)~SLOT_COUNTED;
		slot->flags |= SLOT_NO_REPLAY;
		slot->retries = 0;
		io_lun_init(placeholder, ioq->set, lun->target, lun->number);
		/* Release: as in slot_end(), the LUN may be freed by a thread that sees this. */
		atomic_store_explicit(&slot->lun, placeholder, memory_order_release);
	}
	queue_unlock(queue);
	queue_kick_pending(queue);
}

int queue_fd(struct vscsi_queue *queue)
{
	int fd = virtq_fd(&queue->ioq->vq);
	int err;

	if (!queue->shared)
		return fd < 0 ? -EOPNOTSUPP : fd;
	err = share_get_wakeup(queue);
	return err ? err : share_fd(queue);
}

static int arm_exclusive(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;
	int fd = virtq_fd(&ioq->vq);
	int err;

	if (fd < 0)
		return -EOPNOTSUPP;
	/* The count means nothing: only the ring shows whether there are completions. */
	err = virtq_fd_clear(&ioq->vq);
	if (err)
		return err;
	/* After clearing: the signal may have been for a loss or a reconnect. */
	if (!ioq_running(ioq))
		return ioq_state(ioq) == IOQ_DEAD ? -ENOTCONN : queue_has_pending(queue);
	return virtq_arm(&ioq->vq);
}

int queue_arm(struct vscsi_queue *queue, bool keep)
{
	int err;

	if (!queue->shared)
		return arm_exclusive(queue);
	err = share_get_wakeup(queue);
	return err ? err : share_arm(queue, keep);
}

void queue_disarm(struct vscsi_queue *queue)
{
	virtq_disarm(&queue->ioq->vq);
}

bool queue_pending(struct vscsi_queue *queue)
{
	return virtq_pending(&queue->ioq->vq) != 0;
}
