/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening and closing a device. Everything that open makes hangs on struct vscsi_dev, and one
 * function takes it apart again from whatever point was reached.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "api/address.h"
#include "device/control.h"
#include "device/dev.h"
#include "device/events.h"
#include "queue/timeout.h"
#include "device/memory.h"
#include "queue/queue.h"
#include "queue/call.h"
#include "util/error.h"
#include "util/export.h"
#include "util/options.h"

/* The option is handed through as a number. */
_Static_assert(VSCSI_IOMMU_GROUP == TRANSPORT_IOMMU_GROUP && VSCSI_IOMMU_FD == TRANSPORT_IOMMU_FD &&
		       VSCSI_IOMMU_NONE == TRANSPORT_IOMMU_NONE,
	       "numbers of the ways to the IOMMU");

/*
 * More entries were not faster: with 32 reads under way 55 million reads a second with 128 and with
 * 1,024, 51 with 4,096 (tests/bench rate, AMD EPYC); and each takes 500 bytes of the pool.
 */
#define DEFAULT_QUEUE_SIZE  128u
#define DEFAULT_TIMEOUT_MS  30000u
#define DEFAULT_RECOVERY_MS 30000u
#define DEFAULT_POOL        (UINT64_C(16) << 20)

/* Adds a feature that can be switched to what is wanted of the device. */
static void wish(struct virtio_wish *wish, unsigned bit, uint32_t how)
{
	if (how != VSCSI_OFF)
		wish->want |= VIRTIO_BIT(bit);
	if (how == VSCSI_ON)
		wish->must |= VIRTIO_BIT(bit);
}

/* The same for one that rings and slots are laid out for: a device that is back has to have it. */
static void wish_laid_out(struct vscsi_dev *dev, struct virtio_wish *wishes, unsigned bit,
			  uint32_t how)
{
	if (dev->ioqs)
		how = dev->in_use & VIRTIO_BIT(bit) ? VSCSI_ON : VSCSI_OFF;
	wish(wishes, bit, how);
}

int dev_negotiate(struct vscsi_dev *dev)
{
	struct virtio_wish wishes = {0, 0};

	/* What is in flight was made for all of them (vhost-user, "Inflight I/O tracking"). */
	if (dev->recovery.keep) {
		wishes.want = dev->in_use;
		wishes.must = dev->in_use;
		return virtio_negotiate(&dev->virtio, &wishes);
	}
	wish_laid_out(dev, &wishes, VIRTIO_RING_F_INDIRECT_DESC, dev->opts.indirect);
	wish_laid_out(dev, &wishes, VIRTIO_F_RING_PACKED, dev->opts.packed);
	wish_laid_out(dev, &wishes, VIRTIO_F_IN_ORDER, dev->opts.in_order);
	wish(&wishes, VIRTIO_RING_F_EVENT_IDX, dev->opts.event_idx);
	wish(&wishes, VIRTIO_SCSI_F_HOTPLUG, dev->opts.hotplug);
	wish(&wishes, VIRTIO_SCSI_F_CHANGE, dev->opts.change);
	wish(&wishes, VIRTIO_SCSI_F_INOUT, dev->opts.inout);
	wish(&wishes, VIRTIO_F_NOTIFICATION_DATA, dev->opts.notify_data);
	wish(&wishes, VIRTIO_F_NOTIF_CONFIG_DATA, dev->opts.notify_config);
	return virtio_negotiate(&dev->virtio, &wishes);
}

/* Whether the device is to keep account of what it has in flight, as VSCSI_ON, OFF or DEFAULT. */
static uint32_t wish_account(const struct vscsi_dev_opts *opts)
{
	if (opts->recovery == VSCSI_RECOVERY_EXACT)
		return VSCSI_ON;
	return opts->recovery ? VSCSI_OFF : VSCSI_DEFAULT;
}

static int connect_device(struct vscsi_dev *dev, const char *where)
{
	const struct vscsi_dev_opts *o = &dev->opts;
	const struct {
		uint32_t how;
		uint64_t feature;
	} switches[] = {
		{o->mq, TRANSPORT_MQ},
		{o->reply_ack, TRANSPORT_REPLY_ACK},
		{o->config, TRANSPORT_CONFIG_SPACE},
		{o->mem_slots, TRANSPORT_MEM_SLOTS},
		{wish_account(o), TRANSPORT_INFLIGHT},
		{o->reset_device, TRANSPORT_RESET_DEVICE},
		{o->status, TRANSPORT_STATUS},
		{o->backend_req, TRANSPORT_BACKEND_REQ},
	};
	struct transport_opts opts = {
		.timeout_ms = o->timeout_ms, .guest_base = o->guest_base, .iommu = o->iommu};
	unsigned i;

	for (i = 0; i < ARRAY_LEN(switches); i++) {
		if (switches[i].how == VSCSI_OFF)
			opts.protocol_off |= switches[i].feature;
		if (switches[i].how == VSCSI_ON)
			opts.protocol_must |= switches[i].feature;
	}
	return virtio_open(&dev->virtio, where, &opts);
}

