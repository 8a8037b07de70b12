/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Client sessions, and processing their rings in turn.
 */
#include "session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/util/bits.h"
#include "error.h"
#include "request.h"
#include "task_management.h"
#include "worker.h"

#define BUDGET 64 /* requests from one ring before the next ring is processed */

void session_init(struct session *s, struct device *d, unsigned int nexus)
{
	struct worker *w;
	unsigned int i;

	*s = (struct session){.device = d, .watch = {.fd = -1}, .backend_fd = -1};
	s->nexus = nexus;
	d->sessions[nexus] = s;
	s->ring_count = RING_REQUEST + d->options.queues;
	for (i = 0; i < RINGS_MAX; i++) {
		w = worker_of(d, i);
		s->rings[i].worker = w;
		s->rings[i].loop = w ? &w->loop : &d->loop;
		s->rings[i].counters = w ? &w->counters : &d->counters;
		s->rings[i].index = i;
		s->rings[i].memory = &s->memory;
		s->rings[i].area = &s->area;
		s->rings[i].kick.fd = -1;
		s->rings[i].call_fd = -1;
		s->rings[i].err_fd = -1;
	}
}

static void on_readable(struct watch *w)
{
	struct session *s = w->owner;

	s->device->serving = s;
	if (s->truncated)
		session_drop(s, SESSION_TRUNCATED);
	else
		message_receive(s);
}

/* Clears what messages configure in a ring; the memory for segments is kept for the next client. */
static void reset_ring(struct ring *r)
{
	loop_remove(r->loop, &r->kick);
	ring_stop(r);
	r->num = 0;
	r->have_addr = false;
	r->start_base = 0;
	r->enabled = false;
}

static bool is_alone(const struct session *s)
{
	const struct device *d = s->device;
	unsigned int i;

	for (i = 0; i < NEXUSES && d->sessions[i]; i++)
		if (d->sessions[i] != s && d->sessions[i]->watch.fd >= 0)
			return false;
	return true;
}

/*
 * Each client has a device of its own, so only its own nexus is lost (SAM-5, "I_T nexus loss"). If
 * no other client uses the units, that is their hard reset too: they are started.
 */
void session_reset(struct session *s)
{
	unsigned int i;

	for (i = 0; i < s->ring_count; i++)
		reset_ring(&s->rings[i]);
	/* Nothing is in flight any more: the client needs a new area. */
	inflight_unmap(&s->area);
	s->features = 0;
	s->status = 0;
	s->sense_size = VIRTIO_SCSI_SENSE_DEFAULT_SIZE;
	s->cdb_size = VIRTIO_SCSI_CDB_DEFAULT_SIZE;
	s->events = (struct event_list){0};
	lun_table_power_on(&s->device->luns, s->nexus, is_alone(s));
}

/* Which process it is, if the kernel knows: that may have handed the socket on. */
static void log_connected(const struct session *s)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(s->watch.fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		log_line(LOG_INFO, "client %" PRIu64 " connected", s->client);
	else
		log_line(LOG_INFO, "client %" PRIu64 " connected: process %d of user %u", s->client,
			 (int)peer.pid, peer.uid);
}

int session_open(struct session *s, int fd)
{
	int rc;

	s->watch.ready = on_readable;
	s->watch.owner = s;
	message_init(&s->message);
	session_reset(s);
	rc = loop_add(&s->device->loop, &s->watch, fd);
	if (rc) {
		close(fd);
		return rc;
	}
	s->client = ++s->device->counters.clients;
	log_connected(s);
	return 0;
}

/*
 * Releases the rings before the memory they are in. All sockets and descriptors of the client are
 * closed here.
 */
static void disconnect(struct session *s)
{
	loop_remove(&s->device->loop, &s->watch);
	session_reset(s);
	message_drop_fds(&s->message);
	if (s->backend_fd >= 0)
		close(s->backend_fd);
	s->backend_fd = -1;
	s->owned = false;
	s->truncated = false;
	s->protocol = 0;
	memory_clear(&s->memory);
}

void session_close(struct session *s, const char *why)
{
	if (s->watch.fd < 0)
		return;
	log_line(LOG_INFO, "client %" PRIu64 " disconnected: %s", s->client, why);
	disconnect(s);
}

void session_drop(struct session *s, const char *why)
{
	warn("client %" PRIu64 " dropped: %s", s->client, why);
	disconnect(s);
}

