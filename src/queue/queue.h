/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Request queues: preparing requests, submitting them, collecting completions. This is the
 * interface of src/queue/.
 *
 * What it does: slots and their descriptor tables, the fast and the general path, sharing between
 * handles, decoding of responses, retries, wakeups, and finding requests that take too long.
 *
 * What it never does: it knows no device and no connection, sends no task management, and never
 * waits. It reports to the device layer by return values (QUEUE_TEND) and notices (notice.h).
 *
 * Locking: an exclusive queue belongs to one thread and takes no lock. A shared queue has a lock
 * that is held for a few dozen instructions, never during a system call. queue_set.lock protects
 * states and users of all queues, and is taken after it.
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include <pthread.h>

#include <vscsi/io.h>
#include <vscsi/queue.h>
#include <vscsi/scsi.h>

#include "queue/ioq.h"
#include "queue/layout.h"

/*
 * Flag in the return value of ioq_path.poll, which is then negative: the caller must call
 * device_tend(). The other bits are the number of completions.
 */
#define QUEUE_TEND (INT32_MIN)

/**
 * struct vscsi_queue - A handle on a request queue
 * @path: the functions for its requests and polls; chosen when the state of @ioq changes
 * @ioq: the request queue
 * @quiet_until: until this tick count polls don't read the ring, 0: they do; see quiet.h
 * @shared: other handles may use @ioq too: lock it
 * @free_threaded: opened with VSCSI_QUEUE_SHARED: any thread may use it
 * @check_thread: opened with VSCSI_QUEUE_CHECK_THREAD: calls of other threads fail
 * @internal: the library's own, which needs few slots
 * @budget: successful polls left until the clock is read; @allowance: its next start value
 * @owner: thread that it belongs to
 * @polled_ms: when the clock was read last; like the two above, accessed relaxed by all threads of
 *	a free-threaded handle
 * @notifications: number of kicks that it sent
 * @spin_ns: how long vscsi_wait() polls before it sleeps
 * @done: list of the slots that other handles found completed for this one; @done_last: its end
 * @next_handle: next handle of @ioq
 * @next: next handle that shares @ioq; for this and the following, see share.h
 * @held: number of slots that it has; @reserve: slots that it can always have
 * @waiters: threads in vscsi_wait(); @armed: vscsi_arm() requested a wakeup; @wakeup_pending: the
 *	wakeup is due although the handle has no completions
 * @listed: it is to be woken
 * @wakeup: its wakeup, NULL before the first sleep
 */
struct vscsi_queue {
	_Atomic(const struct ioq_path *) path;
	struct ioq *ioq;
	uint64_t quiet_until;
	bool shared;
	bool free_threaded;
	bool check_thread;
	bool internal;
	uint8_t budget;
	uint8_t allowance;
	uint16_t done;
	uint16_t done_last;
	pthread_t owner;
	uint64_t polled_ms;
	_Atomic uint64_t notifications;
	uint64_t spin_ns;
	struct vscsi_queue *next_handle;
	struct vscsi_queue *next;
	unsigned held;
	unsigned reserve;
	unsigned waiters;
	bool armed;
	bool wakeup_pending;
	bool listed;
	struct wakeup *wakeup;
};

/**
 * struct ioq_path - The functions for a queue's requests and polls, by its ring and its state
 * @read, @write, @readv, @writev: as the calls of <vscsi/io.h>
 * @submit: as vscsi_submit()
 * @poll: as vscsi_poll(), with QUEUE_TEND
 * @layout: the layout that it is for
 *
 * The fast paths are for queues that are RUNNING, each for one layout (layout.h); the general path
 * is for everything, and so is the checked path, which calls queue_check(): see path.c.
 */
