/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Request queues: taking requests, showing them to the device, collecting what comes back. This is
 * the interface of src/queue/.
 *
 * What it does: slots and their descriptor tables, the fast and the general path, sharing between
 * handles, decoding of responses, retries, wakeups, and finding requests that take too long.
 *
 * What it never does: it knows no device and no connection, sends no task management, and never
 * waits. It reports to the device layer by return values (QUEUE_TEND) and notices (notice.h).
 *
 * Locking: an exclusive queue belongs to one thread and takes no lock. A shared one has a lock that
 * is held for some dozens of instructions, never during a system call. queue_set.lock guards states
 * and users of all queues, and comes after it.
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
 * Set in what ioq_path.poll returns, which is negative then: the layer above has something to do,
 * see device/tend.h. The rest is the number of completions.
 */
#define QUEUE_TEND (INT32_MIN)

/**
 * struct vscsi_queue - A handle on a request queue
 * @path: the functions that take its requests and polls, the one thing that the public calls ask;
 *	chosen when the state of @ioq changes
 * @ioq: the request queue
 * @quiet_until: until this count of ticks polls don't look at the ring, 0: they do; see quiet.h
 * @shared: others may use @ioq too: lock it
 * @free_threaded: opened with VSCSI_QUEUE_SHARED: any thread may use it
 * @check_thread: opened with VSCSI_QUEUE_CHECK_THREAD: calls of other threads fail
 * @internal: the library's own, which needs few slots
 * @budget: polls that find something until the clock is read; @allowance: what it is set to then
 * @owner: thread that it belongs to
 * @polled_ms: when the clock was read last; with the two above, any of a free-threaded handle's
 *	threads accesses it, relaxed
 * @notifications: kicks that it sent
 * @spin_ns: how long vscsi_wait() polls before it sleeps
 * @done: first of the slots that other handles found completed for this one; @done_last: its end
 * @next_handle: next one of @ioq
 * @next: next one of those that share @ioq; from here on, see share.h
 * @held: slots that it has; @reserve: those that it can always have
 * @waiters: threads in vscsi_wait(); @armed: vscsi_arm() asked for a wakeup; @wakeup_pending: it
 *	has not slept yet, and is due
 * @listed: it is to be woken
 * @wakeup: what wakes it, once it has slept
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
 * struct ioq_path - How a queue takes requests and polls, by its ring and its state
 * @read, @write, @readv, @writev: as the calls of <vscsi/io.h>
 * @submit: as vscsi_submit()
 * @poll: as vscsi_poll(), with QUEUE_TEND
 * @layout: what it is made for
 *
 * The fast ones are for queues that are RUNNING, each for one layout (layout.h); the general one
 * takes everything, and so does the checked one, after queue_check(): see path.c.
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

/* Relaxed: a path that is no longer right for a queue finds so, at its device or its locks. */
static inline const struct ioq_path *queue_path(const struct vscsi_queue *queue)
{
	return atomic_load_explicit(&queue->path, memory_order_relaxed);
}

/**
 * queue_create - Get a handle
 * @set: queues of the device
 * @flags: VSCSI_QUEUE_*
 * @internal: for the library itself
 * @out: receives it: queue_destroy()
 *
 * Return: 0; -EBUSY, -ENOMEM with the text set.
 */
int queue_create(struct queue_set *set, uint32_t flags, bool internal, struct vscsi_queue **out);

void queue_destroy(struct vscsi_queue *queue);

/* The same in a child process: frees the handle, and leaves all that the parent has as it is. */
void queue_abandon(struct vscsi_queue *queue);

/* Requests of this handle that were not returned. O(depth). */
uint32_t queue_inflight(struct vscsi_queue *queue);

/* Requests that a handle can have in flight. */
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
 * queue_poll_empty - What ioq_path.poll returns for an empty ring: 0, or QUEUE_TEND
 * queue_poll_due - The same after @count completions, when the queue's budget is used up
 */
