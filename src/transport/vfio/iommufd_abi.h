/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The part of the kernel's interface of iommufd (since 6.2) and of VFIO's device files (since 6.6)
 * that is used here. Compiled only with older kernel headers, such as Debian 12's. Numbers and
 * layouts are those of the kernel's stable ABI (Documentation/userspace-api/iommufd.rst,
 * Documentation/driver-api/vfio.rst).
 */
#ifndef TRANSPORT_VFIO_IOMMUFD_ABI_H
#define TRANSPORT_VFIO_IOMMUFD_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>
#include <linux/vfio.h>

#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>
#else

/* Requests of /dev/iommu: each takes a struct that begins with its own size. */
#define IOMMU_IOAS_ALLOC          _IO(';', 0x81)
#define IOMMU_IOAS_IOVA_RANGES    _IO(';', 0x84)
#define IOMMU_IOAS_MAP            _IO(';', 0x85)
#define IOMMU_IOAS_UNMAP          _IO(';', 0x86)

#define IOMMU_IOAS_MAP_FIXED_IOVA (1u << 0) /* at the address given, not at one of its choice */
#define IOMMU_IOAS_MAP_WRITEABLE  (1u << 1) /* the device may write */
#define IOMMU_IOAS_MAP_READABLE   (1u << 2) /* the device may read */

/* Creates an address space; receives its number. */
struct iommu_ioas_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_ioas_id;
};

struct iommu_iova_range {
	__aligned_u64 start;
	__aligned_u64 last;
};

/*
 * Gets the address ranges that can be mapped. @num_iovas: in, how many fit at @allowed_iovas; out,
 * how many there are. EMSGSIZE: more than fit.
 */
struct iommu_ioas_iova_ranges {
	__u32 size;
	__u32 ioas_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
	__aligned_u64 out_iova_alignment;
};

struct iommu_ioas_map {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 __reserved;
	__aligned_u64 user_va;
	__aligned_u64 length;
	__aligned_u64 iova;
};

/* @length: in, what to unmap; out, what was unmapped. */
struct iommu_ioas_unmap {
	__u32 size;
	__u32 ioas_id;
	__aligned_u64 iova;
	__aligned_u64 length;
};

#endif

#ifndef VFIO_DEVICE_BIND_IOMMUFD

/* Requests of a device file; all others fail until it is bound. */
#define VFIO_DEVICE_BIND_IOMMUFD      _IO(VFIO_TYPE, VFIO_BASE + 18)
#define VFIO_DEVICE_ATTACH_IOMMUFD_PT _IO(VFIO_TYPE, VFIO_BASE + 19)

struct vfio_device_bind_iommufd {
	__u32 argsz;
	__u32 flags;
	__s32 iommufd;
	__u32 out_devid;
};

/* @pt_id: the address space that its accesses go through. */
struct vfio_device_attach_iommufd_pt {
	__u32 argsz;
	__u32 flags;
	__u32 pt_id;
};

#endif

#endif
