/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of events, and the list of known LUNs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "device/event_list.h"
#include "scsi/sense.h"
#include "util/bits.h"
#include "util/error.h"

#define CAPACITY_CODE (SCSI_ASC_PARAMETERS_CHANGED << 8 | SCSI_ASCQ_CAPACITY_CHANGED)

/*
 * Set of the event types of a known LUN that the list had no room for. The high half is the code of
 * the last CHANGED: one event suffices, because the application has to check the LUN again.
 */
#define PENDING(type)         (1u << (type))
#define PENDING_CODE(pending) ((pending) >> 16)
#define WITH_CODE(code)       ((uint32_t)(code) << 16)

void event_list_init(struct event_list *list)
{
	pthread_mutex_init(&list->lock, NULL);
	list->tell_fd = -1;
}

void event_list_fini(struct event_list *list)
{
	pthread_mutex_destroy(&list->lock);
	free(list->known);
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

static bool is_waiting(const struct event_list *list, const struct vscsi_event *event)
{
	unsigned i;

	for (i = 0; i < list->count; i++) {
		if (!memcmp(&list->fifo[(list->head + i) % EVENT_LIST_SIZE], event, sizeof(*event)))
			return true;
	}
	return false;
}

/*
 * Whether there is room for an event. Three elements are reserved for events of the device: LOST,
 * BACK and CONFIG, each of which is in the list at most once.
 */
static bool has_room(const struct event_list *list, unsigned type)
{
	unsigned kept = type == VSCSI_EVENT_LOST     ? 0
			: type == VSCSI_EVENT_BACK   ? 1
			: type == VSCSI_EVENT_CONFIG ? 2
						     : 3;

	return list->count < EVENT_LIST_SIZE - kept;
}

static struct vscsi_lun_addr *find_known(const struct event_list *list, unsigned target,
					 unsigned lun)
{
	const struct vscsi_lun_addr key = {.target = target, .lun = lun};

	if (!list->known_count)
		return NULL;
	return bsearch(&key, list->known, list->known_count, sizeof(key), compare);
}

static void ask_for_scan(struct event_list *list)
{
	list->rescan = list->scan_pending = true;
}

/*
 * Stores an event that the list has no room for. For a LUN that isn't known a scan suffices, which
 * reports it as PLUGGED.
 */
static void keep_for_later(struct event_list *list, const struct vscsi_event *event)
{
	struct vscsi_lun_addr *known = find_known(list, event->target, event->lun);

	if (!known) {
		ask_for_scan(list);
		return;
	}
	known->reserved |= PENDING(event->type);
	if (event->type == VSCSI_EVENT_CHANGED)
		known->reserved = (known->reserved & UINT16_MAX) | WITH_CODE(event->code);
	list->pending = true;
}

/*
 * Adds an event unless the list has the same one; if the list is full, stores it for later. PLUGGED
 * and UNPLUGGED are always added: after plugged, unplugged, plugged again the last one counts.
 */
static void add(struct event_list *list, unsigned type, unsigned target, unsigned lun,
		unsigned code)
{
	struct vscsi_event event = {.type = type, .target = target, .lun = lun, .code = code};
	bool moved = type == VSCSI_EVENT_PLUGGED || type == VSCSI_EVENT_UNPLUGGED;

	if (!moved && is_waiting(list, &event))
		return;
	if (!has_room(list, type)) {
		keep_for_later(list, &event);
		return;
	}
	list->fifo[(list->head + list->count++) % EVENT_LIST_SIZE] = event;
}

/* Removes all events of a type from the list. */
static void take_back(struct event_list *list, unsigned type)
{
	unsigned kept = 0;
	unsigned i;

	for (i = 0; i < list->count; i++) {
		struct vscsi_event event = list->fifo[(list->head + i) % EVENT_LIST_SIZE];

		if (event.type != type)
			list->fifo[(list->head + kept++) % EVENT_LIST_SIZE] = event;
	}
	list->count = kept;
}

/* Removes a known LUN, so that the next scan reports it as new. */
static void forget(struct event_list *list, struct vscsi_lun_addr *known)
{
	struct vscsi_lun_addr *end = list->known + list->known_count--;

	memmove(known, known + 1, (size_t)(end - known - 1) * sizeof(*known));
}

/*
 * Reports a LUN as UNPLUGGED without a scan, and requests a scan, which reports as PLUGGED what it
 * finds at the address.
 */
static void unplug(struct event_list *list, unsigned target, unsigned lun)
{
	struct vscsi_lun_addr *known = find_known(list, target, lun);
	bool told = has_room(list, VSCSI_EVENT_UNPLUGGED);

	add(list, VSCSI_EVENT_UNPLUGGED, target, lun, 0);
	if (told && known)
		forget(list, known);
	ask_for_scan(list);
}

/*
 * Compares two sorted lists: LUNs that are only in one were plugged or unplugged. Ends early if the
 * list of events is full; the next scan must then report the rest, so the new list of known LUNs is
 * the beginning of @now and the rest of @known. Return: the index in @known where that rest begins;
 * @now_count receives the number of elements from @now.
 */
static unsigned add_differences(struct event_list *list, const struct vscsi_lun_addr *now,
				unsigned *now_count)
{
	unsigned count = *now_count;
	unsigned i = 0;
	unsigned j = 0;

	while (i < list->known_count || j < count) {
		int order = i == list->known_count ? 1
			    : j == count           ? -1
						   : compare(&list->known[i], &now[j]);

		if (order && !has_room(list, VSCSI_EVENT_PLUGGED)) {
			ask_for_scan(list);
			break;
		}
		if (order < 0)
			add(list, VSCSI_EVENT_UNPLUGGED, list->known[i].target, list->known[i].lun,
			    0);
		if (order > 0)
			add(list, VSCSI_EVENT_PLUGGED, now[j].target, now[j].lun, 0);
		i += order <= 0;
		j += order >= 0;
	}
	*now_count = j;
	return i;
}

/* Replaces the list of known LUNs; pending events of LUNs that are in both are kept. */
static void set_known(struct event_list *list, struct vscsi_lun_addr *found, unsigned count)
{
	struct vscsi_lun_addr *known;
	unsigned i;

	for (i = 0; list->pending && i < count; i++) {
		known = find_known(list, found[i].target, found[i].lun);
		if (known)
			found[i].reserved = known->reserved;
	}
	free(list->known);
	list->known = found;
	list->known_count = count;
}

/* Adds events for the differences to a scan's result, which becomes the list of known LUNs. */
static int learn(struct event_list *list, struct vscsi_lun_addr *found, unsigned count)
{
	unsigned from = add_differences(list, found, &count);
	unsigned rest = list->known_count - from;
	struct vscsi_lun_addr *known = found;

	if (rest) {
		known = realloc(found, (count + (size_t)rest) * sizeof(*found));
		if (!known) {
			free(found);
			return error_set(-ENOMEM, "out of memory");
		}
		memcpy(known + count, list->known + from, rest * sizeof(*known));
	}
	set_known(list, known, count + rest);
	return 0;
}

/* Adds the pending events of LUNs, as far as there is room. */
static void add_pending(struct event_list *list)
{
	static const unsigned types[] = {VSCSI_EVENT_RESIZED, VSCSI_EVENT_CHANGED,
					 VSCSI_EVENT_RESET, VSCSI_EVENT_UNREGISTERED};
	unsigned i;
	unsigned k;

	list->pending = false;
	for (i = 0; i < list->known_count; i++) {
		struct vscsi_lun_addr *known = &list->known[i];
		const unsigned count = list->known_count;
		uint32_t pending = known->reserved;

		known->reserved = 0;
		if (pending & PENDING(VSCSI_EVENT_UNPLUGGED)) {
			unplug(list, known->target, known->lun);
			/* If it was removed, the next LUN has its index. */
			i -= count - list->known_count;
			continue;
		}
		for (k = 0; k < ARRAY_LEN(types); k++) {
			unsigned code = types[k] == VSCSI_EVENT_CHANGED   ? PENDING_CODE(pending)
					: types[k] == VSCSI_EVENT_RESIZED ? CAPACITY_CODE
									  : 0;

			if (pending & PENDING(types[k]))
				add(list, types[k], known->target, known->lun, code);
		}
	}
}

static bool has_pending(const struct event_list *list)
{
	return list->count || list->pending || list->scan_pending;
}

/* Signals the eventfd if there is work. Fails only if it is readable already. Locked. */
static void tell(struct event_list *list)
{
	if (list->tell_fd >= 0 && has_pending(list))
		eventfd_write(list->tell_fd, 1);
}

void event_list_tell(struct event_list *list, int fd)
{
	pthread_mutex_lock(&list->lock);
	list->tell_fd = fd;
	tell(list);
	pthread_mutex_unlock(&list->lock);
}

/* Several losses that were not returned yet become one LOST, followed by the last BACK. */
void event_list_add(struct event_list *list, unsigned type, unsigned target, unsigned lun,
		    unsigned code)
{
	pthread_mutex_lock(&list->lock);
	if (type == VSCSI_EVENT_LOST)
		take_back(list, VSCSI_EVENT_BACK);
	add(list, type, target, lun, code);
	tell(list);
	pthread_mutex_unlock(&list->lock);
}

void event_list_unplug(struct event_list *list, unsigned target, unsigned lun)
{
	pthread_mutex_lock(&list->lock);
	unplug(list, target, lun);
	tell(list);
	pthread_mutex_unlock(&list->lock);
}

void event_list_want_scan(struct event_list *list)
{
	pthread_mutex_lock(&list->lock);
	ask_for_scan(list);
	tell(list);
	pthread_mutex_unlock(&list->lock);
}

void event_list_retry_scan(struct event_list *list)
{
	pthread_mutex_lock(&list->lock);
	list->rescan = true;
	pthread_mutex_unlock(&list->lock);
}

void event_list_begin_look(struct event_list *list)
{
	pthread_mutex_lock(&list->lock);
	list->scan_pending = false;
	pthread_mutex_unlock(&list->lock);
}

bool event_list_take_scan(struct event_list *list)
{
	bool rescan;

	pthread_mutex_lock(&list->lock);
	rescan = list->rescan;
	list->rescan = list->scan_pending = false;
	pthread_mutex_unlock(&list->lock);
	return rescan;
}

void event_list_set_known(struct event_list *list, struct vscsi_lun_addr *found, unsigned count)
{
	pthread_mutex_lock(&list->lock);
	set_known(list, found, count);
	pthread_mutex_unlock(&list->lock);
}

int event_list_learn(struct event_list *list, struct vscsi_lun_addr *found, unsigned count)
{
	int err;

	pthread_mutex_lock(&list->lock);
	err = learn(list, found, count);
	/* After a failure the differences are unknown: scan again. */
	if (err)
		list->rescan = true;
	tell(list);
	pthread_mutex_unlock(&list->lock);
	return err;
}

unsigned event_list_take(struct event_list *list, struct vscsi_event *out, unsigned max)
{
	unsigned count = 0;
	eventfd_t ignored;

	pthread_mutex_lock(&list->lock);
	while (count < max) {
		if (!list->count && list->pending)
			add_pending(list);
		if (!list->count)
			break;
		out[count++] = list->fifo[list->head];
		list->head = (list->head + 1) % EVENT_LIST_SIZE;
		list->count--;
	}
	tell(list);
	if (list->tell_fd >= 0 && !has_pending(list))
		eventfd_read(list->tell_fd, &ignored);
	pthread_mutex_unlock(&list->lock);
	return count;
}
