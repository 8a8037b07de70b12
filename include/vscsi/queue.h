/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue: a thread prepares requests on it, submits them to the device, and polls it for their
 * completions. This and io.h are the data path: no allocation, no system call except the kick that
 * a device asks for, no lock on an exclusive queue, and no waiting: vscsi_wait() and
 * vscsi_queue_drain() excepted, which return within the time that they are given.
 *
 * Every call here returns -ECHILD in a child process of fork(), vscsi_queue_close() excepted; see
 * device.h.
 */
#ifndef VSCSI_QUEUE_H
#define VSCSI_QUEUE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_dev;
struct vscsi_queue;

/* vscsi_queue_opts.flags. With 0 a queue is exclusive while there are rings left, then shared. */
#define VSCSI_QUEUE_EXCLUSIVE (1u << 0) /* -EBUSY if no ring is left for this handle alone */
#define VSCSI_QUEUE_SHARED    (1u << 1) /* any number of threads may use this handle at once */
/*
 * Data path calls from a thread that does not own the queue fail with -EPERM. For finding mistakes
 * of an application: such a queue takes the general path, at some two to three times the
 * instructions for each request; others pay nothing. Not with VSCSI_QUEUE_SHARED. Debug builds of
 * the library always check the calls of io.h.
 */
#define VSCSI_QUEUE_CHECK_THREAD (1u << 2)

/**
 * struct vscsi_queue_opts - How a queue is opened; zero means default
 * @size: sizeof(struct vscsi_queue_opts)
 * @flags: VSCSI_QUEUE_*
 * @spin_us: microseconds that vscsi_wait() polls before it sleeps; 0: none. 20 to 50 suit a device
 *	that usually completes within that time: about as long as a sleep and a wakeup take
 */
struct vscsi_queue_opts {
	uint32_t size;
	uint32_t flags;
	uint32_t spin_us;
};

/**
 * struct vscsi_queue_info - Properties of a queue
 * @size: sizeof(struct vscsi_queue_info), set by the caller
 * @index: number of the device's request queue that it uses, from 0
 * @exclusive: 1 if no other handle uses that request queue, 0 if it is shared
 * @depth: requests that it can hold in flight; on a shared queue, what is not reserved for other
 *	handles, which changes as they are opened and closed
 * @inflight: requests prepared or submitted through it and not yet returned by vscsi_poll()
 * @node: NUMA node of the memory that the device reads: rings and requests, in the DMA pool
 * @notifications: kicks sent through this handle, each a system call
 */
struct vscsi_queue_info {
	uint32_t size;
	uint32_t index;
	uint32_t exclusive;
	uint32_t depth;
	uint32_t inflight;
	uint32_t node;
	uint64_t notifications;
};

/**
 * struct vscsi_completion - How a request ended; 64 bytes
 * @user_data: as given with the request
 * @result: 0, or a negative errno that summarizes the fields below:
 *	-EIO (medium or hardware error), -EREMOTEIO (the target refused or failed the command),
 *	-EOPNOTSUPP (the command is not supported), -EROFS, -ENODEV (no such target or LUN, or its
 *	address has another disk), -ENOMEDIUM, -ENOSPC, -EILSEQ (miscompare, protection
 *	information), -EBADE (reservation conflict), -EBUSY (busy or becoming ready until the time
 *	limit, or UNIT ATTENTION after the last retry: not executed), -ECANCELED (aborted or reset),
 *	-ETIMEDOUT (it took longer than its time limit and was ended, whatever the device answered),
 *	-EBADMSG (a short transfer), -EOVERFLOW (the command wanted more data than there was),
 *	-EPROTO (the device broke the rules), -ECONNRESET (the device was lost, or a reset cut the
 *	request short, and it is not sent again: it may or may not have been executed), -ENOTCONN
 *	(the device failed: likewise), -E2BIG (it was held back, and then longer than
 *	vscsi_lun_info.max_blocks, which had become less: not executed).
 *	Never -EAGAIN, which only says that a queue is full
 * @residual: bytes of the data buffer that were not transferred
 * @status_qualifier: of the SCSI status
 * @status: SCSI status; 0 is GOOD. Only meaningful if @response is 0
 * @response: virtio-scsi response; 0 is OK, 0xff: the device gave none. It takes precedence over
 *	@status (virtio 1.4, 5.6.6.1.1)
 * @sense_key, @asc, @ascq: decoded sense, 0 if there is none; see vscsi_sense_text()
 * @sense_len: valid bytes of @sense
 * @sense: the first bytes of the sense data as received
 *
 * A short transfer of a raw command is not an error: @result is 0 and @residual says how short.
 */
