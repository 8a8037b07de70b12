/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event queue, and other sources of changes. The device fills buffers that the driver keeps
 * posted; their contents are validated and become events and states of LUNs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include "device/device.h"
#include "device/event_list.h"
#include "device/events.h"
#include "lun/scan.h"
#include "scsi/lun_addr.h"
#include "scsi/sense.h"
#include "util/clock.h"
#include "util/error.h"

/* 10 to 15 are enough (5.6.6.3). */
#define BUFFERS 16u

/* Changes of LUNs that one call returns. */
#define CHANGES 8u

/**
 * struct events - Events of a device
 * @vq: event virtqueue; a buffer's number is its head. Like @buffers and @scan, protected by the
 *	device's lock
 * @buffers: DMA memory, @count times @stride bytes
 * @kick_pending: events_kick() must follow
 * @scan: the scan under way
 * @list: events for the application
 */
struct events {
	struct virtq vq;
	char *buffers;
	unsigned count;
	uint32_t stride;
	atomic_bool kick_pending;
	struct scan *scan;
	struct event_list list;
};

struct virtq *events_virtq(struct vscsi_dev *dev)
{
	return &dev->events->vq;
}

/* Posts all buffers. The device may fill them from DRIVER_OK on (5.6.5). */
static void post_buffers(struct vscsi_dev *dev, struct events *events)
{
	uint32_t size = dev->limits.event_size;
	struct dma_cache cache = {.version = 0};
	uint64_t regions = 0;
	uint64_t iova = 0;
	unsigned i;

	/* After a reconnect the event size may be larger than the buffers. */
	if (size > events->stride)
		size = events->stride;
	memset(events->buffers, 0, (size_t)events->stride * events->count);
	for (i = 0; i < events->count; i++) {
		struct vring_desc *desc = &virtq_table(&events->vq)[i];
		char *buffer = events->buffers + (size_t)events->stride * i;

		dma_translate(dev->queues.map, &cache, buffer, events->stride, &iova, &regions);
		desc->addr = htole64(iova);
		desc->len = htole32(size);
		desc->flags = htole16(VRING_DESC_F_WRITE);
		virtq_push(&events->vq, (uint16_t)i);
	}
	virtq_publish(&events->vq);
}

int events_create(struct vscsi_dev *dev, unsigned size)
{
	struct events *events = calloc(1, sizeof(*events));
	int err;

	if (!events)
		return error_set(-ENOMEM, "out of memory");
	dev->events = events;
	event_list_init(&events->list);
	events->count = size < BUFFERS ? size : BUFFERS;
	err = virtq_init(&events->vq, dev->virtio.transport, dev->mem, VQ_EVENT, size,
			 dev->virtio.features);
	if (err)
		return err;
	events->stride = (uint32_t)align_up(dev->limits.event_size, CACHE_LINE);
	events->buffers = dma_alloc(dev->mem, (size_t)events->stride * events->count, 0);
	if (!events->buffers)
		return error_set(-ENOMEM, "no room for event buffers in the DMA memory; "
					  "give the device a larger pool");
	post_buffers(dev, events);
	return 0;
}

int events_renew(struct vscsi_dev *dev)
{
	struct events *events = dev->events;
	int err = virtq_renew(&events->vq, dev->virtio.features);

	if (!err)
		post_buffers(dev, events);
	return err;
}

void events_destroy(struct vscsi_dev *dev)
{
	struct events *events = dev->events;

	if (!events)
		return;
	virtq_fini(&events->vq);
	if (events->buffers)
		dma_free(dev->mem, events->buffers);
	event_list_fini(&events->list);
	free(events);
	dev->events = NULL;
}

void events_missed(struct vscsi_dev *dev)
{
	event_list_want_scan(&dev->events->list);
}

void events_note(struct vscsi_dev *dev, unsigned type)
{
	event_list_add(&dev->events->list, type, 0, 0, 0);
}

void events_begin_look(struct vscsi_dev *dev)
{
	event_list_begin_look(&dev->events->list);
}

void events_tell(struct vscsi_dev *dev, int fd)
{
	event_list_tell(&dev->events->list, fd);
}

void events_set_known(struct vscsi_dev *dev, struct vscsi_lun_addr *found, unsigned count)
{
	event_list_set_known(&dev->events->list, found, count);
}

unsigned events_take(struct vscsi_dev *dev, struct vscsi_event *out, unsigned max)
{
	return event_list_take(&dev->events->list, out, max);
}

