/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Periodic work, done by threads that poll, wait or fetch events: checks everything that may be
 * due. Nothing here waits; if another thread has the device locked, that thread does the work.
 */
#include <errno.h>

#include "device/config.h"
#include "device/control.h"
#include "device/device.h"
#include "device/escalate.h"
#include "device/events.h"
#include "queue/call.h"
#include "queue/timeout.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/log.h"

/* Interval between two checks of the connection, in milliseconds. */
#define CHECK_MS 10u

/* Interval between two checks for the answer of a LUN that is revalidated or scanned. */
#define ANSWER_MS 1u

/* Time for a back-end to disconnect after it has broken a ring, in milliseconds. */
#define DYING_MS 1000u

/* Completions of the library's handle that one poll fetches. */
#define BATCH 16u

int device_pump_on(struct vscsi_queue *queue)
{
	struct vscsi_completion batch[BATCH];
	int count = queue_path(queue)->poll(queue, batch, BATCH) & INT32_MAX;

	if (!count && !ioq_running(queue->ioq))
		count = queue_poll_away(queue, batch, BATCH);
	call_deliver_all(batch, count);
	return count;
}

int device_pump(struct vscsi_dev *dev)
{
	return device_pump_on(dev->sync);
}

/* Reads the configuration again after a change (virtio 1.4, 3.2), and adds an event. */
static void refresh_config(struct vscsi_dev *dev)
{
	int err = config_read(dev);

	dev->config_stale = err == -EINPROGRESS;
	if (dev->config_stale)
		return;
	if (err)
		log_warn("the device's configuration changed and can't be read: %s", error_text());
	events_note(dev, VSCSI_EVENT_CONFIG);
}

/* Checks the device. One that broke the protocol fails and is not reconnected. */
static void check(struct vscsi_dev *dev)
{
	unsigned what = 0;
	int err = virtio_check(&dev->virtio, &what);

	if (err == -EINPROGRESS)
		return;
	if (err == -EPROTO)
		device_fail(dev, error_text());
	else if (err)
		reconnect_begin(dev, error_text(), INFLIGHT_REPLAY, false);
	if (err)
		return;
	if (what & VIRTIO_CHANGED)
		refresh_config(dev);
	/* Requests in flight may have been executed or not (virtio 1.4, 2.1.1). */
	if (what & VIRTIO_BROKEN)
		reconnect_begin(dev, "the device reports: a queue is broken or it needs a reset",
				INFLIGHT_REPORT, true);
}

/* Revalidates SUSPECT LUNs. */
static void revalidate(struct vscsi_dev *dev)
{
	unsigned looks = LOOKS;

	/* After a reconnect this also resumes the library's queue. */
	device_pump(dev);
	do {
		if (!events_revalidate(dev))
			queue_set_wake(&dev->queues);
	} while (lun_table_doubts(&dev->luns) && --looks && device_pump(dev) > 0);
}

/*
 * Handles a ring on which the device broke a rule. A dying back-end may have overwritten it: if the
 * connection ends within DYING_MS, this is treated like any other loss. Nothing is taken from the
 * ring meanwhile.
 */
static void handle_broken_ring(struct vscsi_dev *dev, const char *rule, uint64_t now)
{
	if (!dev->reconnect.broken_ms)
		dev->reconnect.broken_ms = now;
	check(dev);
	if (!device_running(dev))
		return;
	if (!device_can_reconnect(dev) || now >= dev->reconnect.broken_ms + DYING_MS)
		device_fail(dev, rule);
}

static void tend_running(struct vscsi_dev *dev, uint64_t now)
{
	const char *rule;

	if (dev->config_stale)
		refresh_config(dev);
	else if (now >= atomic_load_explicit(&dev->check_at_ms, memory_order_relaxed)) {
		atomic_store_explicit(&dev->check_at_ms, now + CHECK_MS, memory_order_relaxed);
		check(dev);
		if (device_running(dev))
			events_collect(dev);
	}
	if (device_running(dev) && notice_pending(&dev->queues.notices))
		events_take_notices(dev);
	rule = device_running(dev) ? virtq_rule(control_virtq(dev)) : NULL;
	if (!rule && device_running(dev))
		rule = virtq_rule(events_virtq(dev));
	if (rule)
		handle_broken_ring(dev, rule, now);
	if (device_running(dev) && lun_table_doubts(&dev->luns))
		revalidate(dev);
}

void device_tend_locked(struct vscsi_dev *dev)
{
	uint64_t now = clock_ms();

	virtio_set_wait(&dev->virtio, false);
	if (device_running(dev))
		tend_running(dev, now);
	if (device_state(dev) == DEV_RECONNECTING) {
		reconnect_advance(dev);
		/* Reconnected: do the work that is due at once. */
		if (device_running(dev))
			tend_running(dev, now);
	}
	if (device_state(dev) == DEV_FAILING)
		device_let_go(dev);
	virtio_set_wait(&dev->virtio, true);
}

