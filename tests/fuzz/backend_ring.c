/* SPDX-License-Identifier: BSD-3-Clause */
/* The back-end's rings: starting, serving and breaking them. */
#include <sys/eventfd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "backend_parts.h"
#include "util/bits.h"

static void *memory_at(void *ctx, uint64_t addr, uint64_t len)
{
	unsigned i;

	(void)ctx;
	for (i = 0; i < be.nregions; i++) {
		const struct vu_region *r = &be.regions[i];

		if (range_inside(addr, len, r->guest, r->size))
			return (void *)(uintptr_t)(addr - r->guest + r->user);
	}
	return NULL;
}

/* One that can't map its ring goes no further with it. */
static bool is_mapped(const struct ring *ring, bool packed)
{
	const uint64_t at[] = {ring->addr.desc_user_addr, ring->addr.avail_user_addr,
			       ring->addr.used_user_addr};
	const uint64_t bytes[] = {16 * (uint64_t)ring->num,
				  packed ? 4 : 6 + 2 * (uint64_t)ring->num,
				  packed ? 4 : 6 + 8 * (uint64_t)ring->num};
	unsigned parts = 0;
	unsigned i;
	unsigned k;

	for (i = 0; i < be.nregions; i++) {
		for (k = 0; k < 3; k++)
			parts += range_inside(at[k], bytes[k], be.regions[i].user,
					      be.regions[i].size);
	}
	return parts == 3;
}

void ring_start(struct ring *ring)
{
	struct ring_device *dev = &ring->dev;
	bool packed = be.accepted & BIT(VIRTIO_F_RING_PACKED);

	if (ring->started || !ring->num || !is_mapped(ring, packed))
		return;
	ring->started = true;
	/* It was only stopped for a moment. */
	if (ring->base && ring->base == ring->stopped && dev->size == ring->num &&
	    dev->desc == (void *)(uintptr_t)ring->addr.desc_user_addr)
		return;
	/* The base isn't its own, so what is taken now may have been taken before. */
	be.ring_lied |= ring->base != (packed ? 0x80008000 : 0);
	device_detach(dev);
	dev->desc = (void *)(uintptr_t)ring->addr.desc_user_addr;
	dev->driver = (void *)(uintptr_t)ring->addr.avail_user_addr;
	dev->device = (void *)(uintptr_t)ring->addr.used_user_addr;
	dev->size = ring->num;
	dev->packed = packed;
	dev->in_order = be.accepted & BIT(VIRTIO_F_IN_ORDER);
	dev->event_idx = be.accepted & BIT(VIRTIO_RING_F_EVENT_IDX);
	dev->indirect = be.accepted & BIT(VIRTIO_RING_F_INDIRECT_DESC);
	dev->max_elems = BACKEND_ELEMS;
	dev->translate = memory_at;
	device_attach(dev);
	ring->nheld = 0;
	ring->lied = false;
	device_move(dev, (uint16_t)ring->base, (uint16_t)(packed ? ring->base >> 16 : ring->base));
}

uint32_t ring_stop(struct ring *ring)
{
	ring->started = false;
	ring->stopped = 0;
	if (ring->dev.holds)
		ring->stopped = ring->dev.packed ? device_position(&ring->dev) : ring->dev.seen;
	return ring->stopped;
}

void ring_call(struct ring *ring)
{
	if (device_show(&ring->dev) && ring->call >= 0)
		eventfd_write(ring->call, 1);
}

bool ring_take(struct ring *ring, struct held *held)
{
	struct device_elem elems[BACKEND_ELEMS];
	unsigned i;

	held->nout = held->nin = 0;
	if (!device_take(&ring->dev, &held->chain, elems))
		return false;
	for (i = 0; i < held->chain.count; i++) {
		struct iovec iov = {elems[i].at, elems[i].len};

		if (elems[i].writable)
			held->in[held->nin++] = iov;
		else
			held->out[held->nout++] = iov;
	}
	return true;
}

void ring_serve(struct ring *ring, unsigned index)
{
	eventfd_t ignored;

	if (!ring->started || index == 1)
		return;
	if (ring->kick >= 0)
		eventfd_read(ring->kick, &ignored);
	do {
		while (ring->nheld < BACKEND_HELD && ring_take(ring, &ring->held[ring->nheld])) {
			ring->nheld++;
			disks_serve(ring, index);
		}
	} while (ring->nheld < BACKEND_HELD && !ring->dev.broken && !device_sleep(&ring->dev));
}

/* Bytes of the parts of a ring that are the driver's and the device's. */
static uint8_t *byte_of(struct ring_device *dev, unsigned part, unsigned at)
{
	size_t driver = dev->packed ? 4 : 6 + 2 * (size_t)dev->size;
	size_t device = dev->packed ? 4 : 6 + 8 * (size_t)dev->size;

	switch (part % 3) {
	case 0:
		return (uint8_t *)dev->desc + at % (16 * dev->size);
	case 1:
		return (uint8_t *)dev->driver + at % driver;
	default:
		return (uint8_t *)dev->device + at % device;
	}
}

void backend_break(unsigned index, unsigned how, uint16_t a, uint32_t b)
{
	struct ring *ring = &be.rings[index % BACKEND_RINGS];
	struct ring_device *dev = &ring->dev;

	if (!ring->started || be.fd < 0)
		return;
	be.ring_lied = ring->lied = true;
	switch (how % 4) {
	case 0:
		device_lie(dev, a, b);
		ring_call(ring);
		break;
	case 1:
		if (dev->packed)
			device_write(dev, a % dev->size, (uint16_t)(b >> 16), b, (uint16_t)b);
		else
			device_show_idx(dev, a);
		break;
	case 2:
		if (ring->nheld && ring->held[0].nout)
			((uint8_t *)ring->held[0].out[0].iov_base)[a % 512] = (uint8_t)b;
		break;
	default:
		*byte_of(dev, b >> 8, a) = (uint8_t)b;
	}
}

/* A used entry that was a lie gives back what has its id. */
static bool is_in(const struct ring *ring, const struct held *held, const char *from, size_t len)
{
	unsigned i;

	if (!ring->dev.holds[held->chain.id].descs)
		return false;
	for (i = 1; i < held->nin; i++) {
		const char *at = held->in[i].iov_base;

		if (from < at + held->in[i].iov_len && at < from + len)
			return true;
	}
	return false;
}

bool backend_has(const void *memory, size_t len, bool lost)
{
	const struct ring *ring;
	unsigned i;

	backend_turn();
	for (ring = be.rings + 2; be.fd >= 0 && ring < be.rings + BACKEND_RINGS; ring++) {
		if (!ring->started || (ring->lied && !lost))
			continue;
		for (i = 0; i < ring->nheld; i++) {
			if (is_in(ring, &ring->held[i], memory, len))
				return true;
		}
	}
	return false;
}
