/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device's half of recovery: from the loss through attempts to connect, with growing pauses, to
 * a device that runs again or is given up.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include <vscsi/task.h>

#include "device/control.h"
#include "device/events.h"
#include "lun/recognize.h"
#include "device/recover.h"
#include "device/restart.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/export.h"
#include "util/log.h"

/* Pauses between attempts, in milliseconds; each is twice the one before. */
#define FIRST_PAUSE 10u
#define LAST_PAUSE  1000u

/* Nothing was in flight when it was back, and that is so long ago: then it works. */
#define STEADY_MS 1000u

/* The least time in which LUNs tell who they are, for an attempt at the limit itself. */
#define ANSWERS_MS 1000u

/* How long LUNs may take to appear behind the device, in milliseconds. */
#define MISSING_MS 5000u

/*
 * Whether it has shown since its return that it works: all that it had in flight then was returned,
 * some of that with an answer, or it had nothing and has been there for a while. One that dies of
 * the same request each time has not, whatever else it does meanwhile.
 */
static bool has_proved_itself(struct vscsi_dev *dev)
{
	struct recovery *recovery = &dev->recovery;

	/* Acquire pairs with slot_carried(). */
	if (atomic_load_explicit(&recovery->owed, memory_order_acquire))
		return false;
	return atomic_load_explicit(&recovery->answered, memory_order_relaxed) ||
	       clock_ms() >= recovery->back_ms + STEADY_MS;
}

static unsigned next_pause(unsigned pause)
{
	if (!pause)
		return FIRST_PAUSE;
	return pause < LAST_PAUSE / 2 ? pause * 2 : LAST_PAUSE;
}

/* When the next attempt is: after the pause, but the last one is at the limit itself. */
static void put_off(struct recovery *recovery, uint64_t now)
{
	uint64_t due = now + recovery->pause;

	atomic_store_explicit(&recovery->due, due < recovery->limit ? due : recovery->limit,
			      memory_order_relaxed);
	recovery->pause = next_pause(recovery->pause);
}

/* How long it may be away now. Where it has not proved itself, times away add up. */
static uint64_t time_left(const struct vscsi_dev *dev)
{
	const uint64_t limit = dev->opts.recovery_ms;

	if (limit == VSCSI_FOREVER)
		return UINT64_MAX / 2;
	return dev->recovery.spent_ms < limit ? limit - dev->recovery.spent_ms : 0;
}

static void set_limits(struct vscsi_dev *dev, uint64_t left)
{
	struct recovery *recovery = &dev->recovery;

	recovery->lost_ms = clock_ms();
	recovery->limit = recovery->lost_ms + left;
	recovery->missing = recovery->lost_ms + (left / 2 < MISSING_MS ? left / 2 : MISSING_MS);
	put_off(recovery, recovery->lost_ms);
}

/* Gives up one that comes back only to be lost once more. */
static void fail_for_good(struct vscsi_dev *dev, const char *why)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "it was away for %u ms in all, and each time it was back it was lost before it "
		 "had answered what was in flight: %s",
		 dev->opts.recovery_ms, why);
	dev_fail_locked(dev, text);
}

static enum fate choose_fate(struct vscsi_dev *dev, enum fate best)
{
	if (dev->opts.recovery == VSCSI_RECOVERY_REPORT)
		return FATE_REPORT;
	/* A reset that was carried out has ended the account. */
	return best == FATE_KEEP && !virtio_tracked(&dev->virtio) ? FATE_REPLAY : best;
}

/* A request queue that the device is to go on with; its spare virtqueue is nobody's. Or NULL. */
static struct ioq *find_kept(const struct vscsi_dev *dev)
{
	unsigned i;

	for (i = 0; i < dev->served; i++) {
		if (ioq_kept(dev->ioqs[i]))
			return dev->ioqs[i];
	}
	return NULL;
}

