/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts of a VFIO function. The kernel owns the MSI-X table in the BAR: it is neither mapped
 * nor written here.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "transport/vfio/vfio.h"
#include "transport/transport.h"
#include "util/error.h"
#include "util/fd.h"

#define MAX_VECTORS 2048u /* of any function (PCI 3.0, 6.8.2) */

/*
 * Returns the result of the ioctl. Allocates nothing, so that closing a device can't fail for lack
 * of memory.
 */
static int set(struct vfio *v, unsigned index, const int *fds, unsigned count)
{
	union {
		struct vfio_irq_set head;
		char bytes[sizeof(struct vfio_irq_set) + MAX_VECTORS * sizeof(*fds)];
	} irqs;

	if (count > MAX_VECTORS) {
		errno = EINVAL;
		return -1;
	}
	irqs.head = (struct vfio_irq_set){
		.argsz = (uint32_t)(sizeof(irqs.head) + count * sizeof(*fds)),
		.flags = (count ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE) |
			 VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
		.count = count,
	};
	if (count)
		memcpy(irqs.bytes + sizeof(irqs.head), fds, count * sizeof(*fds));
	return ioctl(v->device, VFIO_DEVICE_SET_IRQS, &irqs);
}

int vfio_irq_set(struct pci_bus *bus, const int *fds, unsigned count)
{
	int ret = set((struct vfio *)bus, VFIO_PCI_MSIX_IRQ_INDEX, fds, count);

	return ret < 0 ? error_set(-errno, "setting up %u interrupts of %s: %m", count, bus->name)
		       : ret;
}

static unsigned count_irqs(struct vfio *v, unsigned index)
{
	struct vfio_irq_info info = {.argsz = sizeof(info), .index = index};

	if (ioctl(v->device, VFIO_DEVICE_GET_IRQ_INFO, &info) ||
	    !(info.flags & VFIO_IRQ_INFO_EVENTFD))
		return 0;
	return info.count < MAX_VECTORS ? info.count : MAX_VECTORS;
}

/*
 * Not every function and kernel has the two notifications; without them the driver finds out from
 * register reads that a function is gone.
 */
int vfio_irq_init(struct vfio *v)
{
	v->call = fd_raise(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (v->call < 0)
		return error_no_fd();
	if (count_irqs(v, VFIO_PCI_REQ_IRQ_INDEX))
		set(v, VFIO_PCI_REQ_IRQ_INDEX, &v->call, 1);
	if (count_irqs(v, VFIO_PCI_ERR_IRQ_INDEX))
		set(v, VFIO_PCI_ERR_IRQ_INDEX, &v->call, 1);
	v->bus.vectors = count_irqs(v, VFIO_PCI_MSIX_IRQ_INDEX);
	return 0;
}
