/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's side of a virtqueue: see ring.h. Taking and checking chains is in walk.c. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "device/walk.h"

void device_attach(struct ring_device *dev)
{
	dev->generation++;
	dev->shadow = calloc(dev->size, sizeof(*dev->shadow));
	dev->owner = calloc(dev->size, sizeof(*dev->owner));
	dev->holds = calloc(dev->size, sizeof(*dev->holds));
	if (!dev->shadow || !dev->owner || !dev->holds)
		abort();
	dev->asked_flags = 0;
	dev->asked_event = 0;
	dev->out = 0;
	dev->broken = NULL;
	/* Both wrap counters start at 1 (2.8.1). */
	device_move(dev, dev->packed ? DEVICE_WRAP : 0, dev->packed ? DEVICE_WRAP : 0);
}

void device_detach(struct ring_device *dev)
{
	free(dev->shadow);
	free(dev->owner);
	free(dev->holds);
	dev->shadow = NULL;
	dev->owner = NULL;
	dev->holds = NULL;
}

void device_move(struct ring_device *dev, uint16_t seen, uint16_t used)
{
	uint16_t mask = dev->packed ? DEVICE_WRAP - 1 : UINT16_MAX;

	dev->seen = seen & mask;
	dev->seen_wrap = seen & DEVICE_WRAP;
	dev->used_idx = used & mask;
	dev->used_wrap = used & DEVICE_WRAP;
	dev->avail_idx = dev->seen;
	dev->shown = dev->used_idx;
	dev->shown_wrap = dev->used_wrap;
	dev->place = (uint16_t)(seen % dev->size);
}

static uint16_t with_wrap(const struct ring_device *dev, uint16_t at, bool wrap)
{
	return (uint16_t)(dev->packed && wrap ? at | DEVICE_WRAP : at);
}

uint32_t device_position(const struct ring_device *dev)
{
	return with_wrap(dev, dev->seen, dev->seen_wrap) |
	       (uint32_t)with_wrap(dev, dev->used_idx, dev->used_wrap) << 16;
}

/* Forgets a chain that is held, by private copies alone. */
static void forget(struct ring_device *dev, uint16_t id)
{
	struct device_hold *hold = &dev->holds[id];
	uint16_t at = hold->first;
	unsigned i;

	for (i = 0; !dev->packed && i < hold->descs; i++) {
		dev->owner[at] = 0;
		at = le16toh(((struct vring_desc *)(void *)dev->shadow)[at].next);
	}
	dev->out -= dev->packed ? hold->descs : 1;
	hold->descs = 0;
}

static bool is_held(const struct ring_device *dev, const struct device_chain *chain)
{
	return chain->generation == dev->generation && dev->holds[chain->id].descs;
}

void device_drop(struct ring_device *dev, const struct device_chain *chain)
{
	if (!is_held(dev, chain))
		return;
	walk_check_held(dev, chain->id);
	forget(dev, chain->id);
}

uint16_t device_used_bits(const struct ring_device *dev)
{
	return dev->used_wrap ? DEVICE_AVAIL | DEVICE_USED : 0;
}

void device_write(struct ring_device *dev, unsigned at, uint16_t id, uint32_t len, uint16_t flags)
{
	struct vring_packed_desc *desc = &device_packed(dev)[at];

	__atomic_store_n(&desc->id, htole16(id), __ATOMIC_RELAXED);
	__atomic_store_n(&desc->len, htole32(len), __ATOMIC_RELAXED);
	/* Release: id, length and what the device wrote are there before these (2.8.22). */
	__atomic_store_n(&desc->flags, htole16(flags), __ATOMIC_RELEASE);
}

/* Appends a used entry; the next one comes @slots further. */
static void append(struct ring_device *dev, uint32_t id, uint32_t len, unsigned slots)
{
	struct vring_used_elem *elem;
	unsigned to = dev->used_idx + slots;

	if (!dev->packed) {
		elem = &device_used(dev)->ring[dev->used_idx % dev->size];
		__atomic_store_n(&elem->id, htole32(id), __ATOMIC_RELAXED);
		__atomic_store_n(&elem->len, htole32(len), __ATOMIC_RELAXED);
		dev->used_idx = (uint16_t)to;
		return;
	}
	/* NEXT means nothing there (2.8.6). */
	device_write(dev, dev->used_idx, (uint16_t)id, len,
		     (uint16_t)(device_used_bits(dev) | VRING_DESC_F_WRITE |
				(len & VRING_DESC_F_NEXT)));
	if (to >= dev->size) {
		to -= dev->size;
		dev->used_wrap = !dev->used_wrap;
	}
	dev->used_idx = (uint16_t)to;
}

bool device_give_batch(struct ring_device *dev, const struct device_chain *chains, unsigned count,
		       uint32_t len)
{
	unsigned slots = 0;
	unsigned i;

	for (i = 0; i < count; i++) {
		if (!is_held(dev, &chains[i]))
			return false;
		slots += chains[i].slots;
	}
	for (i = 0; i < count; i++)
		device_drop(dev, &chains[i]);
	/* Whose descriptors the entry covers has nothing to do with whose chain it ends. */
	if (dev->packed)
		walk_check_covered(dev, slots);
	append(dev, chains[count - 1].id, len, slots);
	return true;
}

