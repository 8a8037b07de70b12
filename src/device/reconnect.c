/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the loss of a device through attempts to reconnect, with growing pauses, to a device that
 * runs again or has failed.
 */
#include <errno.h>
#include <stdio.h>

#include "device/control.h"
#include "device/device.h"
#include "device/events.h"
#include "device/rings.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/log.h"
#include "util/probe.h"

/* Pauses between attempts, in milliseconds; each is twice the one before. */
#define FIRST_PAUSE 10u
#define LAST_PAUSE  1000u

/* A device that had nothing in flight when it reconnected has proved stable after this. */
#define STABLE_MS 1000u

/* The least time that an attempt has, even the one at the limit itself. */
#define ATTEMPT_MS 1000u

/* How long LUNs may take to appear after the device, in milliseconds. */
#define MISSING_MS 5000u

/*
 * An attempt that waits for an answer is looked at again after a share of the time that it has
 * taken, in milliseconds at least and at most these.
 */
#define ANSWER_SHARE 16u
#define ANSWER_FIRST 1u
#define ANSWER_LAST  50u

/*
 * Whether the device has proved stable since it reconnected: everything that was in flight then was
 * returned, some of it with an answer; or nothing was, and it has been there for a while. One that
 * dies of the same request each time has not, whatever else it does in between.
 */
static bool has_proved_stable(struct vscsi_dev *dev)
{
	/* Acquire pairs with slot_finish(). */
	if (atomic_load_explicit(&dev->queues.replayed, memory_order_acquire))
		return false;
	return atomic_load_explicit(&dev->queues.answered, memory_order_relaxed) ||
	       clock_ms() >= dev->reconnect.back_ms + STABLE_MS;
}

static unsigned next_pause(unsigned pause)
{
	if (!pause)
		return FIRST_PAUSE;
	return pause < LAST_PAUSE / 2 ? pause * 2 : LAST_PAUSE;
}

/* When the next attempt begins: after the pause, but the last one is at the limit itself. */
static void schedule_attempt(struct reconnect *reconnect, uint64_t now)
{
	uint64_t due = now + reconnect->pause_ms;

	if (due > reconnect->limit_ms)
		due = reconnect->limit_ms;
	atomic_store_explicit(&reconnect->due_ms, due, memory_order_relaxed);
	reconnect->pause_ms = next_pause(reconnect->pause_ms);
}

/* How long it may be away now. Until it has proved stable, times away add up. */
static uint64_t time_left(const struct vscsi_dev *dev)
{
	const uint64_t limit = dev->opts.recovery_ms;

	if (limit == VSCSI_FOREVER)
		return UINT64_MAX / 2;
	return dev->reconnect.spent_ms < limit ? limit - dev->reconnect.spent_ms : 0;
}

static void set_limits(struct reconnect *reconnect, uint64_t left)
{
	reconnect->lost_ms = clock_ms();
	reconnect->limit_ms = reconnect->lost_ms + left;
	reconnect->missing_ms = reconnect->limit_ms;
	reconnect->trying = false;
	reconnect->broken_ms = 0;
	schedule_attempt(reconnect, reconnect->lost_ms);
}

/* A device that comes back only to be lost once more. */
static void fail_unstable(struct vscsi_dev *dev, const char *why)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "it was away for %u ms in all, and each time it was back it was lost before it "
		 "had answered what was in flight: %s",
		 dev->opts.recovery_ms, why);
	device_fail(dev, text);
}

void reconnect_begin(struct vscsi_dev *dev, const char *why, enum inflight_policy best, bool stop)
{
	struct reconnect *reconnect = &dev->reconnect;
	enum start_stop how = START_STOPPED;
	uint64_t left;

	if (!device_can_reconnect(dev)) {
		device_fail(dev, why);
		return;
	}
	if (has_proved_stable(dev))
		reconnect->spent_ms = reconnect->pause_ms = 0;
	left = time_left(dev);
	if (!left) {
		fail_unstable(dev, why);
		return;
	}
	log_warn("the device is lost, reconnecting: %s", why);
	PROBE1(lost, why);
	reconnect->losses++;
	snprintf(reconnect->reason, sizeof(reconnect->reason), "%s", why);
	if (dev->opts.recovery == VSCSI_RECOVERY_REPORT)
		best = INFLIGHT_REPORT;
	if (!stop)
		virtio_disconnect(&dev->virtio);
	if (stop || !virtio_cut_off(&dev->virtio))
		how = stop ? START_RESET : START_CUT_OFF;
	queue_set_lose(&dev->queues, best, how != START_STOPPED);
	lun_table_suspect_all(&dev->luns);
	start_begin(dev);
	dev->start.stop = how;
	set_limits(reconnect, left);
	device_set_state(dev, DEV_RECONNECTING);
	queue_set_wake(&dev->queues);
	events_note(dev, VSCSI_EVENT_LOST);
}

