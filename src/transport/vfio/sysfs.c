/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads sysfs: whether a function exists, its driver, and the other functions of its group. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "transport/vfio/vfio.h"
#include "util/error.h"

/* "0000:00:05.0" and nothing else: it becomes part of paths. */
bool vfio_is_name(const char *name)
{
	static const char form[] = "xxxx:xx:xx.x";
	unsigned i;

	for (i = 0; form[i]; i++) {
		if (form[i] == 'x' ? !isxdigit((unsigned char)name[i]) : name[i] != form[i])
			return false;
	}
	return !name[i];
}

void vfio_read_link(const char *name, const char *link, char *out, size_t room)
{
	char path[512];
	char target[512];
	ssize_t len;
	char *slash;

	*out = '\0';
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", name, link);
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

	snprintf(path, sizeof(path), PCI_DEVICES "/%s", name);
	if (access(path, F_OK))
		return error_set(-ENODEV, "there is no PCI function %s; lspci -D lists them", name);
	vfio_read_link(name, "driver", driver, sizeof(driver));
	if (strcmp(driver, "vfio-pci") == 0)
		return 0;
	/* Not the commands themselves: vscsi-bind refuses other functions, and disks in use. */
	return error_set(-ENODEV,
			 "%s is bound to %s; bind it to vfio-pci: modprobe vfio-pci; "
			 "vscsi-bind take %s",
			 name, *driver ? driver : "no driver", name);
}

int vfio_check_function(const char *name)
{
	if (!vfio_is_name(name))
		return error_set(-EINVAL,
				 "\"%s\" is not a PCI function; write pci:DDDD:BB:DD.F, such as "
				 "pci:0000:00:05.0",
				 name);
	return check_driver(name);
}

/*
 * A driver that uses DMA makes the whole group unusable. If there is none, another program may have
 * opened a function of the group that is bound to vfio-pci; @perhaps receives its name.
 */
static int blame(const struct vfio *v, const char *other, char *perhaps, size_t room)
{
	char driver[64];

	if (!vfio_is_name(other) || strcmp(other, v->bus.name) == 0)
		return 0;
	vfio_read_link(other, "driver", driver, sizeof(driver));
	if (!*driver || strcmp(driver, "pcieport") == 0 || strcmp(driver, "pci-stub") == 0)
		return 0;
	if (strcmp(driver, "vfio-pci") != 0)
		return error_set(-EPERM,
				 "%s shares IOMMU group %s with %s, which is bound to %s; unbind "
				 "that one or bind it to vfio-pci too",
				 v->bus.name, v->space->name, other, driver);
	snprintf(perhaps, room, "%.12s", other);
	return 0;
}

int vfio_blame_neighbour(const struct vfio *v)
{
	struct dirent *entry;
	char perhaps[16] = "";
	char path[128];
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/iommu_group/devices", v->bus.name);
	dir = opendir(path);
	while (dir && !ret && (entry = readdir(dir)))
		ret = blame(v, entry->d_name, perhaps, sizeof(perhaps));
	if (dir)
		closedir(dir);
	if (!ret && *perhaps)
		ret = error_set(-EPERM,
				"%s shares IOMMU group %s with %s, which another program has open, "
				"and the group can't be divided",
				v->bus.name, v->space->name, perhaps);
	return ret;
}
