/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a thread sleeps on for a queue. With a vector of its own that is the vector's eventfd. Where
 * vectors are shared, each waiter has to hear every interrupt and must not take it from the
 * others: each queue has an epoll descriptor, which notes interrupts for itself (EPOLLET), and
 * no thread reads its eventfd.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "transport/pci/function.h"
#include "util/error.h"
#include "util/fd.h"

static bool listen_to(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

int pci_call_open(struct pci_function *f, unsigned index, int vector_fd)
{
	struct pci_queue *q = &f->queues[index];

	if (!f->shared) {
		q->call = vector_fd;
		return 0;
	}
	q->wake = fd_raise(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (q->wake < 0)
		return error_no_fd();
	q->call = fd_raise(epoll_create1(EPOLL_CLOEXEC));
	if (q->call < 0 || !listen_to(q->call, vector_fd) || !listen_to(q->call, q->wake))
		return error_no_fd();
	return 0;
}

void pci_call_close(struct pci_function *f, unsigned index)
{
	struct pci_queue *q = &f->queues[index];

	/* One that is the vector's own goes with the vector. */
	if (q->wake >= 0) {
		if (q->call >= 0)
			close(q->call);
		close(q->wake);
	}
	q->call = q->wake = -1;
}

int pci_call_fd(struct transport *t, unsigned index)
{
	return index < PCI_QUEUES ? pci_of(t)->queues[index].call : -1;
}

/* What was heard so far is forgotten; the descriptor is readable again at the next interrupt. */
int pci_call_clear(struct transport *t, unsigned index)
{
	struct pci_queue *q = &pci_of(t)->queues[index];
	struct epoll_event events[2];

	if (q->wake < 0)
		return fd_clear(q->call);
	return epoll_wait(q->call, events, 2, 0) < 0 && errno != EINTR ? -errno : 0;
}

void pci_call_wake(struct transport *t, unsigned index)
{
	struct pci_queue *q = &pci_of(t)->queues[index];
	int fd = q->wake >= 0 ? q->wake : q->call;

	if (fd >= 0)
		eventfd_write(fd, 1);
}
