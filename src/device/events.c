/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event queue (virtio 1.4, 5.6.6.3). The device fills buffers that we keep posted; its claims
 * are checked and become entries of a list that can't grow. What doesn't fit is noted with the LUN
 * that it is about, or turns into one rescan.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include "device/events.h"
#include "lun/lun.h"
#include "lun/scan.h"
#include "scsi/lun_addr.h"
#include "util/error.h"
#include "util/export.h"

#define RING_SIZE     16u  /* 10 to 15 buffers are enough (5.6.6.3) */
#define FIFO_SIZE     129u /* three of them for the device as a whole */

#define CAPACITY_CODE (ASC_PARAMETERS_CHANGED << 8 | ASCQ_CAPACITY_CHANGED)

/**
 * struct events - Events of a device
 * @vq: event virtqueue; a buffer's number is its head
 * @buffers: DMA memory, RING_SIZE times @stride bytes
 * @lock: guards all below; taken by queue threads when they see a unit attention
 * @fifo, @head, @count: events not yet told
 * @kick_pending: the device is to be notified of buffers
 * @rescan: something was lost or a target changed
 * @known, @known_count: LUNs as the last scan found them, sorted; their reserved field is OWED_*
 * @owing: some of them have events that the list had no room for
 */
struct events {
	struct virtq vq;
	char *buffers;
	uint32_t stride;
	pthread_mutex_t lock;
	struct vscsi_event fifo[FIFO_SIZE];
	unsigned head;
	unsigned count;
	bool kick_pending;
	bool rescan;
	struct vscsi_lun_addr *known;
	unsigned known_count;
	bool owing;
};

/*
 * Events that a known LUN is still owed, each kind once. The high half is the code of the last
 * CHANGED: one that was told is as good as all, as the LUN is to be looked at anew.
 */
#define OWED(type)      (1u << (type))
#define OWED_CODE(owed) ((owed) >> 16)
#define WITH_CODE(code) ((uint32_t)(code) << 16)

struct virtq *events_virtq(struct vscsi_dev *dev)
{
	return &dev->events->vq;
}

/* Posts all buffers. The device may fill them from DRIVER_OK on (5.6.5). */
static void post_buffers(struct vscsi_dev *dev, struct events *events)
{
	uint32_t size = dev->limits.event_size;
	struct dma_cache cache = {.table = NULL};
	uint64_t regions = 0;
	uint64_t iova = 0;
	unsigned i;

	/* Larger than what the device had when they were made: events are as long as ever. */
	if (size > events->stride)
		size = events->stride;
	memset(events->buffers, 0, (size_t)events->stride * RING_SIZE);
	for (i = 0; i < RING_SIZE; i++) {
		struct vring_desc *desc = &virtq_table(&events->vq)[i];
		char *buffer = events->buffers + (size_t)events->stride * i;

		dma_translate(dev->map, &cache, buffer, events->stride, &iova, &regions);
		desc->addr = htole64(iova);
		desc->len = htole32(size);
		desc->flags = htole16(VRING_DESC_F_WRITE);
		virtq_push(&events->vq, (uint16_t)i);
	}
	virtq_publish(&events->vq);
}

int events_create(struct vscsi_dev *dev)
{
	struct events *events = calloc(1, sizeof(*events));
	int err;

	if (!events)
		return error_set(-ENOMEM, "out of memory");
	dev->events = events;
	pthread_mutex_init(&events->lock, NULL);
	err = virtq_init(&events->vq, dev->virtio.transport, dev->mem, VQ_EVENT, RING_SIZE,
			 dev->virtio.features);
	if (err)
		return err;
	events->stride = (uint32_t)align_up(dev->limits.event_size, CACHE_LINE);
	events->buffers = dma_alloc(dev->mem, (size_t)events->stride * RING_SIZE, 0);
	if (!events->buffers)
		return error_set(-ENOMEM, "no room for event buffers in the DMA memory; "
					  "give the device a larger pool");
	post_buffers(dev, events);
	return 0;
}