struct ioq_path {
	int (*read)(struct vscsi_queue *queue, struct io_lun *lun, void *buf, uint64_t lba,
		    uint32_t blocks, uint32_t flags, uint64_t user_data);
	int (*write)(struct vscsi_queue *queue, struct io_lun *lun, const void *buf, uint64_t lba,
		     uint32_t blocks, uint32_t flags, uint64_t user_data);
	int (*readv)(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,
		     unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
		     uint64_t user_data);
	int (*writev)(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,
		      unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
		      uint64_t user_data);
	int (*submit)(struct vscsi_queue *queue);
	int (*poll)(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max);
	enum layout_number layout;
};

/* Relaxed: an outdated path still works, because it checks the state or takes the lock. */
static inline const struct ioq_path *queue_path(const struct vscsi_queue *queue)
{
	return atomic_load_explicit(&queue->path, memory_order_relaxed);
}

/**
 * queue_create - Create a handle
 * @set: queues of the device
 * @flags: VSCSI_QUEUE_*
 * @internal: for the library itself
 * @out: receives it: queue_destroy()
 *
 * Return: 0; -EBUSY, -ENOMEM with the text set.
 */
int queue_create(struct queue_set *set, uint32_t flags, bool internal, struct vscsi_queue **out);

void queue_destroy(struct vscsi_queue *queue);

/* The same in a child process: frees the handle, and changes nothing that the parent uses. */
void queue_abandon(struct vscsi_queue *queue);

/* Number of requests of this handle that were not returned. O(depth). */
uint32_t queue_inflight(struct vscsi_queue *queue);

/* Number of requests that a handle can have in flight. */
unsigned queue_depth(struct vscsi_queue *queue);

/* The calls of <vscsi/io.h> and <vscsi/scsi.h> that have no fast path, with their results. */
int queue_flush(struct vscsi_queue *queue, struct io_lun *lun, uint64_t user_data);
int queue_unmap(struct vscsi_queue *queue, struct io_lun *lun, const struct vscsi_range *ranges,
		unsigned count, uint64_t user_data);
int queue_write_zeroes(struct vscsi_queue *queue, struct io_lun *lun, uint64_t lba, uint32_t blocks,
		       uint32_t flags, uint64_t user_data);
int queue_compare_and_write(struct vscsi_queue *queue, struct io_lun *lun, const void *compare,
			    const void *data, uint64_t lba, uint32_t blocks, uint32_t flags,
			    uint64_t user_data);
int queue_command(struct vscsi_queue *queue, struct io_lun *lun,
		  const struct vscsi_command *command, uint64_t user_data);

/*
 * queue_poll_empty - Return value of ioq_path.poll for an empty ring: 0, or QUEUE_TEND
 * queue_poll_due - The same after @count completions, when the handle's budget is used up
 */
int queue_poll_empty(struct vscsi_queue *queue);
int queue_poll_due(struct vscsi_queue *queue, int count);

/**
 * queue_poll_away - Poll a queue that isn't RUNNING
 *
 * Returns requests that completed before the loss and those that will not be sent again. If the
 * device has reconnected, then switches to the new virtqueue and sends the others.
 *
 * Return: number of completions; -ENOTCONN if the queue is DEAD and nothing is left.
 */
int queue_poll_away(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max);

/* Whether queue_poll_away() has work to do or completions to return. */
bool queue_has_pending(struct vscsi_queue *queue);

/*
 * Milliseconds until a poll has to send a request again, at most @most. 0: a poll has something to
 * do now.
 */
unsigned queue_retry_ms(struct vscsi_queue *queue, unsigned most);

/**
 * queue_abort - Begin to abort requests
 * @user_data: identifies them
 * @now: clock_ms()
 *
 * Return: how many of them have not been returned, aborted or not.
 */
unsigned queue_abort(struct vscsi_queue *queue, uint64_t user_data, uint64_t now);

/**
 * queue_detach - Detach a request in flight from its LUN
 * @user_data: identifies the request
 * @placeholder: replaces the LUN until the request is returned; must exist as long
 *
 * The request is not sent again, and no longer counts against the LUN's limit. Does nothing if the
 * request has been returned. O(depth).
 */
