/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queries the device. Everything is collected before anything is printed, so that a device that
 * fails half-way leaves an error instead of half a table.
 */
#include "info.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

static int fail(struct report *report, int ret, const char *text)
{
	snprintf(report->error, sizeof(report->error), "%s", text);
	fprintf(stderr, "vscsi-info: %s\n", text);
	return ret;
}

/* The unit that was asked for can't be opened, the device can. */
static void miss_unit(const struct report *report, int error)
{
	fprintf(stderr, "vscsi-info: %s\n", report->units[0].error);
	if (error == -ENODEV)
		fprintf(stderr, "vscsi-info: 'vscsi-info %.*s' lists the logical units\n",
			(int)strcspn(report->address, "?"), report->address);
}

/* Reads a block, so that there is something to measure. An error is counted by the library. */
static int measure(struct vscsi_lun *lun, struct unit *unit)
{
	void *block = unit->info.blocks ? malloc(unit->info.block_size) : NULL;
	uint64_t start = clock_now();

	if (block && vscsi_pread(lun, block, unit->info.block_size, 0) >= 0)
		unit->read_seconds = (double)(clock_now() - start) / 1e9;
	free(block);
	unit->stats.size = sizeof(unit->stats);
	return vscsi_lun_get_stats(lun, &unit->stats);
}

static int query_unit(struct vscsi_dev *dev, struct unit *unit, bool measured)
{
	struct vscsi_lun *lun;
	unsigned i;
	/*
	 * Closed at once: a scan may find thousands of units, and only their properties are needed.
	 */
	int ret = vscsi_lun_open(dev, unit->addr.target, unit->addr.lun, NULL, &lun);

	if (!ret) {
		unit->info.size = sizeof(unit->info);
		ret = vscsi_lun_get_info(lun, &unit->info);
		if (!ret && measured)
			ret = measure(lun, unit);
		for (i = 0; i < MAX_IDS; i++) {
			if (vscsi_lun_get_id(lun, i, unit->ids[i], sizeof(unit->ids[i])))
				break;
		}
		vscsi_lun_close(lun);
	}
	if (ret)
		snprintf(unit->error, sizeof(unit->error), "%s", vscsi_last_error());
	else
		unit->addr.type = unit->info.type;
	return ret;
}

/* If units are added between two scans, the additional ones are ignored. */
static int find_units(struct vscsi_dev *dev, struct report *report)
{
	struct vscsi_lun_addr *found;
	int count = vscsi_dev_scan(dev, NULL, 0), again;
	unsigned i;

	if (count < 0)
		return fail(report, count, vscsi_last_error());
	/* One more than needed, because calloc(0) may return NULL. */
	found = calloc((size_t)count + 1, sizeof(*found));
	report->units = calloc((size_t)count + 1, sizeof(*report->units));
	if (!found || !report->units) {
		free(found);
		return fail(report, -ENOMEM, "no memory for the logical units");
	}
	again = vscsi_dev_scan(dev, found, (unsigned)count);
	if (again >= 0)
		report->count = (unsigned)(again < count ? again : count);
	for (i = 0; i < report->count; i++)
		report->units[i].addr = found[i];
	free(found);
	return again < 0 ? fail(report, again, vscsi_last_error()) : 0;
}

static int collect_all(struct vscsi_dev *dev, struct report *report)
{
	unsigned i;
	int ret = find_units(dev, report);

	for (i = 0; !ret && i < report->count; i++)
		query_unit(dev, &report->units[i], report->measure);
	return ret;
}

/* Where the unit is whose identity is in the address. Return: as vscsi_lun_open_by_id(). */
static int find_by_id(struct vscsi_dev *dev, struct vscsi_lun_addr *out)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	struct vscsi_lun *lun;
	int ret = vscsi_lun_open_by_id(dev, NULL, NULL, &lun);

	if (ret)
		return ret;
	ret = vscsi_lun_get_info(lun, &info);
	vscsi_lun_close(lun);
	*out = (struct vscsi_lun_addr){.target = info.target, .lun = info.lun, .type = info.type};
	return ret;
}

/* @one: where it is; NULL: it has the identity in the address, or there is none */
static int collect_units(struct vscsi_dev *dev, struct report *report,
			 const struct vscsi_lun_addr *one)
{
	struct vscsi_lun_addr found;
	int error = one ? 0 : find_by_id(dev, &found);
	struct unit *unit;

	if (error == -ENOENT)
		return collect_all(dev, report);
	unit = calloc(1, sizeof(*unit));
	if (!unit)
		return fail(report, -ENOMEM, "no memory for the logical unit");
	report->units = unit;
	report->count = 1;
	report->one = true;
	unit->nowhere = error;
	if (error) {
		snprintf(unit->error, sizeof(unit->error), "%s", vscsi_last_error());
	} else {
		unit->addr = one ? *one : found;
		error = query_unit(dev, unit, report->measure);
	}
	if (error)
		miss_unit(report, error);
	return 0;
}

int report_collect(struct report *report, const struct vscsi_lun_addr *one)
{
	const struct vscsi_dev_opts opts = {
		.size = sizeof(opts),
		.stats = report->measure ? VSCSI_ON : VSCSI_DEFAULT,
	};
	struct vscsi_dev *dev;
	int ret = vscsi_dev_open(report->address, &opts, &dev);

	if (ret)
		return fail(report, ret, vscsi_last_error());
	report->device.size = sizeof(report->device);
	report->memory.size = sizeof(report->memory);
	report->losses.size = sizeof(report->losses);
	ret = collect_units(dev, report, one);
	if (ret)
		goto close_device;
	/* Last, because it includes the number of protocol errors so far. */
	ret = vscsi_dev_get_info(dev, &report->device);
	if (!ret)
		ret = vscsi_dev_get_stats(dev, &report->losses);
	if (!ret)
		ret = vscsi_mem_get_stats(vscsi_dev_mem(dev), &report->memory);
	if (ret)
		fail(report, ret, vscsi_last_error());
close_device:
	vscsi_dev_close(dev);
	return ret;
}

void report_free(struct report *report)
{
	free(report->units);
	report->units = NULL;
	report->count = 0;
}
