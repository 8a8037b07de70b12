/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages about rings: what they set up, in which order, and the fds that come with them. */
#include <endian.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "rig/internal.h"

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Both descriptors are closed at a stop, as real back-ends do: a restart has to bring new ones. */
void vring_stop(struct ring *ring)
{
	close_fd(&ring->kick);
	close_fd(&ring->call);
	close_fd(&ring->err);
	ring->started = false;
	ring->have_num = false;
	ring->have_base = false;
	ring->have_addr = false;
}

void vring_free(struct rig *rig)
{
	unsigned i;

	for (i = 0; i < RIG_MAX_RINGS; i++) {
		vring_stop(&rig->rings[i]);
		device_detach(&rig->rings[i].dev);
		memset(&rig->rings[i], 0, sizeof(rig->rings[i]));
		rig->rings[i].kick = rig->rings[i].call = rig->rings[i].err = -1;
	}
}

static int set_num(struct rig *rig, struct ring *ring, uint32_t num)
{
	bool packed = rig->features & RIG_F_PACKED;

	if (num == 0 || num > 32768 || (!packed && num & (num - 1))) {
		rig_violate(rig, "a ring of %u entries", num);
		return 1;
	}
	ring->size = num;
	ring->have_num = true;
	return 0;
}

/* Where to go on reading. Where a split ring's used entries go is in the ring itself. */
static void go_to_base(struct ring *ring)
{
	struct ring_device *dev = &ring->dev;

	if (dev->packed)
		device_move(dev, (uint16_t)ring->base, (uint16_t)(ring->base >> 16));
	else
		device_move(dev, (uint16_t)ring->base, le16toh(device_used(dev)->idx));
}

static int set_base(struct rig *rig, struct ring *ring, uint32_t base)
{
	if (base > 0xffff && !(rig->features & RIG_F_PACKED))
		rig_violate(rig, "SET_VRING_BASE 0x%x on a split ring", base);
	ring->base = base;
	ring->have_base = true;
	if (ring->have_addr)
		go_to_base(ring);
	return 0;
}

static void *memory_at(void *ctx, uint64_t addr, uint64_t len)
{
	return rig_guest(ctx, addr, len);
}

/* Each start begins with empty books about what is in flight. */
static void attach(struct rig *rig, struct ring *ring)
{
	struct ring_device *dev = &ring->dev;

	device_detach(dev);
	dev->size = ring->size;
	dev->packed = rig->features & RIG_F_PACKED;
	dev->in_order = rig->features & RIG_F_IN_ORDER;
	dev->event_idx = rig->features & RIG_F_EVENT_IDX;
	dev->indirect = rig->features & RIG_F_INDIRECT;
	dev->check_used = true;
	dev->max_elems = RIG_MAX_ELEMS;
	dev->translate = memory_at;
	dev->ctx = rig;
	device_attach(dev);
	if (!dev->packed)
		dev->asked_flags = le16toh(device_used(dev)->flags);
	go_to_base(ring);
}

/* Translated at once, as some back-ends do: the memory has to be there. */
static int set_addr(struct rig *rig, struct ring *ring, const struct message *m)
{
	bool packed = rig->features & RIG_F_PACKED;
	uint64_t n = ring->size;
	uint32_t flags;
	uint64_t a[4]; /* desc, device, driver, log */

	memcpy(&flags, m->payload + 4, sizeof(flags));
	memcpy(a, m->payload + 8, sizeof(a));
	if (flags || a[3])
		rig_violate(rig, "SET_VRING_ADDR with flags or log");
	if (!ring->have_num)
		rig_violate(rig, "SET_VRING_ADDR before SET_VRING_NUM");
	if (a[0] % 16 || a[2] % (packed ? 4 : 2) || a[1] % 4)
		rig_violate(rig, "a ring is not aligned");
	ring->dev.desc = rig_user(rig, a[0], 16 * n);
	ring->dev.driver = rig_user(rig, a[2], packed ? 4 : 6 + 2 * n);
	ring->dev.device = rig_user(rig, a[1], packed ? 4 : 6 + 8 * n);
	if (!n || !ring->dev.desc || !ring->dev.driver || !ring->dev.device) {
		rig_violate(rig, "a ring lies outside the memory");
		return 1;
	}
	attach(rig, ring);
	ring->have_addr = true;
	return 0;
}

/*
 * KICK is the start, so everything has to be there (vhost-user, "Ring states"); a back-end that
 * begins at once can wait for nothing more. Without bit 30 the ring is enabled by it too.
 */
static void start(struct rig *rig, struct ring *ring)
{
	if (!ring->have_num || !ring->have_base || !ring->have_addr || ring->call < 0)
		rig_violate(rig, "SET_VRING_KICK before NUM, BASE, ADDR and CALL");
	if (!(rig->features & RIG_F_VERSION_1))
		rig_violate(rig, "a ring starts before the features are set");
	inflight_ring(rig, (unsigned)(ring - rig->rings));
	ring->started = !rig->opts.start_on_kick && ring->have_addr && ring->have_num;
	if (!(rig->features & RIG_F_PROTOCOL))
		ring->enabled = true;
}

/* The ring is in the low eight bits; bit 8 would say that no descriptor comes along. */
static int set_fd(struct rig *rig, struct message *m)
{
	uint64_t value;
	struct ring *ring;
	int *slot;

	memcpy(&value, m->payload, sizeof(value));
	ring = &rig->rings[value & 0xff];
	if (value & ~0xffull || m->nfds != 1) {
		rig_violate(rig, "message %u says 0x%llx with %u descriptors", m->head.request,
			    (unsigned long long)value, m->nfds);
		return 1;
	}
	slot = &ring->kick;
	if (m->head.request == RIG_SET_VRING_CALL)
		slot = &ring->call;
	else if (m->head.request == RIG_SET_VRING_ERR)
		slot = &ring->err;
	close_fd(slot);
	*slot = m->fds[0];
	m->fds[0] = -1;
	if (slot == &ring->kick)
		start(rig, ring);
	else if (rig->opts.blocking)
		fcntl(*slot, F_SETFL, fcntl(*slot, F_GETFL) & ~O_NONBLOCK);
	return 0;
}

static int enable(struct rig *rig, struct ring *ring, uint32_t value)
{
	if (value > 1)
		rig_violate(rig, "SET_VRING_ENABLE %u", value);
	ring->enabled = value == 1;
	return 0;
}

int vring_message(struct rig *rig, struct message *m)
{
	uint32_t state[2];
	struct ring *ring;

	memcpy(state, m->payload, sizeof(state));
	if (m->head.request == RIG_SET_VRING_KICK || m->head.request == RIG_SET_VRING_CALL ||
	    m->head.request == RIG_SET_VRING_ERR)
		return set_fd(rig, m);
	if (state[0] >= rig->opts.queues || state[0] >= RIG_MAX_RINGS) {
		rig_violate(rig, "message %u names ring %u", m->head.request, state[0]);
		return 1;
	}
	ring = &rig->rings[state[0]];
	/* Nothing but ENABLE may change below a ring that runs. */
	if (ring->started && m->head.request != RIG_SET_VRING_ENABLE)
		rig_violate(rig, "message %u for ring %u, which runs", m->head.request, state[0]);
	switch (m->head.request) {
	case RIG_SET_VRING_NUM:
		return set_num(rig, ring, state[1]);
	case RIG_SET_VRING_BASE:
		return set_base(rig, ring, state[1]);
	case RIG_SET_VRING_ADDR:
		return set_addr(rig, ring, m);
	default:
		return enable(rig, ring, state[1]);
	}
}
