/* SPDX-License-Identifier: BSD-3-Clause */
/* A function under VFIO: what the files of its implementation share. */
#ifndef TRANSPORT_PCI_VFIO_H
#define TRANSPORT_PCI_VFIO_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/vfio.h>

#include "transport/pci/bus.h"

/* A BAR or the configuration space, as VFIO tells of it. */
struct vfio_area {
	uint64_t size;
	uint64_t offset; /* in the device's file */
	uint32_t flags;
};

/**
 * struct vfio - A function
 * @bus: for the layer above
 * @container, @group, @device: VFIO's files, -1: not open
 * @call: eventfd for "give it back" and for fatal errors
 * @left: one of those came
 * @areas: by VFIO's region index
 */
struct vfio {
	struct pci_bus bus;
	int container;
	int group;
	int device;
	int call;
	bool left;
	struct vfio_area areas[VFIO_PCI_CONFIG_REGION_INDEX + 1];
};

/**
 * vfio_open_group - From a function's name to VFIO's three files
 *
 * Each thing that can be missing has its sentence, which says what to do. What was opened is in @v
 * even when this fails.
 *
 * Return: 0 or a negative errno.
 */
int vfio_open_group(struct vfio *v);

/* Learns the IOMMU's page size and ranges. Return: 0 or a negative errno. */
int vfio_read_ranges(struct vfio *v);

/* As struct pci_bus_ops. */
int vfio_dma_map(struct pci_bus *bus, uint64_t addr, uint64_t len, uint64_t iova);
int vfio_dma_unmap(struct pci_bus *bus, uint64_t iova, uint64_t len);
int vfio_irq_set(struct pci_bus *bus, const int *fds, unsigned count);

/* Learns how many vectors there are, and asks to be told when the function is wanted back. */
int vfio_irq_init(struct vfio *v);

#endif