int events_renew(struct vscsi_dev *dev)
{
	struct events *events = dev->events;
	int err;

	pthread_mutex_lock(&events->lock);
	err = virtq_renew(&events->vq, dev->virtio.features);
	if (!err)
		post_buffers(dev, events);
	pthread_mutex_unlock(&events->lock);
	return err;
}

void events_missed(struct vscsi_dev *dev)
{
	pthread_mutex_lock(&dev->events->lock);
	dev->events->rescan = true;
	pthread_mutex_unlock(&dev->events->lock);
}

void events_destroy(struct vscsi_dev *dev)
{
	struct events *events = dev->events;

	if (!events)
		return;
	virtq_fini(&events->vq);
	if (events->buffers)
		dma_free(dev->mem, events->buffers);
	pthread_mutex_destroy(&events->lock);
	free(events->known);
	free(events);
	dev->events = NULL;
}

/* The order of a scan. */
static int compare(const void *left, const void *right)
{
	const struct vscsi_lun_addr *a = left;
	const struct vscsi_lun_addr *b = right;

	if (a->target != b->target)
		return a->target < b->target ? -1 : 1;
	return a->lun == b->lun ? 0 : a->lun < b->lun ? -1 : 1;
}

static bool is_waiting(const struct events *events, const struct vscsi_event *event)
{
	unsigned i;

	for (i = 0; i < events->count; i++) {
		if (!memcmp(&events->fifo[(events->head + i) % FIFO_SIZE], event, sizeof(*event)))
			return true;
	}
	return false;
}

/*
 * Whether there is room; what concerns the device as a whole has places of its own: one that it is
 * lost, one that it is back, and one for its configuration; none of them waits twice. Lock held.
 */
static bool has_room(const struct events *events, unsigned type)
{
	unsigned kept = type == VSCSI_EVENT_LOST     ? 0
			: type == VSCSI_EVENT_BACK   ? 1
			: type == VSCSI_EVENT_CONFIG ? 2
						     : 3;

	return events->count < FIFO_SIZE - kept;
}

static struct vscsi_lun_addr *find_known(const struct events *events, unsigned target, unsigned lun)
{
	const struct vscsi_lun_addr key = {.target = target, .lun = lun};

	if (!events->known_count)
		return NULL;
	return bsearch(&key, events->known, events->known_count, sizeof(key), compare);
}

/*
 * For an event that the list has no room for. A LUN that isn't known will be new to the application
 * once the scan has found it. Lock held.
 */
static void owe(struct events *events, const struct vscsi_event *event)
{
	struct vscsi_lun_addr *known = find_known(events, event->target, event->lun);

	if (!known) {
		events->rescan = true;
		return;
	}
	known->reserved |= OWED(event->type);
	if (event->type == VSCSI_EVENT_CHANGED)
		known->reserved = (known->reserved & UINT16_MAX) | WITH_CODE(event->code);
	events->owing = true;
}

/*
 * Adds an event unless the same one is waiting; if the list is full, later. What came and went is
 * always added: a unit that is plugged, unplugged and plugged again is there. Lock held.
 */
static void add(struct events *events, unsigned type, unsigned target, unsigned lun, unsigned code)
{
	struct vscsi_event event = {.type = type, .target = target, .lun = lun, .code = code};
	bool moved = type == VSCSI_EVENT_PLUGGED || type == VSCSI_EVENT_UNPLUGGED;

	if (!moved && is_waiting(events, &event))
		return;
	if (!has_room(events, type)) {
		owe(events, &event);
		return;
	}
	events->fifo[(events->head + events->count++) % FIFO_SIZE] = event;
}

/* Takes an event about the device as a whole out of the list again. Lock held. */
static void take_back(struct events *events, unsigned type)
{
	unsigned kept = 0;
	unsigned i;

	for (i = 0; i < events->count; i++) {
		struct vscsi_event event = events->fifo[(events->head + i) % FIFO_SIZE];

		if (event.type != type)
			events->fifo[(events->head + kept++) % FIFO_SIZE] = event;
	}
	events->count = kept;
}

/* Of several losses that nobody has heard of one is told, and then how it ended. */
void events_note(struct vscsi_dev *dev, unsigned type)
{
	pthread_mutex_lock(&dev->events->lock);
	if (type == VSCSI_EVENT_LOST)
		take_back(dev->events, VSCSI_EVENT_BACK);
	add(dev->events, type, 0, 0, 0);
	pthread_mutex_unlock(&dev->events->lock);
}

