/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handles that share a request queue: reserved slots, so that none of them starves; completions
 * that another handle's poll found; wakeups. The queue's lock protects all of it, and no system
 * call is made with it held. Not used by exclusive handles.
 */
#ifndef QUEUE_SHARE_H
#define QUEUE_SHARE_H

#include <stdbool.h>

struct ioq;
struct vscsi_queue;

/**
 * struct wakeup - Wakes the waiters of one handle
 * @fd: eventfd that is signalled for them
 * @set: epoll set that they sleep on, with @fd and the queue's descriptor
 * @next: in struct share.unused
 *
 * Belongs to the request queue and outlives the handle: a signal that arrives after its handle was
 * closed only wakes the next handle that uses it for nothing.
 */
struct wakeup {
	int fd;
	int set;
	struct wakeup *next;
};

/**
 * struct share - The shared side of a request queue
 * @handles: the handles that share the queue
 * @reserve: number of slots that each of them can always have
 * @kept: number of slots kept free for handles that have not taken their reserve
 * @held: number of slots that are taken
 * @listed: number of handles that requested a wakeup; 0: notifications are disabled
 * @unused: wakeups that no handle uses
 */
struct share {
	struct vscsi_queue *handles;
	unsigned reserve;
	unsigned kept;
	unsigned held;
	unsigned listed;
	struct wakeup *unused;
};

/* Adds a handle to those that share its queue, or removes it and its wakeup. Takes the lock. */
void share_join(struct vscsi_queue *queue);
void share_quit(struct vscsi_queue *queue);

/* Frees all wakeups, when no handle is left. */
void share_fini(struct share *share);

/* Most slots that a handle can have, given the reserves of the others. Takes the lock. */
unsigned share_depth(struct vscsi_queue *queue);

/**
 * share_gather - Give completed requests to their handles, before a sleep
 *
 * Requests the next notification if a handle is listed. With the lock held, and only while the
 * queue is RUNNING. The next poll reports a rule that the device broke.
 */
void share_gather(struct ioq *ioq);

/* Wakes the waiters that have completions, or all of a lost device. Not with the lock held. */
void share_wake(struct ioq *ioq);

/**
 * share_check - Check for completions of a handle
 *
 * Gives other handles their completions, and wakes them. Takes the lock.
 *
 * Return: 1 when vscsi_poll() is worth calling, 0, or -ENOTCONN.
 */
int share_check(struct vscsi_queue *queue);

/**
 * share_get_wakeup - Give a handle a wakeup, if it has none
 *
 * Any thread. Return: 0, -EOPNOTSUPP if the queue has no descriptor, or a negative errno.
 */
int share_get_wakeup(struct vscsi_queue *queue);

/* The descriptor that the threads of a handle with a wakeup sleep on. */
int share_fd(const struct vscsi_queue *queue);

/* Closes the wakeup's descriptors in a child process, which has no lock to take. */
void share_abandon(struct vscsi_queue *queue);

/* Returns a handle's wakeup to the queue, with the lock held. */
void share_put_wakeup(struct vscsi_queue *queue);

/**
 * share_arm - Request a wakeup for a handle
 * @queue: a handle that has a wakeup
 * @armed: requested by vscsi_arm(): vscsi_wait() does not withdraw it
 *
 * Return: as share_check(). If not 0, the caller must not sleep.
 */
int share_arm(struct vscsi_queue *queue, bool armed);

/*
 * Withdraws the request of vscsi_arm(), because a poll found completions of the handle. With the
 * lock held. Returns whether share_wake() must follow.
 */
bool share_polled(struct vscsi_queue *queue);

/* A thread begins, and ends, waiting on a handle. */
void share_enter(struct vscsi_queue *queue);
void share_leave(struct vscsi_queue *queue);

#endif