/* Checks the ring of a queue, unless another thread has handled it already. Locked. */
static void check_ring(struct vscsi_dev *dev, struct ioq *ioq, uint64_t now)
{
	const char *rule = ioq_running(ioq) ? virtq_rule(&ioq->vq) : NULL;

	if (rule)
		handle_broken_ring(dev, rule, now);
}

void device_tend(struct vscsi_dev *dev, struct vscsi_queue *queue)
{
	const char *why = NULL;
	uint64_t now = clock_ms();

	if (queue && timeout_scan(queue, now))
		why = escalate(dev, queue, now);
	if (pthread_mutex_trylock(&dev->lock))
		return;
	if (queue && device_running(dev))
		check_ring(dev, queue->ioq, now);
	if (why && device_running(dev) && ioq_running(queue->ioq))
		reconnect_begin(dev, why, INFLIGHT_REPLAY, true);
	device_tend_locked(dev);
	pthread_mutex_unlock(&dev->lock);
	control_kick(dev);
	events_kick(dev);
	watch_due(dev, device_next_ms(dev, NULL, WATCH_MS));
	if (queue)
		atomic_store_explicit(&queue->ioq->tend_at_ms,
				      now + device_next_ms(dev, queue, CHECK_MS),
				      memory_order_relaxed);
}

unsigned device_next_ms(struct vscsi_dev *dev, struct vscsi_queue *queue, unsigned most)
{
	uint64_t now = clock_ms();
	unsigned next = most;
	unsigned other;

	if (device_state(dev) == DEV_RECONNECTING) {
		other = reconnect_next_ms(dev, now);
		next = other < next ? other : next;
	}
	if (device_state(dev) == DEV_FAILING)
		next = CHECK_MS < next ? CHECK_MS : next;
	/* No thread sleeps on the library's handle, on which the answers arrive. */
	if (device_running(dev) && lun_table_doubts(&dev->luns)) {
		other = lun_table_pause(&dev->luns, now) ? 1 : 0;
		next = other < next ? other : next;
	}
	if (queue && ioq_running(queue->ioq))
		next = timeout_interval(queue->ioq, next);
	return next;
}

int device_poll(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max, int ret)
{
	int count = ret & INT32_MAX;

	/* -EPERM or -ECHILD: as a count with QUEUE_TEND it would be larger than any @max. */
	if (ret > QUEUE_TEND + INT16_MAX * 2)
		return ret;
	device_tend(device_of(queue), queue);
	if (count)
		return count;
	if (!ioq_running(queue->ioq))
		return queue_poll_away(queue, out, max);
	/* A LUN that was SUSPECT may be PRESENT again. */
	return queue_path(queue)->poll(queue, out, max) & INT32_MAX;
}

/* Continues a requested scan as far as possible without waiting. Locked. */
static int rescan(struct vscsi_dev *dev)
{
	unsigned looks = LOOKS;
	int err = 0;

	if (!device_running(dev))
		return 0;
	do {
		err = events_rescan(dev);
		if (!err && lun_table_doubts(&dev->luns))
			revalidate(dev);
	} while (!err && events_scanning(dev) && device_running(dev) && --looks &&
		 device_pump(dev) > 0);
	return err;
}

/* The part that needs the lock. Return: 0, or a negative errno of a scan that failed. */
static int poll_events_locked(struct vscsi_dev *dev, bool *waiting)
{
	int err = rescan(dev);

	watch_renew(dev);
	watch_wake_queues(dev);
	*waiting = device_running(dev) && (events_scanning(dev) || lun_table_doubts(&dev->luns));
	return err;
}

int device_poll_events(struct vscsi_dev *dev, struct vscsi_event *out, unsigned max)
{
	bool waiting = false;
	bool busy;
	int count;
	int err = 0;

	watch_clear(dev);
	events_begin_look(dev);
	atomic_store_explicit(&dev->check_at_ms, 0, memory_order_relaxed);
	device_tend(dev, NULL);
	busy = pthread_mutex_trylock(&dev->lock);
	if (!busy) {
		err = poll_events_locked(dev, &waiting);
		pthread_mutex_unlock(&dev->lock);
		events_kick(dev);
	}
	/*
	 * Answers of LUNs arrive on a request queue, which the descriptor doesn't show. If another
	 * thread has the device locked, check again later.
	 */
	if (waiting || busy)
		watch_due(dev, busy ? CHECK_MS : ANSWER_MS);
	watch_due(dev, watch_interval(dev));
	/* Return events before the error of a scan that failed. */
	count = (int)events_take(dev, out, max);
	if (count)
		return count;
	return device_failed(dev) ? device_explain_lost(dev) : err;
}