/* Takes a LUN out of those that are known, so that the next scan finds it new. Lock held. */
static void forget(struct events *events, struct vscsi_lun_addr *known)
{
	struct vscsi_lun_addr *end = events->known + events->known_count--;

	memmove(known, known + 1, (size_t)(end - known - 1) * sizeof(*known));
}

/*
 * For a LUN that went without a scan to say so: what has its address now is plugged when a scan
 * finds it. Lock held.
 */
static void unplug(struct events *events, unsigned target, unsigned lun)
{
	struct vscsi_lun_addr *known = find_known(events, target, lun);
	bool told = has_room(events, VSCSI_EVENT_UNPLUGGED);

	add(events, VSCSI_EVENT_UNPLUGGED, target, lun, 0);
	if (told && known)
		forget(events, known);
	events->rescan = true;
}

/*
 * A parameter change by its sense code: a capacity of its own kind, a list of LUNs, another disk in
 * place of one that is open, or something else. Lock held.
 */
static void add_change(struct vscsi_dev *dev, unsigned target, unsigned lun, unsigned asc,
		       unsigned ascq)
{
	const bool exchanged = asc == ASC_TARGET_CHANGED &&
			       (ascq == ASCQ_INQUIRY_CHANGED || ascq == ASCQ_IDENTITY_CHANGED);
	struct events *events = dev->events;

	if (asc == ASC_PARAMETERS_CHANGED && ascq == ASCQ_CAPACITY_CHANGED)
		add(events, VSCSI_EVENT_RESIZED, target, lun, asc << 8 | ascq);
	else if (asc == ASC_TARGET_CHANGED && ascq == ASCQ_LUNS_CHANGED)
		events->rescan = true;
	else if (exchanged && lun_remove(dev, target, lun))
		unplug(events, target, lun);
	else
		add(events, VSCSI_EVENT_CHANGED, target, lun, asc << 8 | ascq);
}

void events_unit_attention(struct vscsi_dev *dev, const struct vscsi_lun *lun, unsigned asc,
			   unsigned ascq)
{
	struct events *events = dev->events;

	/* Power-on and reset conditions (ASC 29h) reach every initiator at the start: no news. */
	if (asc != ASC_PARAMETERS_CHANGED && asc != ASC_TARGET_CHANGED)
		return;
	pthread_mutex_lock(&events->lock);
	add_change(dev, lun->info.target, lun->info.lun, asc, ascq);
	pthread_mutex_unlock(&events->lock);
}

void events_identity(struct vscsi_dev *dev, const struct vscsi_lun_info *now)
{
	pthread_mutex_lock(&dev->events->lock);
	if (lun_remove_others(dev, now))
		unplug(dev->events, now->target, now->lun);
	pthread_mutex_unlock(&dev->events->lock);
}

/*
 * A LUN that came or went, or was reset (5.6.6.3). Those that come and go are looked for by a scan:
 * the event doesn't say whether LUN 0 stands for itself or for its whole target. One that is open
 * is gone at once, as another disk may have its address before the scan: LUN 0 for itself alone.
 */
static void transport_reset(struct vscsi_dev *dev, unsigned target, unsigned lun, uint32_t reason)
{
	struct events *events = dev->events;

	switch (reason) {
	case VIRTIO_SCSI_EVT_RESET_HARD:
		add(events, VSCSI_EVENT_RESET, target, lun, 0);
		break;
	case VIRTIO_SCSI_EVT_RESET_REMOVED:
		if (dev_uses(dev, VIRTIO_SCSI_F_HOTPLUG) && lun_remove(dev, target, lun))
			unplug(events, target, lun);
		/* fallthrough */
	case VIRTIO_SCSI_EVT_RESET_RESCAN:
		events->rescan = true;
		break;
	default:
		break;
	}
}

