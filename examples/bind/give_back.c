/* SPDX-License-Identifier: BSD-3-Clause */
/* Giving functions back to the driver that the kernel has for them. */
#include "bind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DRIVER "vfio-pci"

/* Unbinding would wait, not to be interrupted, until the program that has the group closes it. */
static int check_idle(const char *root, const struct function *function)
{
	char path[PATH_MAX];
	int fd;

	fd = open(tree_path(path, root, "/dev/vfio/%s", function->group), O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	else if (errno == EBUSY)
		return refuse(STATUS_IN_USE, "%s is in use: a program has %s open; end that first",
			      function->address, path);
	tree_path(path, root, "/sys/bus/pci/devices/%s/driver_override", function->address);
	if (access(path, W_OK) == 0)
		return STATUS_DONE;
	return refuse(STATUS_UNREADY, "writing %s: %m; changing drivers takes root", path);
}

static int give_one(const char *root, const char *address)
{
	struct function function;
	int status = function_read(root, address, &function);

	if (!status && (!*function.driver || strcmp(function.driver, DRIVER) == 0)) {
		status = check_idle(root, &function);
		if (!status)
			status = driver_change(root, &function, "");
	}
	if (!status && (!*function.driver || strcmp(function.driver, DRIVER) == 0))
		status = refuse(STATUS_FAILED,
				"%s now has %s: no other driver of the kernel takes it; modprobe "
				"virtio_pci",
				function.address, *function.driver ? function.driver : "no driver");
	if (!status)
		printf("%s is bound to %s\n", function.address, function.driver);
	function_free(&function);
	return status;
}

/* The first that fails ends it: what stands in its way may well stand in that of the others. */
int give_back(const char *root, char **addresses, unsigned count)
{
	unsigned i;
	int status = STATUS_DONE;

	for (i = 0; !status && i < count; i++)
		status = give_one(root, addresses[i]);
	return status;
}
