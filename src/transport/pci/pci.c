/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PCI transport as the layer above sees it: opening, closing, looking whether something
 * happened, and the table of operations.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "transport/pci/function.h"
#include "transport/pci/pci.h"
#include "util/error.h"

/*
 * ORDER_PLATFORM wants barriers that real hardware sees (virtio 1.4, 6.1). On x86 those of the
 * rings are; elsewhere they order processors only.
 */
#ifdef __x86_64__
#define ORDER PCI_BIT(VIRTIO_F_ORDER_PLATFORM)
#else
#define ORDER 0
#endif

static int count_queues(struct pci_function *f)
{
	uint32_t count;
	int ret;

	ret = pci_read_common(f, offsetof(struct virtio_pci_common_cfg, num_queues), 2, &count);
	if (ret)
		return ret;
	f->nqueues = count < PCI_QUEUES ? count : PCI_QUEUES;
	return 0;
}

static void destroy(struct pci_function *f)
{
	pci_irq_close(f);
	if (f->notify_map)
		f->bus->ops->bar_unmap(f->bus, f->notify_map, f->layout.notify.len);
	free(f);
}

/*
 * Queues have a kick each, at distances up to the whole structure: it is mapped as one, or not at
 * all.
 */
static void map_notify(struct pci_function *f)
{
	const struct pci_window *w = &f->layout.notify;

	f->notify_map = f->bus->ops->bar_map(f->bus, w->bar, w->offset, w->len);
}

int pci_attach(struct pci_bus *bus, const struct transport_opts *opts, struct transport **out)
{
	struct pci_function *f = calloc(1, sizeof(*f));
	unsigned i;
	int ret;

	if (!f)
		return error_set(-ENOMEM, "out of memory");
	f->ops = pci_ops;
	/* There is nothing that a device without an IOMMU could go round. */
	if (bus->physical)
		f->ops.needs = 0;
	f->t.ops = &f->ops;
	f->t.wait = true;
	f->bus = bus;
	f->timeout_ms = opts->timeout_ms;
	for (i = 0; i < PCI_QUEUES; i++)
		f->queues[i].call = f->queues[i].wake = f->vector_fds[i] = -1;
	ret = pci_find_layout(bus, &f->layout);
	/*
	 * Registers answer only while memory space is on; the bus is the device's after its
	 * reset.
	 */
	if (!ret)
		ret = pci_master(bus, false);
	if (!ret)
		ret = pci_keep_coherent(f);
	if (!ret)
		ret = count_queues(f);
	if (!ret)
		ret = pci_irq_open(f);
	if (ret) {
		destroy(f);
		return ret;
	}
	map_notify(f);
	pci_space_join(f);
	*out = &f->t;
	return 0;
}

static int pci_open(const char *where, const struct transport_opts *opts, struct transport **out)
{
	struct pci_bus *bus;
	int ret;

	ret = vfio_open(where, opts->iommu, &bus);
	if (ret)
		return ret;
	ret = pci_attach(bus, opts, out);
	if (ret) {
		error_keep(true);
		pci_master(bus, false);
		bus->ops->close(bus);
		error_keep(false);
	}
	return ret;
}

/*
 * The layer above has reset the device; whether it listened or not, it is off the bus after this.
 */
static void pci_close(struct transport *t)
{
	struct pci_function *f = pci_of(t);
	struct pci_bus *bus = f->bus;
	unsigned i;

	pci_master(bus, false);
	for (i = 0; i < f->nmaps; i++)
		bus->ops->dma_unmap(bus, f->maps[i].iova, f->maps[i].len);
	pci_space_leave(f);
	destroy(f);
	bus->ops->close(bus);
}

/*
 * The function and its mappings in the IOMMU belong to VFIO's files, which the parent has as well.
 * The list of functions in the group is not touched: its lock may be held for ever.
 */
static void pci_abandon(struct transport *t)
{
	struct pci_function *f = pci_of(t);
	struct pci_bus *bus = f->bus;

	/* Interrupts are the parent's, too: they are not switched off. */
	f->vectors = 0;
	destroy(f);
	bus->ops->close(bus);
}

/*
 * One that was reset, or wants to be, can be started again where it is. One that is taken away has
 * to be let go at once, as the kernel waits for that.
 */