/* One event as the device wrote it, already copied. */
static void interpret(struct vscsi_dev *dev, const struct virtio_scsi_event *event)
{
	uint32_t type = le32toh(event->event);
	uint32_t reason = le32toh(event->reason);
	unsigned target;
	unsigned lun;

	/*
	 * The flag first: it comes with a LUN field of zeros. It may carry an event all the same.
	 */
	if (type & VIRTIO_SCSI_T_EVENTS_MISSED)
		dev->events->rescan = true;
	type &= ~VIRTIO_SCSI_T_EVENTS_MISSED;
	if (type == VIRTIO_SCSI_T_NO_EVENT)
		return;
	if (!scsi_lun_decode(event->lun, &target, &lun)) {
		dev->events->rescan = true;
		return;
	}
	if (type == VIRTIO_SCSI_T_TRANSPORT_RESET)
		transport_reset(dev, target, lun, reason);
	else if (type == VIRTIO_SCSI_T_PARAM_CHANGE)
		add_change(dev, target, lun, reason & 0xff, reason >> 8 & 0xff);
}

/*
 * Takes what the device posted and posts the buffers again; at most one ring of them (5.6.6.3.1).
 * With the device's lock held, too.
 */
static int drain(struct vscsi_dev *dev)
{
	struct events *events = dev->events;
	int pending = virtq_pending(&events->vq);
	struct virtio_scsi_event event;
	struct ring_used used;

	if (pending <= 0)
		return pending;
	while (pending-- > 0) {
		char *buffer;
		int err = virtq_take(&events->vq, &used);

		if (err < 0)
			return err;
		if (err)
			break;
		buffer = events->buffers + (size_t)events->stride * used.head;
		memcpy(&event, buffer, sizeof(event));
		/* A used length of 0 comes from back-ends that never set it; zeros are no event. */
		interpret(dev, &event);
		memset(buffer, 0, sizeof(event));
		virtq_push(&events->vq, (uint16_t)used.head);
	}
	events->kick_pending |= virtq_publish(&events->vq);
	return 0;
}

bool events_look_locked(struct vscsi_dev *dev)
{
	bool done;

	pthread_mutex_lock(&dev->events->lock);
	done = dev_running(dev) && !drain(dev);
	pthread_mutex_unlock(&dev->events->lock);
	return done;
}

bool events_look(struct vscsi_dev *dev)
{
	bool done;

	if (pthread_mutex_trylock(&dev->lock))
		return false;
	done = events_look_locked(dev);
	pthread_mutex_unlock(&dev->lock);
	return done;
}

/*
 * Walks two sorted lists at once: what is in one only has come or gone. It ends early when the
 * application has to fetch events first; the rest is found by the next scan, to which it must
 * still be news: so the list that is known then begins as the new one and goes on as the old one.
 * Lock held. Return: how much of @known that list takes over; its other end is at *@now_count.
 */
static unsigned add_differences(struct events *events, const struct vscsi_lun_addr *now,
				unsigned *now_count)
{
	unsigned count = *now_count;
	unsigned i = 0;
	unsigned j = 0;

	while (i < events->known_count || j < count) {
		int order = i == events->known_count ? 1
			    : j == count             ? -1
						     : compare(&events->known[i], &now[j]);

		if (order && !has_room(events, VSCSI_EVENT_PLUGGED)) {
			events->rescan = true;
			break;
		}
		if (order < 0)
			add(events, VSCSI_EVENT_UNPLUGGED, events->known[i].target,
			    events->known[i].lun, 0);
		if (order > 0)
			add(events, VSCSI_EVENT_PLUGGED, now[j].target, now[j].lun, 0);
		i += order <= 0;
		j += order >= 0;
	}
	*now_count = j;
	return i;
}

/* Lock held. What LUNs are owed goes over to the new list, if they are in it. */
static void set_known(struct events *events, struct vscsi_lun_addr *found, unsigned count)
{
	struct vscsi_lun_addr *known;
	unsigned i;

	for (i = 0; events->owing && i < count; i++) {
		known = find_known(events, found[i].target, found[i].lun);
		if (known)
			found[i].reserved = known->reserved;
	}
	free(events->known);
	events->known = found;
	events->known_count = count;
}