struct vscsi_completion {
	uint64_t user_data;
	int32_t result;
	uint32_t residual;
	uint16_t status_qualifier;
	uint8_t status;
	uint8_t response;
	uint8_t sense_key;
	uint8_t asc;
	uint8_t ascq;
	uint8_t sense_len;
	uint8_t sense[40];
};

/**
 * vscsi_queue_open - Open a queue
 * @dev: the device
 * @opts: options, or NULL for the defaults
 * @queue: receives the queue, which the caller owns: vscsi_queue_close()
 *
 * Unless opened with VSCSI_QUEUE_SHARED, the queue belongs to the calling thread: all its other
 * calls except vscsi_queue_close() must come from this thread.
 *
 * The device's first request queue is reserved for the calls of sync.h and for handles that share.
 * The others are handed out one each and reused after they are closed. When there are none left,
 * the handle shares the request queue that has the fewest handles. So a device with one request
 * queue is shared by all; one with two has one exclusive queue.
 *
 * Handles that share a request queue each get their own completions, regardless of which thread
 * polls. No handle can take all requests: of a request queue that holds N requests, each of H
 * handles can always have N / (2 * H) in flight, but at least one; the rest goes to whichever
 * handle asks first. With more handles than requests nothing is guaranteed.
 *
 * The private memory of an exclusive queue moves to the NUMA node of the calling thread if the
 * kernel allows; what the device reads stays in the DMA pool.
 *
 * Any thread. Never waits, also while the device reconnects; sends nothing; O(depth).
 *
 * Return: 0; -EBUSY (see VSCSI_QUEUE_EXCLUSIVE); -EINVAL, -E2BIG, -ENOMEM, -ENOTCONN, -ECHILD.
 */
int vscsi_queue_open(struct vscsi_dev *dev, const struct vscsi_queue_opts *opts,
		     struct vscsi_queue **queue);

/**
 * vscsi_queue_close - Close a queue
 * @queue: the queue; NULL is allowed
 *
 * Any thread, with no other thread in a call for this queue. Sends nothing, never waits; O(depth).
 *
 * Return: 0, or -EBUSY while vscsi_queue_info.inflight is not 0; then nothing has changed. Collect
 * the completions first: vscsi_queue_drain().
 */
int vscsi_queue_close(struct vscsi_queue *queue);

/**
 * vscsi_queue_get_info - Get the properties of a queue
 * @queue: the queue
 * @info: @info->size set by the caller; the rest is filled in
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. O(depth); a few system
 * calls, to find the NUMA node.
 *
 * Return: 0, -EINVAL for a size below 4, -E2BIG for one above 4096, -ECHILD.
 */
int vscsi_queue_get_info(struct vscsi_queue *queue, struct vscsi_queue_info *info);

/**
 * vscsi_submit - Submit everything that was prepared
 * @queue: the queue
 *
 * One store makes the whole batch visible to the device (virtio 1.4, 2.7.13.3), followed by one
 * kick if the device asks for it. Does nothing if nothing was prepared. While the device is
 * reconnecting, requests stay in the queue and are submitted after the reconnect
 * (vscsi_dev_opts.recovery).
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Never waits; O(1); one
 * system call for a kick, none otherwise.
 *
 * Return: 0; -ENOTCONN if the device failed: vscsi_poll() has the completions; -EPERM (see
 * VSCSI_QUEUE_CHECK_THREAD); -ECHILD.
 */
int vscsi_submit(struct vscsi_queue *queue);

/**
 * vscsi_poll - Collect completions
 * @queue: the queue
 * @out: receives completions of requests prepared on @queue, in any order
 * @max: elements of @out, at least 1
 *
 * Each request is returned exactly once, and by then the device can no longer access its buffer.
 * With eight or more requests in flight on an exclusive queue, calls right after one that found
 * nothing return 0 without a look at the ring, for 3 microseconds at most: reading it takes its
 * cache lines away from a device that is about to write to them.
 *
 * Requests to be sent again (UNIT ATTENTION, BUSY, ABORTED COMMAND) are submitted by this call when
 * they are due, together with anything prepared.
 *
 * By elapsed time, not by the number of calls, it also checks request timeouts and the connection,
 * and takes the next step of a reconnect. Each step is non-blocking; work that another thread is
 * doing is left to that thread.
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Never waits.
 * O(completions). No system call except kicks if it finds completions; about every 10 ms a call
 * makes a few for those checks.
 *
 * Return: number of completions written, 0 if there are none yet; -ENOTCONN if the device failed
 * and every request has been returned; -EPERM (see VSCSI_QUEUE_CHECK_THREAD); -ECHILD.
 */