/*
 * Handles a change by its sense code: a new capacity, a new list of LUNs, possibly another disk at
 * the address of an open LUN, or something else.
 */
static void change(struct vscsi_dev *dev, unsigned target, unsigned lun, unsigned asc,
		   unsigned ascq)
{
	const bool swapped = asc == SCSI_ASC_TARGET_CHANGED && (ascq == SCSI_ASCQ_INQUIRY_CHANGED ||
								ascq == SCSI_ASCQ_IDENTITY_CHANGED);
	struct event_list *list = &dev->events->list;

	if (asc == SCSI_ASC_PARAMETERS_CHANGED && ascq == SCSI_ASCQ_CAPACITY_CHANGED)
		event_list_add(list, VSCSI_EVENT_RESIZED, target, lun, asc << 8 | ascq);
	else if (asc == SCSI_ASC_TARGET_CHANGED && ascq == SCSI_ASCQ_LUNS_CHANGED) {
		lun_table_suspect(&dev->luns, target, lun);
		event_list_want_scan(list);
	} else if (!swapped || !lun_table_suspect(&dev->luns, target, lun))
		event_list_add(list, VSCSI_EVENT_CHANGED, target, lun, asc << 8 | ascq);
}

/*
 * A LUN was added, removed or reset (5.6.6.3). Additions and removals are found by a scan, because
 * LUN 0 in the event may stand for itself or for its whole target. An open LUN becomes GONE at
 * once, because another disk may have its address before the scan; LUN 0 then stands only for
 * itself.
 */
static void transport_reset(struct vscsi_dev *dev, unsigned target, unsigned lun, uint32_t reason)
{
	struct event_list *list = &dev->events->list;

	switch (reason) {
	case VIRTIO_SCSI_EVT_RESET_HARD:
		event_list_add(list, VSCSI_EVENT_RESET, target, lun, 0);
		lun_table_suspect(&dev->luns, target, lun);
		break;
	case VIRTIO_SCSI_EVT_RESET_REMOVED:
		if (queue_set_has(&dev->queues, VIRTIO_SCSI_F_HOTPLUG) &&
		    lun_table_remove(&dev->luns, target, lun))
			event_list_unplug(list, target, lun);
		event_list_want_scan(list);
		break;
	case VIRTIO_SCSI_EVT_RESET_RESCAN:
		lun_table_suspect(&dev->luns, target, lun);
		event_list_want_scan(list);
		break;
	default:
		break;
	}
}

/* Handles a copy of an event that the device wrote. */
static void interpret(struct vscsi_dev *dev, const struct virtio_scsi_event *event)
{
	uint32_t type = le32toh(event->event);
	uint32_t reason = le32toh(event->reason);
	unsigned target;
	unsigned lun;

	/*
	 * The flag EVENTS_MISSED usually comes with a LUN field of zeros and without an event.
	 */
	if (type & VIRTIO_SCSI_T_EVENTS_MISSED)
		events_missed(dev);
	type &= ~VIRTIO_SCSI_T_EVENTS_MISSED;
	if (type == VIRTIO_SCSI_T_NO_EVENT)
		return;
	if (!scsi_lun_decode(event->lun, &target, &lun))
		events_missed(dev);
	else if (type == VIRTIO_SCSI_T_TRANSPORT_RESET)
		transport_reset(dev, target, lun, reason);
	else if (type == VIRTIO_SCSI_T_PARAM_CHANGE)
		change(dev, target, lun, reason & 0xff, reason >> 8 & 0xff);
}

/* Takes the used buffers and posts them again (5.6.6.3.1), at most one ring of them. */
static void collect(struct vscsi_dev *dev)
{
	struct events *events = dev->events;
	int pending = virtq_pending(&events->vq);
	struct virtio_scsi_event event;
	struct ring_used used;

	if (pending <= 0)
		return;
	while (pending-- > 0) {
		char *buffer;

		if (virtq_take(&events->vq, &used))
			break;
		buffer = events->buffers + (size_t)events->stride * used.head;
		memcpy(&event, buffer, sizeof(event));
		/* Ignores the used length, which some back-ends never set; zeros are no event. */
		interpret(dev, &event);
		memset(buffer, 0, sizeof(event));
		virtq_push(&events->vq, (uint16_t)used.head);
	}
	if (virtq_publish(&events->vq))
		atomic_store(&events->kick_pending, true);
}