void events_set_known(struct vscsi_dev *dev, struct vscsi_lun_addr *found, unsigned count)
{
	pthread_mutex_lock(&dev->events->lock);
	set_known(dev->events, found, count);
	pthread_mutex_unlock(&dev->events->lock);
}

/* Makes events of what a scan found, and that what is known. Takes @found over. Lock held. */
static int learn(struct events *events, struct vscsi_lun_addr *found, unsigned count)
{
	unsigned from = add_differences(events, found, &count);
	unsigned rest = events->known_count - from;
	struct vscsi_lun_addr *known = found;

	if (rest) {
		known = realloc(found, (count + (size_t)rest) * sizeof(*found));
		if (!known) {
			free(found);
			return error_set(-ENOMEM, "out of memory");
		}
		memcpy(known + count, events->known + from, rest * sizeof(*known));
	}
	set_known(events, known, count + rest);
	return 0;
}

/* Scans again because something changed, outside any lock, and turns the difference into events. */
static int rescan(struct vscsi_dev *dev)
{
	struct events *events = dev->events;
	struct vscsi_lun_addr *found;
	int err = scan_identities(dev);
	int count = err ? err : scan_all(dev, &found);

	pthread_mutex_lock(&events->lock);
	err = count < 0 ? count : learn(events, found, (unsigned)count);
	/* Not forgotten when it failed: what changed is not known yet. */
	if (err)
		events->rescan = true;
	pthread_mutex_unlock(&events->lock);
	return err;
}

/* Adds what LUNs are owed, as far as there is room now. Lock held. */
static void pay(struct events *events)
{
	static const unsigned types[] = {VSCSI_EVENT_RESIZED, VSCSI_EVENT_CHANGED,
					 VSCSI_EVENT_RESET};
	unsigned i;
	unsigned k;

	events->owing = false;
	for (i = 0; i < events->known_count; i++) {
		struct vscsi_lun_addr *known = &events->known[i];
		const unsigned count = events->known_count;
		uint32_t owed = known->reserved;

		known->reserved = 0;
		if (owed & OWED(VSCSI_EVENT_UNPLUGGED)) {
			unplug(events, known->target, known->lun);
			/* With it taken out, the next one is in its place. */
			i -= count - events->known_count;
			continue;
		}
		for (k = 0; k < ARRAY_LEN(types); k++) {
			unsigned code = types[k] == VSCSI_EVENT_CHANGED   ? OWED_CODE(owed)
					: types[k] == VSCSI_EVENT_RESIZED ? CAPACITY_CODE
									  : 0;

			if (owed & OWED(types[k]))
				add(events, types[k], known->target, known->lun, code);
		}
	}
}

static unsigned take(struct events *events, struct vscsi_event *out, unsigned max)
{
	unsigned count = 0;

	pthread_mutex_lock(&events->lock);
	while (count < max) {
		if (!events->count && events->owing)
			pay(events);
		if (!events->count)
			break;
		out[count++] = events->fifo[events->head];
		events->head = (events->head + 1) % FIFO_SIZE;
		events->count--;
	}
	pthread_mutex_unlock(&events->lock);
	return count;
}

EXPORT int vscsi_dev_poll_events(struct vscsi_dev *dev, struct vscsi_event *out, unsigned max)
{
	struct events *events = dev->events;
	bool scan = false;
	int count;
	int err = 0;

	error_enter(__func__);
	dev_check(dev);
	if (dev_running(dev)) {
		pthread_mutex_lock(&dev->lock);
		pthread_mutex_lock(&events->lock);
		if (dev_running(dev))
			err = drain(dev);
		if (events->kick_pending && !err)
			virtq_kick(&events->vq);
		events->kick_pending = false;
		scan = events->rescan;
		events->rescan = false;
		pthread_mutex_unlock(&events->lock);
		pthread_mutex_unlock(&dev->lock);
		if (err)
			dev_fail(dev, virtq_rule(&events->vq));
	}
	err = scan && dev_running(dev) ? rescan(dev) : 0;
	/* Events that are there come before the sentence of a scan that failed. */
	count = (int)take(events, out, max);
	if (count)
		return count;
	if (dev_failed(dev))
		return dev_explain_lost(dev);
	return err;
}
