/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds the virtio structures by the function's list of capabilities (virtio 1.4, 4.1.4). Every
 * byte of the list is the device's word: pointers, lengths and offsets are checked before they
 * are used. Nothing here is ever written.
 */
#include <errno.h>
#include <stddef.h>

#include <linux/pci_regs.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_scsi.h>

#include "transport/pci/function.h"
#include "util/bits.h"
#include "util/error.h"

#define VENDOR       0x1af4
#define MODERN       (0x1040 + VIRTIO_ID_SCSI) /* virtio 1.4, 4.1.2.1 */
#define TRANSITIONAL 0x1004
#define CONFIG_SIZE  256 /* the capability list lies in the first 256 bytes (PCI 3.0, 6.7) */
#define FIRST_CAP    0x40
#define MAX_CAPS     48 /* as many as fit between 0x40 and 0x100 */

/* A capability as read: its fields, as numbers. */
struct capability {
	unsigned at;
	uint32_t id;
	uint32_t next;
	uint32_t len;
	uint32_t type;
	uint32_t bar;
	uint32_t offset;
	uint32_t length;
};

static int read_config(struct pci_bus *bus, unsigned offset, unsigned width, uint32_t *value)
{
	return bus->ops->config_read(bus, offset, width, value);
}

/*
 * The fields of one capability; those of virtio only where the capability is long enough to have
 * them and ends inside the configuration space, else its type is 0, which is not used.
 */
static int read_capability(struct pci_bus *bus, unsigned at, struct capability *cap)
{
	uint32_t head;
	uint32_t bar;
	int ret;

	*cap = (struct capability){.at = at};
	ret = read_config(bus, at, 4, &head);
	if (ret)
		return ret;
	cap->id = head & 0xff;
	cap->next = head >> 8 & 0xfc;
	cap->len = head >> 16 & 0xff;
	if (cap->id != PCI_CAP_ID_VNDR || cap->len < sizeof(struct virtio_pci_cap) ||
	    at + cap->len > CONFIG_SIZE)
		return 0;
	cap->type = head >> 24;
	ret = read_config(bus, at + VIRTIO_PCI_CAP_BAR, 4, &bar);
	cap->bar = bar & 0xff;
	if (!ret)
		ret = read_config(bus, at + VIRTIO_PCI_CAP_OFFSET, 4, &cap->offset);
	if (!ret)
		ret = read_config(bus, at + VIRTIO_PCI_CAP_LENGTH, 4, &cap->length);
	return ret;
}

/*
 * Whether the structure can be used. A length beyond the BAR's end is as good as the BAR's rest
 * when what is needed lies before that (4.1.4.1: cope with an unexpectedly large length). A
 * reserved BAR number is to be ignored; offsets that aren't aligned can't be accessed by the
 * rules of 4.1.3.1.
 */
static bool usable(struct pci_bus *bus, const struct capability *cap, uint64_t needed,
		   unsigned align, struct pci_window *w)
{
	uint64_t size;
	uint64_t len;

	if (cap->bar >= PCI_BARS || cap->offset & (align - 1) || cap->length < needed)
		return false;
	size = bus->ops->bar_size(bus, cap->bar);
	if (!range_inside(cap->offset, needed, 0, size))
		return false;
	len = size - cap->offset;
	if (len > cap->length)
		len = cap->length;
	*w = (struct pci_window){bus, cap->bar, cap->offset, len};
	return true;
}

/* The notification structure has one more field, which a capability may be too short for. */
static int take_notify(struct pci_bus *bus, const struct capability *cap, struct pci_layout *layout)
{
	const unsigned at = offsetof(struct virtio_pci_notify_cap, notify_off_multiplier);

	if (cap->len < sizeof(struct virtio_pci_notify_cap))
		return 0;
	if (!usable(bus, cap, 2, 2, &layout->notify))
		return 0;
	return read_config(bus, cap->at + at, 4, &layout->multiplier);
}

