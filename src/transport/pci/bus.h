/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI function as hardware: configuration space, BARs, interrupts and the IOMMU in front of it.
 * What virtio puts into them is not known here. One implementation is VFIO (vfio.c); the tests have
 * another one, in memory.
 */
#ifndef TRANSPORT_PCI_BUS_H
#define TRANSPORT_PCI_BUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

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
 * @bar_map: map a part of a BAR. NULL when it can't be: then bar_write() does
 * @bar_unmap: the opposite
 * @dma_where: where the function sees memory when nothing translates for it: called instead of
 *	choosing an address where @physical of the bus is set. @fd: file of the memory
 * @dma_map: let the function reach @len bytes at @addr under @iova
 * @dma_unmap: the opposite; when this returns 0 the function can't reach them
 * @irq_set: let MSI-X vector i signal @fds[i], for i below @count; the table is on from then. 0:
 *	off. Returns 0, a positive number of vectors to be had instead, or a negative errno
 * @leaving: whether the host wants the function back, or it reported a fatal error
 * @reset: put the function into the state after power-on, where that is possible
 * @close: off with interrupts; release everything and free
 *
 * A negative errno comes with its error text set. Calls as for struct transport_ops: one thread at
 * a time.
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
	int (*dma_where)(struct pci_bus *bus, uint64_t addr, uint64_t len, int fd, uint64_t *iova);
	int (*dma_map)(struct pci_bus *bus, uint64_t addr, uint64_t len, uint64_t iova);
	int (*dma_unmap)(struct pci_bus *bus, uint64_t iova, uint64_t len);
	int (*irq_set)(struct pci_bus *bus, const int *fds, unsigned count);
	bool (*leaving)(struct pci_bus *bus);
	int (*reset)(struct pci_bus *bus);
	void (*close)(struct pci_bus *bus);
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
 * @vectors: entries of its MSI-X table as the kernel counts them; 0: it has no MSI-X
 * @page: what addresses and lengths of the IOMMU are multiples of, a power of two
 * @ranges, @nranges: the addresses that the IOMMU can translate, in ascending order, at least one
 * @space: shared with functions of this process that are in the same group; NULL: with none
 * @physical: there is no IOMMU, the function sees physical addresses
 * @snoops: the IOMMU makes all accesses of the function coherent with the processors' caches,
 *	whatever the function asks for
 */
struct pci_bus {
	const struct pci_bus_ops *ops;
	char name[16];
	unsigned vectors;
	uint64_t page;
	struct pci_range ranges[PCI_RANGES];
	unsigned nranges;
	struct pci_space *space;
	bool physical;
	bool snoops;
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
