/* SPDX-License-Identifier: BSD-3-Clause */
/* A PCI function under VFIO: its configuration space and BARs, opening and closing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "transport/vfio/vfio.h"
#include "transport/transport.h"
#include "util/bits.h"
#include "util/error.h"

static struct vfio *vfio_of(struct pci_bus *bus)
{
	return (struct vfio *)bus;
}

/*
 * One system call is one access: the kernel makes a single access of 1, 2 or 4 bytes if the offset
 * is a multiple of that, and returns the bytes in the order of the bus, little-endian.
 */
static int area_read(struct vfio *v, unsigned index, uint64_t offset, unsigned width,
		     uint32_t *value)
{
	const struct vfio_area *area = &v->areas[index];
	uint32_t bytes = 0;

	if (!range_inside(offset, width, 0, area->size))
		return error_set(-EINVAL, "%s: no %u bytes at %llu of region %u", v->bus.name,
				 width, (unsigned long long)offset, index);
	if (pread(v->device, &bytes, width, (off_t)(area->offset + offset)) != (ssize_t)width)
		return error_set(-ENOTCONN, "reading a register of %s: %m; it was unplugged",
				 v->bus.name);
	*value = le32toh(bytes);
	return 0;
}

static int area_write(struct vfio *v, unsigned index, uint64_t offset, unsigned width,
		      uint32_t value)
{
	const struct vfio_area *area = &v->areas[index];
	uint32_t bytes = htole32(value);

	if (!range_inside(offset, width, 0, area->size))
		return error_set(-EINVAL, "%s: no %u bytes at %llu of region %u", v->bus.name,
				 width, (unsigned long long)offset, index);
	if (pwrite(v->device, &bytes, width, (off_t)(area->offset + offset)) != (ssize_t)width)
		return error_set(-ENOTCONN, "writing a register of %s: %m; it was unplugged",
				 v->bus.name);
	return 0;
}

static int config_read(struct pci_bus *bus, unsigned offset, unsigned width, uint32_t *value)
{
	return area_read(vfio_of(bus), VFIO_PCI_CONFIG_REGION_INDEX, offset, width, value);
}

static int config_write(struct pci_bus *bus, unsigned offset, unsigned width, uint32_t value)
{
	return area_write(vfio_of(bus), VFIO_PCI_CONFIG_REGION_INDEX, offset, width, value);
}

static uint64_t bar_size(struct pci_bus *bus, unsigned bar)
{
	return bar < PCI_BARS ? vfio_of(bus)->areas[bar].size : 0;
}

static int bar_read(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width,
		    uint32_t *value)
{
	return area_read(vfio_of(bus), bar, offset, width, value);
}

static int bar_write(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width,
		     uint32_t value)
{
	return area_write(vfio_of(bus), bar, offset, width, value);
}

/*
 * Maps the whole pages around the range. The kernel refuses some, such as those of the MSI-X table;
 * then the caller accesses the registers with system calls.
 */
static void *bar_map(struct pci_bus *bus, unsigned bar, uint64_t offset, uint64_t len)
{
	struct vfio *v = vfio_of(bus);
	const struct vfio_area *area = &v->areas[bar];
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t in_page = offset & (page - 1);
	char *addr;

	if (!(area->flags & VFIO_REGION_INFO_FLAG_MMAP) ||
	    !range_inside(offset, len, 0, area->size))
		return NULL;
	addr = mmap(NULL, in_page + len, PROT_READ | PROT_WRITE, MAP_SHARED, v->device,
		    (off_t)(area->offset + offset - in_page));
	if (addr == MAP_FAILED)
		return NULL;
	return addr + in_page;
}

static void bar_unmap(struct pci_bus *bus, void *addr, uint64_t len)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t in_page = (uint64_t)(uintptr_t)addr & (page - 1);

	(void)bus;
	munmap((char *)addr - in_page, in_page + len);
}

/* Mapping pins the memory, which counts against the limit of locked memory. */
int vfio_explain_map(const struct vfio *v, uint64_t len)
{
	struct rlimit limit = {0};
	int err = errno;

	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (err == ENOMEM && limit.rlim_cur != RLIM_INFINITY)
		return error_set(
			-ENOMEM,
			"%s needs %llu KiB more of locked memory and the limit is %llu KiB; "
			"raise it with ulimit -l, or LimitMEMLOCK= of the service",
			v->bus.name, (unsigned long long)(len >> 10),
			(unsigned long long)(limit.rlim_cur >> 10));
	errno = err;
	return error_set(-err, "mapping %llu bytes for %s in the IOMMU: %m",
			 (unsigned long long)len, v->bus.name);
}

