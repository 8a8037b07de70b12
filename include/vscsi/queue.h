/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue: a thread prepares requests on it (io.h), submits them to the device, and polls it for
 * their completions. vscsi_submit(), vscsi_poll() and io.h are the data path: no allocation, no
 * lock on an exclusive queue, no waiting, and no system call except kicks that the device asks for
 * and the periodic checks of vscsi_poll(). Only vscsi_wait() and vscsi_queue_drain() wait, at most
 * for the time that you pass.
 *
 * In a child process of fork(), every call here except vscsi_queue_close() returns -ECHILD; see
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

/* vscsi_queue_opts.flags. 0: exclusive if a request queue is unused, otherwise shared. */
#define VSCSI_QUEUE_EXCLUSIVE (1u << 0) /* -EBUSY if no request queue is unused */
#define VSCSI_QUEUE_SHARED    (1u << 1) /* any number of threads may use this handle at once */
/*
 * Data path calls from a thread that does not own the queue fail with -EPERM. For debugging an
 * application: requests on such a queue take two to three times as many instructions; other queues
 * are not affected. Can't be combined with VSCSI_QUEUE_SHARED. Debug builds of the library check
 * the calls of io.h on every queue.
 */
#define VSCSI_QUEUE_CHECK_THREAD (1u << 2)

/**
 * struct vscsi_queue_opts - Options for opening a queue; zero means default
 * @size: sizeof(struct vscsi_queue_opts)
 * @flags: VSCSI_QUEUE_*
 * @spin_us: microseconds that vscsi_wait() polls before it sleeps; 0: none. Use 20 to 50, about the
 *	cost of a sleep and a wakeup, for a device that usually completes within that time
 */
struct vscsi_queue_opts {
	uint32_t size;
	uint32_t flags;
	uint32_t spin_us;
};

/**
 * struct vscsi_queue_info - Properties of a queue
 * @size: sizeof(struct vscsi_queue_info), set by the caller
 * @index: number of the device's request queue that this handle uses, from 0
 * @exclusive: 1 if only this handle can use that request queue, 0 if it is shared
 * @depth: number of requests that this handle can have in flight. On a shared request queue: those
 *	that are not reserved for other handles; this changes as handles are opened and closed
 * @inflight: requests that were prepared through this handle and not yet returned by vscsi_poll()
 * @node: NUMA node of the rings and command headers, which are in the DMA pool
 * @notifications: kicks sent through this handle; each is one system call
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
 * @user_data: as passed with the request
 * @result: 0, or a negative errno that summarizes the fields below:
 *	-EIO (medium or hardware error), -EREMOTEIO (the target refused or failed the command),
 *	-EOPNOTSUPP (the command is not supported), -EROFS, -ENODEV (no such target or LUN, or
 *	another disk has its address), -ENOMEDIUM, -ENOSPC, -EILSEQ (miscompare, protection
 *	information), -EBADE (reservation conflict), -EBUSY (not executed: BUSY or becoming ready
 *	until the time limit, or UNIT ATTENTION after the last retry), -ECANCELED (aborted or
 *	reset), -ETIMEDOUT (it exceeded its time limit and was ended, whatever the device answered),
 *	-EBADMSG (a short transfer), -EOVERFLOW (the command transfers more data than the request
 *	has buffers for), -EPROTO (the device broke the rules), -ECONNRESET (the device was lost, or
 *	a reset ended the request, and the library doesn't resend it: it may or may not have been
 *	executed), -ENOTCONN (the device failed: it may or may not have been executed), -E2BIG (not
 *	executed: vscsi_lun_info.max_blocks decreased while the request waited to be resent).
 *	Never -EAGAIN, which only means that a queue is full
 * @residual: bytes of the data buffer that were not transferred
 * @status_qualifier: status qualifier of the SCSI status
 * @status: SCSI status; 0 is GOOD. Only meaningful if @response is 0; see vscsi_status_text()
 * @response: virtio-scsi response; 0 is OK, 0xff: the device returned none. It takes precedence
 *	over @status (virtio 1.4, 5.6.6.1.1); see vscsi_response_text()
 * @sense_key, @asc, @ascq: decoded sense data, 0 if there is none; see vscsi_sense_text()
 * @sense_len: number of valid bytes in @sense
 * @sense: the first bytes of the sense data as received
 *
 * A short transfer of a raw command is not an error: @result is 0, and @residual is the number of
 * bytes that were not transferred.
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
 * @queue: receives the queue; the caller owns it and frees it with vscsi_queue_close()
 *
 * Unless opened with VSCSI_QUEUE_SHARED, the queue belongs to the calling thread, also if it shares
 * its request queue with other handles: only this thread may make the other calls for it, except
 * vscsi_queue_close() and the calls of stats.h.
 *
 * The device's first request queue is reserved for the calls of sync.h and for handles that share.
 * Each other request queue is assigned to one handle, and reused after that handle is closed. If
 * none is unused, the new handle shares the request queue that has the fewest handles, among the
 * first one and those that are already shared. So a device with one request queue has no exclusive
 * queue, and a device with two has one.
 *
 * Each handle receives its own completions, even if another handle's thread polls the shared
 * request queue. No handle can use up all requests: if H handles share a request queue that holds N
 * requests, each can always have N / (2 * H) in flight, but at least one; the remaining requests go
 * to the handle that prepares first. With more handles than requests nothing is guaranteed.
 *
 * The private memory of an exclusive queue moves to the NUMA node of the calling thread if the
 * kernel allows it. Rings and command headers, which the device reads, stay in the DMA pool.
 *
 * Any thread. Never waits, even while the device reconnects; sends nothing; O(depth).
 *
 * Return: 0; -EBUSY (see VSCSI_QUEUE_EXCLUSIVE); -EINVAL (unknown or conflicting flags); -E2BIG (an
 * option struct of a newer library); -ENOMEM; -ENOTCONN (the device failed); -ECHILD.
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
 * the completions first, for example with vscsi_queue_drain().
 */
