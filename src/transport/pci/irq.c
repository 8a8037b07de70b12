/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MSI-X, for those who sleep and for changes of the configuration. The control and the event queue
 * are polled by their users, so they have no vector. The vectors are there from the beginning,
 * but a device interrupts only when a ring asks for it, so polling costs none.
 *
 * There is no INTx: a function without MSI-X works, and can't be slept on. The ISR status is never
 * touched (virtio 1.4, 4.1.4.5.2).
 */
#include <errno.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "transport/pci/function.h"
#include "util/error.h"
#include "util/log.h"

#define FIRST_REQUEST 2u /* virtio 1.4, 5.6.2 */

/* Vector of a queue, if there are enough; 0 is the configuration's. */
static unsigned vector_of(unsigned index)
{
	return index < FIRST_REQUEST ? 0 : index - FIRST_REQUEST + 1;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int make_fds(struct pci_function *f, int *fds, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (fds[i] < 0)
			break;
		if (i == 0)
			f->config_call = fds[i];
		else
			f->queues[i + FIRST_REQUEST - 1].call = fds[i];
	}
	if (i == count)
		return 0;
	return error_set(-EMFILE, "making an eventfd failed; allow this process more open files");
}

/* Closes what lies behind the first @count vectors. */
static void drop_fds(struct pci_function *f, unsigned count)
{
	unsigned i;

	for (i = 0; i < f->nqueues; i++) {
		if (vector_of(i) >= count)
			close_fd(&f->queues[i].call);
	}
	if (!count)
		close_fd(&f->config_call);
}

int pci_irq_open(struct pci_function *f)
{
	unsigned count = f->nqueues > FIRST_REQUEST ? vector_of(f->nqueues - 1) + 1 : 1;
	int fds[PCI_QUEUES];
	int ret;

	/* The table may be of any size (4.1.5.1.2.2); no vector beyond it is ever named. */
	if (count > f->bus->vectors)
		count = f->bus->vectors;
	ret = make_fds(f, fds, count);
	while (!ret && count) {
		ret = f->bus->ops->irq_set(f->bus, fds, count);
		if (ret <= 0)
			break;
		/* So many can be had; each round has fewer than the one before. */
		count = (unsigned)ret < count ? (unsigned)ret : count - 1;
		ret = 0;
	}
	if (ret) {
		drop_fds(f, 0);
		return ret;
	}
	drop_fds(f, count);
	f->vectors = count;
	return 0;
}

void pci_irq_close(struct pci_function *f)
{
	unsigned i;

	if (f->vectors)
		f->bus->ops->irq_set(f->bus, NULL, 0);
	f->vectors = 0;
	for (i = 0; i < PCI_QUEUES; i++)
		close_fd(&f->queues[i].call);
	close_fd(&f->config_call);
}

/* Writes a vector and reads it back: 0xffff says that the device couldn't (4.1.5.1.2.2). */
static int set_vector(struct pci_function *f, unsigned at, unsigned vector, bool *taken)
{
	uint32_t now;
	int ret;

	ret = pci_write(&f->layout.common, at, 2, vector);
	if (!ret)
		ret = pci_read(&f->layout.common, at, 2, &now);
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
	unsigned vector = f->config_call >= 0 ? 0 : VIRTIO_MSI_NO_VECTOR;
	bool taken = false;
	int ret;

	ret = set_vector(f, offsetof(struct virtio_pci_common_cfg, msix_config), vector, &taken);
	if (ret || taken)
		return ret;
	log_warn("%s has no interrupt for its configuration; changes are polled for", f->bus->name);
	close_fd(&f->config_call);
	return 0;
}

int pci_irq_queue(struct pci_function *f, unsigned index)
{
	struct pci_queue *q = &f->queues[index];
	unsigned vector = q->call >= 0 ? vector_of(index) : VIRTIO_MSI_NO_VECTOR;
	bool taken = false;
	int ret;

	ret = set_vector(f, offsetof(struct virtio_pci_common_cfg, queue_msix_vector), vector,
			 &taken);
	if (ret || taken)
		return ret;
	log_warn("%s has no interrupt for queue %u, which can't be slept on", f->bus->name, index);
	close_fd(&q->call);
	return 0;
}

void pci_irq_wake(struct pci_function *f)
{
	unsigned i;

	for (i = 0; i < f->nqueues; i++) {
		if (f->queues[i].call >= 0)
			eventfd_write(f->queues[i].call, 1);
	}
}

int pci_call_fd(struct transport *t, unsigned index)
{
	return index < PCI_QUEUES ? pci_of(t)->queues[index].call : -1;
}
