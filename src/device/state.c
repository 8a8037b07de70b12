/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of a device, and its transition to FAILED. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "device/device.h"
#include "device/events.h"
#include "util/error.h"
#include "util/log.h"
#include "util/probe.h"

/* The transitions of the diagram in device.h. */
static const uint8_t next_states[] = {
	[DEV_STARTING] = 1u << DEV_RUNNING | 1u << DEV_CLOSED,
	[DEV_RUNNING] = 1u << DEV_RECONNECTING | 1u << DEV_FAILING | 1u << DEV_CLOSED,
	[DEV_RECONNECTING] = 1u << DEV_RUNNING | 1u << DEV_FAILING | 1u << DEV_CLOSED,
	[DEV_FAILING] = 1u << DEV_FAILED | 1u << DEV_CLOSED,
	[DEV_FAILED] = 1u << DEV_CLOSED,
	[DEV_CLOSED] = 0,
};

void device_set_state(struct vscsi_dev *dev, enum dev_state to)
{
	assert(next_states[device_state(dev)] & 1u << to);
	(void)next_states;
	atomic_store_explicit(&dev->state, to, memory_order_release);
}

/* @level: of the message, if the device has not failed already */
static void fail(struct vscsi_dev *dev, int level, const char *why)
{
	bool was_running = device_running(dev);

	if (device_failed(dev))
		return;
	snprintf(dev->failure, sizeof(dev->failure), "%s", why);
	log_line(level, "the device is lost: %s", why);
	PROBE1(failed, why);
	if (device_state(dev) == DEV_RECONNECTING)
		dev->reconnect.away_ms += reconnect_away_ms(dev);
	else
		dev->reconnect.losses += was_running;
	virtio_disconnect(&dev->virtio);
	/* The queues are STOPPING until the device can no longer access buffers. */
	queue_set_lose(&dev->queues, INFLIGHT_REPORT, true);
	device_set_state(dev, DEV_FAILING);
	device_let_go(dev);
	if (device_state(dev) == DEV_FAILING) {
		log_warn("requests in flight can't be taken back from the device: they end, and "
			 "their buffers are released, when the device has returned all of them");
		queue_set_wake(&dev->queues);
	}
	if (was_running)
		events_note(dev, VSCSI_EVENT_LOST);
}

void device_fail(struct vscsi_dev *dev, const char *why)
{
	fail(dev, VSCSI_LOG_ERROR, why);
}

void device_let_go(struct vscsi_dev *dev)
{
	if (!virtio_cut_off(&dev->virtio))
		return;
	device_set_state(dev, DEV_FAILED);
	queue_set_kill(&dev->queues);
	queue_set_wake(&dev->queues);
}

void device_shutdown(struct vscsi_dev *dev)
{
	pthread_mutex_lock(&dev->lock);
	/* Not an error. */
	fail(dev, VSCSI_LOG_INFO, "it was shut down by the application");
	pthread_mutex_unlock(&dev->lock);
}

int device_check(const struct vscsi_dev *dev)
{
	return dev->queues.forked ? error_set(-ECHILD, FORK_TEXT, "the device") : 0;
}

int device_explain_lost(struct vscsi_dev *dev)
{
	/* The text was written before the state, and doesn't change any more. */
	if (device_failed(dev))
		return error_set(-ENOTCONN, "the device is lost: %s; close it and open it again",
				 dev->failure);
	return error_set(-ENOTCONN, "the device is lost and reconnecting; try again later");
}