int vscsi_poll(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max);

/**
 * vscsi_queue_fd - Get a file descriptor that becomes readable when completions arrive
 * @queue: the queue
 *
 * For poll(), select() and epoll. It stays the library's. It is only certain to become readable
 * after vscsi_arm(): without that the device is not asked to signal anything. The device may signal
 * it anyway, so a readable descriptor only means that vscsi_poll() should be called. Handles that
 * share a request queue have one descriptor each, made by the first call that needs it.
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Never waits; O(1); no
 * system call except for making the descriptor.
 *
 * Return: the descriptor; -EOPNOTSUPP if the device has none for this queue; -EMFILE, -ENFILE,
 * -ENOMEM; -EPERM, -ECHILD.
 */
int vscsi_queue_fd(struct vscsi_queue *queue);

/**
 * vscsi_arm - Request one notification for the next completion
 * @queue: the queue
 *
 * Clears the descriptor first, then enables the notification, then checks the ring again (virtio
 * 1.4, 2.7.14). The request ends with the notification or with the next vscsi_wait(); another call
 * renews it. On a shared queue it ends only with the notification, which then comes for completions
 * of this handle; while there are any, the descriptor stays readable for all threads of the handle.
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Never waits. One system
 * call, a few on a shared queue.
 *
 * Return: 0 if it is safe to sleep: for as long as vscsi_next_timeout_ms() says, or, if the loop
 * also sleeps on vscsi_dev_fd(), without limit; 1 if there is something for vscsi_poll() already:
 * poll, don't sleep; -ENOTCONN; or as vscsi_queue_fd(). While the device is reconnecting it is 0 as
 * well: the descriptor becomes readable when the device has reconnected or failed.
 */
int vscsi_arm(struct vscsi_queue *queue);

/**
 * vscsi_next_timeout_ms - Get the longest safe sleep on the descriptor
 * @queue: the queue; between vscsi_arm() and the sleep
 *
 * For event loops that sleep on several things and don't use vscsi_dev_fd(). The library has no
 * thread of its own, so this call does what vscsi_wait() does while it sleeps: it checks request
 * timeouts and the connection, and takes the next step of a reconnect. A loop that sleeps longer
 * delays all of that. What it finds makes the descriptor readable, so nothing is missed.
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Never waits, neither for
 * the device nor for another thread. Reads a few words of memory; O(depth) and a few system calls
 * when something is due.
 *
 * Return: milliseconds, 0 to 500, for poll() or epoll_wait(): call vscsi_poll() after that time; or
 * -EPERM, -ECHILD.
 */
int vscsi_next_timeout_ms(struct vscsi_queue *queue);

/**
 * vscsi_wait - Sleep until completions arrive
 * @queue: a queue with requests submitted
 * @timeout_ms: limit in milliseconds, 0: don't sleep; negative: no limit
 *
 * Polls first for vscsi_queue_opts.spin_us, without enabling notifications, and yields the CPU
 * after each look: a device that is a process may need it. Any number of threads
 * may sleep on a shared queue, and on one shared handle: each is woken when the handle has
 * completions, which another thread may already have collected. Wakes up in between to check
 * request timeouts and the connection, and to take the next step of a reconnect; before it returns
 * 0 it has checked the ring and all of these. It returns 1 as well when a request is due to be sent
 * again, because vscsi_poll() sends it.
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Returns within
 * @timeout_ms, whatever the device or another thread does. Several system calls.
 *
 * Return: 1 if vscsi_poll() should be called, 0 if the time is up, -EINTR after a signal; or as
 * vscsi_queue_fd().
 */
int vscsi_wait(struct vscsi_queue *queue, int timeout_ms);

/**
 * vscsi_queue_drain - Submit what is prepared and collect everything in flight
 * @queue: the queue
 * @out: receives completions of requests prepared on @queue, in any order
 * @max: elements of @out, at least 1
 * @timeout_ms: limit in milliseconds, 0: do not wait; negative: no limit
 *
 * Polls and sleeps, as vscsi_wait() does, until nothing of this handle is in flight, @max
 * completions are there, or the time is up. Call it until it returns 0, then close the queue. If a
 * request never completes, vscsi_dev_shutdown() ends the device and all requests with it.
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Returns within
 * @timeout_ms.
 *
 * Return: number of completions written; 0: nothing is in flight; or, with none written:
 * -ETIMEDOUT, -EINTR after a signal, -EINVAL for a @max of 0, or what vscsi_submit() or
 * vscsi_wait() returned.
 */
int vscsi_queue_drain(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
		      int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
