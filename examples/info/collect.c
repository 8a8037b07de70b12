/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queries the device. Everything is collected before anything is printed, so that a device that
 * fails half-way leaves an error instead of half a table.
 */
#include "info.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int fail(int ret)
{
	fprintf(stderr, "vscsi-info: %s\n", vscsi_last_error());
	return ret;
}

static int fail_unit(int ret, const char *address)
{
	fail(ret);
	if (ret == -ENODEV)
		fprintf(stderr, "vscsi-info: 'vscsi-info %.*s' lists the logical units\n",
			(int)strcspn(address, "?"), address);
	return ret;
}

/* Reads a block, so that there is something to measure. An error is counted as well. */
static int measure(struct vscsi_lun *lun, struct unit *unit)
{
	void *block = unit->info.blocks ? malloc(unit->info.block_size) : NULL;
	int ret;

	if (block)
		vscsi_pread(lun, block, unit->info.block_size, 0);
	free(block);
	unit->stats.size = sizeof(unit->stats);
	ret = vscsi_lun_get_stats(lun, &unit->stats);
	if (ret)
		return ret;
	ret = vscsi_lun_get_latency(lun, VSCSI_LATENCY_READ, unit->latency, VSCSI_LATENCY_BUCKETS);
	return ret < 0 ? ret : 0;
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
		return fail(count);
	/* One more than needed, because calloc(0) may return NULL. */
	found = calloc((size_t)count + 1, sizeof(*found));
	report->units = calloc((size_t)count + 1, sizeof(*report->units));
	if (!found || !report->units) {
		free(found);
		fprintf(stderr, "vscsi-info: no memory for %d logical units\n", count);
		return -ENOMEM;
	}
	again = vscsi_dev_scan(dev, found, (unsigned)count);
	if (again >= 0)
		report->count = (unsigned)(again < count ? again : count);
	for (i = 0; i < report->count; i++)
		report->units[i].addr = found[i];
	free(found);
	return again < 0 ? fail(again) : 0;
}

static int collect_units(struct vscsi_dev *dev, struct report *report,
			 const struct vscsi_lun_addr *one)
{
	unsigned i;
	int ret;

	if (!one) {
		ret = find_units(dev, report);
		for (i = 0; !ret && i < report->count; i++)
			query_unit(dev, &report->units[i], report->measure);
		return ret;
	}
	report->units = calloc(1, sizeof(*report->units));
	if (!report->units) {
		fprintf(stderr, "vscsi-info: no memory for a logical unit\n");
		return -ENOMEM;
	}
	report->count = 1;
	report->units[0].addr = *one;
	ret = query_unit(dev, &report->units[0], report->measure);
	return ret ? fail_unit(ret, report->address) : 0;
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

int report_collect(struct report *report, const struct vscsi_lun_addr *one)
{
	const struct vscsi_dev_opts opts = {
		.size = sizeof(opts),
		.stats = report->measure ? VSCSI_ON : VSCSI_DEFAULT,
	};
	struct vscsi_lun_addr found;
	struct vscsi_dev *dev;
	int ret = vscsi_dev_open(report->address, &opts, &dev);

	if (ret)
		return fail(ret);
	if (!one) {
		ret = find_by_id(dev, &found);
		if (ret && ret != -ENOENT) {
			fail_unit(ret, report->address);
			vscsi_dev_close(dev);
			return ret;
		}
		one = ret ? NULL : &found;
	}
	report->one = one;
	report->device.size = sizeof(report->device);
	report->memory.size = sizeof(report->memory);
	ret = collect_units(dev, report, one);
	/* Last, because it includes the number of protocol errors so far. */
	if (!ret)
		ret = vscsi_dev_get_info(dev, &report->device);
	report->losses.size = sizeof(report->losses);
	if (!ret)
		ret = vscsi_dev_get_stats(dev, &report->losses);
	if (!ret)
		ret = vscsi_mem_get_stats(vscsi_dev_mem(dev), &report->memory);
	vscsi_dev_close(dev);
	return ret;
}

void report_free(struct report *report)
{
	free(report->units);
	report->units = NULL;
	report->count = 0;
}
