/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What tests do with rings: chains are taken, used entries are put, truthfully or not, and both
 * sides are notified. The device's side of the rings itself is in tests/device.
 */
#include <endian.h>
#include <string.h>
#include <unistd.h>

#include "rig/internal.h"

/* A ring without addresses is none yet. Stopped ones have lost theirs. */
static struct ring *ring_of(struct rig *rig, unsigned queue)
{
	struct ring *ring = &rig->rings[queue % RIG_MAX_RINGS];

	return ring->have_addr ? ring : NULL;
}

/* Records the violation that the model of the ring found, if any. */
static void check_driver(struct rig *rig, unsigned queue, const struct ring *ring)
{
	if (ring->dev.broken)
		rig_violate(rig, "queue %u, chain %u: %s", queue, ring->dev.broken_id,
			    ring->dev.broken);
}

bool rig_running(struct rig *rig, unsigned queue)
{
	bool running;

	rig_lock(rig);
	running = rig->rings[queue].started && rig->rings[queue].enabled;
	rig_unlock(rig);
	return running;
}

void rig_wait_running(struct rig *rig, unsigned queue)
{
	rig_lock(rig);
	while (!rig_running(rig, queue) && rig_wait(rig, "a ring to run"))
		;
	rig_unlock(rig);
}

static bool take(struct rig *rig, unsigned queue, struct ring *ring, struct rig_chain *chain)
{
	struct device_elem elems[RIG_MAX_ELEMS];
	struct device_chain taken;
	bool ok = device_take(&ring->dev, &taken, elems);
	unsigned i;

	check_driver(rig, queue, ring);
	if (!ok)
		return false;
	chain->head = taken.id;
	chain->count = taken.count;
	chain->readable = taken.readable;
	chain->indirect = taken.indirect;
	for (i = 0; i < taken.count; i++)
		chain->elems[i] = (struct rig_elem){elems[i].addr, elems[i].at, elems[i].len,
						    elems[i].writable};
	framing_check(rig, queue, chain);
	return true;
}

bool rig_take(struct rig *rig, unsigned queue, struct rig_chain *chain)
{
	struct ring *ring;
	bool ok;

	rig_lock(rig);
	ring = ring_of(rig, queue);
	ok = ring && ring->started && ring->enabled && take(rig, queue, ring, chain);
	rig_unlock(rig);
	return ok;
}

unsigned rig_available(struct rig *rig, unsigned queue)
{
	struct ring *ring;
	unsigned n = 0;

	rig_lock(rig);
	ring = ring_of(rig, queue);
	if (ring)
		n = device_waiting(&ring->dev);
	rig_unlock(rig);
	return n;
}

static void put(struct rig *rig, unsigned queue, uint32_t id, uint32_t len, bool quiet)
{
	struct ring *ring;

	rig_lock(rig);
	ring = ring_of(rig, queue);
	if (ring) {
		device_lie(&ring->dev, id, len);
		check_driver(rig, queue, ring);
		ring->put++;
		if (!quiet)
			device_show(&ring->dev);
	}
	rig_unlock(rig);
}

void rig_put_quiet(struct rig *rig, unsigned queue, uint32_t id, uint32_t len)
{
	put(rig, queue, id, len, true);
}

void rig_put(struct rig *rig, unsigned queue, uint32_t id, uint32_t len)
{
	put(rig, queue, id, len, false);
}

void rig_move_used(struct rig *rig, unsigned queue, uint16_t by)
{
	struct ring *ring;

	rig_lock(rig);
	ring = ring_of(rig, queue);
	if (ring) {
		device_move_used(&ring->dev, by);
		device_show(&ring->dev);
	}
	rig_unlock(rig);
}

