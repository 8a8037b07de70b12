/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue: where a thread prepares requests, publishes them to the device, and polls for their
 * completions. This and io.h are the data path: no allocation, no system call but the kick that a
 * device asks for, and no lock on a queue that is held exclusively.
 */
#ifndef VSCSI_QUEUE_H
#define VSCSI_QUEUE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_dev;
struct vscsi_queue;

/* vscsi_queue_opts.flags; with neither: exclusive while there are queues left, shared after that */
#define VSCSI_QUEUE_EXCLUSIVE (1u << 0) /* fail with -EBUSY when no ring is left for it alone */
#define VSCSI_QUEUE_SHARED    (1u << 1) /* any number of threads may use this handle at once */

/**
 * struct vscsi_queue_opts - How a queue is opened; zero means default
 * @size: sizeof(struct vscsi_queue_opts)
 * @flags: VSCSI_QUEUE_*
 * @spin_us: microseconds that vscsi_wait() polls before it sleeps; 0: it sleeps at once
 */
struct vscsi_queue_opts {
	uint32_t size;
	uint32_t flags;
	uint32_t spin_us;
};

/**
 * struct vscsi_queue_info - What kind of queue one has
 * @size: sizeof(struct vscsi_queue_info), set by the caller
 * @index: number of the device's request queue behind it, from 0
 * @exclusive: 1 when no other handle uses that one, 0 when it is shared
 * @depth: requests that it can hold in flight; on a shared queue what is not kept for others, and
 *	as they come and go it changes
 * @inflight: requests prepared or submitted through it and not yet returned by vscsi_poll()
 * @node: NUMA node that what the device reads lies on: rings and requests, in the DMA pool
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
 * @result: 0, or a negative errno made of all that follows: -EIO (medium or hardware), -EREMOTEIO
 *	(the target refused or failed the command), -EOPNOTSUPP (it doesn't know it), -EROFS,
 *	-ENODEV (no such target or LUN, or another disk has its address), -ENOMEDIUM,
 *	-ENOSPC, -EILSEQ (miscompare, protection), -EBUSY, -EAGAIN (retries used up), -ECANCELED
 *	(aborted or reset), -ETIMEDOUT (it took longer than its time limit), -EBADMSG (a short
 *	transfer), -EOVERFLOW (the command wanted more data than there was), -EPROTO (the device
 *	broke its rules), -ECONNRESET (the device was lost with it, and it is not sent again: it may
 *	have been carried out or not), -ENOTCONN (the device is lost for good: likewise)
 * @residual: bytes of the data buffer that were not transferred
 * @status_qualifier: of the SCSI status
 * @status: SCSI status; 0 is GOOD. Meaningful with @response 0
 * @response: virtio-scsi response; 0 is OK, 0xff: the device gave none. It decides before @status
 *	(virtio 1.4, 5.6.6.1.1)
 * @sense_key, @asc, @ascq: decoded sense, 0 where there is none; vscsi_sense_text() has the words
 * @sense_len: valid bytes of @sense
 * @sense: the first of the sense data as they came
 *
 * A raw command's short transfer is no error: @result is 0 and @residual says how short.
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
 * vscsi_queue_open - Get a queue
 * @dev: the device
 * @opts: options, or NULL for the defaults
 * @queue: receives the queue, which the caller owns: vscsi_queue_close()
 *
 * The queue belongs to the calling thread until it is closed, unless it was opened with
 * VSCSI_QUEUE_SHARED: all its other calls must come from this thread.
 *
 * The first of the device's request queues is kept for the calls of sync.h and for handles that
 * share; the others are given out one each, and taken up again when they are closed. When they have
 * run out, the handle shares the queue that has the fewest. So a device with one request queue is
 * shared by all, one with two has one exclusive queue.
 *
 * Of those that share a queue, each has its own completions, whoever polls, and a part of its depth
 * for certain: half of it is dealt out evenly, the other half goes to whoever comes first. (With
 * more handles than requests nothing is.) So no handle can take all requests.
 *
 * The private part of an exclusive queue moves to the NUMA node of the calling thread, where the
 * kernel can; what the device reads stays in the DMA pool. Any thread; sends nothing; O(depth).
 *
 * Return: 0; -EBUSY (see VSCSI_QUEUE_EXCLUSIVE); -EINVAL, -E2BIG, -ENOMEM, -ENOTCONN.
 */
int vscsi_queue_open(struct vscsi_dev *dev, const struct vscsi_queue_opts *opts,
		     struct vscsi_queue **queue);

/**
 * vscsi_queue_close - Give a queue back
 * @queue: the queue; NULL is allowed
 *
 * Not while another thread is in a call for this queue, or will be. Sends nothing; O(depth).
 *
 * Return: 0, or -EBUSY while vscsi_queue_info.inflight is not 0; then nothing has happened.
 */
int vscsi_queue_close(struct vscsi_queue *queue);

