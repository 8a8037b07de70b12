/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One client from its connection to its end: the socket, what was negotiated, its memory and its
 * rings.
 */
#ifndef TARGET_SESSION_H
#define TARGET_SESSION_H

#include <linux/virtio_scsi.h>

#include "device.h"
#include "inflight.h"
#include "regions.h"
#include "message.h"
#include "ring.h"

#define RING_CONTROL 0
#define RING_EVENT   1
#define RING_REQUEST 2 /* the first of them */
#define RINGS_MAX    (RING_REQUEST + QUEUES_MAX)

struct session {
	struct device *device;
	struct watch watch;     /* the socket; fd -1: there is no client */
	struct message message; /* the one being received */
	int backend_fd;         /* the channel for messages of ours; -1: none */
	bool owned;
	uint64_t features; /* negotiated */
	uint64_t protocol;
	uint8_t status;
	uint32_t sense_size; /* the two fields of config space that a driver may set */
	uint32_t cdb_size;
	struct memory memory;
	struct inflight_area area; /* where rings that start are tracked */
	unsigned int ring_count;
	struct ring rings[RINGS_MAX];
};

/* session_init - set up @s once, before the first client. */
void session_init(struct session *s, struct device *d);

/*
 * session_open - begin with a client on a connected socket, which the session now owns.
 * Returns 0 or a negative errno with a sentence; the socket is then closed.
 */
int session_open(struct session *s, int fd);

/* session_close - end with the client and give back everything it brought. May be called twice. */
void session_close(struct session *s);

/* session_free - release what session_init and the clients left. */
void session_free(struct session *s);

/*
 * session_serve - take requests from all rings that are due, some from each.
 * Returns whether it should be called again at once, without waiting for anything.
 */
bool session_serve(struct session *s);

/* session_reset - the device as it was when the client connected; features and rings are gone. */
void session_reset(struct session *s);

/* session_any_started - whether any ring is started. */
bool session_any_started(const struct session *s);

/* session_break_ring - ring_break(), counted. */
void session_break_ring(struct session *s, struct ring *r);

/* session_call - ring_call(), counted. */
void session_call(struct session *s, struct ring *r);

/*
 * session_drain - take all that is available in the request rings now, for a task management
 * function: what was sent before it takes effect before it.
 */
void session_drain(struct session *s);

/* session_config - config space as the driver sees it (virtio 1.4, 5.6.4). */
struct virtio_scsi_config session_config(const struct session *s);

#endif
