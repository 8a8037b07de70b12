/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What handles that share a request queue owe each other: slots, so that none of them starves;
 * completions that another one's poll came upon; and being woken for them. The queue's lock guards
 * all of it, and no system call is made under it. Exclusive handles have nothing to do with this.
 */
#ifndef QUEUE_SHARE_H
#define QUEUE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

struct ioq;
struct slot;
struct vscsi_queue;

/**
 * struct bell - Wakes the sleepers of one handle
 * @fd: eventfd that is rung for them
 * @set: epoll set of that and of the queue's own descriptor: what they sleep on
 * @next: next one that no handle has
 *
 * It belongs to the request queue and outlives the handle: a bell that is rung after its handle was
 * closed disturbs whoever has it next, and nothing worse.
 */
struct bell {
	int fd;
	int set;
	struct bell *next;
};

/**
 * struct share - The shared side of a request queue
 * @handles: those that share it
 * @reserve: slots that each of them can always have
 * @owed: slots that are kept free, as somebody has not taken its reserve
 * @held: slots that are taken
 * @listed: handles that asked to be woken; with none, nothing is asked of the device
 * @bells: spare ones
 */
struct share {
	struct vscsi_queue *handles;
	unsigned reserve;
	unsigned owed;
	unsigned held;
	unsigned listed;
	struct bell *bells;
};

/* Adds a handle to those that share its queue, or takes it out, and its bell. Takes the lock. */
void share_join(struct vscsi_queue *queue);
void share_quit(struct vscsi_queue *queue);

/* Frees what is left, once no handle is. */
void share_fini(struct share *share);

/* Slots that a handle can have at most, as others have their reserves. Takes the lock. */
unsigned share_depth(struct vscsi_queue *queue);

/**
 * share_hand_over - Leave a slot that came back where its handle finds it
 * @used_len: as the device said
 */
void share_hand_over(struct slot *slot, uint32_t used_len);

/* Hands over what the device gave back so far; false when it broke the ring. With the lock held. */
bool share_hand_over_all(struct ioq *ioq);

/**
 * share_gather - Hand over all that the device gave back
 *
 * With somebody asleep the device is asked for the next notification again. With the lock held, and
 * only while the device works. A rule that the device broke is left for the next poll to find.
 */
void share_gather(struct ioq *ioq);

/* Wakes the sleepers that have completions, or all of a lost device. Not with the lock held. */
void share_wake(struct ioq *ioq);

/**
 * share_look - Look for completions of a handle
 *
 * Hands over what belongs to others, and wakes them. Takes the lock.
 *
 * Return: 1 when vscsi_poll() is worth calling, 0, or -ENOTCONN.
 */
int share_look(struct vscsi_queue *queue);

/**
 * share_get_bell - Give a handle its bell, where it has none
 *
 * Any thread. Return: 0, -EOPNOTSUPP where the queue has no descriptor, or what the kernel said.
 */
int share_get_bell(struct vscsi_queue *queue);

/* What the threads of a handle that has its bell sleep on. */
int share_fd(const struct vscsi_queue *queue);

/* Takes the bell back, with the lock held. */
void share_put_bell(struct vscsi_queue *queue);

/**
 * share_arm - Ask that a handle be woken
 * @queue: a handle that has its bell
 * @armed: by vscsi_arm(), whose wish no vscsi_wait() takes back
 *
 * Return: as share_look(). With anything but 0 nobody has to sleep, and the bell rings already.
 */
int share_arm(struct vscsi_queue *queue, bool armed);

/*
 * Ends the wish of vscsi_arm(), as a poll found completions of the handle. With the lock held.
 * Returns whether share_wake() has to follow.
 */
bool share_polled(struct vscsi_queue *queue);

/* Between these two a thread waits for a handle. */
void share_enter(struct vscsi_queue *queue);
void share_leave(struct vscsi_queue *queue);

#endif
