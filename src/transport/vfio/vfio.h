/* SPDX-License-Identifier: BSD-3-Clause */
/* A function under VFIO. Private to this folder. */
#ifndef TRANSPORT_VFIO_VFIO_H
#define TRANSPORT_VFIO_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/vfio.h>

#include "transport/pci/bus.h"

/* A BAR or the configuration space, as VFIO reports it. */
struct vfio_area {
	uint64_t size;
	uint64_t offset; /* in the device's file */
	uint32_t flags;
};

#define PCI_DEVICES "/sys/bus/pci/devices"

struct vfio;

/**
 * struct vfio_interface - An interface of the kernel: opening, and mapping memory
 * @make: open what the functions of a group share, into @v->space: up to an address space of the
 *	IOMMU. Each thing that can be missing has its error text, which says what to do. After a
 *	failure the caller closes what was opened
 * @open: open the function's device file in it; likewise
 * @read_ranges: read the page size and the address ranges of the IOMMU
 * @map, @unmap: as struct pci_bus_ops
 */
struct vfio_interface {
	int (*make)(struct vfio *v);
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
 * struct vfio_space - What this process's functions of an IOMMU group share
 * @addresses: for the layer above
 * @next: in the list of all spaces
 * @interface, @name: key of the list: the interface, and the number of the group
 * @first: list of the functions
 * @container, @group: VFIO's files, -1: not open; an iommufd is a container
 * @ioas: number of the address space in an iommufd
 */
struct vfio_space {
	struct pci_space addresses;
	struct vfio_space *next;
	const struct vfio_interface *interface;
	char name[16];
	struct vfio *first;
	int container;
	int group;
	uint32_t ioas;
};

/**
 * struct vfio - A function
 * @bus: for the layer above
 * @name: the function's address
 * @interface: how it was opened
 * @space: space of its group, NULL before vfio_space_enter(); @next: in the list there
 * @device: VFIO's device file, -1: not open
 * @call: eventfd that the kernel signals to request the device back, and for fatal errors
 * @left: the eventfd was signalled
 * @areas: by VFIO's region index
 */
struct vfio {
	struct pci_bus bus;
	char name[16];
	const struct vfio_interface *interface;
	struct vfio_space *space;
	struct vfio *next;
	int device;
	int call;
	bool left;
	struct vfio_area areas[VFIO_PCI_CONFIG_REGION_INDEX + 1];
};

/* Whether everything that vfio_iommufd needs exists and is accessible to this user. */
bool vfio_iommufd_ready(const char *name);

/* The group interface for functions without an IOMMU. As struct vfio_interface. */
int vfio_make_noiommu(struct vfio *v);
int vfio_open_in_group(struct vfio *v);

/**
 * vfio_space_enter - Join the space of the function's group
 * @v: receives its space, an existing one or one that its interface creates
 *
 * Any thread. Return: 0; -ENODEV (it is in no group), -EBUSY (this process has the function open),
 * or what the interface returned.
 */
int vfio_space_enter(struct vfio *v);

/* Leaves the space, after the device file was closed. The last function closes it. Any thread. */
void vfio_space_leave(struct vfio *v);

/**
 * vfio_blame_neighbour - Find the function that makes a group unusable, for the error text
 *
 * Return: -EPERM with its text set; 0 if no function is found.
 */
int vfio_blame_neighbour(const struct vfio *v);

/**
 * vfio_is_name - Whether a text is the name of a function
 * vfio_read_link - Read the last component of a symbolic link in a function's sysfs folder
 * @out: receives it; empty if there is no such link
 * vfio_check_function - Check that a function exists and is bound to vfio-pci
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

/* Error texts for a mapping that failed, from errno, and for the result of unmapping. */
int vfio_explain_map(const struct vfio *v, uint64_t len);
int vfio_explain_unmap(const struct vfio *v, int ret, uint64_t len, uint64_t done);

/* As struct pci_bus_ops. */
int vfio_dma_where(struct pci_bus *bus, const struct dma_region *region, uint64_t *iova);
int vfio_irq_set(struct pci_bus *bus, const int *fds, unsigned count);

/* Reads the number of vectors, and sets the eventfd for the kernel's notifications. */
int vfio_irq_init(struct vfio *v);

#endif