int vscsi_queue_close(struct vscsi_queue *queue);

/**
 * vscsi_queue_get_info - Get the properties of a queue
 * @queue: the queue
 * @info: @info->size set by the caller; the rest is filled in
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Never waits; O(depth); a
 * few system calls to find the NUMA node.
 *
 * Return: 0, -EINVAL for a size below 4, -E2BIG for one above 4096, -ECHILD.
 */
int vscsi_queue_get_info(struct vscsi_queue *queue, struct vscsi_queue_info *info);

/**
 * vscsi_submit - Submit all prepared requests
 * @queue: the queue
 *
 * One store makes the whole batch visible to the device (virtio 1.4, 2.7.13.3); one kick follows if
 * the device asks for it. Does nothing if nothing was prepared. While the device is reconnecting,
 * this returns 0: the requests stay in the queue and are submitted after the reconnect
 * (vscsi_dev_opts.recovery).
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Never waits; O(1); one
 * system call for a kick, none otherwise.
 *
 * Return: 0; -ENOTCONN if the device failed: vscsi_poll() returns the completions of all prepared
 * requests; -EPERM (see VSCSI_QUEUE_CHECK_THREAD); -ECHILD.
 */
int vscsi_submit(struct vscsi_queue *queue);

/**
 * vscsi_poll - Collect completions
 * @queue: the queue
 * @out: receives completions of requests prepared on @queue, in any order
 * @max: elements of @out, at least 1
 *
 * Each request is returned exactly once; the device can no longer access its buffer then. After a
 * call on an exclusive queue with eight or more requests in flight that found nothing, further
 * calls return 0 without reading the ring, for at most 3 microseconds: reading the ring takes its
 * cache lines away from a device that is about to write to them.
 *
 * This call resends requests that are due (after UNIT ATTENTION, BUSY, ABORTED COMMAND), and
 * submits any prepared requests together with them.
 *
 * At intervals, regardless of the number of calls, it also checks request timeouts and the
 * connection, and takes the next step of a reconnect. Each step is non-blocking; work that another
 * thread is doing is left to that thread.
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Never waits.
 * O(completions). A call that finds completions makes no system call except kicks; about every 10
 * ms a call makes a few system calls for the checks.
 *
 * Return: number of completions written, 0 if there are none yet; -ENOTCONN if the device failed
 * and every request has been returned; -EPERM (see VSCSI_QUEUE_CHECK_THREAD); -ECHILD.
 */
int vscsi_poll(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max);

/**
 * vscsi_queue_fd - Get a file descriptor that becomes readable when completions arrive
 * @queue: the queue
 *
 * For poll(), select() and epoll. The library owns the descriptor; don't read or close it. Call
 * vscsi_arm() before each sleep: only then is the descriptor sure to become readable, because the
 * device is not asked for notifications otherwise. The device may signal it without being asked, so
 * a readable descriptor only means that you should call vscsi_poll(). Each handle on a shared
 * request queue has its own descriptor, created by the first call that needs it.
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Never waits; O(1); no
 * system call except to create the descriptor.
 *
 * Return: the descriptor; -EOPNOTSUPP if the device has none for this queue: poll without sleeping;
 * -EMFILE, -ENFILE, -ENOMEM; -EPERM (see VSCSI_QUEUE_CHECK_THREAD), -ECHILD.
 */
