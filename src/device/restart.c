/* SPDX-License-Identifier: BSD-3-Clause */
/* The second and each further start of a device's virtqueues. */
#include <errno.h>

#include "device/control.h"
#include "device/events.h"
#include "device/restart.h"
#include "util/error.h"

static int check_queues(struct vscsi_dev *dev)
{
	const struct ioq *first = dev->ioqs[0];
	unsigned i;

	for (i = 0; i < dev->served; i++) {
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

/* One behind the last that somebody uses; the first is the library's own. */
static unsigned queues_in_use(const struct vscsi_dev *dev)
{
	unsigned count = dev->queues;

	while (count > 1 && !dev->ioqs[count - 1]->users)
		count--;
	return count;
}

static int count_queues(struct vscsi_dev *dev, unsigned have)
{
	unsigned need = queues_in_use(dev);

	if (have > dev->limits.queues)
		have = dev->limits.queues;
	if (have < need)
		return error_set(-ENOTSUP, "it came back with %u request queues, and %u are in use",
				 have, need);
	dev->served = have < dev->queues ? have : dev->queues;
	return 0;
}

int restart_check(struct vscsi_dev *dev)
{
	const struct ioq *first = dev->ioqs[0];
	int err = dev_read_limits(dev);
	int queues;

	if (err)
		return err;
	queues = virtio_queue_count(&dev->virtio);
	if (queues < 0)
		return queues;
	if (dev->limits.seg_max < first->max_segs)
		return error_set(-ENOTSUP,
				 "it came back with %u segments a request, and %u are in use",
				 dev->limits.seg_max, first->max_segs);
	err = count_queues(dev, queues < VQ_REQUEST ? 0 : (unsigned)queues - VQ_REQUEST);
	return err ? err : check_queues(dev);
}

static int start_spare(struct ioq *ioq)
{
	int err = virtq_renew(&ioq->spare, ioq->dev->virtio.features);

	return err ? err : virtq_start(&ioq->spare);
}

int restart_to_ask(struct vscsi_dev *dev)
{
	return start_spare(dev->recovery.asked);
}

/* As at the opening, and in the same order (virtio 1.4, 3.1.1 step 7). */
int restart_fresh(struct vscsi_dev *dev)
{
	unsigned i;
	int err;

	err = control_renew(dev);
	if (!err)
		err = events_renew(dev);
	if (!err)
		err = dev_track(dev);
	if (!err)
		err = virtq_start(control_virtq(dev));
	if (!err)
		err = virtq_start(events_virtq(dev));
	for (i = 0; i < dev->served && !err; i++)
		err = start_spare(dev->ioqs[i]);
	return err;
}

static int start_again(struct virtq *vq)
{
	return virtq_resume(vq, virtq_resume_base(vq));
}

/*
 * Where the device stood: what it had in flight, or, of a queue that was not polled since the loss
 * before this one, the fresh virtqueue that it got then and that its user will go over to.
 */
static int start_where_it_stood(struct ioq *ioq)
{
	return start_again(ioq_kept(ioq) ? &ioq->vq : &ioq->spare);
}

/* The account first: a device reads it when the first ring starts. */
int restart_kept(struct vscsi_dev *dev)
{
	unsigned i;
	int err;

	err = dev_track(dev);
	if (!err)
		err = virtq_resume(control_virtq(dev), control_stood(dev));
	if (!err)
		err = start_again(events_virtq(dev));
	for (i = 0; i < dev->served && !err; i++)
		err = start_where_it_stood(dev->ioqs[i]);
	return err;
}
