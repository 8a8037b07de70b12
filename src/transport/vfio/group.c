/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO's group interface: group, container and device are opened, in
 * front of an IOMMU or of none. Most of this file is what to tell people who aren't ready yet.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "transport/vfio/vfio.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/log.h"

static int find_group(const char *name, char *group, size_t room)
{
	vfio_read_link(name, "iommu_group", group, room);
	if (*group)
		return 0;
	return error_set(-ENODEV,
			 "%s is in no IOMMU group, so there is no IOMMU in front of it; give the "
			 "machine one and boot its kernel with intel_iommu=on or amd_iommu=on",
			 name);
}

/* Where VFIO serves a function although there is no IOMMU, its group's file has another name. */
static bool without_iommu(const char *group, char *path, size_t room)
{
	snprintf(path, room, "/dev/vfio/noiommu-%s", group);
	return access(path, F_OK) == 0;
}

static int open_container(struct vfio *v)
{
	int version;

	v->container = fd_raise(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC));
	if (v->container < 0)
		return error_set(
			-errno,
			"opening /dev/vfio/vfio: %m; load vfio-pci and vfio_iommu_type1, and "
			"let this user read and write the file");
	version = ioctl(v->container, VFIO_GET_API_VERSION);
	if (version != VFIO_API_VERSION)
		return error_set(-EOPNOTSUPP, "the kernel has version %d of VFIO, known is %d",
				 version, VFIO_API_VERSION);
	return 0;
}

/* Names a function of the group that some other driver has; it keeps the whole group from use. */
static int not_viable(const char *name, const char *group)
{
	char path[128];
	char driver[64];
	struct dirent *entry;
	DIR *dir;
	int ret;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/iommu_group/devices", name);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (!vfio_is_name(entry->d_name))
			continue;
		vfio_read_link(entry->d_name, "driver", driver, sizeof(driver));
		if (!*driver || strcmp(driver, "vfio-pci") == 0 || strcmp(driver, "pcieport") == 0)
			continue;
		ret = error_set(-EPERM,
				"%s shares IOMMU group %s with %s, which is bound to %s; unbind "
				"that one or bind it to vfio-pci too",
				name, group, entry->d_name, driver);
		closedir(dir);
		return ret;
	}
	if (dir)
		closedir(dir);
	return error_set(-EPERM, "IOMMU group %s of %s is not viable; bind all of it to vfio-pci",
			 group, name);
}

static int open_group(struct vfio *v, const char *group, const char *path)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};

	v->group = fd_raise(open(path, O_RDWR | O_CLOEXEC));
	if (v->group < 0 && errno == EBUSY)
		return error_set(
			-EBUSY,
			"%s is in use: another program, or another device of this one, has "
			"%s open",
			v->bus.name, path);
	if (v->group < 0)
		return error_set(-errno,
				 "opening %s for %s: %m; let this user read and write that file",
				 path, v->bus.name);
	if (ioctl(v->group, VFIO_GROUP_GET_STATUS, &status))
		return error_set(-errno, "asking for the state of %s: %m", path);
	return status.flags & VFIO_GROUP_FLAGS_VIABLE ? 0 : not_viable(v->bus.name, group);
}

/* The IOMMU can be chosen once a group is in the container, and the device opened after that. */
static int join(struct vfio *v, int iommu)
{
	if (ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container))
		return error_set(-errno, "putting the group of %s into a VFIO container: %m",
				 v->bus.name);
	if (ioctl(v->container, VFIO_SET_IOMMU, iommu))
		return error_set(
			-errno,
			"setting up the IOMMU for %s: %m; if interrupt remapping is missing, "
			"see vfio_iommu_type1's allow_unsafe_interrupts",
			v->bus.name);
	v->device = fd_raise(ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, v->bus.name));
	if (v->device < 0)
		return error_set(-errno, "opening %s through VFIO: %m", v->bus.name);
	fcntl(v->device, F_SETFD, FD_CLOEXEC);
	return 0;
}

static int open_translated(struct vfio *v)
{
	char path[64];
	char group[16];
	int ret;

	ret = find_group(v->bus.name, group, sizeof(group));
	if (ret)
		return ret;
	if (without_iommu(group, path, sizeof(path)))
		return error_set(-ENODEV,
				 "%s is bound to vfio-pci without an IOMMU, which would let it "
				 "reach all memory; give the machine an IOMMU, or say iommu=none",
				 v->bus.name);
	snprintf(path, sizeof(path), "/dev/vfio/%s", group);
	ret = open_container(v);
	if (!ret && ioctl(v->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) <= 0)
		ret = error_set(-EOPNOTSUPP,
				"the kernel's VFIO has no driver for this IOMMU; modprobe "
				"vfio_iommu_type1");
	if (!ret)
		ret = open_group(v, group, path);
	if (!ret)
		ret = join(v, VFIO_TYPE1v2_IOMMU);
	if (!ret)
		v->bus.snoops = ioctl(v->container, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU) > 0;
	return ret;
}

int vfio_open_noiommu(struct vfio *v)
{
	char path[64];
	char group[16];
	int ret;

	ret = find_group(v->bus.name, group, sizeof(group));
	if (ret)
		return ret;
	if (!without_iommu(group, path, sizeof(path)))
		return error_set(-ENODEV,
				 "%s can't be had without an IOMMU: either there is one, which "
				 "iommu=auto uses, or VFIO must be allowed to: echo 1 > "
				 "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode, then "
				 "bind it to vfio-pci again",
				 v->bus.name);
	ret = open_container(v);
	if (!ret)
		ret = open_group(v, group, path);
	if (!ret)
		ret = join(v, VFIO_NOIOMMU_IOMMU);
	if (!ret)
		log_warn("%s runs without an IOMMU, as asked for: it can read and write all "
			 "memory of this machine",
			 v->bus.name);
	return ret;
}

const struct vfio_interface vfio_group = {
	.open = open_translated,
	.read_ranges = vfio_read_ranges,
	.map = vfio_type1_map,
	.unmap = vfio_type1_unmap,
};