void queue_detach(struct vscsi_queue *queue, uint64_t user_data, struct io_lun *placeholder);

/*
 * queue_fd - The file descriptor that becomes readable when there are completions, or a negative
 *	errno
 * queue_arm - Clear it and request a notification: 0 if it is safe to sleep, 1 if a poll has
 *	something to do, or a negative errno. @keep: keep the request until it was signalled, also
 *	when a waiting thread leaves (vscsi_arm())
 */
int queue_fd(struct vscsi_queue *queue);
int queue_arm(struct vscsi_queue *queue, bool keep);

/* Withdraws the request for a notification, on an exclusive queue. */
void queue_disarm(struct vscsi_queue *queue);

/* Whether an exclusive queue has used chains, or the device broke its ring. */
bool queue_pending(struct vscsi_queue *queue);

/*
 * State changes of all queues, by the device layer; see the diagram of ioq.h.
 *
 * queue_set_lose - The device is lost; @stop: it still has to be stopped
 * queue_set_stopped - The device was stopped, or cut off
 * queue_set_ready - The reconnected device has a virtqueue for each usable queue: next_vq
 * queue_set_run - The device is started for the first time
 * queue_set_kill - The device failed
 * queue_set_doubt - An earlier back-end may still execute requests: only reads are sent again
 * queue_set_fork - This is a child process: every call on the queues fails with -ECHILD
 * queue_set_wake - Wake the threads that sleep on a queue, after its state changed
 */
void queue_set_lose(struct queue_set *set, enum inflight_policy policy, bool stop);
void queue_set_stopped(struct queue_set *set);
void queue_set_ready(struct queue_set *set);
void queue_set_run(struct queue_set *set);
void queue_set_kill(struct queue_set *set);
void queue_set_doubt(struct queue_set *set);
void queue_set_fork(struct queue_set *set);
void queue_set_wake(struct queue_set *set);

/* Sum of ioq.errors of all queues. Any thread. */
uint64_t queue_set_errors(const struct queue_set *set);

/* The virtqueue that the device has, to which the queue's user may not have switched yet. */
struct virtq *ioq_device_vq(struct ioq *ioq);

/* Notifies the device; not with the lock held. Always returns 0, for tail calls. */
int queue_kick(struct vscsi_queue *queue);

/* Sends a kick that was deferred while the lock was held. */
void queue_kick_pending(struct vscsi_queue *queue);

static inline void queue_lock(struct vscsi_queue *queue)
{
	if (unlikely(queue->shared))
		lock_acquire(&queue->ioq->lock);
}

static inline void queue_unlock(struct vscsi_queue *queue)
{
	if (unlikely(queue->shared))
		lock_release(&queue->ioq->lock);
}

/*
 * Whether this thread may use the queue, for the fast paths: checked only in debug builds. A queue
 * with VSCSI_QUEUE_CHECK_THREAD uses the checked path.
 */
static inline bool queue_is_ours(const struct vscsi_queue *queue)
{
#ifndef NDEBUG
	return queue->free_threaded || pthread_equal(queue->owner, pthread_self());
#else
	(void)queue;
	return true;
#endif
}

/*
 * The same for all other paths: 0; -ECHILD in a child process; -EPERM if the queue belongs to
 * another thread.
 */
static inline int queue_check(const struct vscsi_queue *queue)
{
	if (unlikely(queue->ioq->set->forked))
		return -ECHILD;
	if (!queue_is_ours(queue) ||
	    (unlikely(queue->check_thread) && !pthread_equal(queue->owner, pthread_self())))
		return -EPERM;
	return 0;
}

/* Whether a slot carries a request of this handle. */
static inline bool queue_holds(const struct vscsi_queue *queue, const struct slot *slot)
{
	return slot_lun(slot) && slot->owner == queue;
}

#endif
