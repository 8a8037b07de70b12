/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Output as OpenMetrics text. A family is declared once, followed by a sample for each unit, so
 * each is a loop over all of them.
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

static void put_device(const struct report *report, const char *name, const char *type,
		       const char *help, uint64_t value)
{
	family(name, type, help);
	printf("vscsi_%s%s{", name, type[0] == 'c' ? "_total" : "");
	put_label("address", report->address);
	printf("} %" PRIu64 "\n", value);
}

/* The beginning of a sample, with its labels left open. */
static void begin_unit(const struct report *report, const struct unit *unit, const char *name)
{
	printf("vscsi_%s{", name);
	put_label("address", report->address);
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

static uint64_t unit_reads(const struct unit *unit)
{
	return unit->stats.reads;
}

static uint64_t unit_read_bytes(const struct unit *unit)
{
	return unit->stats.read_bytes;
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
	const char *type;
	const char *help;
	uint64_t (*value)(const struct unit *unit);
} families[] = {
	{"lun_up", "gauge", "Whether the logical unit could be opened.", unit_up},
	{"lun_size_bytes", "gauge", "Size of the logical unit.", unit_size},
	{"lun_reads", "counter", "Reads that succeeded.", unit_reads},
	{"lun_read_bytes", "counter", "Bytes of the reads that succeeded.", unit_read_bytes},
	{"lun_errors", "counter", "Requests that failed.", unit_errors},
	{"lun_retries", "counter", "Times that a request was sent again.", unit_retries},
};

static void put_units(const struct report *report)
{
	char name[64];
	unsigned f;
	unsigned i;

	for (f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
		family(families[f].name, families[f].type, families[f].help);
		snprintf(name, sizeof(name), "%s%s", families[f].name,
			 families[f].type[0] == 'c' ? "_total" : "");
		for (i = 0; i < report->count; i++) {
			begin_unit(report, &report->units[i], name);
			printf("} %" PRIu64 "\n", families[f].value(&report->units[i]));
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

/* A bound for each power of two from a microsecond on; there are eight buckets to each. */
#define BOUNDS_FIRST 64u
#define BOUNDS_STEP  8u

static void put_latencies(const struct report *report)
{
	const struct unit *unit;
	uint64_t sum;
	unsigned b;
	unsigned i;

	family("lun_read_latency_seconds", "histogram", "How long reads took.");
	for (i = 0; i < report->count; i++) {
		unit = &report->units[i];
		sum = 0;
		for (b = 0; b + 1 < VSCSI_LATENCY_BUCKETS; b++) {
			sum += unit->latency[b];
			if (b + 1 < BOUNDS_FIRST || (b + 1) % BOUNDS_STEP)
				continue;
			begin_unit(report, unit, "lun_read_latency_seconds_bucket");
			printf(",le=\"%.9g\"} %" PRIu64 "\n", (double)vscsi_latency_ns(b + 1) / 1e9,
			       sum);
		}
		begin_unit(report, unit, "lun_read_latency_seconds_bucket");
		printf(",le=\"+Inf\"} %" PRIu64 "\n", sum + unit->latency[b]);
	}
}

void metrics_print(const struct report *report, bool up)
{
	put_device(report, "device_up", "gauge", "Whether the device could be opened.", up);
	if (up) {
		put_device(report, "device_request_queues", "gauge", "Request queues in use.",
			   report->device.queues);
		put_device(report, "device_protocol_errors", "counter",
			   "Rules that the device broke and that were tolerated.",
			   report->device.errors);
		put_device(report, "device_losses", "counter", "Times that it was lost.",
			   report->losses.losses);
		put_names(report);
		put_units(report);
		put_latencies(report);
	}
	printf("# EOF\n");
}
