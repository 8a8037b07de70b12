/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events of the event queue (virtio 1.4, 5.6.6.3): units that were added, removed or changed.
 */
#ifndef TARGET_EVENT_H
#define TARGET_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#define EVENTS_WAITING 16 /* between two iterations of the main loop */

/* One event in host byte order. */
struct event {
	uint32_t type;   /* VIRTIO_SCSI_T_... */
	uint32_t reason; /* depends on the type */
	uint8_t lun[8];
};

/* Events to be sent, in FIFO order. */
struct event_list {
	struct event waiting[EVENTS_WAITING];
	unsigned int count;
	bool missed; /* some were dropped: report it with the next buffer */
};

struct device;
struct session;
struct ring;

/*
 * event_post - send an event to all clients in the next iteration of the main loop.
 * @type, @reason: as in virtio 1.4, 5.6.6.3
 * If a client's list is full the event is dropped, and this is reported to it. Does not touch
 * client memory.
 */
void event_post(struct device *d, uint32_t type, uint32_t reason, uint8_t target, uint16_t number);

/*
 * event_serve - send the waiting events through the driver's event queue.
 * An event without a buffer in the queue is dropped; one that was not negotiated is never sent.
 */
void event_serve(struct session *s, struct ring *r);

#endif
