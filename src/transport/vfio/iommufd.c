/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A function's device file and iommufd: binds the file to an iommufd, creates an address space for
 * its IOMMU group there, and maps memory into it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "transport/vfio/iommufd_abi.h"
#include "transport/vfio/vfio.h"
#include "util/error.h"
#include "util/fd.h"

#define IOMMU "/dev/iommu"

/* Finds the function's device file in sysfs. Return: whether it has one. */
static bool find_file(const char *name, char *path, size_t room)
{
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, room, PCI_DEVICES "/%s/vfio-dev", name);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		found = strncmp(entry->d_name, "vfio", 4) == 0;
		if (found)
			snprintf(path, room, "/dev/vfio/devices/%.64s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

bool vfio_iommufd_ready(const char *name)
{
	char path[128];

	return access(IOMMU, R_OK | W_OK) == 0 && find_file(name, path, sizeof(path)) &&
	       access(path, R_OK | W_OK) == 0;
}

static int make_space(struct vfio *v)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct vfio_space *space = v->space;

	space->container = fd_raise(open(IOMMU, O_RDWR | O_CLOEXEC));
	if (space->container < 0)
		return error_set(-errno,
				 "opening " IOMMU ": %m; modprobe iommufd, let this user read and "
				 "write the file, or use iommu=group");
	if (ioctl(space->container, IOMMU_IOAS_ALLOC, &alloc))
		return error_set(-errno, "creating an address space for %s: %m", v->bus.name);
	space->ioas = alloc.out_ioas_id;
	return 0;
}

static int open_file(struct vfio *v)
{
	char path[128];

	if (!find_file(v->bus.name, path, sizeof(path)))
		return error_set(-ENODEV,
				 "the kernel has no file for %s under /dev/vfio/devices: it is "
				 "older than 6.6, or was built without CONFIG_VFIO_DEVICE_CDEV; "
				 "use iommu=group",
				 v->bus.name);
	v->device = fd_raise(open(path, O_RDWR | O_CLOEXEC));
	if (v->device < 0)
		return error_set(-errno,
				 "opening %s for %s: %m; let this user read and write that file",
				 path, v->bus.name);
	return 0;
}

/*
 * What the kernel says (drivers/vfio and drivers/iommu/iommufd, since 6.6): EINVAL, the function is
 * bound already, or its accesses aren't coherent; EBUSY, its group is open by the group interface;
 * EPERM, a part of the group belongs to another driver or iommufd, or interrupts aren't isolated.
 */
static int explain_bind(const struct vfio *v, int err)
{
	int ret = err == EPERM ? vfio_blame_neighbour(v) : 0;

	errno = err;
	if (ret)
		return ret;
	if (err == EINVAL || err == EBUSY)
		return error_set(-EBUSY,
				 "%s is in use: another program has it or its IOMMU group open (or "
				 "else its IOMMU is not cache-coherent)",
				 v->bus.name);
	if (err == EPERM)
		return error_set(-EPERM,
				 "binding %s to " IOMMU ": %m; interrupt remapping is missing, see "
				 "iommufd's allow_unsafe_interrupts",
				 v->bus.name);
	return error_set(-err, "binding %s to " IOMMU ": %m", v->bus.name);
}

/* Binds the function, then attaches it to the address space. */
static int join(struct vfio *v)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind),
						.iommufd = v->space->container};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach),
						       .pt_id = v->space->ioas};

	if (ioctl(v->device, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		return explain_bind(v, errno);
	if (ioctl(v->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		return error_set(-errno, "attaching %s to its address space: %m", v->bus.name);
	return 0;
}

static int open_iommufd(struct vfio *v)
{
	int ret = open_file(v);

	return ret ? ret : join(v);
}

/* With EMSGSIZE the kernel has filled in as many ranges as fit; the others are not used. */
static int read_ranges(struct vfio *v)
{
	struct iommu_iova_range ranges[PCI_RANGES];
	struct iommu_ioas_iova_ranges ask = {
		.size = sizeof(ask),
		.ioas_id = v->space->ioas,
		.num_iovas = PCI_RANGES,
		.allowed_iovas = (uintptr_t)ranges,
	};
	unsigned i;

	memset(ranges, 0, sizeof(ranges));
	if (ioctl(v->space->container, IOMMU_IOAS_IOVA_RANGES, &ask) && errno != EMSGSIZE)
		return error_set(-errno, "getting the address ranges of the IOMMU of %s: %m",
				 v->bus.name);
	if (!ask.num_iovas)
		return error_set(-EIO, "the IOMMU of %s has no addresses", v->bus.name);
	v->bus.nranges = ask.num_iovas < PCI_RANGES ? ask.num_iovas : PCI_RANGES;
	for (i = 0; i < v->bus.nranges; i++)
		v->bus.ranges[i] = (struct pci_range){ranges[i].start, ranges[i].last};
	/* The kernel may report an alignment of 1, but pins memory in whole pages. */
	v->bus.page = (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}

static int map(struct vfio *v, uint64_t addr, uint64_t len, uint64_t iova)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_READABLE,
		.ioas_id = v->space->ioas,
		.user_va = addr,
		.length = len,
		.iova = iova,
	};

	return ioctl(v->space->container, IOMMU_IOAS_MAP, &map) ? vfio_explain_map(v, len) : 0;
}

static int unmap(struct vfio *v, uint64_t iova, uint64_t len)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = v->space->ioas,
		.iova = iova,
		.length = len,
	};
	int ret;

	ret = ioctl(v->space->container, IOMMU_IOAS_UNMAP, &unmap);
	return vfio_explain_unmap(v, ret, len, unmap.length);
}

const struct vfio_interface vfio_iommufd = {
	.make = make_space,
	.open = open_iommufd,
	.read_ranges = read_ranges,
	.map = map,
	.unmap = unmap,
};
