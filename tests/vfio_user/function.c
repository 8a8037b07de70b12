/* SPDX-License-Identifier: BSD-3-Clause */
/* The PCI function: configuration space, and the registers of its one BAR. */
#include <endian.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtio_pci.h>

#include "vfio_user/server.h"

#define BAR        4u
#define CONFIG     7u
#define COMMON_END 0x1000u
#define DEVICE     0x2000u
#define NOTIFY     0x3000u
#define COMMAND    0x04u
#define BAR4       0x20u
#define MSIX       0x50u

#define FEATURE(n) (UINT64_C(1) << (n))

#define AT(field)  offsetof(struct virtio_pci_common_cfg, field)

void server_broken(struct server *s, const char *rule)
{
	if (!*s->broken)
		snprintf(s->broken, sizeof(s->broken), "%s", rule);
}

static void put(struct server *s, unsigned at, unsigned width, uint32_t value)
{
	uint32_t v = htole32(value);

	memcpy(s->config + at, &v, width);
}

static uint32_t get(const struct server *s, unsigned at, unsigned width)
{
	uint32_t v = 0;

	memcpy(&v, s->config + at, width);
	return le32toh(v);
}

static unsigned cap(struct server *s, unsigned at, unsigned type, uint32_t offset, uint32_t len)
{
	unsigned size = type == VIRTIO_PCI_CAP_NOTIFY_CFG ? 20 : 16;

	put(s, at, 4, 0x09u | (at + 0x18) << 8 | size << 16 | type << 24);
	put(s, at + 4, 4, BAR);
	put(s, at + 8, 4, offset);
	put(s, at + 12, 4, len);
	if (size > 16)
		put(s, at + 16, 4, 4);
	return at + 0x18;
}

void server_build(struct server *s)
{
	unsigned at = 0x60;
	uint32_t device[9] = {htole32(s->habits & SERVER_ALL_QUEUES ? s->queues : s->queues - 2),
			      htole32(29),
			      htole32(0xffff),
			      htole32(128),
			      htole32(16),
			      htole32(96),
			      htole32(32),
			      0,
			      htole32(0)};

	put(s, 0, 4, 0x10481af4);
	put(s, 6, 2, 0x10);
	put(s, 0x34, 1, MSIX);
	put(s, BAR4, 4, 0x4);
	put(s, MSIX, 4, 0x11u | at << 8 | (s->vectors - 1) << 16);
	at = cap(s, at, VIRTIO_PCI_CAP_COMMON_CFG, 0, 0x1000);
	at = cap(s, at, VIRTIO_PCI_CAP_ISR_CFG, 0x1000, 0x1000);
	at = cap(s, at, VIRTIO_PCI_CAP_DEVICE_CFG, DEVICE, 0x1000);
	at = cap(s, at, VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY, 0x1000);
	put(s, at - 0x18 + 1, 1, 0);
	/* max_channel 0, max_target 7 and 16383 LUNs. */
	device[7] = htole32(7u << 16);
	device[8] = htole32(16383);
	memcpy(s->device, device, sizeof(s->device));
	server_reset_function(s, true);
}

void server_reset_function(struct server *s, bool all)
{
	unsigned i;

	server_stop_rings(s);
	s->accepted = 0;
	s->status = 0;
	s->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (i = 0; i < SERVER_QUEUES; i++) {
		s->rings[i].size = s->queue_max;
		s->rings[i].vector = VIRTIO_MSI_NO_VECTOR;
		s->rings[i].enable = 0;
		memset(s->rings[i].address, 0, sizeof(s->rings[i].address));
	}
	if (!all)
		return;
	put(s, COMMAND, 2, 0);
	put(s, BAR4, 4, 0x4);
	put(s, BAR4 + 4, 4, 0);
	put(s, MSIX + 2, 2, s->vectors - 1);
	s->unmasked = false;
}

static bool bar_answers(const struct server *s)
{
	return !(s->habits & SERVER_NEEDS_PLACE) ||
	       (get(s, COMMAND, 2) & 2 && (get(s, BAR4, 4) & ~0xfu || get(s, BAR4 + 4, 4)));
}

static void access_config(struct server *s, bool write, unsigned at, unsigned width, uint8_t *data)
{
	uint8_t low = s->config[BAR4] & 0xf;

	if (!write) {
		memcpy(data, s->config + at, width);
		return;
	}
	if (at != COMMAND && at != MSIX + 2 && (at < 0x10 || at > 0x24))
		server_broken(s, "a register of the configuration space that is not to be written");
	memcpy(s->config + at, data, width);
	s->config[BAR4] = (uint8_t)((s->config[BAR4] & 0xf0) | low);
}

