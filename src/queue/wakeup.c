/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sleeping on a request queue that is shared. The device has one descriptor for all; each handle
 * has a bell besides, and its threads sleep on both. Whoever empties the device's descriptor looks
 * at the ring after that, hands over all that is there, and rings for those that it belongs to: so
 * a notification may be eaten, its completions never are. A poll empties nothing, so it rings for
 * nobody. tests/model/share.pml shows that this is enough.
 *
 * A handle that asked to be woken is listed until its bell is rung. Whoever empties a bell lists
 * the handle again or, if there are completions, rings: so all its threads may sleep on one bell.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "queue/queue.h"
#include "queue/resume.h"

/* Bells rung at once. */
#define BELLS 8u

static int watch(int set, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static void destroy_bell(struct bell *bell)
{
	if (bell->fd >= 0)
		close(bell->fd);
	if (bell->set >= 0)
		close(bell->set);
	free(bell);
}

static int create_bell(int call_fd, struct bell **out)
{
	struct bell *bell = calloc(1, sizeof(*bell));
	int err;

	if (!bell)
		return -ENOMEM;
	bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	bell->set = epoll_create1(EPOLL_CLOEXEC);
	if (bell->fd >= 0 && bell->set >= 0 && !watch(bell->set, bell->fd) &&
	    !watch(bell->set, call_fd)) {
		*out = bell;
		return 0;
	}
	err = -errno;
	destroy_bell(bell);
	return err;
}

void share_fini(struct share *share)
{
	while (share->bells) {
		struct bell *bell = share->bells;

		share->bells = bell->next;
		destroy_bell(bell);
	}
}

static void put_spare(struct share *share, struct bell *bell)
{
	bell->next = share->bells;
	share->bells = bell;
}

/* Gives a handle a spare bell, where it has none and there is one. */
static bool take_spare(struct vscsi_queue *queue)
{
	struct share *share = &queue->ioq->share;

	if (!queue->bell && share->bells) {
		queue->bell = share->bells;
		share->bells = share->bells->next;
	}
	return queue->bell;
}

int share_get_bell(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;
	int call_fd = virtq_fd(&ioq->vq);
	struct bell *bell = NULL;
	bool have;
	int err;

	if (call_fd < 0)
		return -EOPNOTSUPP;
	lock_take(&ioq->lock);
	have = take_spare(queue);
	lock_give(&ioq->lock);
	if (have)
		return 0;
	err = create_bell(call_fd, &bell);
	if (err)
		return err;
	/* Another thread of the handle may have been faster; then this one is spare. */
	lock_take(&ioq->lock);
	put_spare(&ioq->share, bell);
	take_spare(queue);
	lock_give(&ioq->lock);
	return 0;
}

int share_fd(const struct vscsi_queue *queue)
{
	return queue->bell->set;
}

static void list(struct vscsi_queue *queue)
{
	queue->ioq->share.listed += !queue->listed;
	queue->listed = true;
}

/* The last one to leave takes the wish back. */
static void unlist(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;

	if (!queue->listed)
		return;
	queue->listed = false;
	queue->armed = false;
	queue->granted = false;
	if (!--ioq->share.listed)
		virtq_disarm(&ioq->vq);
}

bool share_polled(struct vscsi_queue *queue)
{
	if (likely(!queue->armed || queue->waiters))
		return false;
	/* The one that sleeps may be another thread, whose notification somebody else has eaten. */
	queue->granted = queue->free_threaded;
	if (!queue->granted)
		unlist(queue);
	return queue->granted;
}

void share_put_bell(struct vscsi_queue *queue)
{
	unlist(queue);
	if (queue->bell)
		put_spare(&queue->ioq->share, queue->bell);
	queue->bell = NULL;
}

/* Takes some of those to be woken off the list. Their descriptors stay open with the queue. */
static unsigned pick(struct ioq *ioq, int *fds)
{
	/* What is new of a lost device is so for all of them. */
	const bool all = !ioq_up(ioq) && ioq_has_news(ioq);
	struct vscsi_queue *queue;
	unsigned count = 0;

	for (queue = ioq->share.handles; queue && count < BELLS; queue = queue->next) {
		if (!queue->listed || (!all && queue->done == NO_SLOT && !queue->granted))
			continue;
		fds[count++] = queue->bell->fd;
		unlist(queue);
	}
	return count;
}

void share_wake(struct ioq *ioq)
{
	unsigned count;
	int fds[BELLS];
	unsigned i;

	do {
		lock_take(&ioq->lock);
		count = pick(ioq, fds);
		lock_give(&ioq->lock);
		/* Fails only where it has been rung 2^64 times. */
		for (i = 0; i < count; i++)
			eventfd_write(fds[i], 1);
	} while (count == BELLS);
}

/* With the lock held; @wake: whether share_wake() is to follow. */
static int look(struct vscsi_queue *queue, bool *wake)
{
	struct ioq *ioq = queue->ioq;

	*wake = ioq->share.listed;
	if (!ioq_up(ioq))
		return dev_failed(ioq->dev) ? -ENOTCONN : queue_has_news(queue);
	share_gather(ioq);
	return queue->done != NO_SLOT || virtq_rule(&ioq->vq);
}

int share_look(struct vscsi_queue *queue)
{
	bool wake;
	int ret;

	lock_take(&queue->ioq->lock);
	ret = look(queue, &wake);
	lock_give(&queue->ioq->lock);
	if (wake)
		share_wake(queue->ioq);
	return ret;
}

/* What was in it means nothing, and it doesn't block: nothing can fail. */
static void empty(int fd)
{
	eventfd_t count;

	eventfd_read(fd, &count);
}

int share_arm(struct vscsi_queue *queue, bool armed)
{
	struct ioq *ioq = queue->ioq;
	int ret = share_look(queue);
	bool wake;

	/* With completions there the bell may be what other threads of the handle rely on. */
	if (ret)
		return ret;
	empty(queue->bell->fd);
	empty(virtq_fd(&ioq->vq));
	lock_take(&ioq->lock);
	list(queue);
	queue->armed |= armed;
	ret = look(queue, &wake);
	lock_give(&ioq->lock);
	if (wake)
		share_wake(ioq);
	return ret;
}

void share_enter(struct vscsi_queue *queue)
{
	lock_take(&queue->ioq->lock);
	queue->waiters++;
	lock_give(&queue->ioq->lock);
}

void share_leave(struct vscsi_queue *queue)
{
	lock_take(&queue->ioq->lock);
	if (!--queue->waiters && !queue->armed)
		unlist(queue);
	lock_give(&queue->ioq->lock);
}