/* If the counter is full it has not been read: the waiting thread wakes up all the same. */
static void signal_fd(int fd)
{
	uint64_t one = 1;

	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

void rig_call(struct rig *rig, unsigned queue)
{
	rig_lock(rig);
	signal_fd(rig->rings[queue].call);
	rig->rings[queue].put = 0;
	rig_unlock(rig);
}

void rig_err(struct rig *rig, unsigned queue)
{
	rig_lock(rig);
	signal_fd(rig->rings[queue].err);
	rig_unlock(rig);
}

void rig_set_used_flags(struct rig *rig, unsigned queue, uint16_t flags)
{
	struct ring *ring;

	rig_lock(rig);
	ring = ring_of(rig, queue);
	if (ring)
		device_request(&ring->dev, flags, ring->dev.asked_event);
	rig_unlock(rig);
}

void rig_set_avail_event(struct rig *rig, unsigned queue, uint16_t event)
{
	struct ring *ring;

	rig_lock(rig);
	ring = ring_of(rig, queue);
	if (ring)
		device_request(&ring->dev, ring->dev.asked_flags, event);
	rig_unlock(rig);
}

static uint16_t peek(struct rig *rig, unsigned queue, uint16_t (*what)(const struct ring_device *))
{
	struct ring *ring;
	uint16_t value = 0;

	rig_lock(rig);
	ring = ring_of(rig, queue);
	if (ring)
		value = what(&ring->dev);
	rig_unlock(rig);
	return value;
}

static uint16_t avail_idx(const struct ring_device *dev)
{
	return le16toh(__atomic_load_n(&device_avail(dev)->idx, __ATOMIC_ACQUIRE));
}

uint16_t rig_avail_flags(struct rig *rig, unsigned queue)
{
	return peek(rig, queue, device_driver_flags);
}

uint16_t rig_avail_idx(struct rig *rig, unsigned queue)
{
	return peek(rig, queue, avail_idx);
}

uint16_t rig_used_event(struct rig *rig, unsigned queue)
{
	return peek(rig, queue, device_driver_event);
}

static void read_kick(struct ring *ring)
{
	uint64_t n;

	if (ring->kick >= 0 && read(ring->kick, &n, sizeof(n)) == (ssize_t)sizeof(n))
		ring->kicks += n;
}

uint64_t rig_kicks(struct rig *rig, unsigned queue)
{
	uint64_t kicks;

	rig_lock(rig);
	read_kick(&rig->rings[queue]);
	kicks = rig->rings[queue].kicks;
	rig_unlock(rig);
	return kicks;
}

unsigned rig_size(struct rig *rig, unsigned queue)
{
	return rig->rings[queue].size;
}

void *rig_desc(struct rig *rig, unsigned queue)
{
	return rig->rings[queue].dev.desc;
}

void *rig_avail(struct rig *rig, unsigned queue)
{
	return rig->rings[queue].dev.driver;
}

void *rig_used(struct rig *rig, unsigned queue)
{
	return rig->rings[queue].dev.device;
}

/* Where a ring stands, as GET_VRING_BASE is answered. */
uint32_t ring_base(const struct ring *ring)
{
	if (!ring->have_addr)
		return ring->base;
	return ring->dev.packed ? device_position(&ring->dev) : ring->dev.seen;
}

static bool all_run(struct rig *rig)
{
	unsigned i;

	for (i = 0; i < rig->opts.together; i++) {
		if (!rig_running(rig, i))
			return false;
	}
	return true;
}

/*
 * Serves what is there, asks to be told of more, and looks once again, so that no kick is missed.
 */
void ring_kicked(struct rig *rig, unsigned queue)
{
	struct ring *ring = &rig->rings[queue];
	struct rig_chain chain;

	read_kick(ring);
	if (rig->opts.start_on_kick && ring->have_addr)
		ring->started = true;
	rig_changed(rig);
	if (!rig->opts.on_chain || !ring->started || !ring->enabled || !all_run(rig))
		return;
	do {
		while (!rig->violated && rig_take(rig, queue, &chain))
			rig->opts.on_chain(rig, queue, &chain, rig->opts.ctx);
	} while (!rig->violated && !device_sleep(&ring->dev));
	check_driver(rig, queue, ring);
	if (ring->put)
		rig_call(rig, queue);
}
