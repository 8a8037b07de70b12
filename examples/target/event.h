/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the driver should hear about without having asked (virtio 1.4, 5.6.6.3): units that came,
 * went, or changed.
 */
#ifndef TARGET_EVENT_H
#define TARGET_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#define EVENTS_WAITING 16 /* between two turns of the loop */

/* One event as the driver will see it, but in this machine's byte order. */
struct event {
	uint32_t type;   /* VIRTIO_SCSI_T_... */
	uint32_t reason; /* what it means depends on the type */
	uint8_t lun[8];
};

/* Events on their way to the event queue; there is no order to keep beyond first in, first out. */
struct event_list {
	struct event waiting[EVENTS_WAITING];
	unsigned int count;
	bool missed; /* some were lost: say so with the next buffer */
};

struct session;
struct ring;

/*
 * event_post - have an event sent with the next turn of the loop.
 * @type, @reason: as virtio 1.4, 5.6.6.3 defines them
 * Too many at once are lost, and that is reported. Touches no client memory.
 */
void event_post(struct event_list *l, uint32_t type, uint32_t reason, uint8_t target,
		uint16_t number);

/*
 * event_serve - send what waits to the driver, through its event queue.
 * An event for which the driver has put no buffer there is lost; one that was not negotiated is
 * never sent.
 */
void event_serve(struct session *s, struct ring *r);

#endif
