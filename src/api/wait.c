/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sleeping until there are completions. To lose no notification: clear the eventfd, enable
 * notifications, recheck the ring, then sleep. Each sleep ends in time for the device's next work
 * (device_next_ms()), which is done before the next sleep.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>

#include <vscsi/queue.h>

#include "device/device.h"
#include "queue/quiet.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/export.h"

/* A descriptor that shows the end of the connection, or an answer to a reconnect; or -1. */
static int watch_fd(struct vscsi_dev *dev)
{
	int fd = -1;

	if (pthread_mutex_trylock(&dev->lock))
		return -1;
	if (dev->virtio.transport)
		fd = virtio_watch_fd(&dev->virtio);
	pthread_mutex_unlock(&dev->lock);
	return fd;
}

/* Whether vscsi_poll() has something to do. Requests no notification. */
static bool has_work(struct vscsi_queue *queue)
{
	if (!queue_retry_ms(queue, 1))
		return true;
	if (queue->shared)
		return share_check(queue) != 0;
	return queue_pending(queue);
}

/*
 * Polls for a while, because that is cheaper than a sleep if a completion arrives soon. Yields the
 * CPU each time, which costs a tenth of a microsecond if no thread needs it: the device may be a
 * process that waits for this CPU.
 */
static bool spin(struct vscsi_queue *queue, uint64_t limit_ms)
{
	uint64_t end = clock_ns() + queue->spin_ns;

	for (;;) {
		uint64_t now = clock_ns();

		if (!ioq_running(queue->ioq))
			return false;
		if (has_work(queue))
			return true;
		if (now >= end || now / 1000000 >= limit_ms)
			return false;
		sched_yield();
	}
}

/* The longest sleep. */
static uint64_t sleep_ms(struct vscsi_queue *queue, uint64_t left)
{
	uint64_t ms = device_next_ms(device_of(queue), queue, queue_retry_ms(queue, WATCH_MS));

	/* At least 1, because another thread may be doing the work that is due. */
	if (!ms)
		ms = 1;
	return left < ms ? left : ms;
}

/* One sleep. Return: 0, or a negative errno; @woken: the queue's descriptor was readable. */
static int sleep_once(struct vscsi_queue *queue, int *watch, uint64_t ms, bool *woken)
{
	struct pollfd pfds[2] = {{.fd = queue_fd(queue), .events = POLLIN},
				 {.fd = *watch, .events = POLLIN}};
	struct vscsi_dev *dev = device_of(queue);
	int ret = poll(pfds, 2, (int)ms);

	if (ret < 0)
		return -errno;
	*woken = pfds[0].revents;
	/*
	 * Not twice in a row: the number may be another file by now, which would prevent sleeping.
	 */
	*watch = pfds[1].revents ? -1 : watch_fd(dev);
	if (pfds[1].revents)
		atomic_store_explicit(&dev->check_at_ms, 0, memory_order_relaxed);
	return 0;
}

/* Return: as vscsi_wait(), or -ENOTCONN if a poll has to return completions of a lost device. */
static int wait_until(struct vscsi_queue *queue, uint64_t limit)
{
	struct vscsi_dev *dev = device_of(queue);
	int watch = watch_fd(dev);
	bool woken = false;
	bool last = false;

	for (;;) {
		uint64_t now;
		int ret;

		device_tend(dev, queue);
		ret = queue_arm(queue, false);
		if (ret)
			return ret;
		if (woken && !queue->shared)
			return 1;
		if (!queue_retry_ms(queue, 1))
			return 1;
		now = clock_ms();
		if (now >= limit && last)
			return 0;
		/* The time is over: check the connection before returning 0. */
		if (now >= limit) {
			last = true;
			atomic_store_explicit(&dev->check_at_ms, 0, memory_order_relaxed);
			continue;
		}
		ret = sleep_once(queue, &watch, sleep_ms(queue, limit - now), &woken);
		if (ret)
			return ret;
	}
}

EXPORT int vscsi_wait(struct vscsi_queue *queue, int timeout_ms)
{
	uint64_t limit = timeout_ms < 0 ? UINT64_MAX : clock_ms() + (uint64_t)timeout_ms;
	int ret = queue_check(queue);

	error_enter(__func__);
	if (ret)
		return ret;
	quiet_end(queue);
	if (queue->spin_ns && spin(queue, limit))
		return 1;
	if (queue->shared) {
		ret = share_get_wakeup(queue);
		if (ret)
			return ret;
		share_enter(queue);
	}
	ret = wait_until(queue, limit);
	if (queue->shared)
		share_leave(queue);
	else if (ret != -EOPNOTSUPP)
		queue_disarm(queue);
	/* vscsi_poll() returns the completions of a lost device too. */
	return ret == -ENOTCONN ? 1 : ret;
}

/* Lets time pass until a poll may find something; @limit as in wait_until(). */
static int pass_time(struct vscsi_queue *queue, uint64_t limit, unsigned *spins)
{
	uint64_t now = clock_ms();
	int ret;

	if (now >= limit)
		return -ETIMEDOUT;
	ret = vscsi_wait(queue, limit - now < INT_MAX ? (int)(limit - now) : INT_MAX);
	if (ret == -EOPNOTSUPP) {
		clock_relax(spins);
		return 0;
	}
	return ret < 0 ? ret : 0;
}

EXPORT int vscsi_queue_drain(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max,
			     int timeout_ms)
{
	uint64_t limit = timeout_ms < 0 ? UINT64_MAX : clock_ms() + (uint64_t)timeout_ms;
	unsigned spins = 0;
	unsigned count = 0;
	int ret;

	if (!max || max > INT_MAX)
		return -EINVAL;
	/* A failed device still has completions. */
	ret = vscsi_submit(queue);
	if (ret && ret != -ENOTCONN)
		return ret;
	for (;;) {
		ret = vscsi_poll(queue, out + count, max - count);
		if (ret > 0)
			count += (unsigned)ret;
		if (ret < 0 && ret != -ENOTCONN)
			break;
		if (count == max || !queue_inflight(queue))
			return (int)count;
		ret = pass_time(queue, limit, &spins);
		if (ret)
			break;
	}
	return count ? (int)count : ret;
}
