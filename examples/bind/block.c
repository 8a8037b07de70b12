/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's block devices of a function, and claiming them. */
#include "bind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCKS "/sys/class/block"

static void read_block(const char *root, struct block *block)
{
	char path[PATH_MAX], text[32];

	tree_read(tree_path(path, root, BLOCKS "/%s/dev", block->name), block->number,
		  sizeof(block->number));
	/* Always in units of 512 bytes. */
	tree_read(tree_path(path, root, BLOCKS "/%s/size", block->name), text, sizeof(text));
	block->bytes = strtoull(text, NULL, 10) * 512;
	block->partition =
		!access(tree_path(path, root, BLOCKS "/%s/partition", block->name), F_OK);
	block->fd = -1;
}

/* A block device belongs to the function if its directory is below the function's. */
int blocks_read(const char *root, struct function *function)
{
	char path[PATH_MAX], home[PATH_MAX], real[PATH_MAX];
	struct block *block;
	char **names;
	unsigned count, i;
	size_t len;

	if (!realpath(tree_path(path, root, "/sys/bus/pci/devices/%s", function->address), home))
		return fail(STATUS_FAILED, "%s: %m", path);
	len = strlen(home);
	count = tree_list(tree_path(path, root, BLOCKS), &names);
	for (i = 0; i < count; i++) {
		if (!realpath(tree_path(path, root, BLOCKS "/%s", names[i]), real) ||
		    strncmp(real, home, len) != 0 || real[len] != '/')
			continue;
		block = array_more(&function->blocks, &function->block_count, sizeof(*block));
		if (!block)
			break;
		snprintf(block->name, sizeof(block->name), "%s", names[i]);
		read_block(root, block);
	}
	tree_list_free(names, count);
	return i < count ? STATUS_FAILED : uses_read(root, function);
}

/* Reports the first use. */
static int report_use(const struct function *function)
{
	const struct use *use = &function->uses[0];

	if (strcmp(use->kind, "mount") == 0)
		return fail(STATUS_IN_USE,
			    "%s is in use: its /dev/%s is mounted at %s; unmount it first",
			    function->address, use->block, use->where);
	if (strcmp(use->kind, "swap") == 0)
		return fail(STATUS_IN_USE,
			    "%s is in use: its /dev/%s is swap space; swapoff /dev/%s first",
			    function->address, use->block, use->block);
	return fail(STATUS_IN_USE,
		    "%s is in use: its /dev/%s is part of /dev/%s; stop that first (dmsetup, "
		    "mdadm, lvchange)",
		    function->address, use->block, use->where);
}

/*
 * A disk that is open exclusively can't be mounted, nor can its partitions. This also detects uses
 * that are not in procfs or sysfs: mounts in other namespaces, and programs.
 */
static int claim(const char *root, const struct function *function, struct block *block)
{
	char path[PATH_MAX];

	tree_path(path, root, "/dev/%s", block->name);
	block->fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	/* Without a medium, or if the device is gone, nothing can be using it. */
	if (block->fd >= 0 || errno == ENOMEDIUM || errno == ENXIO || errno == ENODEV)
		return STATUS_DONE;
	if (errno == EBUSY)
		return fail(STATUS_IN_USE,
			    "%s is in use: a program, or another mount namespace, has %s or a "
			    "partition of it open exclusively; stop that first",
			    function->address, path);
	return fail(errno == EACCES || errno == EPERM ? STATUS_UNREADY : STATUS_FAILED,
		    "can't determine whether %s of %s is in use: %m", path, function->address);
}

int blocks_claim(const char *root, struct function *function)
{
	unsigned i;
	int status = function->use_count ? report_use(function) : STATUS_DONE;

	for (i = 0; !status && i < function->block_count; i++) {
		if (!function->blocks[i].partition)
			status = claim(root, function, &function->blocks[i]);
	}
	return status;
}
