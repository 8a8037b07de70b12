/* SPDX-License-Identifier: BSD-3-Clause */
/* The second and each further start of a device's virtqueues. */
#include <errno.h>

#include "core/control.h"
#include "core/events.h"
#include "core/restart.h"
#include "util/error.h"

static int check_queues(struct vscsi_dev *dev)
{
	const struct ioq *first = dev->ioqs[0];
	unsigned i;

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
	if ((unsigned)queues < VQ_REQUEST + dev->queues || dev->limits.queues < dev->queues)
		return error_set(-ENOTSUP, "it came back with fewer than %u request queues",
				 dev->queues);
	return check_queues(dev);
}

static int start_spare(struct ioq *ioq)
{
	int err = virtq_renew(&ioq->spare, ioq->dev->virtio.features);

	return err ? err : virtq_start(&ioq->spare);
}

int restart_asked(struct vscsi_dev *dev)
{
	return start_spare(dev->ioqs[0]);
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
	for (i = 0; i < dev->queues && !err; i++)
		err = start_spare(dev->ioqs[i]);
	return err;
}

static int start_again(struct virtq *vq)
{
	return virtq_resume(vq, virtq_stood(vq));
}

/*
 * One that did not come back from the loss before has nothing in flight: its user still goes over
 * to the fresh virtqueue. What lies in the ring of long ago was returned, or is sent again.
 */
static int start_request_queue(struct ioq *ioq)
{
	return ioq_kept(ioq) ? start_again(&ioq->vq) : start_spare(ioq);
}

/* The account first: a device reads it when the first ring starts. */
int restart_kept(struct vscsi_dev *dev)
{
	unsigned i;
	int err;

	err = dev_track(dev);
	if (!err)
		err = start_again(control_virtq(dev));
	if (!err)
		err = start_again(events_virtq(dev));
	for (i = 0; i < dev->queues && !err; i++)
		err = start_request_queue(dev->ioqs[i]);
	return err;
}
