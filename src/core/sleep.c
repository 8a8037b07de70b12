/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sleeping until completions come. Nothing is lost between the last look at the ring and the sleep:
 * the descriptor is emptied first, then the wish is stored, then the ring is looked at once more.
 */
#include <errno.h>
#include <poll.h>

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

	return queue->shared || fd < 0 ? -EOPNOTSUPP : fd;
}

EXPORT int vscsi_arm(struct vscsi_queue *queue)
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

/* One sleep of at most @ms. Return: 1 woken, 0 time over, or a negative errno. */
static int nap(struct vscsi_queue *queue, int ms)
{
	struct pollfd pfd = {.fd = vscsi_queue_fd(queue), .events = POLLIN};
	int ret = poll(&pfd, 1, ms);

	return ret < 0 ? -errno : ret;
}

static int sleep_until(struct vscsi_queue *queue, uint64_t limit)
{
	struct vscsi_dev *dev = queue->ioq->dev;

	for (;;) {
		uint64_t now = clock_ms();
		uint64_t left = limit > now ? limit - now : 0;
		bool retry = queue->ioq->waiting != NO_SLOT;
		uint64_t ms = retry ? RETRY_MS : WATCH_MS;
		int ret = nap(queue, (int)(left < ms ? left : ms));

		if (ret || left <= ms)
			return ret;
		dev_check(dev);
		if (retry || !dev_running(dev))
			return 1;
	}
}

EXPORT int vscsi_wait(struct vscsi_queue *queue, int timeout_ms)
{
	uint64_t limit = timeout_ms < 0 ? UINT64_MAX : clock_ms() + (uint64_t)timeout_ms;
	int ret = vscsi_arm(queue);

	/* Completions of a lost device are there to be polled as well. */
	if (ret == -ENOTCONN)
		return 1;
	if (!ret)
		ret = sleep_until(queue, limit);
	if (ret != -EOPNOTSUPP)
		virtq_disarm(&queue->ioq->vq);
	return ret;
}