static int take_pool(struct vscsi_dev *dev)
{
	struct vscsi_mem_opts opts = {
		.size = sizeof(opts),
		.flags = VSCSI_MEM_ORDINARY,
		.bytes = dev->opts.mem_bytes ? dev->opts.mem_bytes : DEFAULT_POOL,
	};
	int err;

	dev->mem = dev->opts.mem;
	if (dev->mem)
		return 0;
	err = vscsi_mem_create(&opts, &dev->mem);
	dev->own_mem = !err;
	/* That was a public call with a name of its own. */
	error_enter("vscsi_dev_open");
	return err;
}

/* One request queue for each CPU that we may use, and the one that is kept for sharing. */
static unsigned useful_queues(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return 2;
	return (unsigned)CPU_COUNT(&cpus) + 1;
}

/* How many request queues: as asked for, as the device has, as its transport can carry. */
static int count_queues(struct vscsi_dev *dev)
{
	int all = virtio_queue_count(&dev->virtio);
	unsigned wanted = dev->opts.queues ? dev->opts.queues : useful_queues();

	if (all < 0)
		return all;
	if (all < VQ_REQUEST + 1)
		return error_set(
			-EPROTO,
			"the device has %d virtqueues; control, event and one request queue make 3",
			all);
	dev->queues = (unsigned)all - VQ_REQUEST;
	if (dev->queues > dev->limits.queues)
		dev->queues = dev->limits.queues;
	if (dev->queues > MAX_QUEUES)
		dev->queues = MAX_QUEUES;
	if (dev->queues > wanted)
		dev->queues = wanted;
	dev->served = dev->queues;
	return 0;
}

static int create_request_queues(struct vscsi_dev *dev)
{
	uint32_t wanted = dev->opts.queue_size ? dev->opts.queue_size : DEFAULT_QUEUE_SIZE;
	unsigned i;
	int err = 0;

	dev->ioqs = calloc(dev->queues, sizeof(*dev->ioqs));
	if (!dev->ioqs)
		return error_set(-ENOMEM, "out of memory");
	for (i = 0; i < dev->queues && !err; i++) {
		int max = virtio_queue_max(&dev->virtio, VQ_REQUEST + i);
		uint32_t size = pow2_floor(max > 0 ? (uint32_t)max : 0);

		if (max < 0)
			return max;
		if (size > wanted)
			size = wanted;
		if (size > RING_MAX_SIZE || size < 4)
			return error_set(-EPROTO, "request queue %u has room for %d entries", i,
					 max);
		err = ioq_create(dev, VQ_REQUEST + i, size, &dev->ioqs[i]);
	}
	return err;
}

/* Entries of the largest ring: request queues may be smaller than the other two. */
static unsigned largest_ring(struct vscsi_dev *dev)
{
	unsigned size = control_virtq(dev)->size;
	unsigned i;

	if (events_virtq(dev)->size > size)
		size = events_virtq(dev)->size;
	for (i = 0; i < dev->queues; i++) {
		if (dev->ioqs[i]->vq.size > size)
			size = dev->ioqs[i]->vq.size;
	}
	return size;
}

int dev_track(struct vscsi_dev *dev)
{
	int err;

	/* There would be nothing to come back to. */
	if (!dev_recoverable(dev))
		return 0;
	err = virtio_track(&dev->virtio, VQ_REQUEST + dev->served, largest_ring(dev));
	if (err || virtio_tracked(&dev->virtio) || dev->opts.recovery != VSCSI_RECOVERY_EXACT)
		return err;
	return error_set(-ENOTSUP, "the device gives no file to keep account of what is in flight; "
				   "use recovery=replay or recovery=report");
}

/* All virtqueues, in ascending order: there are back-ends that start with the first gap. */
static int start_queues(struct vscsi_dev *dev)
{
	unsigned i;
	int err;

	err = dev_track(dev);
	if (!err)
		err = virtq_start(control_virtq(dev));
	if (!err)
		err = virtq_start(events_virtq(dev));
	for (i = 0; i < dev->queues && !err; i++)
		err = virtq_start(&dev->ioqs[i]->vq);
	return err;
}

/* From a negotiated device to one that is ready for DRIVER_OK (virtio 1.4, 3.1.1 step 7). */
static int set_up(struct vscsi_dev *dev)
{
	int err;

	err = dev_read_limits(dev);
	if (!err)
		err = count_queues(dev);
	if (!err)
		err = control_create(dev);
	if (!err)
		err = events_create(dev);
	if (!err)
		err = create_request_queues(dev);
	if (err)
		return err;
	dev->zeroes = dma_alloc(dev->mem, MAX_BLOCK_SIZE, 4096);
	if (!dev->zeroes)
		return error_set(-ENOMEM, "no room for a block of zeros in the DMA memory");
	memset(dev->zeroes, 0, MAX_BLOCK_SIZE);
	if (dev_recoverable(dev)) {
		dev->question = dma_alloc(dev->mem, RECOGNIZE_BYTES, RECOGNIZE_BYTES);
		if (!dev->question)
			return error_set(-ENOMEM, "no room for questions in the DMA memory");
	}
	return start_queues(dev);
}

