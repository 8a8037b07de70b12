/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sleeping until completions come. Nothing is lost between the last look at the ring and the sleep:
 * the descriptor is emptied first, then the wish is stored, then the ring is looked at once more.
 * What is more to it on a queue that is shared is in bell.c.
 */
#include <errno.h>
#include <poll.h>

#include "queue/timeout.h"
#include "queue/queue.h"
#include "device/recover.h"
#include "queue/resume.h"
#include "util/clock.h"
#include "util/export.h"

/* Longest sleep without a look at the device: not every end of it is one of a connection. */
#define WATCH_MS 500

/* Longest sleep while requests wait to be sent again. */
#define RETRY_MS 1

EXPORT int vscsi_queue_fd(struct vscsi_queue *queue)
{
	int fd = virtq_fd(&queue->ioq->vq);
	int err;

	if (!queue->shared)
		return fd < 0 ? -EOPNOTSUPP : fd;
	err = share_get_bell(queue);
	return err ? err : share_fd(queue);
}

static int arm(struct vscsi_queue *queue)
{
	int fd = vscsi_queue_fd(queue);
	int err;

	if (fd < 0)
		return fd;
	/* What made it readable means nothing: only the ring tells. */
	err = virtq_fd_clear(&queue->ioq->vq);
	if (err)
		return err;
	/* Only now: what was read may have been the news that the device is lost, or back. */
	if (!ioq_up(queue->ioq))
		return dev_failed(queue->ioq->dev) ? -ENOTCONN : queue_has_news(queue);
	return virtq_arm(&queue->ioq->vq);
}

EXPORT int vscsi_arm(struct vscsi_queue *queue)
{
	int err;

	if (!queue->shared)
		return arm(queue);
	err = share_get_bell(queue);
	return err ? err : share_arm(queue, true);
}

/* What ends a sleep, besides errors. */
enum { TIME_OVER, WOKEN, FOR_OTHERS, CONNECTION };

/*
 * One sleep of at most @ms, or until something happens to @watch. Return: what ended it; FOR_OTHERS
 * are those who share the queue and are awake now; or a negative errno.
 */
static int nap(struct vscsi_queue *queue, int watch, int ms)
{
	struct pollfd pfds[2] = {{.fd = vscsi_queue_fd(queue), .events = POLLIN},
				 {.fd = watch, .events = POLLIN}};
	int ret = poll(pfds, 2, ms);

	if (ret <= 0)
		return ret ? -errno : TIME_OVER;
	if (!pfds[0].revents)
		return CONNECTION;
	if (!queue->shared)
		return WOKEN;
	ret = share_arm(queue, false);
	return ret ? ret : FOR_OTHERS;
}

static bool retries_wait(struct vscsi_queue *queue)
{
	bool wait;

	queue_lock(queue);
	wait = queue->ioq->waiting != NO_SLOT;
	queue_unlock(queue);
	return wait;
}

static int sleep_until(struct vscsi_queue *queue, uint64_t limit)
{
	struct vscsi_dev *dev = queue->ioq->dev;
	int watch = dev_watch_fd(dev);

	for (;;) {
		uint64_t now = clock_ms();
		uint64_t left = limit > now ? limit - now : 0;
		bool retry = retries_wait(queue);
		uint64_t ms = retry ? RETRY_MS : limit_nap(queue->ioq, WATCH_MS);
		int ret = nap(queue, watch, (int)(left < ms ? left : ms));

		if (ret < 0 || ret == WOKEN)
			return ret;
		if (!left || (ret == TIME_OVER && left <= ms))
			return 0;
		if (ret == FOR_OTHERS && !ioq_up(queue->ioq))
			return WOKEN;
		if (ret == FOR_OTHERS)
			continue;
		/* Once: it may be another file by now, and would not let anybody sleep. */
		if (ret == CONNECTION)
			watch = -1;
		dev_check(dev);
		limit_poll(queue);
		if (retries_wait(queue) || !ioq_up(queue->ioq))
			return WOKEN;
	}
}