/**
 * vscsi_queue_get_info - Tell what kind of queue one has
 * @queue: the queue
 * @info: @info->size set by the caller; the rest is filled in
 *
 * O(depth); a few system calls, to find the NUMA node.
 *
 * Return: 0, -EINVAL for a size below 4, -E2BIG for one above 4096.
 */
int vscsi_queue_get_info(struct vscsi_queue *queue, struct vscsi_queue_info *info);

/**
 * vscsi_submit - Publish everything that was prepared
 * @queue: the queue
 *
 * One store makes the whole batch visible to the device (virtio 1.4, 2.7.13.3); one kick follows
 * where the device asks for it. With nothing prepared it does nothing. O(1); a system call only for
 * a kick.
 *
 * While a lost device is looked for (vscsi_dev_opts.recovery) it is shown them when it is back.
 *
 * Return: 0, or -ENOTCONN when the device is lost for good: vscsi_poll() has the completions.
 */
int vscsi_submit(struct vscsi_queue *queue);

/**
 * vscsi_poll - Collect completions
 * @queue: the queue
 * @out: receives completions of requests prepared on @queue, in any order
 * @max: elements of @out, at least 1
 *
 * Requests that are sent again (UNIT ATTENTION, BUSY) are published by this, and with them whatever
 * was prepared. Each request is returned exactly once, and by then the device can no longer touch
 * its buffer. O(completions). No system call but kicks where completions are found; one of some ten
 * thousand calls that find none makes a few, which look whether the device is still connected.
 * While a lost device is looked for, a call now and then takes the next step and waits for the
 * device's answers.
 *
 * Return: number of completions written, 0 when there are none yet; -ENOTCONN when the device is
 * lost for good and every request has been returned.
 */
int vscsi_poll(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max);

/**
 * vscsi_queue_fd - Get a file descriptor that becomes readable when completions come
 * @queue: the queue
 *
 * For poll(), select() and epoll. It stays the library's. It is certain to become readable only
 * after vscsi_arm(): nothing is asked of the device while nobody sleeps. A device may signal it all
 * the same, so being readable means no more than that vscsi_poll() is worth a call. Handles that
 * share a queue have one descriptor each, which their first sleep makes. O(1); no system call but
 * for that.
 *
 * Return: the descriptor; -EOPNOTSUPP where the device has none for this queue; -EMFILE, -ENFILE,
 * -ENOMEM.
 */
int vscsi_queue_fd(struct vscsi_queue *queue);

/**
 * vscsi_arm - Ask the device for one notification of the next completion
 * @queue: the queue
 *
 * Empties the descriptor first. The wish ends with the next vscsi_wait(), or with the notification
 * itself; another call renews it. On a shared queue it ends with the notification only, which then
 * comes for completions of this handle; and while there are some the descriptor stays readable, for
 * all threads of the handle. One system call, a few on a shared queue.
 *
 * Return: 0 when it is safe to sleep, for as long as vscsi_sleep_ms() says; 1 when there is
 * something for vscsi_poll() already: poll, don't sleep (virtio 1.4, 2.7.14); -ENOTCONN; or as
 * vscsi_queue_fd(). While a lost device is looked for it is 0 as well; the descriptor becomes
 * readable when it is back or is given up.
 */
int vscsi_arm(struct vscsi_queue *queue);

/**
 * vscsi_sleep_ms - Tell how long one may sleep on the descriptor before a poll is due
 * @queue: the queue; between vscsi_arm() and the sleep
 *
 * For loops of events that sleep on many things: what vscsi_wait() looks after while it sleeps is
 * looked after by this. It finds requests that take too long and, twice a second, whether the
 * device is still connected; while a lost one is looked for it takes the next step when one is due,
 * which may wait for the device's answers. The library has no thread that would do so: a loop that
 * sleeps longer is late with all of that, and a lost device is not looked for meanwhile.
 *
 * What it finds makes the descriptor readable, so nothing is slept through. Else a few words of
 * memory are read; O(depth) now and then; a few system calls twice a second.
 *
 * Return: milliseconds, 0 to 500, for poll() or epoll_wait(). When they are over: vscsi_poll().
 */
int vscsi_sleep_ms(struct vscsi_queue *queue);

/**
 * vscsi_wait - Sleep until completions come
 * @queue: a queue with requests submitted
 * @timeout_ms: the longest that this may take; negative: for ever
 *
 * First it polls for as long as the queue's spin_us says, in which nothing is asked of the device.
 * Any number of threads may sleep on a queue that is shared, and on one handle of it: then each is
 * woken when the handle has completions, and another one may have polled them already. Looks every
 * half second whether the device is still connected. While requests wait to be sent again it is
 * over after a millisecond, as vscsi_poll() is what sends them. Several system calls.
 *
 * Return: 1 when vscsi_poll() is worth calling, 0 when the time is over, -EINTR after a signal; or
 * as vscsi_queue_fd().
 */
int vscsi_wait(struct vscsi_queue *queue, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
