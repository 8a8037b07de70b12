/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The descriptor of vscsi_dev_fd(): an epoll set that is readable when vscsi_dev_poll_events() has
 * something to do.
 *
 *   member      readable when
 *   list        an eventfd: the list of events is not empty, or a scan is wanted
 *   timer       a timerfd: work is due: a step of a reconnect, a probe of a LUN, the regular check
 *               of the connection and of request timeouts
 *   call        the call descriptor of the event virtqueue, which is kept armed
 *   connection  the transport's watch_fd(): the connection ended, or an answer arrived
 *
 * Created by the first vscsi_dev_fd(). Before that nothing here makes a system call. Afterwards, a
 * poll of a running device without SUSPECT LUNs makes none either: the timer is set only if it
 * would not fire soon enough.
 *
 * watch_renew() adds the last two members again each time. If the kernel has no memory for that,
 * the timer covers them.
 *
 * Locking: functions that use the transport need the device locked. Any thread may set the timer;
 * watch.lock protects the timer and the creation of the set.
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
 * @lock: protects the creation of the set, and the timer
 * @set: the epoll set; -1 until the first vscsi_dev_fd(). Read by any thread
 * @timer, @list: members of it; @has_call: the event virtqueue's descriptor is one, too
 * @due_ms: when the timer fires, in clock_ms() time; UINT64_MAX: it is not set
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

/* Whether vscsi_dev_fd() was called. Any thread. */
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

/* Clears the members as far as possible; call it before checking for work. */
void watch_clear(struct vscsi_dev *dev);

/* Adds the current connection and the event virtqueue to the set. Locked. */
void watch_renew(struct vscsi_dev *dev);

/**
 * watch_due - Set the timer, if it would not fire by then
 * @ms: milliseconds from now
 *
 * Does nothing unless vscsi_dev_fd() was called. Any thread.
 */
void watch_due(struct vscsi_dev *dev, unsigned ms);

/* Longest time between two checks of the device: a descriptor doesn't show every loss. */
#define WATCH_MS 500u

/* Milliseconds until the next check: fewer while requests with a time limit are in flight. */
unsigned watch_interval(struct vscsi_dev *dev);

/**
 * watch_wake_queues - Signal queues whose own thread has to check their requests
 *
 * A queue's timeouts and retries are handled by the polls of its thread, which may be sleeping on
 * vscsi_queue_fd(). Locked.
 */
void watch_wake_queues(struct vscsi_dev *dev);

/*
 * Call it before sleeping on a queue's descriptor: sets the timer if the queue needs a poll soon.
 */
void watch_queue_armed(struct vscsi_queue *queue);

#endif
