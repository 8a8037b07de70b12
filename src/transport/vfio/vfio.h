/* SPDX-License-Identifier: BSD-3-Clause */
/* A function under VFIO: what the files of its implementation share. */
#ifndef TRANSPORT_VFIO_VFIO_H
#define TRANSPORT_VFIO_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/vfio.h>

#include "transport/pci/bus.h"

/* A BAR or the configuration space, as VFIO tells of it. */
struct vfio_area {
	uint64_t size;
	uint64_t offset; /* in the device's file */
	uint32_t flags;
};

#define PCI_DEVICES "/sys/bus/pci/devices"

struct vfio;

/**
 * struct vfio_interface - An interface of the kernel: opening, and mapping memory
 * @open: from a function's name to its device file. Each thing that can be missing has its
 *	error text, which says what to do. What was opened is in @v even when this fails
 * @read_ranges: learn page size and addresses of the IOMMU
 * @map, @unmap: as struct pci_bus_ops
 */
struct vfio_interface {
	int (*open)(struct vfio *v);
	int (*read_ranges)(struct vfio *v);
	int (*map)(struct vfio *v, uint64_t addr, uint64_t len, uint64_t iova);
	int (*unmap)(struct vfio *v, uint64_t iova, uint64_t len);
};

/* The group interface, device file and iommufd, and the group interface without an IOMMU. */
extern const struct vfio_interface vfio_group;
extern const struct vfio_interface vfio_iommufd;
extern const struct vfio_interface vfio_noiommu;

/**
 * struct vfio - A function
 * @bus: for the layer above
 * @name: the function's address
 * @interface: how it was opened
 * @container, @group, @device: VFIO's files, -1: not open; with iommufd that is the container
 * @space: number of the address space in an iommufd
 * @call: eventfd for "give it back" and for fatal errors
 * @left: one of those came
 * @areas: by VFIO's region index
 */
struct vfio {
	struct pci_bus bus;
	char name[16];
	const struct vfio_interface *interface;
	int container;
	int group;
	int device;
	uint32_t space;
	int call;
	bool left;
	struct vfio_area areas[VFIO_PCI_CONFIG_REGION_INDEX + 1];
};

/* Whether all that vfio_iommufd needs is there, for this user too. */
bool vfio_iommufd_ready(const char *name);

/* Opens it where VFIO serves functions without an IOMMU. As struct vfio_interface. */
int vfio_open_noiommu(struct vfio *v);

/**
 * vfio_is_name - Whether a text is the name of a function
 * vfio_read_link - Last part of where a link of a function's folder leads
 * @out: receives it; empty: there is no such link
 * vfio_check_function - Whether a function is there and bound to vfio-pci
 *
 * Return: 0, or -EINVAL or -ENODEV with what to do about it.
 */
bool vfio_is_name(const char *name);
void vfio_read_link(const char *name, const char *link, char *out, size_t room);
int vfio_check_function(const char *name);

/* The type 1 IOMMU of a container. As struct vfio_interface. */
int vfio_read_ranges(struct vfio *v);
int vfio_type1_map(struct vfio *v, uint64_t addr, uint64_t len, uint64_t iova);
int vfio_type1_unmap(struct vfio *v, uint64_t iova, uint64_t len);

/* Error texts for a mapping that failed, errno says how; and for the result of unmapping. */
int vfio_explain_map(const struct vfio *v, uint64_t len);
int vfio_explain_unmap(const struct vfio *v, int ret, uint64_t len, uint64_t done);

/* As struct pci_bus_ops. */
int vfio_dma_where(struct pci_bus *bus, const struct dma_region *region, uint64_t *iova);
int vfio_irq_set(struct pci_bus *bus, const int *fds, unsigned count);

/* Learns how many vectors there are, and asks to be told when the function is wanted back. */
int vfio_irq_init(struct vfio *v);

#endif
