/* SPDX-License-Identifier: BSD-3-Clause */
/* Binds functions to vfio-pci. Everything is checked before anything is changed. */
#include "bind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRIVER "vfio-pci"

static bool is_named(const char *address, char **addresses, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		if (strcmp(address,
			   addresses[i] + (strncmp(addresses[i], "pci:", 4) == 0 ? 4 : 0)) == 0)
			return true;
	}
	return false;
}

static int check_machine(const char *root, const struct function *function)
{
	char path[PATH_MAX];

	if (access(tree_path(path, root, "/sys/bus/pci/drivers/" DRIVER), F_OK))
		return fail(STATUS_UNREADY,
			    "the kernel driver " DRIVER " is not loaded; modprobe " DRIVER);
	if (!*function->group)
		return fail(STATUS_UNREADY,
			    "%s has no IOMMU group, so no IOMMU restricts its DMA; give "
			    "the machine one (QEMU: -device intel-iommu) and boot its kernel with "
			    "intel_iommu=on or amd_iommu=on",
			    function->address);
	tree_path(path, root, "/sys/bus/pci/devices/%s/driver_override", function->address);
	if (access(path, W_OK) == 0)
		return STATUS_DONE;
	return fail(STATUS_UNREADY, "writing %s: %m; changing drivers requires root%s", path,
		    errno == EROFS ? " and a writable sysfs" : "");
}

/*
 * VFIO does not open a group while a kernel driver is bound to one of its functions, bridges
 * excepted.
 */
static int check_group(const struct function *function, char **addresses, unsigned count)
{
	const struct neighbour *other;
	unsigned i;

	for (i = 0; i < function->neighbour_count; i++) {
		other = &function->neighbours[i];
		if (!*other->driver || strcmp(other->driver, DRIVER) == 0 ||
		    strcmp(other->driver, "pcieport") == 0 ||
		    strcmp(other->driver, "pci-stub") == 0 ||
		    is_named(other->address, addresses, count))
			continue;
		return fail(
			STATUS_UNREADY,
			"%s shares IOMMU group %s with %s, which is bound to %s, and VFIO needs "
			"the whole group; take that one too if it is virtio-scsi, or "
			"unbind it",
			function->address, function->group, other->address, other->driver);
	}
	return STATUS_DONE;
}

int driver_change(const char *root, struct function *function, const char *wanted)
{
	char path[PATH_MAX], driver[PATH_MAX], text[NAME_SIZE];
	int ret;

	/* A line feed alone clears the override. */
	snprintf(text, sizeof(text), "%s\n", wanted);
	tree_path(path, root, "/sys/bus/pci/devices/%s/driver_override", function->address);
	ret = tree_write(path, text);
	if (!ret && *function->driver) {
		tree_path(path, root, "/sys/bus/pci/devices/%s/driver/unbind", function->address);
		ret = tree_write(path, function->address);
	}
	if (!ret) {
		tree_path(path, root, "/sys/bus/pci/drivers_probe");
		ret = tree_write(path, function->address);
	}
	tree_path(driver, root, "/sys/bus/pci/devices/%s/driver", function->address);
	tree_link(driver, function->driver, sizeof(function->driver));
	errno = -ret;
	return ret ? fail(STATUS_FAILED, "writing %s: %m", path) : STATUS_DONE;
}

/* Prints a path below the root if it exists. Return: whether it does. */
static bool print_file(const char *root, const char *folder, const char *name)
{
	char path[PATH_MAX];

	if (access(tree_path(path, root, "%s%s", folder, name), F_OK))
		return false;
	printf(" %s%s", folder, name);
	return true;
}

/* The group's file has one name with an IOMMU, another without; the function's needs /dev/iommu. */
static void print_files(const char *root, const struct function *function)
{
	char path[PATH_MAX];
	char **names;
	unsigned count, i;

	print_file(root, "/dev/vfio/", function->group);
	print_file(root, "/dev/vfio/noiommu-", function->group);
	count = tree_list(tree_path(path, root, "/sys/bus/pci/devices/%s/vfio-dev",
				    function->address),
			  &names);
	for (i = 0; i < count; i++) {
		if (print_file(root, "/dev/vfio/devices/", names[i]))
			print_file(root, "/dev/", "iommu");
	}
	tree_list_free(names, count);
}

static int bind_one(const char *root, struct function *function)
{
	int status;

	if (strcmp(function->driver, DRIVER) != 0) {
		status = driver_change(root, function, DRIVER);
		if (status || strcmp(function->driver, DRIVER) != 0) {
			/* Bind it to its previous driver. */
			driver_change(root, function, "");
			return fail(STATUS_FAILED,
				    "the kernel did not bind %s to " DRIVER
				    "; it is now bound to %s; the "
				    "kernel log may tell why",
				    function->address,
				    *function->driver ? function->driver : "no driver");
		}
	}
	printf("%s is bound to " DRIVER "; its address is pci:%s, its files:", function->address,
	       function->address);
	print_files(root, function);
	printf("\n");
	return STATUS_DONE;
}

static int check_one(const char *root, struct function *function, char **addresses, unsigned count)
{
	int status;

	if (strcmp(function->driver, DRIVER) == 0)
		return STATUS_DONE;
	status = check_machine(root, function);
	if (!status)
		status = check_group(function, addresses, count);
	/* Last, because the disks stay open from here on. */
	return status ? status : blocks_claim(root, function);
}

int take(const char *root, char **addresses, unsigned count)
{
	struct functions all = {0};
	struct function *function;
	unsigned i;
	int status = STATUS_DONE;

	for (i = 0; !status && i < count; i++) {
		function = array_more(&all.entry, &all.count, sizeof(*function));
		status = function ? function_read(root, addresses[i], function) : STATUS_FAILED;
		if (!status)
			status = check_one(root, function, addresses, count);
	}
	for (i = 0; !status && i < count; i++)
		status = bind_one(root, &all.entry[i]);
	functions_free(&all);
	return status;
}
