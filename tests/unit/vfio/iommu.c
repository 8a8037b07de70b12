/* SPDX-License-Identifier: BSD-3-Clause */
/* The IOMMU of the stand-in for a kernel: containers (type 1) and iommufds. */
#include <errno.h>
#include <string.h>

#include "kernel.h"

/* What is mapped, by the container or iommufd; one has @len 0. */
static struct {
	int fd;
	uint64_t iova;
	uint64_t len;
} mapped[64];

void kernel_iommu_reset(void)
{
	memset(mapped, 0, sizeof(mapped));
}

/* Closing a container unmaps all. */
void kernel_iommu_forget(int fd)
{
	unsigned i;

	for (i = 0; i < 64; i++) {
		if (mapped[i].fd == fd)
			mapped[i].len = 0;
	}
}

static int iova_ranges(struct iommu_ioas_iova_ranges *ask)
{
	struct iommu_iova_range *out = (void *)(uintptr_t)ask->allowed_iovas;
	unsigned room = ask->num_iovas;
	unsigned i;

	for (i = 0; i < room && i < kernel.nranges; i++) {
		out[i].start = kernel.ranges[i].first;
		out[i].last = kernel.ranges[i].last;
	}
	ask->num_iovas = kernel.total;
	ask->out_iova_alignment = kernel.alignment;
	kernel_note(IOMMU_IOAS_IOVA_RANGES, ask->size, ask->ioas_id, 0);
	return kernel.total > room ? kernel_refuse(EMSGSIZE) : 0;
}

/* As both interfaces do; but what was never mapped may be unmapped. */
static int map_at(int fd, uint64_t iova, uint64_t len)
{
	unsigned i;

	for (i = 0; i < 64; i++) {
		if (mapped[i].len && mapped[i].fd == fd && iova < mapped[i].iova + mapped[i].len &&
		    mapped[i].iova < iova + len)
			return kernel_refuse(EEXIST);
	}
	for (i = 0; i < 64 && mapped[i].len; i++)
		;
	assert_true(i < 64);
	mapped[i].fd = fd;
	mapped[i].iova = iova;
	mapped[i].len = len;
	return 0;
}

static void unmap_at(int fd, uint64_t iova)
{
	unsigned i;

	for (i = 0; i < 64; i++) {
		if (mapped[i].fd == fd && mapped[i].iova == iova)
			mapped[i].len = 0;
	}
}

int kernel_iommufd_ioctl(int fd, unsigned long request, void *arg)
{
	struct iommu_ioas_alloc *alloc = arg;
	struct iommu_ioas_map *map = arg;
	struct iommu_ioas_unmap *unmap = arg;

	switch (request) {
	case IOMMU_IOAS_ALLOC:
		kernel_note(request, alloc->size, alloc->flags, 0);
		alloc->out_ioas_id = 42;
		return 0;
	case IOMMU_IOAS_IOVA_RANGES:
		return iova_ranges(arg);
	case IOMMU_IOAS_MAP:
		assert_int_equal(map->size, sizeof(*map));
		assert_int_equal(map->ioas_id, 42);
		assert_int_equal(map->__reserved, 0);
		assert_int_equal(map->flags, 7);
		kernel_note(request, map->user_va, map->length, map->iova);
		return map_at(fd, map->iova, map->length);
	case IOMMU_IOAS_UNMAP:
		assert_int_equal(unmap->size, sizeof(*unmap));
		assert_int_equal(unmap->ioas_id, 42);
		kernel_note(request, 0, unmap->length, unmap->iova);
		unmap_at(fd, unmap->iova);
		unmap->length -= kernel.short_unmap;
		return 0;
	default:
		return kernel_refuse(ENOTTY);
	}
}

/* The IOMMU of a container: an answer with one capability, the list of ranges. */
static int type1_info(struct vfio_iommu_type1_info *info)
{
	struct vfio_iommu_type1_info_cap_iova_range cap = {
		.header = {.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, .version = 1},
		.nr_iovas = kernel.nranges,
	};
	uint32_t len = (uint32_t)(sizeof(*info) + sizeof(cap) +
				  kernel.nranges * sizeof(struct vfio_iova_range));
	char *at = (char *)info + sizeof(*info);
	unsigned i;

	if (kernel.info) {
		memcpy(info, kernel.info,
		       info->argsz < kernel.info_len ? info->argsz : kernel.info_len);
		return 0;
	}
	info->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info->iova_pgsizes = 0x40201000;
	if (info->argsz >= len) {
		info->cap_offset = sizeof(*info);
		memcpy(at, &cap, sizeof(cap));
		at += sizeof(cap);
		for (i = 0; i < kernel.nranges; i++, at += sizeof(struct vfio_iova_range))
			memcpy(at, &kernel.ranges[i], sizeof(struct vfio_iova_range));
	}
	info->argsz = len;
	return 0;
}

int kernel_container_ioctl(int fd, unsigned long request, void *arg)
{
	struct vfio_iommu_type1_dma_map *map = arg;
	struct vfio_iommu_type1_dma_unmap *unmap = arg;

	switch (request) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return (uintptr_t)arg == VFIO_DMA_CC_IOMMU ? kernel.coherent
							   : (uintptr_t)arg == VFIO_TYPE1v2_IOMMU;
	case VFIO_SET_IOMMU:
		kernel_note(request, (uintptr_t)arg, 0, 0);
		return 0;
	case VFIO_IOMMU_GET_INFO:
		return type1_info(arg);
	case VFIO_IOMMU_MAP_DMA:
		assert_int_equal(map->flags, 3);
		kernel_note(request, map->vaddr, map->size, map->iova);
		return map_at(fd, map->iova, map->size);
	case VFIO_IOMMU_UNMAP_DMA:
		kernel_note(request, 0, unmap->size, unmap->iova);
		unmap_at(fd, unmap->iova);
		unmap->size -= kernel.short_unmap;
		return 0;
	default:
		return kernel_refuse(ENOTTY);
	}
}
