/* SPDX-License-Identifier: BSD-3-Clause */
/* The IOMMU of a VFIO container (type 1): its address ranges, mapping and unmapping. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "transport/vfio/vfio.h"
#include "util/bits.h"
#include "util/error.h"

/* Larger than any kernel's answer: an answer has some tens of bytes and 16 for each range. */
#define MAX_INFO 65536u

/* If the kernel reports no ranges: 39 bits, which every IOMMU has, without the MSI window. */
static void default_ranges(struct pci_bus *bus)
{
	bus->ranges[0] = (struct pci_range){0, 0xfedfffff};
	bus->ranges[1] = (struct pci_range){0xfef00000, (UINT64_C(1) << 39) - 1};
	bus->nranges = 2;
}

/* The list comes from the kernel; its offsets are checked nevertheless. */
static void take_ranges(struct pci_bus *bus, const char *info, uint32_t len, uint32_t at)
{
	struct vfio_iommu_type1_info_cap_iova_range cap;
	unsigned steps;
	unsigned i;

	for (steps = 0; at && range_inside(at, sizeof(cap.header), 0, len) && steps < 16; steps++) {
		memset(&cap, 0, sizeof(cap));
		memcpy(&cap.header, info + at, sizeof(cap.header));
		if (cap.header.id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE &&
		    range_inside(at, sizeof(cap), 0, len)) {
			memcpy(&cap, info + at, sizeof(cap));
			for (i = 0; i < cap.nr_iovas && i < PCI_RANGES; i++) {
				struct vfio_iova_range range;
				uint64_t where = at + sizeof(cap) + i * sizeof(range);

				if (!range_inside(where, sizeof(range), 0, len))
					return;
				memcpy(&range, info + where, sizeof(range));
				bus->ranges[bus->nranges++] =
					(struct pci_range){range.start, range.end};
			}
			return;
		}
		at = cap.header.next;
	}
}

int vfio_read_ranges(struct vfio *v)
{
	struct vfio_iommu_type1_info head = {.argsz = sizeof(head)};
	struct vfio_iommu_type1_info *info;

	/* The first call returns the size of the complete answer. */
	if (ioctl(v->space->container, VFIO_IOMMU_GET_INFO, &head))
		return error_set(-EIO, "getting the IOMMU's address ranges: %m");
	if (head.argsz > MAX_INFO)
		return error_set(-EIO,
				 "getting the IOMMU's address ranges: the kernel's answer has %u "
				 "bytes, too many",
				 head.argsz);
	if (head.argsz < sizeof(head))
		head.argsz = sizeof(head);
	info = calloc(1, head.argsz);
	if (!info)
		return error_set(-ENOMEM, "out of memory");
	info->argsz = head.argsz;
	if (ioctl(v->space->container, VFIO_IOMMU_GET_INFO, info)) {
		free(info);
		return error_set(-EIO, "getting the IOMMU's address ranges: %m");
	}
	v->bus.page = 4096;
	if (info->flags & VFIO_IOMMU_INFO_PGSIZES && info->iova_pgsizes)
		v->bus.page = info->iova_pgsizes & -info->iova_pgsizes;
	if (info->flags & VFIO_IOMMU_INFO_CAPS)
		take_ranges(&v->bus, (const char *)info, head.argsz, info->cap_offset);
	if (!v->bus.nranges)
		default_ranges(&v->bus);
	free(info);
	return 0;
}

int vfio_type1_map(struct vfio *v, uint64_t addr, uint64_t len, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = addr,
		.iova = iova,
		.size = len,
	};

	return ioctl(v->space->container, VFIO_IOMMU_MAP_DMA, &map) ? vfio_explain_map(v, len) : 0;
}

int vfio_type1_unmap(struct vfio *v, uint64_t iova, uint64_t len)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = len,
	};
	int ret;

	ret = ioctl(v->space->container, VFIO_IOMMU_UNMAP_DMA, &unmap);
	return vfio_explain_unmap(v, ret, len, unmap.size);
}
