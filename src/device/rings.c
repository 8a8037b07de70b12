/* SPDX-License-Identifier: BSD-3-Clause */
/* Making, checking, renewing and starting virtqueues. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include <linux/virtio_config.h>

#include "device/control.h"
#include "device/events.h"
#include "device/rings.h"
#include "util/error.h"
#include "util/log.h"

/*
 * More entries were not faster: with 32 reads in flight 55 million reads a second with 128 and with
 * 1,024, 51 with 4,096 (tests/bench rate, AMD EPYC); and each takes 500 bytes of the pool.
 */
#define DEFAULT_QUEUE_SIZE 128u

/* Control and event queue: a few functions, and 10 to 15 buffers are enough (5.6.6.3). */
#define OTHER_QUEUE_SIZE 16u

/* Entries of the smallest rings that are of use: a function takes two, a request four. */
#define LEAST_OTHER   2u
#define LEAST_REQUEST 4u

/* One request queue for each CPU that we may use, and the one that is kept for sharing. */
static unsigned useful_queues(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return 2;
	return (unsigned)CPU_COUNT(&cpus) + 1;
}

/* How many request queues a device has: as it says, as its transport can carry. */
static int count_available(struct vscsi_dev *dev)
{
	int all = virtio_queue_count(&dev->virtio);

	if (all < 0)
		return all;
	if (all < (int)VQ_REQUEST + 1)
		return error_set(
			-EPROTO,
			"the device has %d virtqueues; control, event and one request queue make 3",
			all);
	return (int)least((unsigned)all - VQ_REQUEST, least(dev->limits.queues, MAX_QUEUES));
}

static int choose_size(struct vscsi_dev *dev, unsigned index, uint32_t most, unsigned *out)
{
	unsigned fewest = index < VQ_REQUEST ? LEAST_OTHER : LEAST_REQUEST;
	int max = virtio_queue_max(&dev->virtio, index);
	uint32_t size = pow2_floor(max > 0 ? (uint32_t)max : 0);

	if (max < 0)
		return max;
	*out = least(size, most);
	if (*out > RING_MAX_SIZE || *out < fewest)
		return error_set(-EPROTO, "virtqueue %u has room for %d entries and needs %u",
				 index, max, fewest);
	return 0;
}

static uint32_t wanted_size(const struct vscsi_dev *dev)
{
	return dev->opts.queue_size ? dev->opts.queue_size : DEFAULT_QUEUE_SIZE;
}

/*
 * The record of requests in flight has one size for all rings, by which back-ends count positions
 * of packed rings: all of them have that size then.
 */
static int create_other_queues(struct vscsi_dev *dev)
{
	const bool same = dev->opts.recovery == VSCSI_RECOVERY_EXACT &&
			  queue_set_has(&dev->queues, VIRTIO_F_RING_PACKED);
	unsigned most = OTHER_QUEUE_SIZE;
	unsigned size;
	int err = same ? choose_size(dev, VQ_REQUEST, wanted_size(dev), &most) : 0;

	if (!err)
		err = choose_size(dev, VQ_CONTROL, most, &size);
	if (!err)
		err = control_create(dev, size);
	if (!err)
		err = choose_size(dev, VQ_EVENT, most, &size);
	return err ? err : events_create(dev, size);
}

static int create_request_queues(struct vscsi_dev *dev)
{
	uint32_t most = wanted_size(dev);
	struct queue_set *set = &dev->queues;
	unsigned size;
	unsigned i;
	int err = 0;

	set->ioqs = calloc(set->count, sizeof(struct ioq *));
	if (!set->ioqs)
		return error_set(-ENOMEM, "out of memory");
	for (i = 0; i < set->count && !err; i++) {
		err = choose_size(dev, VQ_REQUEST + i, most, &size);
		if (!err)
			err = ioq_create(set, VQ_REQUEST + i, size, &set->ioqs[i]);
		if (!err)
			dev->luns.limits.slots += set->ioqs[i]->depth;
	}
	return err;
}

int rings_create(struct vscsi_dev *dev)
{
	unsigned wanted = dev->opts.queues ? dev->opts.queues : useful_queues();
	struct queue_set *set = &dev->queues;
	int available = count_available(dev);
	int err;

	if (available < 0)
		return available;
	set->count = set->usable = least((unsigned)available, wanted);
	if (dev->opts.queues > set->count)
		log_info("the device has %u request queues, not %u", set->count, dev->opts.queues);
	set->transport = dev->virtio.transport;
	set->no_used_len = set->transport->ops->no_used_len;
	set->features = dev->virtio.features;
	set->seg_max = dev->limits.seg_max;
	set->max_segs = dev->opts.max_segs;
	set->doubled = device_can_reconnect(dev);
	err = create_other_queues(dev);
	if (!err)
		err = create_request_queues(dev);
	if (err)
		return err;
	set->zeroes = dma_alloc(dev->mem, MAX_BLOCK_SIZE, 4096);
	if (!set->zeroes)
		return error_set(-ENOMEM, "no room for a block of zeros in the DMA memory");
	memset(set->zeroes, 0, MAX_BLOCK_SIZE);
	err = queue_create(set, VSCSI_QUEUE_SHARED, true, &dev->sync);
	dev->luns.queue = dev->sync;
	return err;
}