void events_collect(struct vscsi_dev *dev)
{
	struct virtq *vq = &dev->events->vq;

	collect(dev);
	if (!watch_wanted(&dev->watch))
		return;
	/* The device has not signalled events from before the arming (virtio 1.4, 2.7.14). */
	if (virtq_arm(vq))
		collect(dev);
	if (virtq_arm(vq))
		watch_due(dev, 1);
}

void events_kick(struct vscsi_dev *dev)
{
	struct events *events = dev->events;

	if (atomic_load(&events->kick_pending) && atomic_exchange(&events->kick_pending, false))
		virtq_kick(&events->vq);
}

void events_look(struct vscsi_dev *dev)
{
	pthread_mutex_lock(&dev->lock);
	if (device_running(dev))
		events_collect(dev);
	pthread_mutex_unlock(&dev->lock);
	events_kick(dev);
}

/* Handles a unit attention that a queue received; the queue has made the LUN SUSPECT if needed. */
static void take_notice(struct vscsi_dev *dev, const struct notice *notice)
{
	/*
	 * Every initiator gets power-on and reset conditions at its start, so they are not reported
	 * as events.
	 */
	if (notice->asc == SCSI_ASC_RESET || notice->asc == SCSI_ASC_NO_SUCH_LUN)
		lun_table_suspect(&dev->luns, notice->target, notice->lun);
	else if (notice->asc == SCSI_ASC_PARAMETERS_CHANGED ||
		 notice->asc == SCSI_ASC_TARGET_CHANGED)
		change(dev, notice->target, notice->lun, notice->asc, notice->ascq);
}

void events_take_notices(struct vscsi_dev *dev)
{
	struct notice notices[NOTICES];
	bool lost;
	unsigned count = notice_take(&dev->queues.notices, notices, &lost);
	unsigned i;

	/* The event of a removal arrives before the unit attention of the next LUN there. */
	events_collect(dev);
	for (i = 0; i < count; i++)
		take_notice(dev, &notices[i]);
	if (lost)
		events_missed(dev);
	lun_table_recount(&dev->luns);
}

/* PLUGGED is ignored: the scan that event_list_unplug() requests finds it. */
static void note_change(struct event_list *list, const struct lun_change *change)
{
	if (change->type == VSCSI_EVENT_UNPLUGGED)
		event_list_unplug(list, change->target, change->number);
	else if (change->type != VSCSI_EVENT_PLUGGED)
		event_list_add(list, change->type, change->target, change->number, change->code);
}

unsigned events_revalidate(struct vscsi_dev *dev)
{
	struct lun_change changes[CHANGES];
	unsigned doubts;
	unsigned count;
	unsigned i;

	do {
		count = 0;
		doubts = lun_table_revalidate(&dev->luns, clock_ms(), dev->reconnect.missing_ms,
					      changes, CHANGES, &count);
		for (i = 0; i < count; i++)
			note_change(&dev->events->list, &changes[i]);
	} while (count == CHANGES);
	return doubts;
}

/* Open LUNs that a scan found may be other disks now; those that it didn't find are GONE. */
static void compare_open(struct vscsi_dev *dev, const struct vscsi_lun_addr *found, unsigned count)
{
	struct lun_change gone[CHANGES];
	unsigned ngone;
	unsigned i;

	do {
		ngone = lun_table_compare(&dev->luns, found, count, gone, CHANGES);
		for (i = 0; i < ngone; i++)
			event_list_unplug(&dev->events->list, gone[i].target, gone[i].number);
	} while (ngone == CHANGES);
}

int events_rescan(struct vscsi_dev *dev)
{
	struct events *events = dev->events;
	struct vscsi_lun_addr *found = NULL;
	int ret;
	int err;

	if (!events->scan) {
		if (!event_list_take_scan(&events->list))
			return 0;
		err = scan_begin(&dev->luns, &events->scan);
		if (err) {
			event_list_retry_scan(&events->list);
			return err;
		}
	}
	ret = scan_step(events->scan, &found);
	if (ret == -EINPROGRESS)
		return 0;
	scan_end(events->scan);
	events->scan = NULL;
	if (ret < 0) {
		event_list_retry_scan(&events->list);
		return ret;
	}
	compare_open(dev, found, (unsigned)ret);
	return event_list_learn(&events->list, found, (unsigned)ret);
}

void events_end_scan(struct vscsi_dev *dev)
{
	if (dev->events && dev->events->scan)
		scan_end(dev->events->scan);
	if (dev->events)
		dev->events->scan = NULL;
}

bool events_scanning(const struct vscsi_dev *dev)
{
	return dev->events->scan;
}