/*
 * The rest of the start, locked: the pool knows the device by now, and another thread that
 * registers memory would talk to the device in between.
 */
static int start_mapped(struct vscsi_dev *dev)
{
	int err = set_up(dev);
	unsigned i;

	if (err)
		return virtio_give_up(&dev->virtio, err);
	err = virtio_run(&dev->virtio);
	if (err)
		return err;
	/* Buffers posted before DRIVER_OK are notified now, never earlier (3.1.1). */
	virtq_kick(events_virtq(dev));
	for (i = 0; i < dev->queues; i++)
		atomic_store(&dev->ioqs[i]->up, true);
	dev->in_use = dev->virtio.features;
	atomic_store(&dev->state, VSCSI_DEV_RUNNING);
	return 0;
}

static int start(struct vscsi_dev *dev, const char *where)
{
	int err;

	err = take_pool(dev);
	if (!err)
		err = connect_device(dev, where);
	if (!err)
		err = dev_negotiate(dev);
	if (err)
		return err;
	err = dev_map_memory(dev);
	if (err)
		return virtio_give_up(&dev->virtio, err);
	pthread_mutex_lock(&dev->lock);
	err = start_mapped(dev);
	pthread_mutex_unlock(&dev->lock);
	return err ? err : queue_create(dev, VSCSI_QUEUE_SHARED, &dev->sync);
}

/*
 * Stops the device from using our memory (3.3.1), at the latest by closing the transport. Locked,
 * and the state with it: until the map is gone, threads that register memory ask for both.
 */
static void cut_off(struct vscsi_dev *dev)
{
	unsigned i;

	pthread_mutex_lock(&dev->lock);
	if (!*dev->failure)
		snprintf(dev->failure, sizeof(dev->failure), "it is being closed");
	atomic_store(&dev->state, VSCSI_DEV_FAILED);
	for (i = 0; dev->ioqs && i < dev->queues && dev->ioqs[i]; i++)
		atomic_store(&dev->ioqs[i]->up, false);
	virtio_close(&dev->virtio);
	pthread_mutex_unlock(&dev->lock);
}

/*
 * Takes a device apart: first it is cut off, then the pool forgets it, so that nobody asks for its
 * requests any more, and only then the memory goes.
 */
static void take_apart(struct vscsi_dev *dev)
{
	unsigned i;

	error_keep(true);
	cut_off(dev);
	dma_map_destroy(dev->map);
	if (dev->sync) {
		sync_drain(dev);
		queue_destroy(dev->sync);
	}
	for (i = 0; dev->ioqs && i < dev->queues; i++)
		ioq_destroy(dev->ioqs[i]);
	free(dev->ioqs);
	events_destroy(dev);
	control_destroy(dev);
	if (dev->zeroes)
		dma_free(dev->mem, dev->zeroes);
	if (dev->question)
		dma_free(dev->mem, dev->question);
	if (dev->own_mem)
		vscsi_mem_destroy(dev->mem);
	pthread_mutex_destroy(&dev->open_lock);
	pthread_mutex_destroy(&dev->lock);
	free(dev);
	error_keep(false);
}

EXPORT int vscsi_dev_open(const char *address, const struct vscsi_dev_opts *opts,
			  struct vscsi_dev **out)
{
	char where[ADDRESS_MAX];
	struct vscsi_dev *dev;
	int err;

	error_enter(__func__);
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return error_set(-ENOMEM, "out of memory");
	pthread_mutex_init(&dev->lock, NULL);
	pthread_mutex_init(&dev->open_lock, NULL);
	err = options_copy(&dev->opts, sizeof(dev->opts), opts);
	if (!err)
		err = address_parse(address, where, &dev->opts);
	if (!err)
		err = address_check(&dev->opts);
	if (!dev->opts.timeout_ms)
		dev->opts.timeout_ms = DEFAULT_TIMEOUT_MS;
	limit_defaults(&dev->opts);
	limit_set(dev, 0, dev->opts.io_timeout_ms);
	if (!dev->opts.recovery_ms)
		dev->opts.recovery_ms = DEFAULT_RECOVERY_MS;
	if (!err)
		err = start(dev, where);
	if (err) {
		virtio_hand_back(&dev->virtio);
		take_apart(dev);
		return err;
	}
	*out = dev;
	return 0;
}

EXPORT int vscsi_dev_close(struct vscsi_dev *dev)
{
	unsigned luns;
	unsigned handles;

	error_enter(__func__);
	if (!dev)
		return 0;
	luns = atomic_load(&dev->luns);
	handles = atomic_load(&dev->handles);
	if (luns || handles)
		return error_set(-EBUSY, "%u LUNs and %u queues are still open; close them first",
				 luns, handles);
	take_apart(dev);
	return 0;
}
