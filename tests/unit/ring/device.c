/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The model of a device at its end of a split ring. Fences are __sync_synchronize(): the programs
 * that compile the fences of the driver away must not take away these.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

static void broken(struct ring_device *dev, const char *rule)
{
	if (!dev->broken)
		dev->broken = rule;
}

void device_attach(struct ring_device *dev, void *desc, void *avail, void *used, unsigned size,
		   bool event_idx)
{
	memset(dev, 0, sizeof(*dev));
	dev->desc = desc;
	dev->avail = avail;
	dev->used = used;
	dev->size = size;
	dev->event_idx = event_idx;
	dev->shadow = calloc(size, sizeof(*dev->shadow));
	dev->have = calloc(size, sizeof(*dev->have));
	if (!dev->shadow || !dev->have)
		abort();
}

void device_detach(struct ring_device *dev)
{
	free(dev->shadow);
	free(dev->have);
	memset(dev, 0, sizeof(*dev));
}

uint16_t device_flags(const struct ring_device *dev)
{
	return le16toh(__atomic_load_n(&dev->avail->flags, __ATOMIC_RELAXED));
}

uint16_t device_used_event(const struct ring_device *dev)
{
	return le16toh(__atomic_load_n(&dev->avail->ring[dev->size], __ATOMIC_RELAXED));
}

static __virtio16 *avail_event(struct ring_device *dev)
{
	return (void *)&dev->used->ring[dev->size];
}

static void check_flags(struct ring_device *dev)
{
	uint16_t flags = device_flags(dev);

	if (dev->event_idx && flags)
		broken(dev, "R-SPLIT-22: avail.flags is not 0 with the event index");
	if (flags > 1)
		broken(dev, "R-SPLIT-20: avail.flags is neither 0 nor 1");
}

/* Reads the index; it only ever grows, by no more than there are free entries (2.7.6.1, 2.7.13). */
static void look(struct ring_device *dev)
{
	uint16_t idx = le16toh(__atomic_load_n(&dev->avail->idx, __ATOMIC_ACQUIRE));
	unsigned fresh = (uint16_t)(idx - dev->seen);
	unsigned known = (uint16_t)(dev->avail_idx - dev->seen);

	if (fresh < known)
		broken(dev, "R-SPLIT-17: the available index went backwards");
	if (fresh > dev->size - dev->out)
		broken(dev, "R-SPLIT-19: more chains than entries are exposed");
	dev->avail_idx = idx;
}

bool device_take(struct ring_device *dev, uint16_t *head)
{
	uint16_t at;

	check_flags(dev);
	look(dev);
	if (dev->broken || dev->avail_idx == dev->seen)
		return false;
	at = le16toh(__atomic_load_n(&dev->avail->ring[dev->seen % dev->size], __ATOMIC_RELAXED));
	if (at >= dev->size) {
		broken(dev, "R-SPLIT-18: a head outside the table");
		return false;
	}
	if (dev->have[at])
		broken(dev, "R-SPLIT-19: a chain is exposed twice");
	dev->have[at] = true;
	dev->shadow[at] = dev->desc[at];
	dev->out++;
	dev->seen++;
	*head = at;
	return true;
}

void device_use(struct ring_device *dev, uint16_t head, uint32_t len)
{
	if (!dev->have[head])
		abort();
	if (memcmp(&dev->shadow[head], &dev->desc[head], sizeof(dev->shadow[head])) != 0)
		broken(dev, "R-CLN-01: a descriptor changed while the device had it");
	dev->have[head] = false;
	dev->out--;
	device_lie(dev, head, len);
}

void device_lie(struct ring_device *dev, uint32_t id, uint32_t len)
{
	struct vring_used_elem *elem = &dev->used->ring[dev->used_idx % dev->size];

	__atomic_store_n(&elem->id, htole32(id), __ATOMIC_RELAXED);
	__atomic_store_n(&elem->len, htole32(len), __ATOMIC_RELAXED);
	dev->used_idx++;
}

bool device_show(struct ring_device *dev)
{
	uint16_t from = dev->shown;
	uint16_t i;

	device_show_idx(dev, dev->used_idx);
	__sync_synchronize();
	if (!dev->event_idx)
		return !(device_flags(dev) & VRING_AVAIL_F_NO_INTERRUPT);
	/* One descriptor at a time, as 2.7.7.2 has it; the driver's formula is not used here. */
	for (i = from; i != dev->used_idx; i++) {
		if (i == device_used_event(dev))
			return true;
	}
	return false;
}

void device_show_idx(struct ring_device *dev, uint16_t idx)
{
	dev->shown = idx;
	__atomic_store_n(&dev->used->idx, htole16(idx), __ATOMIC_RELEASE);
}

bool device_sleep(struct ring_device *dev)
{
	if (dev->event_idx)
		__atomic_store_n(avail_event(dev), htole16(dev->seen), __ATOMIC_RELAXED);
	else
		__atomic_store_n(&dev->used->flags, htole16(0), __ATOMIC_RELAXED);
	__sync_synchronize();
	look(dev);
	return dev->avail_idx == dev->seen;
}

void device_poll_mode(struct ring_device *dev)
{
	if (dev->event_idx)
		device_wish(dev, 0, (uint16_t)(dev->seen - 1));
	else
		device_wish(dev, VRING_USED_F_NO_NOTIFY, 0);
}

void device_wish(struct ring_device *dev, uint16_t flags, uint16_t event)
{
	__atomic_store_n(&dev->used->flags, htole16(flags), __ATOMIC_RELAXED);
	__atomic_store_n(avail_event(dev), htole16(event), __ATOMIC_RELAXED);
}