int queue_poll_empty(struct vscsi_queue *queue);
int queue_poll_due(struct vscsi_queue *queue, int count);

/**
 * queue_poll_away - Poll a queue that isn't RUNNING
 *
 * Returns what the device gave back before it was lost and what will not be sent again, then
 * switches to the virtqueue that the device has again, if it has, and sends what is to be sent.
 *
 * Return: completions written; -ENOTCONN when the queue is DEAD and nothing is left.
 */
int queue_poll_away(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max);

/* Whether queue_poll_away() has work to do or completions to return. */
bool queue_has_pending(struct vscsi_queue *queue);

/*
 * Milliseconds until a request is to be sent again, which polls do; at most @most. 0: a poll has
 * something to do.
 */
unsigned queue_retry_ms(struct vscsi_queue *queue, unsigned most);

/**
 * queue_abort - Begin to end requests early
 * @user_data: names them
 * @now: clock_ms()
 *
 * Return: how many of them have not been returned, whatever becomes of them.
 */
unsigned queue_abort(struct vscsi_queue *queue, uint64_t user_data, uint64_t now);

/**
 * queue_detach - Let a request in flight go on without its LUN
 * @user_data: names the request
 * @placeholder: takes the LUN's place until the request is returned, and must live as long
 *
 * The request isn't sent again, nor counted against the LUN's limit any more. Nothing happens when
 * it has been returned already. O(depth).
 */
void queue_detach(struct vscsi_queue *queue, uint64_t user_data, struct io_lun *placeholder);

/*
 * queue_fd - The descriptor that becomes readable when completions come, or a negative errno
 * queue_arm - Empty it and ask the device to signal it: 0 when it is safe to sleep, 1 when there is
 *	something for a poll already, or a negative errno. @keep: until it was signalled, even where
 *	a thread that waits leaves (vscsi_arm())
 */
int queue_fd(struct vscsi_queue *queue);
int queue_arm(struct vscsi_queue *queue, bool keep);

/* No notification is needed any more, on an exclusive queue. */
void queue_disarm(struct vscsi_queue *queue);

/* Whether the device returned something, or broke the ring, on an exclusive queue. */
bool queue_pending(struct vscsi_queue *queue);

/*
 * What the device layer does to all queues at once; see the diagram of ioq.h.
 *
 * queue_set_lose - The device is lost; @stop: it still has to be stopped
 * queue_set_stopped - It was, or was cut off
 * queue_set_ready - It has virtqueues for all usable queues again: next_vq
 * queue_set_run - It has them for the first time, and nothing is in flight
 * queue_set_kill - It failed
 * queue_set_doubt - Another one may still carry out what was in flight: only reads are sent again
 * queue_set_fork - This is a child process: every call for the queues ends with -ECHILD
 * queue_set_wake - Wakes the threads that sleep on a queue, after its state changed
 */
void queue_set_lose(struct queue_set *set, enum inflight_policy policy, bool stop);
void queue_set_stopped(struct queue_set *set);
void queue_set_ready(struct queue_set *set);
void queue_set_run(struct queue_set *set);
void queue_set_kill(struct queue_set *set);
void queue_set_doubt(struct queue_set *set);
void queue_set_fork(struct queue_set *set);
void queue_set_wake(struct queue_set *set);

/* How many rules the device broke on all of them that were put right. Any thread. */
uint64_t queue_set_errors(const struct queue_set *set);

/* The virtqueue that the device has, to which the queue's user may still have to switch. */
struct virtq *ioq_device_vq(struct ioq *ioq);

/* Notifies the device; not with the lock held. Returns 0, to be the last thing a function does. */
int queue_kick(struct vscsi_queue *queue);

/* Sends a kick that was noted while the lock was held. */
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
 * Whether this thread may use the queue, for the fast paths: debug builds check it. A queue that
 * was opened to be checked doesn't take them.
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
 * For everything else: 0; -ECHILD in a child process; -EPERM where the queue is another thread's.
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