void session_free(struct session *s)
{
	unsigned int i;

	session_close(s, "the target ends");
	for (i = 0; i < s->ring_count; i++)
		free(s->rings[i].iov);
}

bool session_any_started(const struct session *s)
{
	unsigned int i;

	for (i = 0; i < s->ring_count; i++)
		if (s->rings[i].started)
			return true;
	return false;
}

void session_break_ring(struct session *s, struct ring *r)
{
	warn("client %" PRIu64 ": ring %u is broken and will not be used again: %s", s->client,
	     r->index, last_error());
	ring_break(r);
	r->counters->broken_rings++;
}

void session_call(struct ring *r)
{
	r->counters->calls += ring_call(r);
}

/* Processes up to @budget requests of a control or request ring. */
static void serve_requests(struct session *s, struct ring *r, unsigned int budget)
{
	unsigned int done = 0;
	struct chain c;
	int64_t written;
	int rc = 0;

	/*
	 * Disable kicks while the ring is being processed: each would cost both sides a system
	 * call.
	 */
	r->ops->enable_kicks(r, false);
	r->pending = true;
	while (done < budget) {
		rc = ring_pop(r, &c);
		/* Empty: enable kicks, unless a request arrived in between. */
		if (!rc && ring_rearm(r))
			continue;
		if (rc <= 0)
			break;
		written = r->index == RING_CONTROL ? task_management(s, &c) : request(s, r, &c);
		if (written < 0) {
			rc = -1;
			break;
		}
		ring_push(r, &c, (uint32_t)written);
		done++;
	}
	/* If the budget is used up, requests may be left and kicks are off: check again. */
	if (done < budget)
		r->pending = false;
	if (done)
		session_call(r);
	/* Requests completed before the broken one have been announced. */
	if (done < budget && rc < 0)
		session_break_ring(s, r);
}

/* The event ring is processed only if there are events. */
static bool event_due(const struct session *s)
{
	return s->events.count || s->events.missed;
}

bool session_serve_rings(struct session *s, unsigned int first, unsigned int end)
{
	bool again = false;
	struct ring *r;
	unsigned int i;

	for (i = first; i < end && i < s->ring_count; i++) {
		r = &s->rings[i];
		if (i == RING_EVENT || !ring_runs(r) || !(r->pending || r->polled))
			continue;
		if (r->worker)
			r->worker->ring = r;
		serve_requests(s, r, BUDGET);
		again |= ring_runs(r) && (r->pending || r->polled);
	}
	return again;
}

bool session_serve(struct session *s)
{
	struct ring *r = &s->rings[RING_EVENT];
	bool again;

	/*
	 * The device status is ignored: a ring runs once it is kicked and enabled (vhost-user,
	 * "Ring states"), and QEMU 7.2 never sends DRIVER_OK for this kind of device.
	 */
	if (s->watch.fd < 0)
		return false;
	s->device->serving = s;
	if (ring_runs(r) && event_due(s) && (r->pending || r->polled || s->events.count))
		event_serve(s, r);
	again = ring_runs(r) && r->polled && s->events.missed;
	return again |
	       session_serve_rings(s, 0, s->device->worker_count ? RING_REQUEST : s->ring_count);
}

void session_drain(struct session *s)
{
	unsigned int i;

	for (i = RING_REQUEST; i < s->ring_count; i++)
		if (ring_runs(&s->rings[i]))
			serve_requests(s, &s->rings[i], s->rings[i].num);
}

/*
 * Always little-endian (virtio 1.4, 2.5.3). One channel; max_target and max_lun are the highest
 * possible addresses, not those in use, so that units can be added later.
 */
struct virtio_scsi_config session_config(const struct session *s)
{
	const struct options *o = &s->device->options;

	return (struct virtio_scsi_config){
		.num_queues = htole32(o->queues),
		.seg_max = htole32(o->seg_max),
		.max_sectors = htole32(o->max_sectors),
		.cmd_per_lun = htole32(o->cmd_per_lun),
		.event_info_size = htole32(sizeof(struct virtio_scsi_event)),
		.sense_size = htole32(s->sense_size),
		.cdb_size = htole32(s->cdb_size),
		.max_channel = 0,
		.max_target = htole16(MAX_TARGETS - 1),
		.max_lun = htole32(MAX_LUN_NUMBER),
	};
}