/* Whether a poll has something to do on a queue whose device is away. */
static bool has_news(struct vscsi_queue *queue)
{
	bool news;

	queue_lock(queue);
	news = queue_has_news(queue);
	queue_unlock(queue);
	return news;
}

/*
 * Sleeps from one attempt to get the device back to the next. There is nothing else to wake for:
 * whoever gets it back does so when it is due, which every sleeper knows.
 */
static int sleep_down(struct vscsi_queue *queue, uint64_t limit)
{
	for (;;) {
		uint64_t now = clock_ms();
		uint64_t left = limit > now ? limit - now : 0;
		uint64_t ms;

		recover_step(queue->ioq->dev);
		if (has_news(queue))
			return WOKEN;
		/* At least one, where another thread is at it. */
		ms = recover_pause(queue->ioq->dev) + 1;
		if (poll(NULL, 0, (int)(left < ms ? left : ms)) < 0)
			return -errno;
		if (left <= ms)
			return 0;
	}
}

/* Whether vscsi_poll() is worth calling. Asks nothing of the device. */
static bool work_is_there(struct vscsi_queue *queue)
{
	if (queue->shared)
		return share_look(queue) != 0;
	return virtq_pending(&queue->ioq->vq) != 0;
}

/* Polls for a while, as a completion that comes soon is cheaper than a sleep. */
static bool spin(struct vscsi_queue *queue, uint64_t limit_ms)
{
	uint64_t end = clock_ns() + queue->spin_ns;

	do {
		uint64_t now = clock_ns();

		if (!ioq_up(queue->ioq))
			return false;
		if (work_is_there(queue))
			return true;
		if (now >= end || now / 1000000 >= limit_ms)
			return false;
	} while (!retries_wait(queue));
	return false;
}

static int wait_exclusive(struct vscsi_queue *queue, uint64_t limit)
{
	int ret = arm(queue);

	if (!ret && ioq_up(queue->ioq))
		ret = sleep_until(queue, limit);
	if (ret != -EOPNOTSUPP)
		virtq_disarm(&queue->ioq->vq);
	return ret;
}

static int wait_shared(struct vscsi_queue *queue, uint64_t limit)
{
	int ret = share_get_bell(queue);

	if (ret)
		return ret;
	share_enter(queue);
	ret = share_arm(queue, false);
	if (!ret && ioq_up(queue->ioq))
		ret = sleep_until(queue, limit);
	share_leave(queue);
	return ret;
}

EXPORT int vscsi_wait(struct vscsi_queue *queue, int timeout_ms)
{
	uint64_t limit = timeout_ms < 0 ? UINT64_MAX : clock_ms() + (uint64_t)timeout_ms;
	int ret;

	if (queue->spin_ns && spin(queue, limit))
		return 1;
	ret = queue->shared ? wait_shared(queue, limit) : wait_exclusive(queue, limit);
	if (ret >= 0 && !ioq_up(queue->ioq))
		ret = sleep_down(queue, limit);
	/* Completions of a lost device are there to be polled as well. */
	return ret == -ENOTCONN ? 1 : ret;
}

/* As vscsi_wait() looks at it: now and then, whoever sleeps. */
static void watch_device(struct vscsi_dev *dev)
{
	uint64_t now = clock_ms();

	if (now < atomic_load_explicit(&dev->watched_ms, memory_order_relaxed) + WATCH_MS)
		return;
	atomic_store_explicit(&dev->watched_ms, now, memory_order_relaxed);
	dev_check(dev);
}

EXPORT int vscsi_sleep_ms(struct vscsi_queue *queue)
{
	struct vscsi_dev *dev = queue->ioq->dev;
	unsigned pause;

	watch_device(dev);
	limit_poll(queue);
	recover_step(dev);
	if (ioq_up(queue->ioq))
		return retries_wait(queue) ? RETRY_MS : (int)limit_nap(queue->ioq, WATCH_MS);
	if (has_news(queue))
		return 0;
	/* At least one, where another thread is at it. */
	pause = recover_pause(dev) + 1;
	return pause < WATCH_MS ? (int)pause : WATCH_MS;
}
