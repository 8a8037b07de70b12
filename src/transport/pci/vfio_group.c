/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way to a function through VFIO's group interface: sysfs says whether it is ready, then group,
 * container and device are opened. Most of this file is what to tell people who aren't ready yet.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "transport/pci/vfio.h"
#include "util/error.h"

#define DEVICES "/sys/bus/pci/devices"

/* "0000:00:05.0" and nothing else: it becomes part of paths. */
static bool is_name(const char *name)
{
	static const char form[] = "xxxx:xx:xx.x";
	unsigned i;

	for (i = 0; form[i]; i++) {
		if (form[i] == 'x' ? !isxdigit((unsigned char)name[i]) : name[i] != form[i])
			return false;
	}
	return !name[i];
}

/* Last part of where a link of a function's folder leads; empty: there is no such link. */
static void read_link(const char *name, const char *link, char *out, size_t room)
{
	char path[512];
	char target[512];
	ssize_t len;
	char *slash;

	*out = '\0';
	snprintf(path, sizeof(path), DEVICES "/%s/%s", name, link);
	len = readlink(path, target, sizeof(target) - 1);
	if (len <= 0)
		return;
	target[len] = '\0';
	slash = strrchr(target, '/');
	snprintf(out, room, "%.*s", (int)room - 1, slash ? slash + 1 : target);
}

static int check_driver(const char *name)
{
	char path[64];
	char driver[64];

	snprintf(path, sizeof(path), DEVICES "/%s", name);
	if (access(path, F_OK))
		return error_set(-ENODEV, "there is no PCI function %s; lspci -D lists them", name);
	read_link(name, "driver", driver, sizeof(driver));
	if (strcmp(driver, "vfio-pci") == 0)
		return 0;
	return error_set(-ENODEV,
			 "%s is bound to %s; bind it to vfio-pci: modprobe vfio-pci; cd " DEVICES
			 "/%s; echo vfio-pci > driver_override; %secho %s > "
			 "/sys/bus/pci/drivers_probe",
			 name, *driver ? driver : "no driver", name,
			 *driver ? "echo $(basename $PWD) > driver/unbind; " : "", name);
}

static int find_group(const char *name, char *group, size_t room)
{
	char path[64];

	read_link(name, "iommu_group", group, room);
	if (!*group)
		return error_set(
			-ENODEV,
			"%s is in no IOMMU group, so there is no IOMMU in front of it; give the "
			"machine one and boot its kernel with intel_iommu=on or amd_iommu=on",
			name);
	snprintf(path, sizeof(path), "/dev/vfio/noiommu-%s", group);
	if (access(path, F_OK) == 0)
		return error_set(
			-ENODEV,
			"%s is bound to vfio-pci without an IOMMU, which would let it reach all "
			"memory; give the machine an IOMMU",
			name);
	return 0;
}

static int open_container(struct vfio *v)
{
	int version;

	v->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (v->container < 0)
		return error_set(
			-errno,
			"opening /dev/vfio/vfio: %m; load vfio-pci and vfio_iommu_type1, and "
			"let this user read and write the file");
	version = ioctl(v->container, VFIO_GET_API_VERSION);
	if (version != VFIO_API_VERSION)
		return error_set(-ENOTSUP, "the kernel has version %d of VFIO, known is %d",
				 version, VFIO_API_VERSION);
	if (ioctl(v->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) <= 0)
		return error_set(-ENOTSUP,
				 "the kernel's VFIO has no driver for this IOMMU; modprobe "
				 "vfio_iommu_type1");
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

	snprintf(path, sizeof(path), DEVICES "/%s/iommu_group/devices", name);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (!is_name(entry->d_name))
			continue;
		read_link(entry->d_name, "driver", driver, sizeof(driver));
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

static int open_group(struct vfio *v, const char *group)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/%s", group);
	v->group = open(path, O_RDWR | O_CLOEXEC);
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
static int join(struct vfio *v)
{
	if (ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container))
		return error_set(-errno, "putting the group of %s into a VFIO container: %m",
				 v->bus.name);
	if (ioctl(v->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return error_set(
			-errno,
			"setting up the IOMMU for %s: %m; if interrupt remapping is missing, "
			"see vfio_iommu_type1's allow_unsafe_interrupts",
			v->bus.name);
	v->device = ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, v->bus.name);
	if (v->device < 0)
		return error_set(-errno, "opening %s through VFIO: %m", v->bus.name);
	fcntl(v->device, F_SETFD, FD_CLOEXEC);
	return 0;
}

int vfio_open_group(struct vfio *v)
{
	char group[16];
	int ret;

	if (!is_name(v->bus.name))
		return error_set(-EINVAL,
				 "\"%s\" is no PCI function; write pci:DDDD:BB:DD.F, such as "
				 "pci:0000:00:05.0",
				 v->bus.name);
	ret = check_driver(v->bus.name);
	if (!ret)
		ret = find_group(v->bus.name, group, sizeof(group));
	if (!ret)
		ret = open_container(v);
	if (!ret)
		ret = open_group(v, group);
	return ret ? ret : join(v);
}