uint64_t reconnect_away_ms(const struct vscsi_dev *dev)
{
	return clock_ms() - dev->reconnect.lost_ms;
}

/* LUNs may appear after their device, but not for longer than half of what that may be away. */
static uint64_t missing_time(const struct vscsi_dev *dev)
{
	return dev->opts.recovery_ms / 2 < MISSING_MS ? dev->opts.recovery_ms / 2 : MISSING_MS;
}

static void come_back(struct vscsi_dev *dev)
{
	struct reconnect *reconnect = &dev->reconnect;
	unsigned i;

	reconnect->trying = false;
	reconnect->back_ms = clock_ms();
	reconnect->spent_ms += reconnect->back_ms - reconnect->lost_ms;
	reconnect->away_ms += reconnect->back_ms - reconnect->lost_ms;
	reconnect->reconnects++;
	reconnect->missing_ms = reconnect->back_ms + missing_time(dev);
	atomic_store_explicit(&dev->queues.answered, false, memory_order_relaxed);
	atomic_store(&dev->queues.features, dev->virtio.features);
	queue_set_ready(&dev->queues);
	/* All of them: a device may have missed what came before (vhost-user, "Ring states"). */
	for (i = 0; i < VQ_REQUEST + dev->queues.usable; i++)
		virtq_kick(rings_at(dev, i));
	device_set_state(dev, DEV_RUNNING);
	log_info("the device is back");
	PROBE1(back, reconnect->back_ms - reconnect->lost_ms);
	events_missed(dev);
	queue_set_wake(&dev->queues);
	events_note(dev, VSCSI_EVENT_BACK);
}

/*
 * Whether it is of no use to try again: the device is there, and lacks what rings and slots are
 * laid out for (-EOPNOTSUPP) or room for the memory (-ENOSPC), or it will not be there again
 * (-ENODEV, see @reopen in transport.h).
 */
static bool is_final(int err)
{
	return err == -EOPNOTSUPP || err == -ENOSPC || err == -ENODEV;
}

/* An attempt failed. */
static void try_again_later(struct vscsi_dev *dev, int err, const char *why)
{
	struct reconnect *reconnect = &dev->reconnect;
	uint64_t now = clock_ms();
	char text[256];

	reconnect->trying = false;
	if (is_final(err)) {
		snprintf(text, sizeof(text), "%s%s",
			 err == -ENODEV ? "" : "it came back and lacks what is in use: ", why);
		device_fail(dev, text);
		return;
	}
	if (now >= reconnect->limit_ms) {
		snprintf(text, sizeof(text), "it did not come back in %u ms: %s",
			 dev->opts.recovery_ms, why);
		device_fail(dev, text);
		return;
	}
	log_info("the device is not back yet: %s", why);
	start_begin(dev);
	schedule_attempt(reconnect, now);
}

static unsigned answer_pause(const struct reconnect *reconnect, uint64_t now)
{
	uint64_t share = (now - reconnect->began_ms) / ANSWER_SHARE;

	if (share < ANSWER_FIRST)
		return ANSWER_FIRST;
	return share < ANSWER_LAST ? (unsigned)share : ANSWER_LAST;
}

/* Whether an attempt takes too long that waits for an answer: at the limit, or beyond. */
static bool is_out_of_time(const struct vscsi_dev *dev, uint64_t now)
{
	const struct reconnect *reconnect = &dev->reconnect;

	return now >= reconnect->limit_ms && now >= reconnect->began_ms + ATTEMPT_MS;
}

void reconnect_advance(struct vscsi_dev *dev)
{
	struct reconnect *reconnect = &dev->reconnect;
	uint64_t now = clock_ms();
	char why[128];
	int err;

	if (!reconnect->trying && dev->start.stop == START_STOPPED && now < reconnect->due_ms)
		return;
	if (!reconnect->trying)
		reconnect->began_ms = now;
	reconnect->trying = true;
	err = start_advance(dev);
	if (err == -EINPROGRESS && !is_out_of_time(dev, now)) {
		atomic_store_explicit(&reconnect->due_ms, now + answer_pause(reconnect, now),
				      memory_order_relaxed);
		return;
	}
	if (err == -EINPROGRESS) {
		snprintf(why, sizeof(why), "no answer while %s", start_step_name(dev));
		err = error_set(-ETIMEDOUT, "%s", why);
	}
	if (err) {
		error_keep(true);
		virtio_disconnect(&dev->virtio);
		error_keep(false);
		try_again_later(dev, err, error_text());
		return;
	}
	come_back(dev);
}

unsigned reconnect_next_ms(const struct vscsi_dev *dev, uint64_t now)
{
	uint64_t due = atomic_load_explicit(&dev->reconnect.due_ms, memory_order_relaxed);

	return due > now ? (unsigned)(due - now) : 0;
}
