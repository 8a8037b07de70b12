/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MSI-X, for waiting threads and for changes of the configuration: which vectors there are, and
 * what the device is told of them. The control and the event queue are polled by their users, so
 * they have none. The vectors are there from the beginning, but a device interrupts only when a
 * ring asks for it, so polling costs none.
 *
 * There is no INTx: each of its interrupts has to be served before the next, for which a thread
 * would have to be awake. A function without MSI-X works, and can't be slept on. The ISR status is
 * never touched (virtio 1.4, 4.1.4.5.2).
 */
#include <errno.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "transport/pci/function.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/log.h"

#define FIRST_REQUEST 2u /* virtio 1.4, 5.6.2 */

/* One for the configuration and one for each request queue. */
static unsigned wanted(const struct pci_function *f)
{
	return f->nqueues > FIRST_REQUEST ? f->nqueues - FIRST_REQUEST + 1 : 1;
}

/*
 * Vector of a request queue. 0 is the configuration's, and the queues share the others in turn; a
 * single one is everybody's (4.1.5.1.2.2).
 */
static unsigned vector_of(const struct pci_function *f, unsigned index)
{
	return f->vectors > 1 ? 1 + (index - FIRST_REQUEST) % (f->vectors - 1) : 0;
}

static void drop_vectors(struct pci_function *f, unsigned count)
{
	unsigned i;

	for (i = count; i < PCI_QUEUES && f->vector_fds[i] >= 0; i++) {
		close(f->vector_fds[i]);
		f->vector_fds[i] = -1;
	}
}

static int make_vectors(struct pci_function *f, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		f->vector_fds[i] = fd_raise(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
		if (f->vector_fds[i] < 0)
			return error_no_fd();
	}
	return 0;
}

/*
 * The switch in configuration space. The kernel keeps it by itself; a process at the other end of a
 * socket may signal only where it is on.
 */
static int enable(struct pci_function *f)
{
	unsigned at = f->layout.msix + PCI_MSIX_FLAGS;
	uint32_t flags;
	int ret;

	if (!f->bus->bare || !f->layout.msix)
		return 0;
	ret = pci_read_config_word(f->bus, at, &flags);
	if (ret)
		return ret;
	flags = (flags | PCI_MSIX_FLAGS_ENABLE) & ~(uint32_t)PCI_MSIX_FLAGS_MASKALL;
	return f->bus->ops->config_write(f->bus, at, 2, flags);
}

/* Asks for fewer until so many can be had; each round has fewer than the one before. */
static int set_vectors(struct pci_function *f, unsigned count)
{
	while (count) {
		int ret = f->bus->ops->irq_set(f->bus, f->vector_fds, count);

		if (ret < 0)
			return ret;
		if (!ret)
			break;
		count = (unsigned)ret < count ? (unsigned)ret : count - 1;
	}
	drop_vectors(f, count);
	f->vectors = count;
	f->shared = count < wanted(f);
	f->config_vector = count > 0;
	return count ? enable(f) : 0;
}

int pci_irq_restore(struct pci_function *f)
{
	int ret;

	if (!f->vectors)
		return 0;
	if (f->bus->vectors < f->vectors)
		return error_set(-EOPNOTSUPP, "%s came back with %u interrupts, and %u are in use",
				 f->bus->name, f->bus->vectors, f->vectors);
	ret = f->bus->ops->irq_set(f->bus, f->vector_fds, f->vectors);
	return ret ? ret : enable(f);
}

int pci_irq_open(struct pci_function *f)
{
	unsigned count = wanted(f);
	unsigned i;
	int ret;

	/* The table may be of any size (4.1.5.1.2.2); no vector beyond it is ever named. */
	if (count > f->bus->vectors)
		count = f->bus->vectors;
	ret = make_vectors(f, count);
	if (!ret)
		ret = set_vectors(f, count);
	for (i = FIRST_REQUEST; !ret && f->vectors && i < f->nqueues; i++)
		ret = pci_call_open(f, i, f->vector_fds[vector_of(f, i)]);
	return ret;
}

void pci_irq_close(struct pci_function *f)
{
	unsigned i;

	if (f->vectors)
		f->bus->ops->irq_set(f->bus, NULL, 0);
	f->vectors = 0;
	for (i = 0; i < PCI_QUEUES; i++)
		pci_call_close(f, i);
	drop_vectors(f, 0);
	f->config_vector = false;
}

/* Writes a vector and reads it back: 0xffff says that the device couldn't (4.1.5.1.2.2). */
static int set_vector(struct pci_function *f, unsigned at, unsigned vector, bool *taken)
{
	uint32_t now;
	int ret;

	ret = pci_write(&f->layout.common, at, 2, vector);
	if (!ret)
		ret = pci_read_common(f, at, 2, &now);
	if (ret)
		return ret;
	if (now != vector && now != VIRTIO_MSI_NO_VECTOR)
		return error_set(-EPROTO, "%s was given interrupt vector %u and shows %u",
				 f->bus->name, vector, now);
	*taken = now == vector;
	return 0;
}

int pci_irq_config(struct pci_function *f)
{
	unsigned vector = f->config_vector ? 0 : VIRTIO_MSI_NO_VECTOR;
	bool taken = false;
	int ret;

	ret = set_vector(f, offsetof(struct virtio_pci_common_cfg, msix_config), vector, &taken);
	if (ret || taken)
		return ret;
	log_warn("%s has no interrupt for its configuration; changes are polled for", f->bus->name);
	f->config_vector = false;
	return 0;
}

int pci_irq_queue(struct pci_function *f, unsigned index)
{
	bool has = f->queues[index].call >= 0;
	unsigned vector = has ? vector_of(f, index) : VIRTIO_MSI_NO_VECTOR;
	bool taken = false;
	int ret;

	ret = set_vector(f, offsetof(struct virtio_pci_common_cfg, queue_msix_vector), vector,
			 &taken);
	if (ret || taken)
		return ret;
	log_warn("%s has no interrupt for queue %u, which can't be slept on", f->bus->name, index);
	pci_call_close(f, index);
	return 0;
}
