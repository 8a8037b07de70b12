/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data that vscsi-info collects (collect.c) and prints as text (text.c), JSON (json.c) or
 * OpenMetrics text (metrics.c). It is constant once collected.
 */
#ifndef EXAMPLES_INFO_INFO_H
#define EXAMPLES_INFO_INFO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <vscsi/vscsi.h>

/* Identities of a unit that are printed. */
#define MAX_IDS 16

/* One logical unit. */
struct unit {
	struct vscsi_lun_addr addr;
	struct vscsi_lun_info info; /* valid only if @error is "" */
	char ids[MAX_IDS][88];      /* its identities; the first that is "" ends them */
	char error[256];            /* why it could not be opened: the library's error text */
	bool nowhere;               /* not found by its identity: @addr is not valid */
	/* With @report->measure: of reading one block, where it has any. */
	struct vscsi_stats stats;
	double read_seconds; /* 0: it was not read */
};

/* A device and its units, or the one that was selected. */
struct report {
	const char *address;
	bool measure;
	char error[256]; /* why the device could not be described; only @address is valid then */
	struct vscsi_dev_info device;
	struct vscsi_dev_stats losses;
	struct vscsi_mem_stats memory;
	struct unit *units; /* owned: report_free() */
	unsigned count;
	bool one; /* a single one that was asked for */
};

/* Name of a feature bit. */
struct bit_name {
	unsigned bit;
	const char *name;
};

/* Each table ends with a NULL name. */
extern const struct bit_name virtio_features[];
extern const struct bit_name protocol_features[];
extern const struct bit_name lun_flags[];

/*
 * type_name - Name a SCSI peripheral device type
 *
 * Return: a static string as in lsscsi, such as "disk"; never NULL.
 */
const char *type_name(uint32_t type);

/*
 * An identity as other tools spell it; "" if they don't print that kind.
 *
 * id_designator - as sg_vpd -p di
 * @out: receives it, ID_SIZE bytes
 * id_udev - as scsi_id, udev's ID_SERIAL: a digit for the type, then the rest without blanks
 * @info: of the unit
 */
#define ID_SIZE 128
const char *id_designator(char *out, const char *id);
const char *id_udev(char *out, const char *id, const struct vscsi_lun_info *info);

/* The name of a device state, VSCSI_DEV_*. Never NULL. */
const char *state_name(uint32_t state);

/*
 * report_collect - Collect all data of a device
 * @report: filled in; the caller has set @report->address, and @report->measure: to read a block of
 *	each unit and to count what comes of it
 * @one: a single unit; NULL for the one with the identity in the address or, if that has none, all
 *	that a scan finds
 *
 * Opens and closes the device. A unit that can't be opened is reported with its error; one that was
 * asked for also with a message on stderr.
 *
 * Return: 0, or a negative errno with @report->error set and a message on stderr; -EINVAL: the
 * address is invalid.
 */
int report_collect(struct report *report, const struct vscsi_lun_addr *one);

/* Frees what report_collect() allocated. */
void report_free(struct report *report);

/*
 * text_table, text_device, text_unit - Print as text
 *
 * The table has one line per unit; the other two have one line per property.
 */
void text_table(const struct report *report);
void text_device(const struct report *report);
void text_unit(const struct unit *unit);

/*
 * metrics_print - Print as OpenMetrics text, for Prometheus and what reads its format
 * @report: the data, measured
 */
void metrics_print(const struct report *report);

/*
 * json_print - Print as JSON
 * @report: the data
 *
 * Prints one JSON object: "version", "address", and "device" and "luns", or "error".
 *
 * Return: 0, or -ENOMEM with a message on stderr.
 */
int json_print(const struct report *report);

#endif
