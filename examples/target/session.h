/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client connection: the socket, the negotiated features, its memory and its rings.
 */
#ifndef TARGET_SESSION_H
#define TARGET_SESSION_H

#include <linux/virtio_scsi.h>

#include "device.h"
#include "event.h"
#include "inflight.h"
#include "message.h"
#include "regions.h"
#include "ring.h"

#define RING_CONTROL      0
#define RING_EVENT        1
#define RING_REQUEST      2 /* first request queue */
#define RINGS_MAX         (RING_REQUEST + QUEUES_MAX)

#define SESSION_TRUNCATED "its shared memory was truncated while in use"

struct session {
	struct device *device;
	unsigned int nexus;     /* its index in the device's list */
	uint64_t client;        /* number of the connection, for messages */
	struct watch watch;     /* the socket; fd -1: no client */
	struct message message; /* being received */
	int backend_fd;         /* back-end channel; -1: none */
	bool owned;
	uint64_t features; /* negotiated */
	uint64_t protocol;
	uint8_t status;
	uint32_t sense_size; /* the writable fields of config space */
	uint32_t cdb_size;
	struct memory memory;
	struct inflight_area area; /* tracks rings that are started */
	struct event_list events;
	bool truncated; /* the client's memory, while a worker used it: to be disconnected */
	unsigned int ring_count;
	struct ring rings[RINGS_MAX];
};

/* session_init - initialize @s once, before its first client, as the device's one for @nexus. */
void session_init(struct session *s, struct device *d, unsigned int nexus);

/*
 * session_open - start a session on a connected socket, which the session owns from now on.
 * Returns 0 or a negative errno with the error text set; the socket is then closed.
 */
int session_open(struct session *s, int fd);

/*
 * session_close - disconnect the client and release its resources. Does nothing without a client.
 * @why: for the log
 */
void session_close(struct session *s, const char *why);

/* session_drop - the same, with a warning, because of what the client did. */
void session_drop(struct session *s, const char *why);

/* session_free - release what @s owns, disconnecting its client. */
void session_free(struct session *s);

/*
 * session_serve - process some requests from each of the main thread's rings that has any.
 * Returns whether to call it again at once, without waiting for anything.
 */
bool session_serve(struct session *s);

/* session_serve_rings - the same for control and request rings from @first to before @end. */
bool session_serve_rings(struct session *s, unsigned int first, unsigned int end);

/*
 * session_reset - reset the device to its state at the connection: no features, no rings. Other
 * clients notice nothing.
 */
void session_reset(struct session *s);

/* session_any_started - whether any ring is started. */
bool session_any_started(const struct session *s);

/* session_break_ring - ring_break(), with a warning that has the error text, and count it. */
void session_break_ring(struct session *s, struct ring *r);

/* session_call - ring_call() and count it. */
void session_call(struct ring *r);

/*
 * session_drain - process everything that is available in the request rings now, because a task
 * management function takes effect after the commands sent before it.
 */
void session_drain(struct session *s);

/* session_config - config space as the driver sees it (virtio 1.4, 5.6.4). */
struct virtio_scsi_config session_config(const struct session *s);

#endif
