/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI function as hardware: configuration space, BARs, interrupts and the IOMMU in front of it.
 * What virtio puts into them is not known here. One implementation is VFIO (vfio/), one is a
 * process at the other end of a socket (vfio_user/); the tests have another one, in memory.
 *
 * Waiting. An access over a socket has to be waited for. Where that is not allowed it returns
 * -EINPROGRESS, and so does the operation that it is a part of, at once. The operation is repeated
 * later, from its beginning: accesses that were answered before are not made again, but return what
 * they returned, up to the first one that wasn't. So code that makes accesses one after the other
 * needs no state of its own; but what it does between them must bear repetition, and the accesses
 * must not depend on anything but their answers. settle() forgets the answers, for what is to be
 * asked again when it is repeated.
 */
#ifndef TRANSPORT_PCI_BUS_H
#define TRANSPORT_PCI_BUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "mem/dma.h"

#define PCI_BARS   6
#define PCI_RANGES 32 /* ranges of I/O addresses that are told apart; more are not used */

struct pci_bus;
struct pci_function;

/* I/O virtual addresses from @first to @last, both included. */
struct pci_range {
	uint64_t first;
	uint64_t last;
};

/**
 * struct pci_bus_ops - What can be done with a function
 * @config_read: @width bytes (1, 2, 4) of configuration space at @offset, a multiple of @width
 * @config_write: likewise
 * @bar_size: bytes of a BAR; 0: it isn't there
 * @bar_read, @bar_write: one access of exactly @width bytes; @offset lies inside the BAR and is a
 *	multiple of @width. Registers are little-endian, @value is a number
 * @bar_map: map a part of a BAR. NULL when it can't be: then bar_write(), or @kick, does
 * @bar_unmap: the opposite
 * @kick: bar_write() without an answer, by any thread, at any time, at most one system call.
 *	Returns false when it found no room and has to be repeated. NULL: bar_write() is such a one
 * @dma_where: where the function sees memory when nothing translates for it: called instead of
 *	choosing an address where @physical of the bus is set
 * @dma_map: let the function reach a region under @iova
 * @dma_unmap: the opposite; when this returns 0 the function can't reach it
 * @irq_set: let MSI-X vector i signal @fds[i], for i below @count; the table is on from then. 0:
 *	off. Returns 0, a positive number of vectors to be had instead, or a negative errno
 * @leaving: whether the host wants the function back, or it reported a fatal error
 * @reset: put the function into the state after power-on, where that is possible. Interrupts are
 *	to be set again afterwards, and memory space to be switched on
 * @close: off with interrupts; release everything and free
 *
 * These are NULL for a function that is reached without a process at the other end:
 * @begin: begin an operation, or go on with it when the last call was of the same @op and ended in
 *	-EINPROGRESS. One that was left in the middle is forgotten: its accesses may still be made.
 *	@wait: whether it may wait. Returns whether it begins
 * @busy: whether an operation other than @op is in progress
 * @settle: forget what was answered so far in this operation
 * @wait_ready: sleep until an answer is there, for at most @timeout_ms, without limit when that is
 *	negative, never beyond the time limit of the answer. Returns 1 when none is due
 * @look: whether the process is still there: 0, -ENOTCONN, -EPROTO
 * @hang_up: cut the function off at once, without waiting. Until reopen() all accesses fail with
 *	-ENOTCONN, and dma_unmap() succeeds
 * @reopen: connect again. Nothing is mapped then, and interrupts are not set
 * @outlived: as struct transport_ops has it
 *
 * A negative errno comes with its error text set, -EINPROGRESS excepted. Calls as for struct
 * transport_ops: one thread at a time.
 */
struct pci_bus_ops {
	int (*config_read)(struct pci_bus *bus, unsigned offset, unsigned width, uint32_t *value);
	int (*config_write)(struct pci_bus *bus, unsigned offset, unsigned width, uint32_t value);
	uint64_t (*bar_size)(struct pci_bus *bus, unsigned bar);
	int (*bar_read)(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width,
			uint32_t *value);
	int (*bar_write)(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width,
			 uint32_t value);
	void *(*bar_map)(struct pci_bus *bus, unsigned bar, uint64_t offset, uint64_t len);
	void (*bar_unmap)(struct pci_bus *bus, void *addr, uint64_t len);
	bool (*kick)(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width,
		     uint32_t value);
	int (*dma_where)(struct pci_bus *bus, const struct dma_region *region, uint64_t *iova);
	int (*dma_map)(struct pci_bus *bus, const struct dma_region *region, uint64_t iova);
	int (*dma_unmap)(struct pci_bus *bus, uint64_t iova, uint64_t len);
	int (*irq_set)(struct pci_bus *bus, const int *fds, unsigned count);
	bool (*leaving)(struct pci_bus *bus);
	int (*reset)(struct pci_bus *bus);
	void (*close)(struct pci_bus *bus);
	bool (*begin)(struct pci_bus *bus, const char *op, bool wait);
	bool (*busy)(struct pci_bus *bus, const char *op);
	void (*settle)(struct pci_bus *bus);
	int (*wait_ready)(struct pci_bus *bus, int timeout_ms);
	int (*look)(struct pci_bus *bus);
	void (*hang_up)(struct pci_bus *bus);
	int (*reopen)(struct pci_bus *bus);
	bool (*outlived)(struct pci_bus *bus);
};

/**
 * struct pci_space - The I/O virtual addresses of an IOMMU group, which its functions share
 * @lock: guards what follows, and the mappings of each function in the list
 * @first: functions that are in use
 */
struct pci_space {
	pthread_mutex_t lock;
	struct pci_function *first;
};

/**
 * struct pci_bus - A function that was opened; first member of each implementation's own structure
 * @ops: how
 * @name: its address, for error texts
 * @vectors: entries of its MSI-X table as the kernel or the process counts them; 0: it has no MSI-X
 * @page: what addresses and lengths of the IOMMU are multiples of, a power of two
 * @ranges, @nranges: the addresses that the IOMMU can translate, in ascending order, at least one
 * @space: shared with functions of this process that are in the same group; NULL: with none
 * @physical: there is no IOMMU, the function sees physical addresses
 * @snoops: the IOMMU makes all accesses of the function coherent with the processors' caches,
 *	whatever the function asks for
 * @reset_first: the function is to be reset before its device status is set to 0
 * @bare: no kernel keeps the configuration space: MSI-X is switched on in it besides irq_set()
 * @running: queues are started; for the layer above to write
 * @watch: what becomes readable when the function goes or answers, -1: nothing does
 */
struct pci_bus {
	const struct pci_bus_ops *ops;
	const char *name;
	unsigned vectors;
	uint64_t page;
	struct pci_range ranges[PCI_RANGES];
	unsigned nranges;
	struct pci_space *space;
	bool physical;
	bool snoops;
	bool reset_first;
	bool bare;
	bool running;
	int watch;
};

/**
 * vfio_open - Take a function through VFIO
 * @name: such as "0000:00:05.0"
 * @iommu: TRANSPORT_IOMMU_*
 * @out: receives it: ops->close()
 *
 * Return: 0; -EINVAL (no such form of name), -ENODEV (not there, not bound to vfio-pci, no IOMMU),
 * -EACCES, -EBUSY (in use), -EPERM (its group isn't viable, or another process has a part of it),
 * or what VFIO returned.
 */
int vfio_open(const char *name, unsigned iommu, struct pci_bus **out);

#endif
