/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What vscsi-info found out, gathered once (collect.c) and then told in one of two ways: to people
 * (text.c) or to programs (json.c). Nothing of it changes once it is gathered.
 */
#ifndef EXAMPLES_INFO_INFO_H
#define EXAMPLES_INFO_INFO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <vscsi/vscsi.h>

/* One logical unit. */
struct unit {
	struct vscsi_lun_addr addr;
	struct vscsi_lun_info info; /* meaningful only with @error "" */
	char error[256];            /* why it could not be opened, the library's sentence */
};

/* A device and the units that were asked for. */
struct report {
	const char *address;
	struct vscsi_dev_info device;
	struct vscsi_mem_stats memory;
	struct unit *units; /* owned, see report_free() */
	unsigned count;
};

/* Names of the bits of a word of features. */
struct bit_name {
	unsigned bit;
	const char *name;
};

/* Each table ends with a NULL name. */
extern const struct bit_name virtio_features[];
extern const struct bit_name protocol_features[];
extern const struct bit_name lun_flags[];

/**
 * type_name - Name a SCSI peripheral device type
 *
 * Return: a static string as lsscsi would print it, "disk"; never NULL.
 */
const char *type_name(uint32_t type);

/* Names a state of a device, VSCSI_DEV_*. Never NULL. */
const char *state_name(uint32_t state);

/**
 * report_collect - Ask a device for everything
 * @report: filled in; @report->address set by the caller
 * @one: a single unit to ask, or NULL for all that a scan finds
 *
 * Opens the device and closes it again. A unit that a scan found and that can't be opened is kept
 * in the report with its error; with @one that is a failure.
 *
 * Return: 0, or a negative errno with a sentence on stderr; -EINVAL: the address is wrong.
 */
int report_collect(struct report *report, const struct vscsi_lun_addr *one);

/* Gives back what report_collect() allocated. */
void report_free(struct report *report);

/**
 * text_table, text_device, text_unit - Tell people
 *
 * The table has a line for each unit; the other two have a line for each property.
 */
void text_table(const struct report *report);
void text_device(const struct report *report);
void text_unit(const struct unit *unit);

/**
 * json_print - Tell programs
 * @report: what was found
 *
 * Prints one JSON object: "version", "address", "device", "luns".
 *
 * Return: 0, or -ENOMEM.
 */
int json_print(const struct report *report);

#endif
