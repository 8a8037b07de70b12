/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sleeping until completions come. Nothing is lost between the last look at the ring and the sleep:
 * the descriptor is emptied first, then the wish is stored, then the ring is looked at once more.
 */
#include <errno.h>
#include <poll.h>

#include "core/queue.h"
#include "core/recover.h"
#include "util/clock.h"
#include "util/export.h"

/* Longest sleep without a look at the device: not every end of it is one of a connection. */
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
	if (!ioq_up(queue->ioq))
		return dev_failed(queue->ioq->dev) ? -ENOTCONN : 1;
	return virtq_arm(&queue->ioq->vq);
}

enum { TIME_OVER, WOKEN, CONNECTION };

/* One sleep of at most @ms, or until something happens to @watch. Return: above, or -errno. */
static int nap(struct vscsi_queue *queue, int watch, int ms)
{
	struct pollfd pfds[2] = {{.fd = vscsi_queue_fd(queue), .events = POLLIN},
				 {.fd = watch, .events = POLLIN}};
	int ret = poll(pfds, 2, ms);

	if (ret <= 0)
		return ret ? -errno : TIME_OVER;
	return pfds[0].revents ? WOKEN : CONNECTION;
}

static int sleep_until(struct vscsi_queue *queue, uint64_t limit)
{
	struct vscsi_dev *dev = queue->ioq->dev;
	int watch = dev_watch_fd(dev);

	for (;;) {
		uint64_t now = clock_ms();
		uint64_t left = limit > now ? limit - now : 0;
		bool retry = queue->ioq->waiting != NO_SLOT;
		uint64_t ms = retry ? RETRY_MS : WATCH_MS;
		int ret = nap(queue, watch, (int)(left < ms ? left : ms));

		if (ret < 0 || ret == WOKEN)
			return ret;
		if (ret == TIME_OVER && left <= ms)
			return 0;
		/* Once: it may be another file by now, and would not let anybody sleep. */
		if (ret == CONNECTION)
			watch = -1;
		dev_check(dev);
		if (retry || !ioq_up(queue->ioq))
			return 1;
	}
}

/* Whether a poll has something to do on a queue whose device is away. */
static bool has_news(const struct vscsi_queue *queue)
{
	const struct ioq *ioq = queue->ioq;

	return !ioq->parked || queue->done != NO_SLOT || atomic_load(&ioq->ready) ||
	       dev_failed(ioq->dev);
}

/* Sleeps from one attempt to get the device back to the next. Return: as nap(). */
static int sleep_down(struct vscsi_queue *queue, uint64_t limit)
{
	for (;;) {
		uint64_t now = clock_ms();
		uint64_t left = limit > now ? limit - now : 0;
		uint64_t ms;
		int ret;

		recover_step(queue->ioq->dev);
		if (has_news(queue))
			return 1;
		/* At least one, where another thread is at it. */
		ms = recover_pause(queue->ioq->dev) + 1;
		ret = nap(queue, -1, (int)(left < ms ? left : ms));
		if (ret || left <= ms)
			return ret;
	}
}

EXPORT int vscsi_wait(struct vscsi_queue *queue, int timeout_ms)
{
	uint64_t limit = timeout_ms < 0 ? UINT64_MAX : clock_ms() + (uint64_t)timeout_ms;
	int ret = vscsi_arm(queue);

	/* Completions of a lost device are there to be polled as well. */
	if (ret == -ENOTCONN)
		return 1;
	if (ret == 1 && !ioq_up(queue->ioq))
		return sleep_down(queue, limit);
	if (!ret)
		ret = sleep_until(queue, limit);
	if (ret != -EOPNOTSUPP)
		virtq_disarm(&queue->ioq->vq);
	return ret;
}
