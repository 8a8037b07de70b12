/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO's group interface: opens container, group and device, with or without an IOMMU. Most of this
 * file is error texts that say what is missing on the machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "transport/vfio/vfio.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/log.h"

/* Whether the group has no IOMMU: then VFIO names its file differently. */
static bool without_iommu(const char *group, char *path, size_t room)
{
	snprintf(path, room, "/dev/vfio/noiommu-%s", group);
	return access(path, F_OK) == 0;
}

static int open_container(struct vfio_space *space)
{
	int version;

	space->container = fd_raise(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC));
	if (space->container < 0)
		return error_set(
			-errno,
			"opening /dev/vfio/vfio: %m; load vfio-pci and vfio_iommu_type1, and "
			"let this user read and write the file");
	version = ioctl(space->container, VFIO_GET_API_VERSION);
	if (version != VFIO_API_VERSION)
		return error_set(-EOPNOTSUPP,
				 "the kernel has version %d of VFIO's API; only version %d is "
				 "supported",
				 version, VFIO_API_VERSION);
	return 0;
}

/* Names the function that makes the group unusable, if it can be found. */
static int not_viable(const struct vfio *v)
{
	int ret = vfio_blame_neighbour(v);

	return ret ? ret
		   : error_set(-EPERM,
			       "IOMMU group %s of %s is not viable; bind all of it to vfio-pci",
			       v->space->name, v->bus.name);
}

static int open_group(struct vfio *v, const char *path)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};
	int fd = v->space->group = fd_raise(open(path, O_RDWR | O_CLOEXEC));

	if (fd < 0 && errno == EBUSY)
		return error_set(-EBUSY, "%s is in use: another program has it or %s open",
				 v->bus.name, path);
	if (fd < 0)
		return error_set(-errno,
				 "opening %s for %s: %m; let this user read and write that file",
				 path, v->bus.name);
	if (ioctl(fd, VFIO_GROUP_GET_STATUS, &status))
		return error_set(-errno, "getting the status of %s: %m", path);
	return status.flags & VFIO_GROUP_FLAGS_VIABLE ? 0 : not_viable(v);
}

/* Sets the IOMMU type last: VFIO requires a group in the container. */
static int join(struct vfio *v, int iommu)
{
	const struct vfio_space *space = v->space;

	if (ioctl(space->group, VFIO_GROUP_SET_CONTAINER, &space->container)) {
		int err = errno;
		int ret = err == EPERM ? vfio_blame_neighbour(v) : 0;

		errno = err;
		return ret ? ret
			   : error_set(-err, "putting the group of %s into a VFIO container: %m",
				       v->bus.name);
	}
	if (ioctl(space->container, VFIO_SET_IOMMU, iommu))
		return error_set(
			-errno,
			"setting up the IOMMU for %s: %m; if interrupt remapping is missing, "
			"see vfio_iommu_type1's allow_unsafe_interrupts",
			v->bus.name);
	return 0;
}

int vfio_open_in_group(struct vfio *v)
{
	v->device = fd_raise(ioctl(v->space->group, VFIO_GROUP_GET_DEVICE_FD, v->bus.name));
	if (v->device < 0)
		return error_set(-errno, "opening %s through VFIO: %m", v->bus.name);
	fcntl(v->device, F_SETFD, FD_CLOEXEC);
	return 0;
}

static int make_translated(struct vfio *v)
{
	struct vfio_space *space = v->space;
	char path[64];
	int ret;

	if (without_iommu(space->name, path, sizeof(path)))
		return error_set(-ENODEV,
				 "%s is bound to vfio-pci without an IOMMU, so it could access all "
				 "memory; give the machine an IOMMU, or use iommu=none",
				 v->bus.name);
	snprintf(path, sizeof(path), "/dev/vfio/%s", space->name);
	ret = open_container(space);
	if (!ret && ioctl(space->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) <= 0)
		ret = error_set(-EOPNOTSUPP,
				"the kernel's VFIO has no driver for this IOMMU; modprobe "
				"vfio_iommu_type1");
	if (!ret)
		ret = open_group(v, path);
	return ret ? ret : join(v, VFIO_TYPE1v2_IOMMU);
}

static int open_translated(struct vfio *v)
{
	int ret = vfio_open_in_group(v);

	if (!ret)
		v->bus.snoops =
			ioctl(v->space->container, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU) > 0;
	return ret;
}

int vfio_make_noiommu(struct vfio *v)
{
	char path[64];
	int ret;

	if (!without_iommu(v->space->name, path, sizeof(path)))
		return error_set(-ENODEV,
				 "%s can't be opened without an IOMMU: if it has one, use "
				 "iommu=auto; if not, allow it: echo 1 > "
				 "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode, then "
				 "bind it to vfio-pci again",
				 v->bus.name);
	ret = open_container(v->space);
	if (!ret)
		ret = open_group(v, path);
	if (!ret)
		ret = join(v, VFIO_NOIOMMU_IOMMU);
	if (!ret)
		log_warn("%s runs without an IOMMU, as requested: it can read and write all "
			 "memory of this machine",
			 v->bus.name);
	return ret;
}

const struct vfio_interface vfio_group = {
	.make = make_translated,
	.open = open_translated,
	.read_ranges = vfio_read_ranges,
	.map = vfio_type1_map,
	.unmap = vfio_type1_unmap,
};
