/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of a running device: watching it, declaring it lost, telling about it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "device/dev.h"
#include "device/events.h"
#include "device/recover.h"
#include "util/error.h"
#include "util/export.h"
#include "util/log.h"
#include "util/options.h"

void dev_wake_sleepers(struct vscsi_dev *dev)
{
	unsigned i;

	for (i = 0; i < dev->queues; i++)
		virtq_fd_wake(&dev->ioqs[i]->vq);
}

/* A reset that fails has closed the connection, which is all that can be done. */
void dev_cut_off(struct vscsi_dev *dev)
{
	error_keep(true);
	virtio_reset(&dev->virtio);
	error_keep(false);
}

void dev_close_queues(struct vscsi_dev *dev, enum fate fate)
{
	unsigned i;

	for (i = 0; i < dev->queues; i++) {
		struct ioq *ioq = dev->ioqs[i];

		ioq_set_hot(ioq, false);
		/* One that has not come back from the loss before has nothing new in flight. */
		if (ioq_up(ioq) || (ioq_kept(ioq) && atomic_load(&ioq->ready)))
			atomic_store(&ioq->fate, fate);
		atomic_store(&ioq->ready, false);
		atomic_store_explicit(&ioq->up, false, memory_order_release);
	}
}

void dev_fail_locked(struct vscsi_dev *dev, const char *why)
{
	bool news = dev_running(dev);

	if (dev_failed(dev))
		return;
	snprintf(dev->failure, sizeof(dev->failure), "%s", why);
	log_error("the device is lost: %s", why);
	/* Before anybody may take buffers back. */
	dev_cut_off(dev);
	/* Stored before the queues are closed: who finds one closed asks for this next. */
	atomic_store_explicit(&dev->state, VSCSI_DEV_FAILED, memory_order_release);
	dev_close_queues(dev, FATE_REPORT);
	dev_wake_sleepers(dev);
	if (news)
		events_note(dev, VSCSI_EVENT_LOST);
}

void dev_fail(struct vscsi_dev *dev, const char *why)
{
	pthread_mutex_lock(&dev->lock);
	if (dev_running(dev))
		dev_fail_locked(dev, why);
	pthread_mutex_unlock(&dev->lock);
}

void dev_fail_queue(struct ioq *ioq, const char *why)
{
	pthread_mutex_lock(&ioq->dev->lock);
	if (ioq_up(ioq))
		dev_fail_locked(ioq->dev, why);
	pthread_mutex_unlock(&ioq->dev->lock);
}

int dev_explain_lost(const struct vscsi_dev *dev)
{
	if (dev_failed(dev))
		return error_set(-ENOTCONN, "the device is lost: %s; close it and open it again",
				 dev->failure);
	return error_set(-ENOTCONN, "the device is lost and looked for; try again when it is back");
}

void dev_config_changed(struct vscsi_dev *dev)
{
	if (dev_read_limits(dev))
		log_warn("the device's configuration changed and can't be read: %s", error_text());
	events_note(dev, VSCSI_EVENT_CONFIG);
}

/* One that breaks rules isn't looked for: it would only get another chance to lie. */
static void check_locked(struct vscsi_dev *dev)
{
	unsigned what = 0;
	int err;

	err = virtio_check(&dev->virtio, &what);
	if (err == -EPROTO)
		dev_fail_locked(dev, error_text());
	else if (err)
		recover_begin(dev, error_text(), FATE_KEEP);
	if (err)
		return;
	if (what & VIRTIO_CHANGED)
		dev_config_changed(dev);
	/* Broken under events_look(), which can't end the device. */
	if (virtq_rule(events_virtq(dev))) {
		dev_fail_locked(dev, virtq_rule(events_virtq(dev)));
		return;
	}
	/* What it was doing is neither known done nor known not done (virtio 1.4, 2.1.1). */
	if (what & VIRTIO_BROKEN)
		recover_begin(dev,
			      "the device says that a queue is broken or that it needs a reset",
			      FATE_REPORT);
}

void dev_check(struct vscsi_dev *dev)
{
	if (pthread_mutex_trylock(&dev->lock))
		return;
	if (dev_running(dev))
		check_locked(dev);
	recover_step_locked(dev);
	pthread_mutex_unlock(&dev->lock);
}

int dev_watch_fd(struct vscsi_dev *dev)
{
	int fd;

	if (pthread_mutex_trylock(&dev->lock))
		return -1;
	fd = virtio_watch_fd(&dev->virtio);
	pthread_mutex_unlock(&dev->lock);
	return fd;
}

EXPORT struct vscsi_mem *vscsi_dev_mem(struct vscsi_dev *dev)
{
	return dev->mem;
}

EXPORT int vscsi_dev_get_info(struct vscsi_dev *dev, struct vscsi_dev_info *out)
{
	const struct ioq *first = dev->ioqs[0];
	struct vscsi_dev_info info = {
		.queue_size = first->vq.size,
		.depth = first->depth,
		.max_segs = first->max_segs,
		.state = atomic_load(&dev->state),
		.errors = atomic_load(&dev->errors),
	};

	error_enter(__func__);
	pthread_mutex_lock(&dev->lock);
	info.queues = dev->served;
	info.offered = dev->virtio.offered;
	info.negotiated = dev->virtio.features;
	info.protocol_features = virtio_protocol(&dev->virtio);
	info.max_target = dev->limits.max_target;
	info.max_lun = dev->limits.max_lun;
	info.max_sectors = dev->limits.max_sectors;
	info.cmd_per_lun = dev->limits.cmd_per_lun;
	info.seg_max = dev->limits.seg_max;
	pthread_mutex_unlock(&dev->lock);
	snprintf(info.transport, sizeof(info.transport), "%s", virtio_scheme(&dev->virtio));
	return info_copy(out, &info, sizeof(info));
}
