/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event queue (virtio 1.4, 5.6.6.3).
 */
#include "event.h"

#include <linux/virtio_scsi.h>
#include <string.h>

#include "../../src/util/bits.h"
#include "session.h"

/* Only queues the event; event_serve sends it later, so callers need not handle rings or faults. */
void event_post(struct device *d, uint32_t type, uint32_t reason, uint8_t target, uint16_t number)
{
	struct event e = {.type = type, .reason = reason, .lun = {1, target}};
	struct event_list *l;
	unsigned int i;

	put_be16(e.lun + 2, number);
	/*
	 * Peripheral device addressing up to 255, flat space above (SAM-5, "Single level LUN
	 * structure").
	 */
	if (number > 255)
		e.lun[2] |= 0x40;
	for (i = 0; i < NEXUSES && d->sessions[i]; i++) {
		l = &d->sessions[i]->events;
		if (l->count < EVENTS_WAITING)
			l->waiting[l->count++] = e;
		else
			l->missed = true;
	}
}

/* An event that the driver did not negotiate must not be sent (virtio 1.4, 5.6.3). */
static bool negotiated(const struct session *s, const struct event *e)
{
	if (e->type == VIRTIO_SCSI_T_TRANSPORT_RESET)
		return s->features & BIT(VIRTIO_SCSI_F_HOTPLUG);
	return s->features & BIT(VIRTIO_SCSI_F_CHANGE);
}

/* Fills the next buffer. Returns false if there is none or the ring is broken. */
static bool send(struct session *s, struct ring *r, const struct event *e)
{
	struct virtio_scsi_event d = {
		.event = htole32(e->type),
		.reason = htole32(e->reason),
	};
	struct chain c;
	int rc;

	/* A buffer that is too short is filled partially; drivers should offer event_info_size. */
	rc = ring_pop(r, &c);
	if (rc < 0)
		session_break_ring(s, r);
	if (rc <= 0)
		return false;
	memcpy(d.lun, e->lun, sizeof(d.lun));
	ring_push(r, &c, (uint32_t)sgl_write(&c.in, &d, sizeof(d)));
	s->device->counters.events++;
	return true;
}

/* An event without a buffer is dropped; only the fact that one was missed is kept (5.6.6.3). */
static void send_waiting(struct session *s, struct ring *r, struct event_list *l)
{
	unsigned int i;

	for (i = 0; i < l->count; i++) {
		if (!negotiated(s, &l->waiting[i]))
			continue;
		if (l->missed)
			l->waiting[i].type |= VIRTIO_SCSI_T_EVENTS_MISSED;
		if (send(s, r, &l->waiting[i])) {
			l->missed = false;
			continue;
		}
		l->missed = true;
		s->device->counters.events_missed++;
	}
	l->count = 0;
}

void event_serve(struct session *s, struct ring *r)
{
	static const struct event lost = {.type = VIRTIO_SCSI_T_EVENTS_MISSED};
	struct event_list *l = &s->events;
	uint64_t before = s->device->counters.events;

	r->pending = false;
	send_waiting(s, r, l);
	/* Report it as soon as there is a buffer, even without another event (5.6.6.3). */
	while (!r->broken && l->missed) {
		if (send(s, r, &lost))
			l->missed = false;
		else if (r->broken || !ring_rearm(r))
			break;
	}
	if (s->device->counters.events != before)
		session_call(r);
}