/* The first instance of a type that can be used is the one that counts (4.1.4.1). */
static int take(struct pci_bus *bus, const struct capability *cap, struct pci_layout *layout)
{
	if (cap->type == VIRTIO_PCI_CAP_COMMON_CFG && !layout->common.len)
		usable(bus, cap, sizeof(struct virtio_pci_common_cfg), 4, &layout->common);
	else if (cap->type == VIRTIO_PCI_CAP_DEVICE_CFG && !layout->device.len)
		usable(bus, cap, sizeof(struct virtio_scsi_config), 4, &layout->device);
	else if (cap->type == VIRTIO_PCI_CAP_NOTIFY_CFG && !layout->notify.len)
		return take_notify(bus, cap, layout);
	else if (cap->id == PCI_CAP_ID_EXP && !layout->express &&
		 cap->at + PCI_EXP_DEVCTL + 2 <= CONFIG_SIZE)
		layout->express = cap->at;
	else if (cap->id == PCI_CAP_ID_MSIX && !layout->msix &&
		 cap->at + PCI_MSIX_FLAGS + 2 <= CONFIG_SIZE)
		layout->msix = cap->at;
	return 0;
}

/* virtio 1.4, 4.1.2: which functions are ours. Any revision will do. */
static int check_identity(struct pci_bus *bus)
{
	uint32_t id;
	uint32_t sub;
	int ret;

	ret = read_config(bus, PCI_VENDOR_ID, 4, &id);
	if (!ret)
		ret = read_config(bus, PCI_SUBSYSTEM_ID, 2, &sub);
	if (ret)
		return ret;
	if (id == UINT32_MAX)
		return pci_gone(bus, "answers every read with ones");
	if ((id & 0xffff) == VENDOR && id >> 16 == MODERN)
		return 0;
	/* A transitional function names its type in the subsystem id (4.1.2.3). */
	if ((id & 0xffff) == VENDOR && id >> 16 == TRANSITIONAL && sub == VIRTIO_ID_SCSI)
		return 0;
	return error_set(-ENODEV,
			 "%s is %04x:%04x, which is no virtio-scsi function (1af4:1048 or "
			 "1af4:1004); lspci -nn lists them",
			 bus->name, id & 0xffff, id >> 16);
}

/* The list can be made to run in a circle, so the steps are counted. */
static int walk(struct pci_bus *bus, struct pci_layout *layout, unsigned *seen)
{
	struct capability cap;
	unsigned steps;
	uint32_t status;
	uint32_t at;
	int ret;

	ret = read_config(bus, PCI_STATUS, 2, &status);
	if (ret || !(status & PCI_STATUS_CAP_LIST))
		return ret;
	ret = read_config(bus, PCI_CAPABILITY_LIST, 1, &at);
	at &= 0xfc;
	for (steps = 0; !ret && at >= FIRST_CAP && steps < MAX_CAPS; steps++) {
		ret = read_capability(bus, at, &cap);
		*seen += cap.type != 0;
		if (!ret)
			ret = take(bus, &cap, layout);
		at = cap.next;
	}
	return ret;
}

int pci_find_layout(struct pci_bus *bus, struct pci_layout *layout)
{
	const char *missing;
	unsigned seen = 0;
	int ret;

	/* Until they are found, registers belong to a function that is gone. */
	*layout = (struct pci_layout){.common.bus = bus, .notify.bus = bus, .device.bus = bus};
	ret = check_identity(bus);
	if (!ret)
		ret = walk(bus, layout, &seen);
	if (ret)
		return ret;
	/* A function that went meanwhile is no reason to complain about its list. */
	missing = !layout->common.len   ? "common configuration"
		  : !layout->notify.len ? "notification"
		  : !layout->device.len ? "device configuration"
					: NULL;
	if (!missing)
		return 0;
	ret = check_identity(bus);
	if (ret)
		return ret;
	/* 4.1.5.1.1.1: no virtio capability at all means a legacy device. */
	if (!seen)
		return error_set(-ENODEV,
				 "%s is a legacy virtio function, which is not supported; start "
				 "QEMU's device without disable-modern=on",
				 bus->name);
	return error_set(-EPROTO, "%s has no usable %s structure among its capabilities", bus->name,
			 missing);
}