void rings_destroy(struct vscsi_dev *dev)
{
	struct queue_set *set = &dev->queues;
	unsigned i;

	if (set->forked)
		queue_abandon(dev->sync);
	else
		queue_destroy(dev->sync);
	for (i = 0; set->ioqs && i < set->count; i++)
		ioq_destroy(set->ioqs[i]);
	free(set->ioqs);
	events_destroy(dev);
	control_destroy(dev);
	if (set->zeroes)
		dma_free(dev->mem, set->zeroes);
}

/* One more than the last that is in use; the first is the library's own. */
static unsigned queues_in_use(struct queue_set *set)
{
	unsigned count = set->count;

	while (count > 1 && !set->ioqs[count - 1]->users)
		count--;
	return count;
}

static int check_count(struct vscsi_dev *dev, unsigned available)
{
	struct queue_set *set = &dev->queues;
	unsigned in_use;

	pthread_mutex_lock(&set->lock);
	in_use = queues_in_use(set);
	if (available >= in_use)
		set->usable = least(available, set->count);
	pthread_mutex_unlock(&set->lock);
	if (available < in_use)
		return error_set(-EOPNOTSUPP,
				 "it came back with %u request queues, and %u are in use",
				 available, in_use);
	return 0;
}

int rings_check_size(struct vscsi_dev *dev, unsigned index)
{
	unsigned size = rings_at(dev, index)->size;
	int max = virtio_queue_max(&dev->virtio, index);

	if (max < 0)
		return max;
	if ((unsigned)max < size)
		return error_set(-EOPNOTSUPP,
				 "it came back with %d entries in virtqueue %u, and %u are in use",
				 max, index, size);
	return 0;
}

/* Segments that a request may have: fewer on a ring with few entries. */
static unsigned most_segments(const struct queue_set *set)
{
	unsigned most = 0;
	unsigned i;

	for (i = 0; i < set->count; i++) {
		if (set->ioqs[i]->max_segs > most)
			most = set->ioqs[i]->max_segs;
	}
	return most;
}

int rings_check(struct vscsi_dev *dev)
{
	unsigned segments = most_segments(&dev->queues);
	int queues = virtio_queue_count(&dev->virtio);

	if (queues < 0)
		return queues;
	if (dev->limits.seg_max < segments)
		return error_set(-EOPNOTSUPP,
				 "it came back with %u segments a request, and %u are in use",
				 dev->limits.seg_max, segments);
	queues = queues < (int)VQ_REQUEST ? 0 : queues - (int)VQ_REQUEST;
	return check_count(dev, least((unsigned)queues, dev->limits.queues));
}

int rings_renew(struct vscsi_dev *dev)
{
	struct queue_set *set = &dev->queues;
	unsigned i;
	int err;

	/* The device before may have written to it, too. */
	memset(set->zeroes, 0, MAX_BLOCK_SIZE);
	err = control_renew(dev);
	if (!err)
		err = events_renew(dev);
	for (i = 0; i < set->usable && !err; i++)
		err = virtq_renew(&set->ioqs[i]->next_vq, dev->virtio.features);
	return err;
}

/* Entries of the largest ring: request queues may be smaller than the other two. */
static unsigned largest_ring(struct vscsi_dev *dev)
{
	unsigned size = control_virtq(dev)->size;
	unsigned i;

	if (events_virtq(dev)->size > size)
		size = events_virtq(dev)->size;
	for (i = 0; i < dev->queues.count; i++) {
		if (dev->queues.ioqs[i]->vq.size > size)
			size = dev->queues.ioqs[i]->vq.size;
	}
	return size;
}

int rings_track(struct vscsi_dev *dev)
{
	int err = virtio_track(&dev->virtio, VQ_REQUEST + dev->queues.usable, largest_ring(dev));

	if (err || virtio_tracked(&dev->virtio))
		return err;
	return error_set(-EOPNOTSUPP, "the device gives no file to track requests in flight; "
				      "use recovery=replay or recovery=report");
}

struct virtq *rings_at(struct vscsi_dev *dev, unsigned index)
{
	if (index == VQ_CONTROL)
		return control_virtq(dev);
	if (index == VQ_EVENT)
		return events_virtq(dev);
	return ioq_device_vq(dev->queues.ioqs[index - VQ_REQUEST]);
}

int rings_start(struct vscsi_dev *dev, unsigned index)
{
	/* A device that is back gets new ones for the request queues. */
	if (index >= VQ_REQUEST && !device_starting(dev))
		return virtq_start(&dev->queues.ioqs[index - VQ_REQUEST]->next_vq);
	return virtq_start(rings_at(dev, index));
}
