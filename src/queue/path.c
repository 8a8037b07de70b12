/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which functions a handle's requests and polls go through. Chosen once, when the state of its
 * queue changes; the public calls jump through the table and ask nothing else.
 */
#include <errno.h>

#include "queue/path.h"

#define PATH(name, submit_name)                                                                   \
	{                                                                                         \
		read_##name, write_##name, readv_##name, writev_##name, submit_name, poll_##name, \
	}

/* Exclusive, split, tables in the slots: the layout that every back-end has. */
const struct ioq_path ioq_path_split = PATH(split, submit_split);
/* The same where LUNs have a limit of their own (virtio 1.4, 5.6.4.1). */
const struct ioq_path ioq_path_counted = PATH(counted, submit_split);
/* Tables in the ring: for devices without indirect descriptors. */
static const struct ioq_path path_direct = PATH(direct, submit_split);
/* Each chain is one descriptor of a packed ring. */
const struct ioq_path ioq_path_packed = PATH(packed, submit_packed);
/* Several handles on a split ring with tables in the slots. */
static const struct ioq_path path_shared = PATH(shared, submit_shared);
/* The first two and the packed one where requests are measured. */
static const struct ioq_path path_measured_split = PATH(measured_split, submit_measured);
static const struct ioq_path path_measured_counted = PATH(measured_counted, submit_measured);
static const struct ioq_path path_measured_packed = PATH(measured_packed, submit_measured);
/* Every layout, every state. */
const struct ioq_path ioq_path_general = PATH(general, submit_general);

/* For callers that may be the wrong ones: another thread, or a child process. */
static const struct ioq_path ioq_path_checked = {
	read_general, write_general, readv_general, writev_general, submit_checked, poll_checked,
};

static const struct ioq_path *choose_measured(const struct ioq *ioq)
{
	if (ioq->readable && ioq->indirect)
		return ioq_counting(ioq) ? &path_measured_counted : &path_measured_split;
	return ioq->packed && !ioq_counting(ioq) ? &path_measured_packed : &ioq_path_general;
}

static const struct ioq_path *choose(const struct vscsi_queue *queue)
{
	const struct ioq *ioq = queue->ioq;

	if (queue->check_thread || ioq->set->forked)
		return &ioq_path_checked;
	if (!ioq_running(ioq) || (queue->shared && ioq->set->measured))
		return &ioq_path_general;
	if (ioq->set->measured)
		return choose_measured(ioq);
	if (queue->shared)
		return ioq->readable && ioq->indirect && !ioq_counting(ioq) ? &path_shared
									    : &ioq_path_general;
	if (ioq_counting(ioq))
		return ioq->readable && ioq->indirect ? &ioq_path_counted : &ioq_path_general;
	if (ioq->readable)
		return ioq->indirect ? &ioq_path_split : &path_direct;
	return ioq->packed ? &ioq_path_packed : &ioq_path_general;
}

void ioq_choose_path(struct ioq *ioq)
{
	struct vscsi_queue *queue;

	for (queue = ioq->handles; queue; queue = queue->next_handle)
		atomic_store_explicit(&queue->path, choose(queue), memory_order_relaxed);
}

/* Kicks are counted for vscsi_queue_get_info(). */
int queue_kick(struct vscsi_queue *queue)
{
	atomic_fetch_add_explicit(&queue->notifications, 1, memory_order_relaxed);
	virtq_kick(&queue->ioq->vq);
	return 0;
}

void queue_kick_pending(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;

	if (atomic_load(&ioq->kick_pending) && atomic_exchange(&ioq->kick_pending, false))
		queue_kick(queue);
}

int submit_split(struct vscsi_queue *queue)
{
	return unlikely(split_publish(&queue->ioq->vq.ring)) ? queue_kick(queue) : 0;
}

int submit_packed(struct vscsi_queue *queue)
{
	return packed_publish(&queue->ioq->vq.packed) ? queue_kick(queue) : 0;
}

int submit_shared(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;
	bool kick;

	lock_acquire(&ioq->lock);
	kick = split_publish(&ioq->vq.ring);
	lock_release(&ioq->lock);
	/* A system call with the lock held would keep the others waiting. */
	return unlikely(kick) ? queue_kick(queue) : 0;
}

/* The batch ends: see stats_begun(). */
int submit_measured(struct vscsi_queue *queue)
{
	queue->ioq->batch_begun = 0;
	return queue->ioq->packed ? submit_packed(queue) : submit_split(queue);
}

/* On a queue whose device is away, the device is shown the requests when it reconnects. */
int submit_general(struct vscsi_queue *queue)
{
	bool kick;

	if (unlikely(!ioq_running(queue->ioq)))
		return ioq_state(queue->ioq) == IOQ_DEAD ? -ENOTCONN : 0;
	queue_lock(queue);
	queue->ioq->batch_begun = 0;
	kick = virtq_publish(&queue->ioq->vq);
	queue_unlock(queue);
	if (kick)
		queue_kick(queue);
	return 0;
}

int submit_checked(struct vscsi_queue *queue)
{
	int err = queue_check(queue);

	return err ? err : submit_general(queue);
}

/* request_begin() checks for the calls that prepare requests. */
int poll_checked(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	int err = queue_check(queue);

	return err ? err : poll_general(queue, out, max);
}
