/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rings: vscsi-target's struct ring_ops over the model of a virtqueue. A batch is given back
 * newest first, so completions are out of order. A request is tracked as in flight from when it is
 * taken until the driver sees it as used.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend.h"
#include "target/crash.h"
#include "target/error.h"

#define MAX_ELEMS 1024

/* Of the request that is being executed. */
static struct device_elem elems[MAX_ELEMS];
static struct iovec pieces[MAX_ELEMS];

static void *translate(void *ctx, uint64_t addr, uint64_t len)
{
	uint64_t room = len;
	uint64_t at = rte_vhost_va_from_guest_pa(backend.memory, addr, &room);

	(void)ctx;
	return room == len ? (void *)(uintptr_t)at : NULL;
}

static struct sgl sgl_of(unsigned from, unsigned to)
{
	struct sgl list = {.iov = &pieces[from], .count = to - from};

	for (; from < to; from++) {
		pieces[from] = (struct iovec){elems[from].at, elems[from].len};
		list.len += elems[from].len;
	}
	return list;
}

/* Without in-flight tracking these calls do nothing. */
static int track(const struct peer_ring *p, uint16_t i, struct executed *e)
{
	const int vid = backend.session.watch.fd;
	const struct device_chain *c = &e->chain;
	unsigned last = (c->first + c->descs - 1u) % p->dev.size;

	e->entry = c->id;
	if (!p->dev.packed)
		return rte_vhost_set_inflight_desc_split(vid, i, c->id);
	return rte_vhost_set_inflight_desc_packed(vid, i, c->first, (uint16_t)last, &e->entry);
}

static void give_back(struct peer_ring *p, uint16_t i, const struct executed *e)
{
	const int vid = backend.session.watch.fd;

	if (p->dev.packed)
		rte_vhost_set_last_inflight_io_packed(vid, i, e->entry);
	else
		rte_vhost_set_last_inflight_io_split(vid, i, e->entry);
	device_give(&p->dev, &e->chain, e->written);
	device_show(&p->dev);
	crash_point(CRASH_SHOWN);
	if (p->dev.packed)
		rte_vhost_clr_inflight_desc_packed(vid, i, e->entry);
	else
		rte_vhost_clr_inflight_desc_split(vid, i, p->dev.used_idx, e->entry);
	crash_point(CRASH_CLEARED);
}

static int pop(struct ring *r, struct chain *c)
{
	struct peer_ring *p = &backend.rings[r->index];
	struct executed *e = &p->executed[p->count];

	if (!device_take(&p->dev, &e->chain, elems))
		return p->dev.broken ? set_error(EPROTO, "%s", p->dev.broken) : 0;
	if (track(p, (uint16_t)r->index, e))
		return set_error(EPROTO, "a request can't be tracked as in flight");
	*c = (struct chain){
		.slots = e->chain.slots,
		.out = sgl_of(0, e->chain.readable),
		.in = sgl_of(e->chain.readable, e->chain.count),
	};
	return 1;
}

/* The request that was taken last. */
static void push(struct ring *r, const struct chain *c, uint32_t written)
{
	struct peer_ring *p = &backend.rings[r->index];

	(void)c;
	p->executed[p->count++].written = written;
}

/* librte_vhost decides whether, and needs the positions for that. */
static void call(struct peer_ring *p, uint16_t i)
{
	const int vid = backend.session.watch.fd;
	uint32_t position = device_position(&p->dev);

	rte_vhost_set_vring_base(vid, i, (uint16_t)position, (uint16_t)(position >> 16));
	p->call_pending = rte_vhost_vring_call_nonblock(vid, i) == -EAGAIN;
}

/* The end of a batch. */
static bool wants_call(const struct ring *r)
{
	struct peer_ring *p = &backend.rings[r->index];

	while (p->count)
		give_back(p, (uint16_t)r->index, &p->executed[--p->count]);
	call(p, (uint16_t)r->index);
	return false;
}

