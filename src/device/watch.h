/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The descriptor of vscsi_dev_fd(): an epoll set that is readable when vscsi_dev_poll_events() has
 * something to do.
 *
 *   member      readable when
 *   list        an eventfd: the list of events is not empty, or a scan is wanted
 *   timer       a timerfd: something is due: a step of a reconnect, a question to a LUN, the
 *               regular check of the connection and of request timeouts
 *   call        the call descriptor of the event virtqueue, which is kept armed
 *   connection  the transport's watch_fd(): the connection ended, or an answer arrived
 *
 * Made by the first vscsi_dev_fd(). Without it nothing here makes a system call. With it, a poll of
 * a running device with nothing in doubt makes none either: the timer is set again only to fire
 * earlier than it would, or after it fired.
 *
 * The last two join again at every look. Where the kernel has no memory for that, the timer stands
 * in for them.
 *
 * Locking: what needs the transport is done with the device locked. The timer may be set by any
 * thread; watch.lock is for that, and for making the set.
 */
#ifndef DEVICE_WATCH_H
#define DEVICE_WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct vscsi_dev;
struct vscsi_queue;

/**
 * struct watch - The set
 * @lock: for making the set, and for the timer
 * @set: the epoll set; -1 until the first vscsi_dev_fd(). Read by any thread
 * @timer, @list: members of it; @has_call: the event virtqueue's descriptor is one, too
 * @due_ms: when the timer fires, by clock_ms(); UINT64_MAX: it fired and was not set again
 */
struct watch {
	pthread_mutex_t lock;
	_Atomic int set;
	int timer;
	int list;
	bool has_call;
	_Atomic uint64_t due_ms;
};

void watch_init(struct watch *watch);
/* Closes the set and its members. */
void watch_fini(struct watch *watch);

/* Whether the descriptor was asked for. Any thread. */
static inline bool watch_wanted(const struct watch *watch)
{
	return atomic_load_explicit(&watch->set, memory_order_acquire) >= 0;
}

/**
 * watch_get - vscsi_dev_fd()
 *
 * Any thread; never waits for the device.
 *
 * Return: the descriptor, or a negative errno with its text set.
 */
int watch_get(struct vscsi_dev *dev);

/* Makes it unreadable, as far as that is possible: before looking at what made it readable. */
void watch_clear(struct vscsi_dev *dev);

/* Takes the present connection and event virtqueue into the set. Locked. */
void watch_renew(struct vscsi_dev *dev);

/**
 * watch_due - Set the timer, if it would not fire by then
 * @ms: milliseconds from now
 *
 * Does nothing unless the descriptor was asked for. Any thread.
 */
void watch_due(struct vscsi_dev *dev, unsigned ms);

/* Longest time between two looks at the device: not every end of it shows on a descriptor. */
#define WATCH_MS 500u

/* The time until the next regular look: shorter while requests with a time limit are in flight. */
unsigned watch_interval(struct vscsi_dev *dev);

/**
 * watch_wake_queues - Signal queues whose requests are to be checked by their own thread
 *
 * A queue belongs to the thread that polls it: its timeouts and its retries are found by its polls.
 * One that sleeps on vscsi_queue_fd() is woken when one is due. Locked.
 */
void watch_wake_queues(struct vscsi_dev *dev);

/*
 * A thread is about to sleep on a queue's descriptor: sets the timer where it needs an early poll.
 */
void watch_queue_armed(struct vscsi_queue *queue);

#endif
