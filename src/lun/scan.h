/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scanning: finds every logical unit of a device with REPORT LUNS to LUN 0 of each target and
 * INQUIRY to each LUN found. Targets without REPORT LUNS are scanned LUN by LUN. A state machine
 * like those of lun.h.
 */
#ifndef LUN_SCAN_H
#define LUN_SCAN_H

#include <vscsi/device.h>

struct lun_table;
struct scan;

/* The time limit of a scan is this multiple of lun_table.timeout_ms. */
#define SCAN_ANSWERS 4u

/**
 * scan_begin - Begin a scan
 * @table: table of the device
 * @out: receives the scan, for scan_end()
 *
 * Return: 0, or -ENOMEM with the text set.
 */
int scan_begin(struct lun_table *table, struct scan **out);

/**
 * scan_step - Advance a scan
 * @scan: the scan
 * @out: receives the LUNs, sorted by target and LUN, to be freed with free(); NULL if there are
 *	none. Written when the scan is done
 *
 * Return: number of LUNs found; -EINPROGRESS; or a negative errno with the text set.
 */
int scan_step(struct scan *scan, struct vscsi_lun_addr **out);

/* Ends a scan at any time. */
void scan_end(struct scan *scan);

#endif