static void enable_kicks(struct ring *r, bool on)
{
	struct ring_device *dev = &backend.rings[r->index].dev;

	if (on)
		device_sleep(dev);
	else
		device_poll_mode(dev);
}

static bool has_work(const struct ring *r)
{
	return device_waiting(&backend.rings[r->index].dev) > 0;
}

static const struct ring_ops ops = {
	.pop = pop,
	.push = push,
	.wants_call = wants_call,
	.enable_kicks = enable_kicks,
	.has_work = has_work,
};

bool rings_call_again(void)
{
	bool again = false;
	unsigned i;

	for (i = 0; i < RINGS_MAX; i++) {
		if (backend.rings[i].call_pending)
			call(&backend.rings[i], (uint16_t)i);
		again |= backend.rings[i].call_pending;
	}
	return again;
}

static void on_kick(struct watch *w)
{
	struct ring *r = w->owner;
	eventfd_t kicks = 0;

	eventfd_read(w->fd, &kicks);
	backend.device.counters.kicks += kicks;
	r->pending = true;
}

static void attach(struct peer_ring *p, uint16_t i, const struct rte_vhost_vring *parts)
{
	const uint64_t features = backend.session.features;
	uint16_t seen = 0;
	uint16_t used = 0;

	p->dev = (struct ring_device){
		.desc = parts->desc,
		.driver = parts->avail,
		.device = parts->used,
		.size = parts->size,
		.packed = features & BIT(VIRTIO_F_RING_PACKED),
		.event_idx = features & BIT(VIRTIO_RING_F_EVENT_IDX),
		.indirect = features & BIT(VIRTIO_RING_F_INDIRECT_DESC),
		.max_elems = MAX_ELEMS,
		.translate = translate,
	};
	device_attach(&p->dev);
	rte_vhost_get_vring_base(backend.session.watch.fd, i, &seen, &used);
	device_move(&p->dev, seen, used);
	p->executed = calloc(parts->size + 1u, sizeof(*p->executed));
	if (!p->executed)
		abort();
}

/* Each connection of the library has a new in-flight area: the library resends requests itself. */
static bool nothing_in_flight(int vid, uint16_t i)
{
	struct rte_vhost_ring_inflight area = {.resubmit_inflight = NULL};

	rte_vhost_get_vhost_ring_inflight(vid, i, &area);
	return !area.resubmit_inflight || !area.resubmit_inflight->resubmit_num;
}

/* The kick descriptor is librte_vhost's, which closes it at any time. The first kick is our own. */
void ring_serve(unsigned i)
{
	const int vid = backend.session.watch.fd;
	struct ring *r = &backend.session.rings[i];
	struct rte_vhost_vring parts;

	if (r->started)
		return;
	free(backend.memory);
	if (rte_vhost_get_vhost_vring(vid, (uint16_t)i, &parts) ||
	    rte_vhost_get_mem_table(vid, &backend.memory) ||
	    rte_vhost_get_negotiated_features(vid, &backend.session.features))
		abort();
	attach(&backend.rings[i], (uint16_t)i, &parts);
	r->ops = &ops;
	r->num = parts.size;
	r->started = true;
	r->enabled = true;
	r->polled = backend.device.options.poll;
	r->kick = (struct watch){-1, on_kick, r};
	if (loop_add(&backend.device.loop, &r->kick, dup(parts.kickfd)) ||
	    !nothing_in_flight(vid, (uint16_t)i)) {
		set_error(EPROTO, "it has no kicks, or requests in flight from before");
		session_break_ring(&backend.session, r);
	}
	eventfd_write(parts.kickfd, 1);
}

void ring_end(unsigned i)
{
	struct ring *r = &backend.session.rings[i];

	if (!r->started)
		return;
	loop_remove(&backend.device.loop, &r->kick);
	r->started = false;
	device_detach(&backend.rings[i].dev);
	free(backend.rings[i].executed);
	backend.rings[i] = (struct peer_ring){.count = 0};
}

void rings_end(void)
{
	unsigned i;

	for (i = 0; i < RINGS_MAX; i++)
		ring_end(i);
}