static bool pci_can_reopen(struct transport *t)
{
	struct pci_function *f = pci_of(t);
	bool there;

	error_keep(true);
	there = !f->bus->ops->leaving(f->bus) && pci_get_status(t) >= 0;
	error_keep(false);
	return there;
}

/* A reset from outside has turned memory space off; the reset that follows does all the rest. */
static int pci_reopen(struct transport *t)
{
	struct pci_function *f = pci_of(t);
	int ret;

	f->resetting = false;
	if (f->bus->ops->leaving(f->bus))
		return error_set(-ENODEV, "%s is being taken away or reported a fatal error",
				 f->bus->name);
	ret = pci_master(f->bus, false);
	if (!ret)
		ret = pci_get_status(t);
	return ret < 0 ? ret : 0;
}

/*
 * Whether the configuration changed: its vector says so, or else its generation (4.1.5.4). A vector
 * that queues share tells nothing, and belongs to the threads that sleep on it.
 */
static int look_at_config(struct pci_function *f, bool *changed)
{
	uint8_t before = f->generation;
	eventfd_t count;
	int ret;

	if (f->config_vector && (f->vectors > 1 || !pci_irq_shared(f))) {
		*changed = eventfd_read(f->vector_fds[0], &count) == 0;
		return 0;
	}
	ret = pci_generation(f, &f->generation);
	*changed = !ret && f->generation != before;
	return ret;
}

static int pci_check(struct transport *t, unsigned *what)
{
	struct pci_function *f = pci_of(t);
	bool changed = false;
	int status;
	int ret;

	*what = 0;
	if (f->resetting)
		return 0;
	if (f->bus->ops->leaving(f->bus))
		return pci_gone(f->bus, "is being taken away");
	status = pci_get_status(t);
	if (status < 0)
		return status;
	if (!status && f->status)
		return pci_gone(f->bus, "has forgotten its state");
	ret = look_at_config(f, &changed);
	if (ret)
		return ret;
	if (changed)
		*what |= TRANSPORT_CONFIG;
	if (status & VIRTIO_CONFIG_S_NEEDS_RESET)
		*what |= TRANSPORT_BROKEN;
	return 0;
}

static uint64_t pci_protocol(struct transport *t)
{
	(void)t;
	return 0;
}

static const char *const options[] = {"iommu", NULL};

const struct transport_ops pci_ops = {
	.scheme = "pci",
	.features = PCI_BIT(VIRTIO_F_VERSION_1) | PCI_BIT(VIRTIO_RING_F_INDIRECT_DESC) |
		    PCI_BIT(VIRTIO_RING_F_EVENT_IDX) | PCI_BIT(VIRTIO_F_RING_PACKED) |
		    PCI_BIT(VIRTIO_F_IN_ORDER) | PCI_BIT(VIRTIO_SCSI_F_INOUT) |
		    PCI_BIT(VIRTIO_SCSI_F_HOTPLUG) | PCI_BIT(VIRTIO_SCSI_F_CHANGE) |
		    PCI_BIT(VIRTIO_F_ACCESS_PLATFORM) | ORDER |
		    PCI_BIT(VIRTIO_F_NOTIFICATION_DATA) | PCI_BIT(VIRTIO_F_NOTIF_CONFIG_DATA),
	/*
	 * VFIO gives out the IOMMU's addresses, and a device without this feature takes none
	 * (6.1).
	 */
	.needs = PCI_BIT(VIRTIO_F_ACCESS_PLATFORM),
	.options = options,
	.open = pci_open,
	.close = pci_close,
	.abandon = pci_abandon,
	.disconnect = pci_disconnect,
	.wait_ready = pci_wait_ready,
	.can_reopen = pci_can_reopen,
	.reopen = pci_reopen,
	.get_features = pci_get_features,
	.set_features = pci_set_features,
	.get_status = pci_get_status,
	.set_status = pci_set_status,
	.read_config = pci_read_config,
	.write_config = pci_write_config,
	.queue_count = pci_queue_count,
	.queue_max = pci_queue_max,
	.queue_start = pci_queue_start,
	.queue_stop = pci_queue_stop,
	.notify = pci_notify,
	.mem_map = pci_mem_map,
	.mem_unmap = pci_mem_unmap,
	.mem_map_live = pci_mem_map_live,
	.check = pci_check,
	.call_fd = pci_call_fd,
	.call_clear = pci_call_clear,
	.call_wake = pci_call_wake,
	.protocol = pci_protocol,
};