void recover_begin(struct vscsi_dev *dev, const char *why, enum fate best)
{
	struct recovery *recovery = &dev->recovery;
	enum fate fate;
	uint64_t left;

	if (!dev_recoverable(dev)) {
		dev_fail_locked(dev, why);
		return;
	}
	if (has_proved_itself(dev))
		recovery->spent_ms = recovery->pause = 0;
	left = time_left(dev);
	if (!left) {
		fail_for_good(dev, why);
		return;
	}
	log_warn("the device is lost, and looked for: %s", why);
	atomic_fetch_add(&recovery->losses, 1);
	dev_cut_off(dev);
	fate = choose_fate(dev, best);
	dev_close_queues(dev, fate);
	/* Where all still wait for their users since the loss before, there is nothing to keep. */
	recovery->keep = fate == FATE_KEEP && find_kept(dev);
	set_limits(dev, left);
	/* Release pairs with dev_state(): the device was cut off before anybody sees this. */
	atomic_store_explicit(&dev->state, VSCSI_DEV_RECOVERING, memory_order_release);
	dev_wake_sleepers(dev);
	events_note(dev, VSCSI_EVENT_LOST);
}

void recover_begin_queue(struct ioq *ioq, const char *why)
{
	pthread_mutex_lock(&ioq->dev->lock);
	if (dev_running(ioq->dev) && ioq_up(ioq))
		recover_begin(ioq->dev, why, FATE_REPLAY);
	pthread_mutex_unlock(&ioq->dev->lock);
}

static int connect_anew(struct vscsi_dev *dev)
{
	int err = virtio_reopen(&dev->virtio, dev->recovery.keep);

	return err ? err : dev_negotiate(dev);
}

/*
 * Whether it is of no use to try again: the device is there, and lacks what rings and slots are
 * laid out for (-ENOTSUP) or room for the memory (-ENOSPC), or it will not be there again (-ENODEV,
 * see @reopen in transport.h).
 */
static bool is_final(int err)
{
	return err == -ENOTSUP || err == -ENOSPC || err == -ENODEV;
}

/* A device that keeps no account now, or has other units, can't go on with what is in flight. */
static int do_without(struct vscsi_dev *dev, const char *why)
{
	unsigned i;

	log_warn("what is in flight is sent again: %s", why);
	dev->recovery.keep = false;
	for (i = 0; i < dev->queues; i++) {
		if (ioq_kept(dev->ioqs[i]))
			atomic_store(&dev->ioqs[i]->fate, FATE_REPLAY);
	}
	return error_set(-EAGAIN, "%s", why);
}

static int start_all(struct vscsi_dev *dev)
{
	int err = restart_check(dev);

	if (!err)
		err = dev->recovery.keep ? restart_kept(dev) : restart_fresh(dev);
	if (err)
		virtio_give_up(&dev->virtio, err);
	if (err == -EIO && dev->recovery.keep)
		return do_without(dev, "the device refuses the account of it");
	return err ? err : virtio_run(&dev->virtio);
}

static int recognize_in_time(struct vscsi_dev *dev)
{
	struct recovery *recovery = &dev->recovery;
	uint64_t now = clock_ms();

	recovery->answers_by = now + ANSWERS_MS;
	if (recovery->answers_by < recovery->limit)
		recovery->answers_by = recovery->limit;
	/* Some back-ends listen before they have their disks. */
	return recognize_all(dev, now < recovery->missing);
}

/*
 * Before the device goes on with what is in flight it is asked who it is, over a connection of its
 * own with a fresh virtqueue: what it had begun would go to another disk else.
 */
static int ask_first(struct vscsi_dev *dev)
{
	const unsigned served = dev->served;
	int strangers;
	int err;

	err = connect_anew(dev);
	/* What is sent again needs less than what goes on. */
	if (err == -ENOTSUP)
		return do_without(dev, "the device lacks what it was made for");
	if (err)
		return err;
	if (!virtio_tracked(&dev->virtio))
		return do_without(dev, "the device keeps no account of it any more");
	err = restart_check(dev);
	if (!err && dev->served != served)
		return do_without(dev, "the device has another number of queues");
	dev->recovery.asked = find_kept(dev);
	if (!err)
		err = restart_to_ask(dev);
	if (err)
		return virtio_give_up(&dev->virtio, err);
	err = virtio_run(&dev->virtio);
	if (err)
		return err;
	strangers = recognize_in_time(dev);
	return strangers > 0 ? do_without(dev, "a LUN is gone or another one") : strangers;
}

