/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Output as text: a table as in lsscsi, and lists of properties. Strings from a device pass through
 * text_clean(), because a terminal would execute control characters.
 */
#include "info.h"

#include <inttypes.h>
#include <string.h>

#include "common/text.h"

static void print_string(const char *name, const char *text)
{
	char safe[256];

	printf("  %-22s %s\n", name, text[0] ? text_clean(safe, sizeof(safe), text) : "-");
}

static void print_number(const char *name, uint64_t value)
{
	printf("  %-22s %" PRIu64 "\n", name, value);
}

/* For values where zero means that the device did not report it. */
static void print_limit(const char *name, uint64_t value, const char *zero)
{
	if (value)
		print_number(name, value);
	else
		printf("  %-22s %s\n", name, zero);
}

static void print_bits(const char *name, uint64_t word, const struct bit_name *names)
{
	unsigned bit;

	printf("  %-22s", name);
	/* Print bits without a name as numbers. */
	for (; names->name; names++) {
		bit = names->bit;
		if (word >> bit & 1)
			printf(" %s", names->name);
		word &= ~(1ull << bit);
	}
	if (word)
		printf(" others:0x%" PRIx64, word);
	printf("\n");
}

/* Columns have the width of INQUIRY's fields, so that they line up for every device. */
static void table_row(const struct unit *unit)
{
	char human[TEXT_HUMAN_LEN], vendor[16], product[24], revision[8], name[96];
	const struct vscsi_lun_info *info = &unit->info;
	char where[16];

	snprintf(where, sizeof(where), "%u:%u", unit->addr.target, unit->addr.lun);
	if (unit->error[0]) {
		printf("%-9s %-8s (can't be opened, see below)\n", where,
		       type_name(unit->addr.type));
		return;
	}
	printf("%-9s %-8s %-8s %-16s %-4s %9s %6u  %s\n", where, type_name(info->type),
	       text_clean(vendor, sizeof(vendor), info->vendor),
	       text_clean(product, sizeof(product), info->product),
	       text_clean(revision, sizeof(revision), info->revision),
	       info->block_size ? text_human(human, info->blocks * info->block_size) : "-",
	       info->block_size,
	       text_clean(name, sizeof(name), info->wwid[0] ? info->wwid : info->serial));
}

void text_table(const struct report *report)
{
	unsigned i;

	if (!report->count) {
		printf("%s has no logical units\n", report->address);
		return;
	}
	printf("%-9s %-8s %-8s %-16s %-4s %9s %6s  %s\n", "LUN", "TYPE", "VENDOR", "PRODUCT", "REV",
	       "SIZE", "BLOCK", "NAME");
	for (i = 0; i < report->count; i++)
		table_row(&report->units[i]);
}

void text_device(const struct report *report)
{
	const struct vscsi_dev_info *device = &report->device;
	char human[TEXT_HUMAN_LEN];

	printf("device %s\n", report->address);
	print_string("transport", device->transport);
	print_string("state", state_name(device->state));
	print_number("request queues", device->queues);
	print_number("ring entries", device->queue_size);
	print_number("requests per queue", device->depth);
	print_number("segments per request", device->max_segs);
	print_number("largest target", device->max_target);
	print_number("largest LUN", device->max_lun);
	print_limit("max_sectors", device->max_sectors, "not reported");
	print_limit("cmd_per_lun", device->cmd_per_lun, "not reported");
	print_limit("seg_max", device->seg_max, "not reported");
	print_bits("features offered", device->offered, virtio_features);
	print_bits("features negotiated", device->negotiated, virtio_features);
	print_bits("protocol features", device->protocol_features, protocol_features);
	printf("  %-22s %s", "DMA memory", text_human(human, report->memory.bytes));
	printf(" in pages of %s", text_human(human, report->memory.page_size));
	printf(", peak use %s\n", text_human(human, report->memory.peak));
	print_number("protocol errors", device->errors);
}

/* A line for each: its id=, and its names in other tools. */
static void print_ids(const struct unit *unit)
{
	char safe[ID_SIZE], out[ID_SIZE];
	unsigned i;

	for (i = 0; i < MAX_IDS && unit->ids[i][0]; i++) {
		printf("  %-22s %s", i ? "" : "identities",
		       text_clean(safe, sizeof(safe), unit->ids[i]));
		if (id_designator(out, unit->ids[i])[0])
			printf(", sg_vpd %s", text_clean(safe, sizeof(safe), out));
		if (id_udev(out, unit->ids[i], &unit->info)[0])
			printf(", scsi_id %s", text_clean(safe, sizeof(safe), out));
		printf("\n");
	}
}

static void print_size(const struct vscsi_lun_info *info)
{
	char human[TEXT_HUMAN_LEN];

	if (!info->block_size) {
		print_string("size", "no medium");
		return;
	}
	printf("  %-22s %s (%" PRIu64 " bytes)\n", "size",
	       text_human(human, info->blocks * info->block_size), info->blocks * info->block_size);
	print_number("blocks", info->blocks);
	print_number("block size", info->block_size);
	print_number("physical block size", info->physical_block_size);
}

void text_unit(const struct unit *unit)
{
	const struct vscsi_lun_info *info = &unit->info;

	printf("LUN %u:%u\n", unit->addr.target, unit->addr.lun);
	if (unit->error[0]) {
		print_string("error", unit->error);
		return;
	}
	print_string("type", type_name(info->type));
	print_string("vendor", info->vendor);
	print_string("product", info->product);
	print_string("revision", info->revision);
	print_string("serial", info->serial);
	print_string("wwid", info->wwid);
	print_ids(unit);
	print_size(info);
	print_bits("flags", info->flags, lun_flags);
	print_number("blocks per request", info->max_blocks);
	print_limit("optimal blocks", info->optimal_blocks, "not reported");
	print_number("blocks per unmap", info->max_unmap_blocks);
	print_number("ranges per unmap", info->max_unmap_ranges);
	print_limit("unmap granularity", info->unmap_granularity, "not reported");
	print_number("blocks per write zeroes", info->max_zeroes_blocks);
	print_number("blocks per compare+write", info->max_caw_blocks);
	print_limit("requests in flight", info->queue_limit, "no limit");
}
