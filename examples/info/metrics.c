/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Output as OpenMetrics text. A family is declared once, followed by a sample for each unit, so
 * each is a loop over all of them. All are gauges: what is counted begins at 0 with each run, so a
 * rate() over a counter would always be 0.
 */
#include "info.h"

#include <inttypes.h>

#include "common/text.h"

/* A label's value: backslash, quote and line feed are escaped; other control characters go. */
static void put_label(const char *name, const char *value)
{
	char safe[512];
	const char *at;

	printf("%s=\"", name);
	for (at = text_clean(safe, sizeof(safe), value); *at; at++) {
		if (*at == '"' || *at == '\\')
			putchar('\\');
		putchar(*at);
	}
	putchar('"');
}

static void family(const char *name, const char *type, const char *help)
{
	printf("# TYPE vscsi_%s %s\n# HELP vscsi_%s %s\n", name, type, name, help);
}

static void put_device(const struct report *report, const char *name, const char *help,
		       uint64_t value)
{
	family(name, "gauge", help);
	printf("vscsi_%s{", name);
	put_label("address", report->address);
	printf("} %" PRIu64 "\n", value);
}

/* The beginning of a sample, with its labels left open. */
static void begin_unit(const struct report *report, const struct unit *unit, const char *name)
{
	printf("vscsi_%s{", name);
	put_label("address", report->address);
	if (!unit->nowhere)
		printf(",lun=\"%u:%u\"", unit->addr.target, unit->addr.lun);
}

static uint64_t unit_up(const struct unit *unit)
{
	return !unit->error[0];
}

static uint64_t unit_size(const struct unit *unit)
{
	return unit->info.blocks * unit->info.block_size;
}

static uint64_t unit_errors(const struct unit *unit)
{
	const struct vscsi_stats *s = &unit->stats;

	return s->errors_medium + s->errors_conflict + s->errors_timeout + s->errors_aborted +
	       s->errors_lost + s->errors_protocol + s->errors_target;
}

static uint64_t unit_retries(const struct unit *unit)
{
	return unit->stats.retries;
}

static const struct {
	const char *name;
	const char *help;
	uint64_t (*value)(const struct unit *unit);
} families[] = {
	{"lun_up", "Whether the logical unit could be opened.", unit_up},
	{"lun_size_bytes", "Size of the logical unit.", unit_size},
	{"lun_errors", "Requests of this run that failed.", unit_errors},
	{"lun_retries", "Times that a request of this run was sent again.", unit_retries},
};

/* Of a unit that can't be opened there is only the sample that says so. */
static void put_units(const struct report *report)
{
	const struct unit *unit;
	unsigned f;
	unsigned i;

	for (f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
		family(families[f].name, "gauge", families[f].help);
		for (i = 0; i < report->count; i++) {
			unit = &report->units[i];
			if (unit->error[0] && families[f].value != unit_up)
				continue;
			begin_unit(report, unit, families[f].name);
			printf("} %" PRIu64 "\n", families[f].value(unit));
		}
	}
}

static void put_names(const struct report *report)
{
	const struct vscsi_lun_info *info;
	unsigned i;

	family("lun", "info", "What the logical unit says of itself.");
	for (i = 0; i < report->count; i++) {
		info = &report->units[i].info;
		if (report->units[i].error[0])
			continue;
		begin_unit(report, &report->units[i], "lun_info");
		putchar(',');
		put_label("vendor", info->vendor);
		putchar(',');
		put_label("product", info->product);
		putchar(',');
		put_label("serial", info->serial);
		putchar(',');
		put_label("wwid", info->wwid);
		printf("} 1\n");
	}
}

static void put_read_times(const struct report *report)
{
	unsigned i;

	family("lun_read_seconds", "gauge", "How long it took to read a block.");
	for (i = 0; i < report->count; i++) {
		if (report->units[i].read_seconds == 0)
			continue;
		begin_unit(report, &report->units[i], "lun_read_seconds");
		printf("} %.9f\n", report->units[i].read_seconds);
	}
}

void metrics_print(const struct report *report)
{
	const bool up = !report->error[0];

	put_device(report, "device_up", "Whether the device could be opened.", up);
	if (up) {
		put_device(report, "device_request_queues", "Request queues in use.",
			   report->device.queues);
		put_device(report, "device_protocol_errors",
			   "Rules that the device broke in this run and that were tolerated.",
			   report->device.errors);
		put_device(report, "device_losses", "Times that it was lost in this run.",
			   report->losses.losses);
		put_names(report);
		put_units(report);
		put_read_times(report);
	}
	printf("# EOF\n");
}