int vscsi_queue_fd(struct vscsi_queue *queue);

/**
 * vscsi_arm - Request one notification for the next completion
 * @queue: the queue
 *
 * Clears the descriptor, then enables notifications, then checks the ring again (virtio 1.4,
 * 2.7.14). The queue stays armed until the notification arrives or vscsi_wait() is called; call
 * this again to renew it. A handle on a shared request queue stays armed until the notification
 * arrives, which happens only for completions of this handle; while there are any, the descriptor
 * stays readable for all threads that use the handle.
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Never waits. One system
 * call, a few on a shared queue.
 *
 * Return: 0 if it is safe to sleep: at most for the time that vscsi_next_timeout_ms() returns, or
 * without limit if the loop also sleeps on vscsi_dev_fd(); 1 if vscsi_poll() already has something
 * to return: poll, don't sleep; -ENOTCONN if the device failed: poll for the remaining completions;
 * or as vscsi_queue_fd(). While the device is reconnecting, this also returns 0: the descriptor
 * becomes readable when the device has reconnected or failed.
 */
int vscsi_arm(struct vscsi_queue *queue);

/**
 * vscsi_next_timeout_ms - Get the longest safe sleep on the descriptor
 * @queue: the queue
 *
 * Call this between vscsi_arm() and the sleep. For event loops that sleep on several descriptors
 * and don't use vscsi_dev_fd(). The library has no thread of its own, so this call also does the
 * work that vscsi_wait() does between its sleeps: it checks request timeouts and the connection,
 * and takes the next step of a reconnect. A loop that sleeps longer delays this work. If this call
 * finds something for vscsi_poll(), it makes the descriptor of the queue readable or returns 0, so
 * the sleep ends at once.
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Never waits, neither for
 * the device nor for another thread. Reads a few words of memory; O(depth) and a few system calls
 * when something is due.
 *
 * Return: time limit for poll() or epoll_wait() in milliseconds, 0 to 500: call vscsi_poll() when
 * it expires; or -EPERM (see VSCSI_QUEUE_CHECK_THREAD), -ECHILD.
 */
int vscsi_next_timeout_ms(struct vscsi_queue *queue);

/**
 * vscsi_wait - Sleep until completions arrive
 * @queue: the queue; its requests must have been submitted with vscsi_submit()
 * @timeout_ms: limit in milliseconds; 0: don't sleep; negative: no limit
 *
 * First polls for vscsi_queue_opts.spin_us without enabling notifications. It yields the CPU after
 * each check, because the device may be a process that needs this CPU. Then it sleeps, and wakes up
 * in between to check request timeouts and the connection, and to take the next step of a
 * reconnect. Before it returns 0 it has checked the ring and all of these. It also returns 1 when a
 * request is due to be resent, because vscsi_poll() resends it, and when the device has failed.
 *
 * Any number of threads may sleep on a shared request queue, and on one handle with
 * VSCSI_QUEUE_SHARED: each of them wakes up when the handle has completions. Another thread may
 * have collected these by then, so vscsi_poll() may return 0.
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Returns within
 * @timeout_ms, whatever the device or another thread does. Several system calls.
 *
 * Return: 1 if vscsi_poll() should be called, 0 if the time has expired, -EINTR after a signal; or
 * as vscsi_queue_fd().
 */
int vscsi_wait(struct vscsi_queue *queue, int timeout_ms);

/**
 * vscsi_queue_drain - Submit all prepared requests and collect all completions
 * @queue: the queue
 * @out: receives completions of requests prepared on @queue, in any order
 * @max: elements of @out, at least 1
 * @timeout_ms: limit in milliseconds; 0: don't wait; negative: no limit
 *
 * Polls and sleeps, as vscsi_wait() does, until this handle has no request in flight, @out is full,
 * or the time has expired. On a queue without a descriptor it polls instead of sleeping. Call it
 * until it returns 0, then close the queue. If a request never completes, vscsi_dev_shutdown() ends
 * the device and all its requests.
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Returns within
 * @timeout_ms.
 *
 * Return: number of completions written; 0 if no request is in flight; or, if it wrote none:
 * -ETIMEDOUT, -EINTR after a signal, -EINVAL if @max is 0 or exceeds INT_MAX, or an error of
 * vscsi_submit(), vscsi_poll() or vscsi_wait(), except -ENOTCONN and -EOPNOTSUPP.
 */
int vscsi_queue_drain(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
		      int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
