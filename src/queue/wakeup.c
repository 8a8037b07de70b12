/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sleeping on a request queue that is shared. The device has one descriptor for all; each handle
 * has an eventfd besides, and its threads sleep on both. A thread that empties the device's
 * descriptor then checks the ring, gives every handle what belongs to it, and signals those: a
 * notification may be consumed by the wrong thread, its completions never are. A poll empties
 * nothing, so it signals no handle. tests/model/share.pml shows that this is enough.
 *
 * A handle that asked to be woken is listed until its eventfd is signalled. A thread that empties
 * that eventfd lists the handle again or, if there are completions, signals it: so all threads of a
 * handle may sleep on one.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "queue/queue.h"
#include "queue/resume.h"
#include "util/fd.h"

/* Handles signalled with one look at the list. */
#define WAKEUPS 8u

static int watch(int set, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static void destroy_wakeup(struct wakeup *wakeup)
{
	if (wakeup->fd >= 0)
		close(wakeup->fd);
	if (wakeup->set >= 0)
		close(wakeup->set);
	free(wakeup);
}

/* NULL, with errno, on failure. */
static struct wakeup *create_wakeup(int call_fd)
{
	struct wakeup *wakeup = calloc(1, sizeof(*wakeup));
	int err;

	if (!wakeup)
		return NULL;
	wakeup->fd = fd_raise(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	wakeup->set = fd_raise(epoll_create1(EPOLL_CLOEXEC));
	if (wakeup->fd >= 0 && wakeup->set >= 0 && !watch(wakeup->set, wakeup->fd) &&
	    !watch(wakeup->set, call_fd))
		return wakeup;
	err = errno;
	destroy_wakeup(wakeup);
	errno = err;
	return NULL;
}

void share_fini(struct share *share)
{
	while (share->unused) {
		struct wakeup *wakeup = share->unused;

		share->unused = wakeup->next;
		destroy_wakeup(wakeup);
	}
}

static void put_unused(struct share *share, struct wakeup *wakeup)
{
	wakeup->next = share->unused;
	share->unused = wakeup;
}

/* Gives a handle an unused wakeup, where it has none and there is one. */
static bool take_unused(struct vscsi_queue *queue)
{
	struct share *share = &queue->ioq->share;

	if (!queue->wakeup && share->unused) {
		queue->wakeup = share->unused;
		share->unused = share->unused->next;
	}
	return queue->wakeup;
}

int share_get_wakeup(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;
	int call_fd = virtq_fd(&ioq->vq);
	struct wakeup *wakeup;
	bool have;

	if (call_fd < 0)
		return -EOPNOTSUPP;
	lock_acquire(&ioq->lock);
	have = take_unused(queue);
	lock_release(&ioq->lock);
	if (have)
		return 0;
	wakeup = create_wakeup(call_fd);
	if (!wakeup)
		return -errno;
	/* Another thread of the handle may have been faster; then this one is left over. */
	lock_acquire(&ioq->lock);
	put_unused(&ioq->share, wakeup);
	take_unused(queue);
	lock_release(&ioq->lock);
	return 0;
}

int share_fd(const struct vscsi_queue *queue)
{
	return queue->wakeup->set;
}

static void list(struct vscsi_queue *queue)
{
	queue->ioq->share.listed += !queue->listed;
	queue->listed = true;
}

/* The last one to leave disarms the ring. */
static void unlist(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;

	if (!queue->listed)
		return;
	queue->listed = false;
	queue->armed = false;
	queue->wakeup_pending = false;
	if (!--ioq->share.listed)
		virtq_disarm(&ioq->vq);
}

bool share_polled(struct vscsi_queue *queue)
{
	if (likely(!queue->armed || queue->waiters))
		return false;
	/* Another thread may sleep, whose notification was consumed. */
	queue->wakeup_pending = queue->free_threaded;
	if (!queue->wakeup_pending)
		unlist(queue);
	return queue->wakeup_pending;
}

void share_put_wakeup(struct vscsi_queue *queue)
{
	unlist(queue);
	if (queue->wakeup)
		put_unused(&queue->ioq->share, queue->wakeup);
	queue->wakeup = NULL;
}

void share_abandon(struct vscsi_queue *queue)
{
	if (queue->wakeup)
		destroy_wakeup(queue->wakeup);
	queue->wakeup = NULL;
}

/* Takes some of those to be woken off the list. Their descriptors stay open with the queue. */
static unsigned pick(struct ioq *ioq, int *fds)
{
	/* What is new of a lost device is new for all of them. */
	const bool all = !ioq_running(ioq) && ioq_has_pending(ioq);
	struct vscsi_queue *queue;
	unsigned count = 0;

	for (queue = ioq->share.handles; queue && count < WAKEUPS; queue = queue->next) {
		if (!queue->listed || (!all && queue->done == NO_SLOT && !queue->wakeup_pending))
			continue;
		fds[count++] = queue->wakeup->fd;
		unlist(queue);
	}
	return count;
}

void share_wake(struct ioq *ioq)
{
	unsigned count;
	int fds[WAKEUPS];
	unsigned i;

	do {
		lock_acquire(&ioq->lock);
		count = pick(ioq, fds);
		lock_release(&ioq->lock);
		/* Fails only where it was signalled 2^64 times. */
		for (i = 0; i < count; i++)
			eventfd_write(fds[i], 1);
	} while (count == WAKEUPS);
}

/* With the lock held; @wake: whether share_wake() has to follow. */
static int check(struct vscsi_queue *queue, bool *wake)
{
	struct ioq *ioq = queue->ioq;

	*wake = ioq->share.listed;
	if (!ioq_running(ioq))
		return ioq_state(ioq) == IOQ_DEAD ? -ENOTCONN
						  : queue->done != NO_SLOT || ioq_has_pending(ioq);
	share_gather(ioq);
	return queue->done != NO_SLOT || virtq_rule(&ioq->vq);
}

int share_check(struct vscsi_queue *queue)
{
	bool wake;
	int ret;

	lock_acquire(&queue->ioq->lock);
	ret = check(queue, &wake);
	lock_release(&queue->ioq->lock);
	if (wake)
		share_wake(queue->ioq);
	return ret;
}

int share_arm(struct vscsi_queue *queue, bool armed)
{
	struct ioq *ioq = queue->ioq;
	int ret = share_check(queue);
	bool wake;

	/* With completions there, other threads of the handle may rely on the eventfd. */
	if (ret)
		return ret;
	/* Nothing can fail, and what made them readable means nothing: only the ring tells. */
	fd_clear(queue->wakeup->fd);
	virtq_fd_clear(&ioq->vq);
	lock_acquire(&ioq->lock);
	list(queue);
	queue->armed |= armed;
	ret = check(queue, &wake);
	lock_release(&ioq->lock);
	if (wake)
		share_wake(ioq);
	return ret;
}

void share_enter(struct vscsi_queue *queue)
{
	lock_acquire(&queue->ioq->lock);
	queue->waiters++;
	lock_release(&queue->ioq->lock);
}

void share_leave(struct vscsi_queue *queue)
{
	lock_acquire(&queue->ioq->lock);
	if (!--queue->waiters && !queue->armed)
		unlist(queue);
	lock_release(&queue->ioq->lock);
}
