/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages about rings: what they set up, in which order, and the fds that come with them. */
#include <stdlib.h>
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
		free(rig->rings[i].owner);
		free(rig->rings[i].hash);
		memset(&rig->rings[i], 0, sizeof(rig->rings[i]));
		rig->rings[i].kick = rig->rings[i].call = rig->rings[i].err = -1;
	}
}

/* The books about descriptors have as many lines as the ring; each start begins with empty ones. */
static int set_num(struct rig *rig, struct ring *ring, uint32_t num)
{
	if (num == 0 || num > 32768 || num & (num - 1)) {
		rig_violate(rig, "a ring of %u entries", num);
		return 1;
	}
	free(ring->owner);
	free(ring->hash);
	ring->owner = calloc(num, sizeof(*ring->owner));
	ring->hash = calloc(num, sizeof(*ring->hash));
	ring->size = num;
	ring->have_num = true;
	return 0;
}

/* Where to go on reading; the used index is in the ring itself. */
static int set_base(struct rig *rig, struct ring *ring, uint32_t base)
{
	if (base > 0xffff)
		rig_violate(rig, "SET_VRING_BASE 0x%x on a split ring", base);
	ring->last_avail = (uint16_t)base;
	ring->have_base = true;
	return 0;
}

/* Translated at once, as some back-ends do: the memory has to be there. */
static int set_addr(struct rig *rig, struct ring *ring, const struct message *m)
{
	uint32_t flags;
	uint64_t a[4]; /* desc, used, avail, log */
	uint64_t n = ring->size;

	memcpy(&flags, m->payload + 4, sizeof(flags));
	memcpy(a, m->payload + 8, sizeof(a));
	if (flags || a[3])
		rig_violate(rig, "SET_VRING_ADDR with flags or log");
	if (!ring->have_num)
		rig_violate(rig, "SET_VRING_ADDR before SET_VRING_NUM");
	if (a[0] % 16 || a[2] % 2 || a[1] % 4)
		rig_violate(rig, "a ring is not aligned");
	ring->desc = rig_user(rig, a[0], 16 * n);
	ring->avail = rig_user(rig, a[2], 6 + 2 * n);
	ring->used = rig_user(rig, a[1], 6 + 8 * n);
	if (!ring->desc || !ring->avail || !ring->used) {
		rig_violate(rig, "a ring lies outside the memory");
		return 1;
	}
	ring->used_idx = ring->published = ring->used->idx;
	ring->used_flags = ring->used->flags;
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