static int reconnect(struct vscsi_dev *dev)
{
	int strangers;
	int err = dev->recovery.keep ? ask_first(dev) : 0;

	/* Where nothing is kept, each has a fresh one. */
	dev->recovery.asked = dev->ioqs[0];
	if (!err)
		err = connect_anew(dev);
	if (!err)
		err = start_all(dev);
	if (err || dev->recovery.keep)
		return err;
	strangers = recognize_in_time(dev);
	return strangers < 0 ? strangers : 0;
}

static void come_back(struct vscsi_dev *dev)
{
	struct recovery *recovery = &dev->recovery;
	unsigned i;

	recovery->back_ms = clock_ms();
	recovery->spent_ms += recovery->back_ms - recovery->lost_ms;
	atomic_store_explicit(&recovery->answered, false, memory_order_relaxed);
	dev->in_use = dev->virtio.features;
	recovery->keep = false;
	for (i = 0; i < dev->served; i++)
		atomic_store(&dev->ioqs[i]->ready, true);
	/* All of them: a device may have missed what came before (vhost-user, "Ring states"). */
	virtq_kick(control_virtq(dev));
	virtq_kick(events_virtq(dev));
	for (i = 0; i < dev->served; i++)
		virtq_kick(ioq_live(dev->ioqs[i]));
	atomic_store_explicit(&dev->state, VSCSI_DEV_RUNNING, memory_order_release);
	log_info("the device is back");
	events_missed(dev);
	dev_wake_sleepers(dev);
	events_note(dev, VSCSI_EVENT_BACK);
}

/* An attempt failed. */
static void try_again_later(struct vscsi_dev *dev, int err, const char *why)
{
	struct recovery *recovery = &dev->recovery;
	uint64_t now = clock_ms();
	char text[256];

	if (is_final(err)) {
		snprintf(text, sizeof(text), "%s%s",
			 err == -ENODEV ? "" : "it came back and lacks what is in use: ", why);
		dev_fail_locked(dev, text);
		return;
	}
	if (now >= recovery->limit) {
		snprintf(text, sizeof(text), "it did not come back in %u ms: %s",
			 dev->opts.recovery_ms, why);
		dev_fail_locked(dev, text);
		return;
	}
	log_info("the device is not back yet: %s", why);
	put_off(recovery, now);
}

unsigned recover_pause(const struct vscsi_dev *dev)
{
	uint64_t due = atomic_load_explicit(&dev->recovery.due, memory_order_relaxed);
	uint64_t now = clock_ms();

	return due > now ? (unsigned)(due - now) : 0;
}

void recover_step_locked(struct vscsi_dev *dev)
{
	int err;

	if (dev_state(dev) != VSCSI_DEV_RECOVERING || recover_pause(dev))
		return;
	err = reconnect(dev);
	if (err)
		try_again_later(dev, err, error_text());
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
	if (dev_running(dev)) {
		/* The wish says nothing of the device: what was counted against it begins anew. */
		dev->recovery.spent_ms = dev->recovery.pause = 0;
		recover_begin(dev, "it is being reset", FATE_REPLAY);
		/* The application knows why: there is nothing to wait for. */
		atomic_store_explicit(&dev->recovery.due, 0, memory_order_relaxed);
	}
	pthread_mutex_unlock(&dev->lock);
	while (dev_state(dev) == VSCSI_DEV_RECOVERING)
		step_or_nap(dev);
	if (dev_failed(dev))
		return dev_explain_lost(dev);
	return 0;
}
