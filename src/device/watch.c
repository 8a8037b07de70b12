/* SPDX-License-Identifier: BSD-3-Clause */
/* The epoll set of vscsi_dev_fd(). */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "device/device.h"
#include "device/events.h"
#include "queue/timeout.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/fd.h"

/* The shortest time of the timer, in milliseconds: 0 would stop it. */
#define SOON_MS 1u

/* epoll_event.data of the members; the first two are emptied by reading. */
enum member { MEMBER_LIST, MEMBER_TIMER, MEMBER_CALL, MEMBER_CONNECTION, MEMBERS };

void watch_init(struct watch *watch)
{
	pthread_mutex_init(&watch->lock, NULL);
	watch->set = watch->timer = watch->list = -1;
	watch->due_ms = UINT64_MAX;
}

void watch_fini(struct watch *watch)
{
	int fds[] = {watch->set, watch->timer, watch->list};
	unsigned i;

	for (i = 0; i < ARRAY_LEN(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	pthread_mutex_destroy(&watch->lock);
}

static int add(int set, int fd, enum member member, uint32_t how)
{
	struct epoll_event event = {.events = EPOLLIN | how, .data.u32 = member};

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

/* Creates the descriptors that are missing. With watch->lock held. */
static int create(struct watch *watch)
{
	int set;
	int err;

	if (watch->list < 0)
		watch->list = fd_raise(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (watch->list >= 0 && watch->timer < 0)
		watch->timer =
			fd_raise(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
	if (watch->list < 0 || watch->timer < 0)
		return error_no_fd();
	set = fd_raise(epoll_create1(EPOLL_CLOEXEC));
	if (set < 0)
		return error_no_fd();
	if (add(set, watch->list, MEMBER_LIST, 0) || add(set, watch->timer, MEMBER_TIMER, 0)) {
		err = error_no_fd();
		close(set);
		return err;
	}
	/* Release pairs with watch_wanted(): the members are visible before the set. */
	atomic_store_explicit(&watch->set, set, memory_order_release);
	return 0;
}

int watch_get(struct vscsi_dev *dev)
{
	struct watch *watch = &dev->watch;
	int err = 0;

	if (watch_wanted(watch))
		return watch->set;
	pthread_mutex_lock(&watch->lock);
	if (!watch_wanted(watch))
		err = create(watch);
	pthread_mutex_unlock(&watch->lock);
	if (err)
		return err;
	events_tell(dev, watch->list);
	/*
	 * Adds connection and event queue now; if another thread has the lock, the timer makes the
	 * next vscsi_dev_poll_events() add them.
	 */
	if (!pthread_mutex_trylock(&dev->lock)) {
		watch_renew(dev);
		pthread_mutex_unlock(&dev->lock);
	}
	watch_due(dev, SOON_MS);
	return watch->set;
}

void watch_clear(struct vscsi_dev *dev)
{
	struct epoll_event ready[MEMBERS];
	struct watch *watch = &dev->watch;
	int count;
	int i;

	if (!watch_wanted(watch))
		return;
	/* This also disables the connection until watch_renew(): EPOLLONESHOT. */
	count = epoll_wait(watch->set, ready, MEMBERS, 0);
	for (i = 0; i < count; i++) {
		if (ready[i].data.u32 == MEMBER_LIST)
			fd_clear(watch->list);
		if (ready[i].data.u32 != MEMBER_TIMER)
			continue;
		pthread_mutex_lock(&watch->lock);
		fd_clear(watch->timer);
		atomic_store_explicit(&watch->due_ms, UINT64_MAX, memory_order_relaxed);
		pthread_mutex_unlock(&watch->lock);
	}
}

/* EPOLLONESHOT, because the descriptor may have been closed when it is reported. */
static void renew_connection(struct vscsi_dev *dev)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
		.data.u32 = MEMBER_CONNECTION,
	};
	int set = dev->watch.set;
	int fd = device_failed(dev) ? -1 : virtio_watch_fd(&dev->virtio);

	if (fd >= 0 && epoll_ctl(set, EPOLL_CTL_MOD, fd, &event))
		epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

/*
 * The event virtqueue's descriptor stays the same through reconnects. It is cleared before the ring
 * is read, so that no event is missed (virtio 1.4, 2.7.14), and also while the device is away,
 * because a loss signals it.
 */
static void renew_events(struct vscsi_dev *dev)
{
	int fd = virtq_fd(events_virtq(dev));

	if (fd < 0)
		return;
	if (!dev->watch.has_call && !add(dev->watch.set, fd, MEMBER_CALL, 0))
		dev->watch.has_call = true;
	virtq_fd_clear(events_virtq(dev));
	if (device_running(dev))
		events_collect(dev);
}

void watch_renew(struct vscsi_dev *dev)
{
	if (!watch_wanted(&dev->watch) || !dev->virtio.transport)
		return;
	renew_events(dev);
	renew_connection(dev);
}

void watch_due(struct vscsi_dev *dev, unsigned ms)
{
	struct watch *watch = &dev->watch;
	struct itimerspec when = {{0, 0}, {0, 0}};
	uint64_t due;

	if (!watch_wanted(watch))
		return;
	if (!ms)
		ms = SOON_MS;
	due = clock_ms() + ms;
	if (due >= atomic_load_explicit(&watch->due_ms, memory_order_relaxed))
		return;
	pthread_mutex_lock(&watch->lock);
	if (due < watch->due_ms) {
		when.it_value.tv_sec = ms / 1000;
		when.it_value.tv_nsec = (long)(ms % 1000) * 1000000;
		timerfd_settime(watch->timer, 0, &when, NULL);
		atomic_store_explicit(&watch->due_ms, due, memory_order_relaxed);
	}
	pthread_mutex_unlock(&watch->lock);
}

unsigned watch_interval(struct vscsi_dev *dev)
{
	unsigned ms = device_next_ms(dev, NULL, WATCH_MS);
	unsigned i;

	if (!watch_wanted(&dev->watch) || !device_running(dev))
		return ms;
	for (i = 0; i < dev->queues.count; i++) {
		if (ioq_uses_lun(dev->queues.ioqs[i], NULL))
			ms = timeout_interval(dev->queues.ioqs[i], ms);
	}
	return ms;
}

/* Whether a queue's own thread has to scan its requests. */
static bool is_due(const struct ioq *ioq, uint64_t now)
{
	uint64_t scan = atomic_load_explicit(&ioq->scan_at_ms, memory_order_relaxed);

	if (!ioq_running(ioq) || now < scan)
		return false;
	if (!scan && !atomic_load_explicit(&ioq->set->scan_ms, memory_order_relaxed))
		return false;
	return ioq_uses_lun(ioq, NULL);
}

void watch_wake_queues(struct vscsi_dev *dev)
{
	uint64_t now = clock_ms();
	unsigned i;

	if (!watch_wanted(&dev->watch) || !device_running(dev))
		return;
	for (i = 0; i < dev->queues.count; i++) {
		if (is_due(dev->queues.ioqs[i], now))
			virtq_fd_wake(&dev->queues.ioqs[i]->vq);
	}
}

void watch_queue_armed(struct vscsi_queue *queue)
{
	struct vscsi_dev *dev = device_of(queue);
	struct ioq *ioq = queue->ioq;
	uint64_t due;
	unsigned ms;

	if (!watch_wanted(&dev->watch))
		return;
	ms = queue_retry_ms(queue, WATCH_MS);
	if (ioq->aborting)
		ms = timeout_interval(ioq, ms);
	if (ms == WATCH_MS)
		return;
	due = clock_ms() + ms;
	if (due < atomic_load_explicit(&ioq->scan_at_ms, memory_order_relaxed))
		atomic_store_explicit(&ioq->scan_at_ms, due, memory_order_relaxed);
	watch_due(dev, ms);
}