static uint32_t read_queue(const struct server_queue *q, unsigned at)
{
	switch (at) {
	case AT(queue_size):
		return q->size;
	case AT(queue_msix_vector):
		return q->vector;
	case AT(queue_enable):
		return q->enable;
	}
	return 0;
}

static uint32_t read_common(struct server *s, unsigned at)
{
	static const struct server_queue none;
	const struct server_queue *q = s->select < s->queues ? &s->rings[s->select] : &none;

	switch (at) {
	case AT(device_feature):
		return s->device_select > 1 ? 0 : (uint32_t)(s->features >> 32 * s->device_select);
	case AT(msix_config):
		return s->config_vector;
	case AT(num_queues):
		return s->queues;
	case AT(device_status):
		return s->status;
	case AT(config_generation):
		return s->generation;
	case AT(queue_notify_off):
		return s->select;
	}
	return read_queue(q, at);
}

static uint16_t vector(const struct server *s, uint32_t value)
{
	return value < s->vectors ? (uint16_t)value : VIRTIO_MSI_NO_VECTOR;
}

static void write_status(struct server *s, uint8_t value)
{
	if (!value) {
		if (s->held && s->habits & SERVER_WEDGES)
			s->silent = true;
		server_reset_function(s, false);
		return;
	}
	/* FEATURES_OK: the set is agreed upon. */
	if (value & 8 && !(s->accepted & FEATURE(33)) && s->habits & SERVER_NEEDS_PLATFORM)
		value &= (uint8_t)~8u;
	s->status = value;
	if (value & 4 && !(get(s, COMMAND, 2) & 4))
		server_broken(s, "DRIVER_OK without bus mastering");
}

static void write_queue(struct server *s, struct server_queue *q, unsigned at, uint32_t value)
{
	if (at >= AT(queue_desc_lo) && at <= AT(queue_used_hi)) {
		q->address[(at - AT(queue_desc_lo)) / 4] = value;
		return;
	}
	if (at == AT(queue_size))
		q->size = (uint16_t)value;
	else if (at == AT(queue_msix_vector))
		q->vector = vector(s, value);
	else if (at == AT(queue_enable) && value == 1)
		server_start_ring(s, s->select);
	else
		server_broken(s, "a register of the BAR that is not to be written");
}

static void write_common(struct server *s, unsigned at, uint32_t value)
{
	switch (at) {
	case AT(device_feature_select):
		s->device_select = value;
		return;
	case AT(guest_feature_select):
		s->driver_select = value;
		return;
	case AT(guest_feature):
		if (s->driver_select < 2) {
			s->accepted &= ~(UINT64_C(0xffffffff) << 32 * s->driver_select);
			s->accepted |= (uint64_t)value << 32 * s->driver_select;
		}
		return;
	case AT(msix_config):
		s->config_vector = vector(s, value);
		return;
	case AT(device_status):
		write_status(s, (uint8_t)value);
		return;
	case AT(queue_select):
		s->select = (uint16_t)value;
		return;
	}
	if (s->select < s->queues)
		write_queue(s, &s->rings[s->select], at, value);
}

static void kick(struct server *s, unsigned queue)
{
	__atomic_fetch_add(&s->kicks, 1, __ATOMIC_SEQ_CST);
	if (queue < s->queues) {
		s->rings[queue].kicks++;
		server_serve(s, queue);
	}
}

/* Whether an access is one of the device's configuration, whose offset is @at then. */
static bool is_device(const struct server *s, unsigned *at, unsigned width)
{
	if (*at < DEVICE || *at - DEVICE + width > sizeof(s->device))
		return false;
	*at -= DEVICE;
	return true;
}

static bool access_bar(struct server *s, bool write, unsigned at, unsigned width, uint8_t *data)
{
	uint32_t value = 0;

	if (!bar_answers(s))
		return false;
	if (write) {
		memcpy(&value, data, width);
		value = le32toh(value);
		if (at < COMMON_END)
			write_common(s, at, value);
		else if (at >= NOTIFY && at < NOTIFY + 0x1000)
			kick(s, (at - NOTIFY) / 4);
		else if (is_device(s, &at, width))
			memcpy(s->device + at, data, width);
		return true;
	}
	if (at < COMMON_END)
		value = htole32(read_common(s, at));
	else if (is_device(s, &at, width))
		memcpy(&value, s->device + at, width);
	memcpy(data, &value, width);
	return true;
}

bool server_access(struct server *s, bool write, unsigned region, uint64_t offset, unsigned width,
		   uint8_t *data)
{
	if (region == CONFIG && offset + width <= s->config_size) {
		access_config(s, write, (unsigned)offset, width, data);
		return true;
	}
	if (region == BAR && offset + width <= 0x4000)
		return access_bar(s, write, (unsigned)offset, width, data);
	server_broken(s, "an access outside of all regions");
	return true;
}
