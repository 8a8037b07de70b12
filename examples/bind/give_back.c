/* SPDX-License-Identifier: BSD-3-Clause */
/* Binds functions to the kernel's own driver again. */
#include "bind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DRIVER "vfio-pci"

/* Unbinding would wait, uninterruptibly, until the program that has the group open closes it. */
static int check_idle(const char *root, const struct function *function)
{
	static const char *const folders[] = {"/dev/vfio/", "/dev/vfio/noiommu-"};
	char path[PATH_MAX];
	unsigned i;
	int fd;

	for (i = 0; i < 2; i++) {
		tree_path(path, root, "%s%s", folders[i], function->group);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			close(fd);
		else if (errno == EBUSY)
			return fail(STATUS_IN_USE,
				    "%s is in use: a program has %s open; stop that first",
				    function->address, path);
	}
	tree_path(path, root, "/sys/bus/pci/devices/%s/driver_override", function->address);
	if (access(path, W_OK) == 0)
		return STATUS_DONE;
	return fail(STATUS_UNREADY, "writing %s: %m; changing drivers requires root", path);
}

static int give_back_one(const char *root, const char *address)
{
	struct function function;
	int status = function_read(root, address, &function);

	if (!status && (!*function.driver || strcmp(function.driver, DRIVER) == 0)) {
		status = check_idle(root, &function);
		if (!status)
			status = driver_change(root, &function, "");
	}
	if (!status && (!*function.driver || strcmp(function.driver, DRIVER) == 0))
		status = fail(STATUS_FAILED,
			      "%s now has %s: no other kernel driver binds to it; modprobe "
			      "virtio_pci",
			      function.address, *function.driver ? function.driver : "no driver");
	if (!status)
		printf("%s is bound to %s\n", function.address, function.driver);
	function_free(&function);
	return status;
}

/* Stops at the first failure, because its cause probably applies to the others too. */
int give_back(const char *root, char **addresses, unsigned count)
{
	unsigned i;
	int status = STATUS_DONE;

	for (i = 0; !status && i < count; i++)
		status = give_back_one(root, addresses[i]);
	return status;
}
