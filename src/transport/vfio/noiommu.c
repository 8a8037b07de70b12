/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A function without an IOMMU: it uses physical addresses, which are looked up here. Such a device
 * can access all of the machine's memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "transport/vfio/vfio.h"
#include "util/error.h"
#include "util/fd.h"

/* An entry of /proc/self/pagemap: whether the page is there, and its number. */
#define PRESENT (UINT64_C(1) << 63)
#define NUMBER  ((UINT64_C(1) << 55) - 1)

/*
 * Hugepages keep their physical addresses: the kernel doesn't swap them, and moves them only for
 * memory hot-unplug. Return: the size of a hugepage; 0 for other memory.
 */
static uint64_t huge_page(int fd)
{
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) || fs.f_type != HUGETLBFS_MAGIC)
		return 0;
	return (uint64_t)fs.f_bsize;
}

static int physical(int pagemap, uint64_t addr, uint64_t *out)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t entry = 0;

	/* A page that was not touched yet has no address. */
	(void)*(volatile const char *)(uintptr_t)addr;
	if (pread(pagemap, &entry, sizeof(entry), (off_t)(addr / page * sizeof(entry))) !=
	    (ssize_t)sizeof(entry))
		return error_set(-EIO, "reading /proc/self/pagemap: %m");
	if (!(entry & PRESENT) || !(entry & NUMBER))
		return error_set(-EPERM,
				 "the kernel hides physical addresses from this process; without "
				 "an IOMMU it needs CAP_SYS_ADMIN");
	*out = (entry & NUMBER) * page + addr % page;
	return 0;
}

/* All pages of a region must be contiguous, because the region has one address for the device. */
static int look_up(int pagemap, uint64_t addr, uint64_t len, uint64_t step, uint64_t *out)
{
	uint64_t here = 0;
	uint64_t at;
	int ret;

	ret = physical(pagemap, addr, out);
	for (at = step - addr % step; !ret && at < len; at += step) {
		ret = physical(pagemap, addr + at, &here);
		if (!ret && here != *out + at)
			ret = error_set(
				-EOPNOTSUPP,
				"the hugepages at 0x%llx are not contiguous in physical memory, "
				"which requires an IOMMU; use a pool of one hugepage of %llu KiB",
				(unsigned long long)addr, (unsigned long long)(step >> 10));
	}
	return ret;
}

int vfio_dma_where(struct pci_bus *bus, const struct dma_region *region, uint64_t *iova)
{
	uint64_t step = huge_page(region->fd);
	int pagemap;
	int ret;

	if (!step)
		return error_set(-EOPNOTSUPP,
				 "without an IOMMU %s can use only hugepages; reserve some: "
				 "echo 64 > /proc/sys/vm/nr_hugepages",
				 bus->name);
	pagemap = fd_raise(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	if (pagemap < 0)
		return error_set(-errno, "opening /proc/self/pagemap: %m");
	ret = look_up(pagemap, region->addr, region->len, step, iova);
	close(pagemap);
	return ret;
}

static int read_ranges(struct vfio *v)
{
	v->bus.page = (uint64_t)sysconf(_SC_PAGESIZE);
	v->bus.ranges[0] = (struct pci_range){0, UINT64_MAX};
	v->bus.nranges = 1;
	v->bus.physical = true;
	return 0;
}

/* Without translation there is nothing to map or unmap. */
static int map(struct vfio *v, uint64_t addr, uint64_t len, uint64_t iova)
{
	(void)v;
	(void)addr;
	(void)len;
	(void)iova;
	return 0;
}

static int unmap(struct vfio *v, uint64_t iova, uint64_t len)
{
	return map(v, 0, len, iova);
}

const struct vfio_interface vfio_noiommu = {
	.make = vfio_make_noiommu,
	.open = vfio_open_in_group,
	.read_ranges = read_ranges,
	.map = map,
	.unmap = unmap,
};
