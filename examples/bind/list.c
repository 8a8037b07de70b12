/* SPDX-License-Identifier: BSD-3-Clause */
/* Output as text: one line per function, followed by a line for each remark. */
#include "bind.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

/* Names come from the kernel, but labels and mount points from users. */
static void print_use(const struct use *use)
{
	char where[WHERE_SIZE];

	text_clean(where, sizeof(where), use->where);
	if (strcmp(use->kind, "mount") == 0)
		printf("  /dev/%s is mounted at %s\n", use->block, where);
	else if (strcmp(use->kind, "swap") == 0)
		printf("  /dev/%s is swap space\n", use->block);
	else
		printf("  /dev/%s is part of /dev/%s\n", use->block, where);
}

static void print_disks(const struct function *function)
{
	char size[TEXT_HUMAN_LEN];
	unsigned i, count = 0;

	for (i = 0; i < function->block_count; i++) {
		if (function->blocks[i].partition)
			continue;
		printf("%s%s(%s)", count++ ? " " : "", function->blocks[i].name,
		       text_human(size, function->blocks[i].bytes));
	}
	printf("%s\n", count ? "" : "-");
}

static void print_function(const struct function *function)
{
	char node[16] = "-";
	unsigned i;

	if (function->node >= 0)
		snprintf(node, sizeof(node), "%d", function->node);
	printf("%-12s  %04x:%04x  %-12s  %5s  %4s  ", function->address, function->vendor,
	       function->device, *function->driver ? function->driver : "-",
	       *function->group ? function->group : "-", node);
	print_disks(function);
	for (i = 0; i < function->neighbour_count; i++)
		printf("  %s is in the same IOMMU group (%s)\n", function->neighbours[i].address,
		       *function->neighbours[i].driver ? function->neighbours[i].driver
						       : "no driver");
	for (i = 0; i < function->use_count; i++)
		print_use(&function->uses[i]);
}

int list_text(const struct functions *all)
{
	unsigned i;

	if (!all->count) {
		printf("no virtio-scsi PCI functions\n");
		return STATUS_DONE;
	}
	printf("%-12s  %-9s  %-12s  %5s  %4s  %s\n", "FUNCTION", "ID", "DRIVER", "GROUP", "NODE",
	       "DISKS");
	for (i = 0; i < all->count; i++)
		print_function(&all->entry[i]);
	return STATUS_DONE;
}
