/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handles that share a request queue: slots for each, so that none of them starves; completions
 * that another handle's poll found; wakeups for them. The queue's lock guards all of it, and no
 * system call is made with it held. Exclusive handles have nothing to do with this.
 */
#ifndef QUEUE_SHARE_H
#define QUEUE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

struct ioq;
struct slot;
struct vscsi_queue;

/**
 * struct wakeup - Wakes the waiters of one handle
 * @fd: eventfd that is signalled for them
 * @set: epoll set of that and of the queue's own descriptor: what they sleep on
 * @next: next one that no handle has
 *
 * It belongs to the request queue and outlives the handle: one that is signalled after its handle
 * was closed wakes the next handle that has it for nothing, and nothing worse.
 */
struct wakeup {
	int fd;
	int set;
	struct wakeup *next;
};

/**
 * struct share - The shared side of a request queue
 * @handles: those that share it
 * @reserve: slots that each of them can always have
 * @kept: slots that are kept free, as a handle has not taken its reserve
 * @held: slots that are taken
 * @listed: handles that asked to be woken; with none, nothing is asked of the device
 * @unused: wakeups that no handle has
 */
struct share {
	struct vscsi_queue *handles;
	unsigned reserve;
	unsigned kept;
	unsigned held;
	unsigned listed;
	struct wakeup *unused;
};

/* Adds a handle to those that share its queue, or takes it out with its wakeup. Takes the lock. */
void share_join(struct vscsi_queue *queue);
void share_quit(struct vscsi_queue *queue);

/* Frees what is left, once no handle is. */
void share_fini(struct share *share);

/* Slots that a handle can have at most, as others have their reserves. Takes the lock. */
unsigned share_depth(struct vscsi_queue *queue);

/**
 * share_gather - Give what the device returned to the handles that it belongs to, before a sleep
 *
 * With a thread asleep the device is asked for the next notification again. With the lock held, and
 * only while the queue is RUNNING. A rule that the device broke is left for the next poll to find.
 */
void share_gather(struct ioq *ioq);

/* Wakes the waiters that have completions, or all of a lost device. Not with the lock held. */
void share_wake(struct ioq *ioq);

/**
 * share_check - Look for completions of a handle
 *
 * Gives others what belongs to them, and wakes them. Takes the lock.
 *
 * Return: 1 when vscsi_poll() is worth calling, 0, or -ENOTCONN.
 */
int share_check(struct vscsi_queue *queue);

/**
 * share_get_wakeup - Give a handle its wakeup, where it has none
 *
 * Any thread. Return: 0, -EOPNOTSUPP where the queue has no descriptor, or what the kernel said.
 */
int share_get_wakeup(struct vscsi_queue *queue);

/* What the threads of a handle that has a wakeup sleep on. */
int share_fd(const struct vscsi_queue *queue);

/* Closes the wakeup's descriptors in a child process, which has no lock to take. */
void share_abandon(struct vscsi_queue *queue);

/* Takes the wakeup back, with the lock held. */
void share_put_wakeup(struct vscsi_queue *queue);

/**
 * share_arm - Ask that a handle be woken
 * @queue: a handle that has its wakeup
 * @armed: by vscsi_arm(), which no vscsi_wait() takes back
 *
 * Return: as share_check(). With anything but 0 no thread has to sleep: the descriptor is readable.
 */
int share_arm(struct vscsi_queue *queue, bool armed);

/*
 * Disarms vscsi_arm(), as a poll found completions of the handle. With the lock held. Returns
 * whether share_wake() has to follow.
 */
bool share_polled(struct vscsi_queue *queue);

/* Between these two a thread waits for a handle. */
void share_enter(struct vscsi_queue *queue);
void share_leave(struct vscsi_queue *queue);

#endif
