/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sleeping until completions come. Nothing is lost between the last look at the ring and the sleep:
 * the descriptor is emptied first, then the wish is stored, then the ring is looked at once more.
 * What is more to it on a queue that is shared is in bell.c.
 */
#include <errno.h>
#include <poll.h>

#include "core/limit.h"
#include "core/queue.h"
#include "util/clock.h"
#include "util/export.h"

/* Longest sleep without a look whether the device is still connected. */
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
	/* Only now: what was read may have been the news that the device is lost. */
	if (!dev_running(queue->ioq->dev))
		return -ENOTCONN;
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

/*
 * One sleep of at most @ms. Return: 1 woken, 0 time over, -EAGAIN woken for others who share the
 * queue and are awake now, or another negative errno.
 */
static int nap(struct vscsi_queue *queue, int ms)
{
	struct pollfd pfd = {.fd = vscsi_queue_fd(queue), .events = POLLIN};
	int ret = poll(&pfd, 1, ms);

	if (ret < 0)
		return -errno;
	if (!ret || !queue->shared)
		return ret;
	ret = share_arm(queue, false);
	return ret ? ret : -EAGAIN;
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

	for (;;) {
		uint64_t now = clock_ms();
		uint64_t left = limit > now ? limit - now : 0;
		bool retry = retries_wait(queue);
		uint64_t ms = retry ? RETRY_MS : limit_nap(queue->ioq, WATCH_MS);
		int ret = nap(queue, (int)(left < ms ? left : ms));

		if (ret == -EAGAIN && left)
			continue;
		if (ret || left <= ms)
			return ret == -EAGAIN ? 0 : ret;
		dev_check(dev);
		limit_poll(queue);
		retry = retries_wait(queue);
		if (retry || !dev_running(dev))
			return 1;
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

		if (!dev_running(queue->ioq->dev) || work_is_there(queue))
			return true;
		if (now >= end || now / 1000000 >= limit_ms)
			return false;
	} while (!retries_wait(queue));
	return false;
}

static int wait_exclusive(struct vscsi_queue *queue, uint64_t limit)
{
	int ret = arm(queue);

	if (!ret)
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
	if (!ret)
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
	/* Completions of a lost device are there to be polled as well. */
	return ret == -ENOTCONN ? 1 : ret;
}
