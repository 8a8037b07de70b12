/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of vfio-user (the vfio-user protocol specification, 0.9): numbers and layouts. All
 * fields are little-endian. Payloads that equal those of VFIO's ioctls come from <linux/vfio.h>.
 */
#ifndef TRANSPORT_VFIO_USER_PROTOCOL_H
#define TRANSPORT_VFIO_USER_PROTOCOL_H

#include <stdint.h>

#include <linux/vfio.h>

/* "Commands" */
#define VFU_VERSION         1u
#define VFU_DMA_MAP         2u
#define VFU_DMA_UNMAP       3u
#define VFU_GET_INFO        4u
#define VFU_GET_REGION_INFO 5u
#define VFU_GET_IRQ_INFO    7u
#define VFU_SET_IRQS        8u
#define VFU_REGION_READ     9u
#define VFU_REGION_WRITE    10u
#define VFU_DEVICE_RESET    13u

/* "Header": @flags */
#define VFU_TYPE_MASK 0xfu
#define VFU_REPLY     0x1u
#define VFU_NO_REPLY  0x10u
#define VFU_ERROR     0x20u

#define VFU_MAJOR     0u
#define VFU_MINOR     1u

struct vfu_header {
	uint16_t id;
	uint16_t command;
	uint32_t size; /* of the whole message */
	uint32_t flags;
	uint32_t error;
};

/* Version data, in JSON with a NUL at the end, follow. */
struct vfu_version {
	uint16_t major;
	uint16_t minor;
};

struct vfu_device_info {
	uint32_t argsz;
	uint32_t flags; /* VFIO_DEVICE_FLAGS_* */
	uint32_t num_regions;
	uint32_t num_irqs;
};

/* REGION_READ and REGION_WRITE; the data follow. */
struct vfu_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};

#define VFU_DMA_READABLE  0x1u
#define VFU_DMA_WRITEABLE 0x2u

struct vfu_dma_map {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset; /* in the file that is attached */
	uint64_t address;
	uint64_t size;
};

struct vfu_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t address;
	uint64_t size;
};

_Static_assert(sizeof(struct vfu_header) == 16 && sizeof(struct vfu_version) == 4 &&
		       sizeof(struct vfu_device_info) == 16 && sizeof(struct vfu_access) == 16 &&
		       sizeof(struct vfu_dma_map) == 32 && sizeof(struct vfu_dma_unmap) == 24,
	       "vfio-user: layouts");

#endif
