/* SPDX-License-Identifier: BSD-3-Clause */
/* Interrupts: the server signals the eventfds that it receives. */
#include <errno.h>

#include "transport/vfio_user/session.h"
#include "util/bits.h"
#include "util/error.h"

#define MAX_VECTORS 2048u /* of any function (PCI 3.0, 6.8.2) */

int vfu_count_vectors(struct vfu *v)
{
	const struct vfio_irq_info ask = {.argsz = htole32(sizeof(ask)),
					  .index = htole32(VFIO_PCI_MSIX_IRQ_INDEX)};
	const struct vfu_call call = {
		.command = VFU_GET_IRQ_INFO,
		.body = &ask,
		.size = sizeof(ask),
		.least = sizeof(ask),
		.answer = &v->irqs,
		.room = sizeof(v->irqs),
	};
	uint32_t count;
	int ret;

	ret = vfu_call(v, &call);
	if (ret && ret != -EIO)
		return ret;
	count = le32toh(v->irqs.count);
	v->bus.vectors = count < MAX_VECTORS ? count : MAX_VECTORS;
	if (ret || !(le32toh(v->irqs.flags) & VFIO_IRQ_INFO_EVENTFD))
		v->bus.vectors = 0;
	return 0;
}

/* Sends one descriptor per interrupt; the answer carries no data. */
static int set(struct vfu *v, uint32_t flags, unsigned start, unsigned count, const int *fds)
{
	const struct vfio_irq_set irqs = {
		.argsz = htole32(sizeof(irqs)),
		.flags = htole32(flags),
		.index = htole32(VFIO_PCI_MSIX_IRQ_INDEX),
		.start = htole32(start),
		.count = htole32(count),
	};
	const struct vfu_call call = {
		.command = VFU_SET_IRQS,
		.body = &irqs,
		.size = sizeof(irqs),
		.fds = fds,
		.nfds = fds ? count : 0,
	};

	return vfu_call(v, &call);
}

int vfu_irq_set(struct pci_bus *bus, const int *fds, unsigned count)
{
	struct vfu *v = vfu_of(bus);
	unsigned at;
	int ret = 0;

	if (!count)
		return set(v, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0, NULL);
	for (at = 0; at < count && !ret; at += v->max_fds)
		ret = set(v, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, at,
			  count - at < v->max_fds ? count - at : v->max_fds, fds + at);
	if (ret)
		return ret;
	/* Some servers signal only after UNMASK; others don't support it. */
	ret = set(v, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, 0, count, NULL);
	return ret == -EIO ? 0 : ret;
}