bool device_give(struct ring_device *dev, const struct device_chain *chain, uint32_t len)
{
	return device_give_batch(dev, chain, 1, len);
}

void device_lie(struct ring_device *dev, uint32_t id, uint32_t len)
{
	unsigned slots = 1;

	if (id < dev->size && dev->holds[id].descs) {
		slots = dev->packed ? dev->holds[id].descs : 1;
		walk_check_held(dev, (uint16_t)id);
		forget(dev, (uint16_t)id);
	}
	append(dev, id, len, slots);
}

void device_move_used(struct ring_device *dev, unsigned by)
{
	dev->used_idx = (uint16_t)(dev->used_idx + by);
}

uint16_t device_driver_flags(const struct ring_device *dev)
{
	const struct vring_packed_desc_event *event = dev->driver;

	return device_load(dev->packed ? &event->flags : &device_avail(dev)->flags);
}

uint16_t device_driver_event(const struct ring_device *dev)
{
	const struct vring_packed_desc_event *event = dev->driver;

	return device_load(dev->packed ? &event->off_wrap : &device_avail(dev)->ring[dev->size]);
}

/* One entry at a time, as the text of 2.8.10 has it; the driver's formula is not used here. */
static bool wants_packed(struct ring_device *dev)
{
	uint32_t word = le32toh(__atomic_load_n((const uint32_t *)dev->driver, __ATOMIC_RELAXED));
	uint16_t flags = (uint16_t)(word >> 16);
	bool wants = false;

	if (flags & ~3u || flags == 3)
		walk_broken(dev, 0, "R-PACK-40: reserved bits in the driver's event structure");
	if (flags == VRING_PACKED_EVENT_FLAG_DESC && !dev->event_idx)
		walk_broken(dev, 0, "R-PACK-39: a descriptor event without the event index");
	while (dev->shown != dev->used_idx || dev->shown_wrap != dev->used_wrap) {
		wants |= flags == VRING_PACKED_EVENT_FLAG_ENABLE ||
			 (flags == VRING_PACKED_EVENT_FLAG_DESC &&
			  (uint16_t)word == with_wrap(dev, dev->shown, dev->shown_wrap));
		if (++dev->shown == dev->size) {
			dev->shown = 0;
			dev->shown_wrap = !dev->shown_wrap;
		}
	}
	return wants;
}

/* Likewise, as 2.7.7.2 has it. */
static bool wants_split(struct ring_device *dev, uint16_t from)
{
	uint16_t flags = le16toh(__atomic_load_n(&device_avail(dev)->flags, __ATOMIC_RELAXED));
	uint16_t event =
		le16toh(__atomic_load_n(&device_avail(dev)->ring[dev->size], __ATOMIC_RELAXED));
	bool wants = false;

	for (; from != dev->used_idx; from++)
		wants |= dev->event_idx ? from == event : !(flags & VRING_AVAIL_F_NO_INTERRUPT);
	return wants;
}

bool device_show(struct ring_device *dev)
{
	uint16_t from = dev->shown;

	if (!dev->packed)
		device_show_idx(dev, dev->used_idx);
	/* What is shown is visible before the driver's request is read: pairs with the driver's. */
	__sync_synchronize();
	return dev->packed ? wants_packed(dev) : wants_split(dev, from);
}

void device_show_idx(struct ring_device *dev, uint16_t idx)
{
	dev->shown = idx;
	__atomic_store_n(&device_used(dev)->idx, htole16(idx), __ATOMIC_RELEASE);
}

void device_request(struct ring_device *dev, uint16_t flags, uint16_t event)
{
	uint32_t word = event | (uint32_t)flags << 16;
	uint16_t *avail_event;

	dev->asked_flags = flags;
	dev->asked_event = event;
	if (dev->packed) {
		__atomic_store_n((uint32_t *)dev->device, htole32(word), __ATOMIC_RELAXED);
		return;
	}
	avail_event = (void *)&device_used(dev)->ring[dev->size];
	__atomic_store_n(&device_used(dev)->flags, htole16(flags), __ATOMIC_RELAXED);
	__atomic_store_n(avail_event, htole16(event), __ATOMIC_RELAXED);
}

bool device_sleep(struct ring_device *dev)
{
	if (!dev->packed)
		device_request(dev, 0, dev->seen);
	else if (dev->event_idx)
		device_request(dev, VRING_PACKED_EVENT_FLAG_DESC,
			       with_wrap(dev, dev->seen, dev->seen_wrap));
	else
		device_request(dev, VRING_PACKED_EVENT_FLAG_ENABLE, 0);
	/* The request is visible before the ring is read again: pairs with the driver's fence. */
	__sync_synchronize();
	return !walk_look(dev);
}

void device_poll_mode(struct ring_device *dev)
{
	if (dev->packed)
		device_request(dev, VRING_PACKED_EVENT_FLAG_DISABLE, 0);
	else
		device_request(dev, dev->event_idx ? 0 : VRING_USED_F_NO_NOTIFY,
			       (uint16_t)(dev->seen - 1));
}