int vfio_explain_unmap(const struct vfio *v, int ret, uint64_t len, uint64_t done)
{
	if (ret)
		return error_set(-errno, "unmapping %llu bytes of %s in the IOMMU: %m",
				 (unsigned long long)len, v->bus.name);
	if (done != len)
		return error_set(-EIO, "the IOMMU unmapped %llu bytes of %s instead of %llu",
				 (unsigned long long)done, v->bus.name, (unsigned long long)len);
	return 0;
}

static int dma_map(struct pci_bus *bus, const struct dma_region *region, uint64_t iova)
{
	return vfio_of(bus)->interface->map(vfio_of(bus), region->addr, region->len, iova);
}

static int dma_unmap(struct pci_bus *bus, uint64_t iova, uint64_t len)
{
	return vfio_of(bus)->interface->unmap(vfio_of(bus), iova, len);
}

static bool leaving(struct pci_bus *bus)
{
	struct vfio *v = vfio_of(bus);
	eventfd_t count;

	if (eventfd_read(v->call, &count) == 0)
		v->left = true;
	return v->left;
}

static int reset(struct pci_bus *bus)
{
	if (ioctl(vfio_of(bus)->device, VFIO_DEVICE_RESET))
		return error_set(-errno, "resetting %s: %m", bus->name);
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/*
 * Closes the device first, which ends its interrupts and its accesses. Memory that the layer above
 * has not unmapped is unmapped when the container is closed.
 */
static void vfio_close(struct pci_bus *bus)
{
	struct vfio *v = vfio_of(bus);

	close_fd(v->device);
	if (v->space)
		vfio_space_leave(v);
	close_fd(v->call);
	free(v);
}

static const struct pci_bus_ops vfio_ops = {
	.config_read = config_read,
	.config_write = config_write,
	.bar_size = bar_size,
	.bar_read = bar_read,
	.bar_write = bar_write,
	.bar_map = bar_map,
	.bar_unmap = bar_unmap,
	.dma_where = vfio_dma_where,
	.dma_map = dma_map,
	.dma_unmap = dma_unmap,
	.irq_set = vfio_irq_set,
	.leaving = leaving,
	.reset = reset,
	.close = vfio_close,
};

/* A region that VFIO doesn't have gets size 0; every function has a configuration space. */
static int read_areas(struct vfio *v)
{
	unsigned i;

	for (i = 0; i < ARRAY_LEN(v->areas); i++) {
		struct vfio_region_info info = {.argsz = sizeof(info), .index = i};

		if (ioctl(v->device, VFIO_DEVICE_GET_REGION_INFO, &info))
			continue;
		v->areas[i] = (struct vfio_area){info.size, info.offset, info.flags};
	}
	if (v->areas[VFIO_PCI_CONFIG_REGION_INDEX].size)
		return 0;
	return error_set(-EIO, "VFIO shows no configuration space of %s", v->bus.name);
}

/* Chooses iommufd by itself only if everything that it needs is there. */
static const struct vfio_interface *choose(const char *name, unsigned iommu)
{
	if (iommu == TRANSPORT_IOMMU_NONE)
		return &vfio_noiommu;
	if (iommu == TRANSPORT_IOMMU_FD ||
	    (iommu == TRANSPORT_IOMMU_AUTO && vfio_iommufd_ready(name)))
		return &vfio_iommufd;
	return &vfio_group;
}

int vfio_open(const char *name, unsigned iommu, struct pci_bus **out)
{
	struct vfio *v = calloc(1, sizeof(*v));
	int ret;

	if (!v)
		return error_set(-ENOMEM, "out of memory");
	v->bus.ops = &vfio_ops;
	v->bus.watch = -1;
	v->device = v->call = -1;
	snprintf(v->name, sizeof(v->name), "%s", name);
	v->bus.name = v->name;
	ret = vfio_check_function(v->bus.name);
	if (!ret) {
		v->interface = choose(v->bus.name, iommu);
		ret = vfio_space_enter(v);
	}
	if (!ret)
		ret = v->interface->open(v);
	if (!ret)
		ret = v->interface->read_ranges(v);
	if (!ret)
		ret = read_areas(v);
	if (!ret)
		ret = vfio_irq_init(v);
	if (ret) {
		error_keep(true);
		vfio_close(&v->bus);
		error_keep(false);
		return ret;
	}
	*out = &v->bus;
	return 0;
}
