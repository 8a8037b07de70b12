/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chooses the functions for a handle's requests and polls whenever the state of its queue changes;
 * the public calls jump through the table and check nothing else.
 */
#include <errno.h>

#include "queue/path.h"

#define PATH(name, ...)                                                    \
	static const struct ioq_path ioq_path_##name = {                   \
		read_##name,   write_##name, readv_##name,  writev_##name, \
		submit_##name, poll_##name,  LAYOUT_##name,                \
	};

LAYOUTS(PATH)
/* For every layout and every state. */
PATH(general)

/*
 * For callers that may not be allowed to use the queue: another thread, or a child process. The
 * calls that prepare requests check in request_begin().
 */
static const struct ioq_path path_checked = {
	read_general,   write_general, readv_general,  writev_general,
	submit_checked, poll_checked,  LAYOUT_general,
};

#define FAST(name, ...) {{__VA_ARGS__}, &ioq_path_##name},

static const struct fast {
	struct layout layout;
	const struct ioq_path *path;
} all_fast[] = {LAYOUTS(FAST)};

static bool fits(const struct layout *layout, const struct vscsi_queue *queue)
{
	const struct ioq *ioq = queue->ioq;

	return layout->packed == ioq->packed && layout->direct == !ioq->indirect &&
	       layout->counted == ioq_counting(ioq) && layout->shared == queue->shared &&
	       layout->measured == ioq->set->measured;
}

static const struct ioq_path *choose(const struct vscsi_queue *queue)
{
	const struct ioq *ioq = queue->ioq;
	unsigned i;

	if (queue->check_thread || ioq->set->forked)
		return &path_checked;
	if (!ioq_running(ioq) || !(ioq->readable || ioq->packed))
		return &ioq_path_general;
	for (i = 0; i < ARRAY_LEN(all_fast); i++) {
		if (fits(&all_fast[i].layout, queue))
			return all_fast[i].path;
	}
	return &ioq_path_general;
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

/* Also ends the batch of a measured queue: see stats_begun(). */
ALWAYS_INLINE int submit(struct vscsi_queue *queue, struct layout l)
{
	struct ioq *ioq = queue->ioq;
	bool kick;

	if (l.shared)
		lock_acquire(&ioq->lock);
	if (l.measured)
		ioq->batch_begun = 0;
	kick = l.packed ? packed_publish(&ioq->vq.packed) : split_publish(&ioq->vq.ring);
	if (l.shared)
		lock_release(&ioq->lock);
	/* Without the lock: other threads must not wait for the system call. */
	return unlikely(kick) ? queue_kick(queue) : 0;
}

#define SUBMIT(name, ...)                                           \
	int submit_##name(struct vscsi_queue *queue)                \
	{                                                           \
		return submit(queue, (struct layout){__VA_ARGS__}); \
	}

LAYOUTS(SUBMIT)

/* Publishes nothing while the device is away: the requests are sent after the reconnect. */
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

int poll_checked(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	int err = queue_check(queue);

	return err ? err : poll_general(queue, out, max);
}
