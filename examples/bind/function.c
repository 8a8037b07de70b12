/* SPDX-License-Identifier: BSD-3-Clause */
/* PCI functions in sysfs: finding those of virtio-scsi, their drivers and IOMMU groups. */
#include "bind.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICES      "/sys/bus/pci/devices"
#define VENDOR       0x1af4
#define TRANSITIONAL 0x1004
#define MODERN       0x1048

bool is_address(const char *text)
{
	static const char form[] = "xxxx:xx:xx.x";
	unsigned i;

	for (i = 0; form[i]; i++) {
		if (form[i] == 'x' ? !isxdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
	}
	return !text[i];
}

static unsigned long read_number(const char *root, const char *address, const char *file)
{
	char path[PATH_MAX], text[32];

	tree_read(tree_path(path, root, DEVICES "/%s/%s", address, file), text, sizeof(text));
	return strtoul(text, NULL, 0);
}

/* virtio 1.4, 5.6.1 and 4.1.2: 0x1040 + device type, or the transitional device ID. */
static bool is_virtio_scsi(const char *root, const char *address)
{
	unsigned long device = read_number(root, address, "device");

	return read_number(root, address, "vendor") == VENDOR &&
	       (device == TRANSITIONAL || device == MODERN);
}

static void read_driver(const char *root, const char *address, char *driver)
{
	char path[PATH_MAX];

	tree_link(tree_path(path, root, DEVICES "/%s/driver", address), driver, NAME_SIZE);
}

static int read_group(const char *root, struct function *function)
{
	struct neighbour *neighbour;
	char path[PATH_MAX];
	char **names;
	unsigned count, i;
	int status = STATUS_DONE;

	tree_link(tree_path(path, root, DEVICES "/%s/iommu_group", function->address),
		  function->group, sizeof(function->group));
	count = tree_list(tree_path(path, root, DEVICES "/%s/iommu_group/devices",
				    function->address),
			  &names);
	for (i = 0; i < count && !status; i++) {
		if (!is_address(names[i]) || strcmp(names[i], function->address) == 0)
			continue;
		neighbour = array_more(&function->neighbours, &function->neighbour_count,
				       sizeof(*neighbour));
		if (!neighbour) {
			status = STATUS_FAILED;
			break;
		}
		memcpy(neighbour->address, names[i], sizeof(neighbour->address));
		read_driver(root, names[i], neighbour->driver);
	}
	tree_list_free(names, count);
	return status;
}

static int read_rest(const char *root, struct function *function)
{
	char path[PATH_MAX], node[16];
	int status;

	function->vendor = (uint16_t)read_number(root, function->address, "vendor");
	function->device = (uint16_t)read_number(root, function->address, "device");
	/* The kernel reports -1 on a machine without NUMA. */
	function->node = -1;
	tree_path(path, root, DEVICES "/%s/numa_node", function->address);
	if (!tree_read(path, node, sizeof(node)) && *node)
		function->node = atoi(node);
	read_driver(root, function->address, function->driver);
	status = read_group(root, function);
	return status ? status : blocks_read(root, function);
}

int function_read(const char *root, const char *address, struct function *out)
{
	char path[PATH_MAX];

	memset(out, 0, sizeof(*out));
	/* The form of the library's addresses. */
	if (strncmp(address, "pci:", 4) == 0)
		address += 4;
	if (!is_address(address))
		return fail(
			STATUS_USAGE,
			"invalid PCI address '%s' (expected DDDD:BB:DD.F, such as 0000:00:05.0)",
			address);
	memcpy(out->address, address, sizeof(out->address));
	if (access(tree_path(path, root, DEVICES "/%s", address), F_OK))
		return fail(STATUS_ABSENT,
			    "no PCI function %s; 'vscsi-bind list' shows those of "
			    "virtio-scsi",
			    address);
	if (!is_virtio_scsi(root, address))
		return fail(STATUS_ABSENT,
			    "%s is %04lx:%04lx, not a virtio-scsi function (1af4:1004 or "
			    "1af4:1048); 'vscsi-bind list' shows those",
			    address, read_number(root, address, "vendor"),
			    read_number(root, address, "device"));
	return read_rest(root, out);
}

void function_free(struct function *function)
{
	unsigned i;

	for (i = 0; i < function->block_count; i++) {
		if (function->blocks[i].fd >= 0)
			close(function->blocks[i].fd);
	}
	free(function->neighbours);
	free(function->blocks);
	free(function->uses);
}

int functions_read(const char *root, struct functions *out)
{
	struct function *function;
	char path[PATH_MAX];
	char **names;
	unsigned count, i;
	int status = STATUS_DONE;

	memset(out, 0, sizeof(*out));
	tree_path(path, root, DEVICES);
	if (access(path, R_OK))
		return fail(STATUS_UNREADY, "%s can't be read: is sysfs mounted?", path);
	count = tree_list(path, &names);
	for (i = 0; i < count && !status; i++) {
		if (!is_address(names[i]) || !is_virtio_scsi(root, names[i]))
			continue;
		function = array_more(&out->entry, &out->count, sizeof(*function));
		status = function ? function_read(root, names[i], function) : STATUS_FAILED;
	}
	tree_list_free(names, count);
	return status;
}

void functions_free(struct functions *all)
{
	unsigned i;

	for (i = 0; i < all->count; i++)
		function_free(&all->entry[i]);
	free(all->entry);
}
