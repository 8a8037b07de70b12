/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PCI transport as the layer above sees it: opening, closing, looking whether something
 * happened, and the table of operations.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "transport/pci/function.h"
#include "transport/pci/pci.h"
#include "util/error.h"
#include "util/fd.h"

static int count_queues(struct pci_function *f)
{
	uint32_t count;
	int ret;

	ret = pci_read_common(f, offsetof(struct virtio_pci_common_cfg, num_queues), 2, &count);
	if (ret)
		return ret;
	f->nqueues = count < f->most ? count : f->most;
	return 0;
}

static void destroy(struct pci_function *f)
{
	error_keep(true);
	pci_irq_close(f);
	error_keep(false);
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

	if (f->bus->ops->bar_map)
		f->notify_map = f->bus->ops->bar_map(f->bus, w->bar, w->offset, w->len);
}

/*
 * Learns what the function is. Registers answer only while memory space is on; the bus is the
 * device's after its reset.
 */
static int explore(struct pci_function *f)
{
	int ret = pci_find_layout(f->bus, &f->layout);

	if (!ret)
		ret = pci_master(f->bus, false);
	if (!ret)
		ret = pci_keep_coherent(f);
	return ret ? ret : count_queues(f);
}

int pci_attach(struct pci_bus *bus, const struct transport_ops *ops,
	       const struct transport_opts *opts, struct transport **out)
{
	struct pci_function *f = calloc(1, sizeof(*f));
	unsigned i;
	int ret;

	if (!f)
		return error_set(-ENOMEM, "out of memory");
	f->ops = *ops;
	/* There is nothing that a device without an IOMMU could go round. */
	if (bus->physical)
		f->ops.needs = 0;
	f->t.ops = &f->ops;
	f->t.wait = true;
	f->bus = bus;
	f->timeout_ms = opts->timeout_ms;
	for (i = 0; i < PCI_QUEUES; i++)
		f->queues[i].call = f->queues[i].wake = f->vector_fds[i] = -1;
	f->most = PCI_QUEUES;
	ret = explore(f);
	f->most = f->nqueues;
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
	ret = pci_attach(bus, &pci_ops, opts, out);
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
void pci_close(struct transport *t)
{
	struct pci_function *f = pci_of(t);
	struct pci_bus *bus = f->bus;
	unsigned i;

	error_keep(true);
	if (bus->ops->hang_up)
		bus->ops->hang_up(bus);
	else
		pci_master(bus, false);
	for (i = 0; i < f->nmaps; i++)
		bus->ops->dma_unmap(bus, f->maps[i].iova, f->maps[i].region.len);
	pci_space_leave(f);
	destroy(f);
	bus->ops->close(bus);
	error_keep(false);
}

/*
 * The function and its mappings in the IOMMU belong to files or a socket that the parent has as
 * well. The list of functions in the group is not touched: its lock may be held for ever.
 */
void pci_abandon(struct transport *t)
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
bool pci_can_reopen(struct transport *t)
{
	struct pci_function *f = pci_of(t);
	bool there;

	if (f->bus->ops->reopen)
		return true;
	error_keep(true);
	there = !f->bus->ops->leaving(f->bus) && pci_read_status(f) >= 0;
	error_keep(false);
	return there;
}

/* Another process may serve the function now: all of it is learned again. */
static int connect_again(struct pci_function *f, bool begins)
{
	int ret;

	if (begins) {
		f->bus->ops->hang_up(f->bus);
		pci_forget_state(f);
	}
	ret = f->bus->ops->reopen(f->bus);
	if (!ret)
		ret = explore(f);
	if (!ret)
		ret = pci_mem_restore(f);
	if (!ret)
		ret = pci_irq_restore(f);
	if (ret && ret != -EINPROGRESS) {
		error_keep(true);
		f->bus->ops->hang_up(f->bus);
		error_keep(false);
	}
	return ret;
}

/* A reset from outside has turned memory space off; the reset that follows does all the rest. */
int pci_reopen(struct transport *t)
{
	struct pci_function *f = pci_of(t);
	bool begins = pci_begin(t, __func__);
	int ret;

	if (f->bus->ops->reopen)
		return connect_again(f, begins);
	f->resetting = false;
	if (f->bus->ops->leaving(f->bus))
		return error_set(-ENODEV, "%s is being taken away or reported a fatal error",
				 f->bus->name);
	ret = pci_master(f->bus, false);
	if (!ret)
		ret = pci_read_status(f);
	return ret < 0 ? ret : 0;
}

bool pci_outlived(struct transport *t)
{
	struct pci_bus *bus = pci_of(t)->bus;

	return bus->ops->outlived && bus->ops->outlived(bus);
}

/* A vector that queues share tells nothing, and belongs to the threads that sleep on it. */
static bool config_is_told(const struct pci_function *f)
{
	return f->config_vector && (f->vectors > 1 || !f->shared);
}

/*
 * Whether the configuration changed: its vector says so, or else its generation (4.1.5.4).
 */
static int look_at_config(struct pci_function *f, bool *changed)
{
	uint8_t before = f->generation;
	int ret;

	if (config_is_told(f)) {
		*changed = fd_take(f->vector_fds[0]) == 1;
		return 0;
	}
	ret = pci_generation(f, &f->generation);
	*changed = !ret && f->generation != before;
	return ret;
}

/*
 * Whether the function is there, which its status tells. At the other end of a socket that shows by
 * itself, and a device that needs a reset also says so by the configuration's vector (2.1.2): the
 * registers, which take their time, are left alone.
 */
static int look_at_status(struct pci_function *f, int *status)
{
	int ret = f->bus->ops->look ? f->bus->ops->look(f->bus) : 0;

	*status = f->status;
	if (ret || (f->bus->ops->look && config_is_told(f)))
		return ret;
	if (f->bus->ops->leaving && f->bus->ops->leaving(f->bus))
		return pci_gone(f->bus, "is being taken away");
	*status = pci_read_status(f);
	if (*status < 0)
		return *status;
	return !*status && f->status ? pci_gone(f->bus, "has forgotten its state") : 0;
}

int pci_check(struct transport *t, unsigned *what)
{
	struct pci_function *f = pci_of(t);
	bool changed = false;
	int status = 0;
	int ret;

	*what = 0;
	if (f->resetting || (f->bus->ops->busy && f->bus->ops->busy(f->bus, __func__)))
		return 0;
	pci_begin(t, __func__);
	pci_kick_again(f);
	ret = look_at_status(f, &status);
	if (!ret)
		ret = look_at_config(f, &changed);
	if (ret)
		return ret;
	if (changed)
		*what |= TRANSPORT_CONFIG;
	if (status & VIRTIO_CONFIG_S_NEEDS_RESET)
		*what |= TRANSPORT_BROKEN;
	return 0;
}

int pci_watch_fd(struct transport *t)
{
	return pci_of(t)->bus->watch;
}

uint64_t pci_protocol(struct transport *t)
{
	(void)t;
	return 0;
}

static const char *const options[] = {"iommu", NULL};

const struct transport_ops pci_ops = {
	.scheme = "pci",
	.features = PCI_FEATURES,
	/*
	 * VFIO gives out the IOMMU's addresses, and a device without this feature takes none
	 * (6.1).
	 */
	.needs = PCI_BIT(VIRTIO_F_ACCESS_PLATFORM),
	.options = options,
	.open = pci_open,
	PCI_OPS,
};
