/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device's half of recovery: from the loss through attempts to connect, with growing pauses, to
 * a device that runs again or is given up.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include <vscsi/task.h>

#include "core/control.h"
#include "core/events.h"
#include "core/recognize.h"
#include "core/recover.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/export.h"
#include "util/log.h"

/* Pauses between attempts, in milliseconds; each is twice the one before. */
#define FIRST_PAUSE 10u
#define LAST_PAUSE  1000u

/* How long LUNs may take to appear behind the device, in milliseconds. */
#define MISSING_MS 5000u

static uint64_t limit_of(const struct vscsi_dev *dev)
{
	if (dev->opts.recovery_ms == VSCSI_FOREVER)
		return UINT64_MAX;
	return clock_ms() + dev->opts.recovery_ms;
}

void recover_begin(struct vscsi_dev *dev, const char *why, bool report)
{
	struct recovery *recovery = &dev->recovery;

	if (!dev_recoverable(dev)) {
		dev_fail_locked(dev, why);
		return;
	}
	log_warn("the device is lost, and looked for: %s", why);
	dev_cut_off(dev, report || dev->opts.recovery == VSCSI_RECOVERY_REPORT);
	recovery->limit = limit_of(dev);
	recovery->missing =
		clock_ms() +
		(dev->opts.recovery_ms / 2 < MISSING_MS ? dev->opts.recovery_ms / 2 : MISSING_MS);
	recovery->pause = FIRST_PAUSE;
	atomic_store_explicit(&recovery->due, 0, memory_order_relaxed);
	/* Release pairs with dev_state(): the device was cut off before anybody sees this. */
	atomic_store_explicit(&dev->state, VSCSI_DEV_RECOVERING, memory_order_release);
	dev_wake_sleepers(dev);
	events_note(dev, VSCSI_EVENT_LOST);
}

void recover_begin_queue(struct ioq *ioq, const char *why)
{
	pthread_mutex_lock(&ioq->dev->lock);
	if (dev_running(ioq->dev) && ioq_up(ioq))
		recover_begin(ioq->dev, why, false);
	pthread_mutex_unlock(&ioq->dev->lock);
}

/* What requests that were made for the device before ask of it now. */
static int check_fit(struct vscsi_dev *dev)
{
	const struct ioq *first = dev->ioqs[0];
	int queues = virtio_queue_count(&dev->virtio);
	unsigned i;

	if (queues < 0)
		return queues;
	if (dev->limits.seg_max < first->max_segs)
		return error_set(-ENOTSUP,
				 "it came back with %u segments a request, and %u are in use",
				 dev->limits.seg_max, first->max_segs);
	if ((unsigned)queues < VQ_REQUEST + dev->queues || dev->limits.queues < dev->queues)
		return error_set(-ENOTSUP, "it came back with fewer than %u request queues",
				 dev->queues);
	for (i = 0; i < dev->queues; i++) {
		int max = virtio_queue_max(&dev->virtio, VQ_REQUEST + i);

		if (max < 0)
			return max;
		if ((unsigned)max < first->vq.size)
			return error_set(-ENOTSUP,
					 "it came back with %d entries in request queue %u, and %u "
					 "are in use",
					 max, i, first->vq.size);
	}
	return 0;
}

static int start_spare(struct ioq *ioq)
{
	int err = virtq_renew(&ioq->spare, ioq->dev->virtio.features);

	return err ? err : virtq_start(&ioq->spare);
}

/* As at the opening, and in the same order, with fresh virtqueues (virtio 1.4, 3.1.1 step 7). */
static int restart_queues(struct vscsi_dev *dev)
{
	unsigned i;
	int err;

	err = dev_read_limits(dev);
	if (!err)
		err = check_fit(dev);
	if (!err)
		err = control_renew(dev);
	if (!err)
		err = events_renew(dev);
	if (!err)
		err = virtq_start(control_virtq(dev));
	if (!err)
		err = virtq_start(events_virtq(dev));
	for (i = 0; i < dev->queues && !err; i++)
		err = start_spare(dev->ioqs[i]);
	return err;
}

static int reconnect(struct vscsi_dev *dev)
{
	int err;

	err = virtio_reopen(&dev->virtio);
	if (!err)
		err = dev_negotiate(dev);
	if (err)
		return err;
	err = restart_queues(dev);
	if (err)
		return virtio_give_up(&dev->virtio, err);
	err = virtio_run(&dev->virtio);
	/* Some back-ends listen before they have their disks. */
	return err ? err : recognize_all(dev, clock_ms() < dev->recovery.missing);
}

static void come_back(struct vscsi_dev *dev)
{
	unsigned i;

	for (i = 0; i < dev->queues; i++)
		atomic_store(&dev->ioqs[i]->ready, true);
	virtq_kick(events_virtq(dev));
	atomic_store_explicit(&dev->state, VSCSI_DEV_RUNNING, memory_order_release);
	log_info("the device is back");
	dev_wake_sleepers(dev);
	events_note(dev, VSCSI_EVENT_BACK);
}

static void try_again_later(struct vscsi_dev *dev, const char *why)
{
	struct recovery *recovery = &dev->recovery;
	uint64_t now = clock_ms();
	uint64_t due = now + recovery->pause;
	char text[256];

	if (now >= recovery->limit) {
		snprintf(text, sizeof(text), "it did not come back in %u ms: %s",
			 dev->opts.recovery_ms, why);
		dev_fail_locked(dev, text);
		return;
	}
	log_info("the device is not back yet: %s", why);
	/* The last attempt is at the limit itself. */
	atomic_store_explicit(&recovery->due, due < recovery->limit ? due : recovery->limit,
			      memory_order_relaxed);
	recovery->pause = recovery->pause < LAST_PAUSE / 2 ? recovery->pause * 2 : LAST_PAUSE;
}

unsigned recover_pause(const struct vscsi_dev *dev)
{
	uint64_t due = atomic_load_explicit(&dev->recovery.due, memory_order_relaxed);
	uint64_t now = clock_ms();

	return due > now ? (unsigned)(due - now) : 0;
}

void recover_step_locked(struct vscsi_dev *dev)
{
	if (dev_state(dev) != VSCSI_DEV_RECOVERING || recover_pause(dev))
		return;
	if (reconnect(dev))
		try_again_later(dev, error_text());
	else
		come_back(dev);
}

void recover_step(struct vscsi_dev *dev)
{
	if (dev_state(dev) != VSCSI_DEV_RECOVERING || recover_pause(dev) ||
	    pthread_mutex_trylock(&dev->lock))
		return;
	recover_step_locked(dev);
	pthread_mutex_unlock(&dev->lock);
}

/* Takes a step when one is due, or waits a little. */
static void step_or_nap(struct vscsi_dev *dev)
{
	const struct timespec nap = {.tv_nsec = 1000000};

	recover_step(dev);
	if (dev_state(dev) == VSCSI_DEV_RECOVERING)
		nanosleep(&nap, NULL);
}

EXPORT int vscsi_dev_reset(struct vscsi_dev *dev)
{
	error_enter(__func__);
	if (!dev_recoverable(dev))
		return error_set(-EOPNOTSUPP, "the device can't be started again: recovery is "
					      "off, or its connection was handed over");
	pthread_mutex_lock(&dev->lock);
	if (dev_running(dev))
		recover_begin(dev, "it is being reset", false);
	pthread_mutex_unlock(&dev->lock);
	while (dev_state(dev) == VSCSI_DEV_RECOVERING)
		step_or_nap(dev);
	if (dev_failed(dev))
		return dev_explain_lost(dev);
	return 0;
}
