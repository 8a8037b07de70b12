/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One table of options: the parser, the check of the option struct and vscsi_dev_option() all read
 * it.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/address.h"
#include "util/bits.h"
#include "util/error.h"
#include "util/export.h"

enum kind { NUMBER, BYTES, SWITCH, CHOICE, TEXT };

struct option {
	struct vscsi_dev_option text;
	enum kind kind;
	size_t offset;
	uint64_t min;
	uint64_t max;
	uint32_t initial; /* value that replaces 0; 0: determined elsewhere */
};

#define AT(field) offsetof(struct vscsi_dev_opts, field)
#define LIMIT(field, values, help, max, initial)                                                  \
	{                                                                                         \
		{#field, values, help "; default: " #initial}, NUMBER, AT(field), 1, max, initial \
	}
#define FEATURE(field, help)                                                                       \
	{                                                                                          \
		{#field, "on|off", help "; default: if offered"}, SWITCH, AT(field), 0, VSCSI_OFF, \
			0                                                                          \
	}

static const struct option options[] = {
	{{"queues", "1..254",
	  "request queues to set up; default: one for each CPU, one for sync calls"},
	 NUMBER,
	 AT(queues),
	 1,
	 254,
	 0},
	{{"queue_size", "4..32768", "entries of a ring, a power of two; default: 128"},
	 NUMBER,
	 AT(queue_size),
	 4,
	 32768,
	 0},
	{{"max_segs", "1..15", "data segments of a request; default: as many as possible"},
	 NUMBER,
	 AT(max_segs),
	 1,
	 15,
	 0},
	LIMIT(timeout_ms, "1..3600000", "limit for each answer of the device", 3600000, 30000),
	LIMIT(io_timeout_ms, "1..4294967295", "limit for a request; 4294967295: none",
	      VSCSI_NO_TIMEOUT, 30000),
	LIMIT(task_timeout_ms, "1..3600000", "limit for each abort or reset of a late request",
	      3600000, 5000),
	{{"recovery", "off|report|replay|exact",
	  "policy for requests in flight when the device is lost; default: replay"},
	 SWITCH,
	 AT(recovery),
	 0,
	 VSCSI_RECOVERY_EXACT,
	 0},
	LIMIT(recovery_ms, "1..4294967295",
	      "limit for reconnecting a lost device; 4294967295: none", VSCSI_FOREVER, 30000),
	{{"mem", "bytes", "size of the device's own pool of DMA memory; default: 16M"},
	 BYTES,
	 AT(mem_bytes),
	 1,
	 UINT64_MAX,
	 0},
	{{"guest_base", "bytes",
	  "where the memory begins in the device's address space; default: as in this process"},
	 BYTES,
	 AT(guest_base),
	 0,
	 UINT64_MAX,
	 0},
	{{"stats", "on|off", "counters and latencies of requests; default: off"},
	 SWITCH,
	 AT(stats),
	 0,
	 VSCSI_OFF,
	 0},
	{{"id", "identity", "the logical unit to open, as naa.6001405..."}, TEXT, 0, 0, 0, 0},
	FEATURE(indirect, "indirect descriptors"),
	FEATURE(event_idx, "notifications by event index"),
	FEATURE(packed, "packed rings"),
	{{"in_order", "on|off", "the device uses buffers in order, which is slower; default: off"},
	 SWITCH,
	 AT(in_order),
	 0,
	 VSCSI_OFF,
	 VSCSI_OFF},
	FEATURE(hotplug, "events when LUNs come and go"),
	FEATURE(change, "events when LUNs change"),
	FEATURE(inout, "commands with data in both directions"),
	{{"iommu", "auto|group|iommufd|none",
	  "pci: interface to the IOMMU; none: physical addresses; default: auto"},
	 CHOICE,
	 AT(iommu),
	 VSCSI_IOMMU_AUTO,
	 VSCSI_IOMMU_NONE,
	 0},
	FEATURE(notify_data, "pci: notifications with the position of the ring"),
	FEATURE(notify_config, "pci: notifications with a value that the device chose"),
	FEATURE(mq, "vhost-user: several request queues"),
	FEATURE(reply_ack, "vhost-user: acknowledged messages"),
	FEATURE(config, "vhost-user: configuration space"),
	FEATURE(mem_slots, "vhost-user: memory added one region at a time"),
	FEATURE(reset_device, "vhost-user: reset message"),
	FEATURE(status, "vhost-user: device status"),
	FEATURE(backend_req, "vhost-user: messages from the back-end"),
};

EXPORT int vscsi_dev_option(unsigned index, struct vscsi_dev_option *option)
{
	if (index >= ARRAY_LEN(options))
		return -ENOENT;
	*option = options[index].text;
	return 0;
}

static const struct option *find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(options); i++) {
		if (strlen(options[i].text.name) == len && !memcmp(options[i].text.name, name, len))
			return &options[i];
	}
	return NULL;
}

/* Parses a number; @unit: K, M, G or T may follow. */
static int parse_number(const char *value, bool unit, uint64_t *out)
{
	static const char units[] = "KMGT";
	const char *found;
	char *end;

	errno = 0;
	*out = strtoull(value, &end, 0);
	if (errno || end == value || !isdigit((unsigned char)*value))
		return -EINVAL;
	if (unit && *end) {
		unsigned shift;

		found = strchr(units, toupper((unsigned char)*end));
		if (!found)
			return -EINVAL;
		shift = 10 * (unsigned)(found - units + 1);
		if (*out > UINT64_MAX >> shift)
			return -EINVAL;
		*out <<= shift;
		end++;
	}
	return *end ? -EINVAL : 0;
}

/* Index of @value among the words of @values, which are separated by bars; -1 if it is not one. */
static int parse_choice(const char *values, const char *value)
{
	size_t len = strlen(value);
	int index = 0;

	for (;; index++) {
		size_t word = strcspn(values, "|");

		if (word == len && memcmp(values, value, len) == 0)
			return index;
		if (!values[word])
			return -1;
		values += word + 1;
	}
}

static int parse_value(const struct option *option, const char *value, uint64_t *out)
{
	int err;

	if (option->kind == SWITCH || option->kind == CHOICE) {
		int choice = parse_choice(option->text.values, value);

		/* Values of a switch begin at 1, because 0 means that it is not set. */
		*out = (uint64_t)choice + (option->kind == SWITCH);
		return choice < 0 ? -EINVAL : 0;
	}
	err = parse_number(value, option->kind == BYTES, out);
	return err || *out < option->min || *out > option->max ? -EINVAL : 0;
}

static uint64_t get(const struct vscsi_dev_opts *opts, const struct option *option)
{
	const char *field = (const char *)opts + option->offset;
	uint32_t small;
	uint64_t large;

	if (option->kind == BYTES) {
		memcpy(&large, field, sizeof(large));
		return large;
	}
	memcpy(&small, field, sizeof(small));
	return small;
}

static void set(struct vscsi_dev_opts *opts, const struct option *option, uint64_t value)
{
	char *field = (char *)opts + option->offset;
	uint32_t small = (uint32_t)value;

	if (option->kind == BYTES)
		memcpy(field, &value, sizeof(value));
	else
		memcpy(field, &small, sizeof(small));
}

/* Parses one "name=value". */
static int take(char *text, struct vscsi_dev_opts *opts, char *id)
{
	char *equals = strchr(text, '=');
	const struct option *option;
	uint64_t value;

	if (!equals)
		return error_set(-EINVAL,
				 "\"%s\" after the '?' is not a valid option; write name=value",
				 text);
	option = find(text, (size_t)(equals - text));
	if (!option)
		return error_set(-EINVAL,
				 "there is no option \"%.*s\"; vscsi-info --options lists them all",
				 (int)(equals - text), text);
	if (option->kind == TEXT && equals[1] && strlen(equals + 1) < SCSI_WWID_SIZE) {
		strcpy(id, equals + 1);
		return 0;
	}
	if (option->kind == TEXT || parse_value(option, equals + 1, &value))
		return error_set(-EINVAL, "option %s takes %s, not \"%s\"", option->text.name,
				 option->text.values, equals + 1);
	set(opts, option, value);
	return 0;
}

int address_parse(const char *address, char *where, struct vscsi_dev_opts *opts, char *id)
{
	char *save = NULL;
	char *option;
	int err;

	/* NULL is like "": opening fails with a text that lists the transports. */
	if (!address)
		address = "";
	if (strlen(address) >= ADDRESS_MAX)
		return error_set(-EINVAL, "the address is longer than %d bytes", ADDRESS_MAX - 1);
	strcpy(where, address);
	*id = '\0';
	option = strchr(where, '?');
	if (!option)
		return 0;
	*option++ = '\0';
	for (option = strtok_r(option, "&", &save); option; option = strtok_r(NULL, "&", &save)) {
		err = take(option, opts, id);
		if (err)
			return err;
	}
	return 0;
}

void address_defaults(struct vscsi_dev_opts *opts)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(options); i++) {
		if (options[i].initial && !get(opts, &options[i]))
			set(opts, &options[i], options[i].initial);
	}
}

int address_check(const struct vscsi_dev_opts *opts)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(options); i++) {
		const struct option *option = &options[i];
		uint64_t value = option->kind == TEXT ? 0 : get(opts, option);

		if (value && (value < option->min || value > option->max))
			return error_set(-EINVAL, "option %s takes %s, not %llu", option->text.name,
					 option->text.values, (unsigned long long)value);
	}
	if (opts->queue_size && !is_pow2(opts->queue_size))
		return error_set(-EINVAL, "option queue_size takes a power of two, not %u",
				 opts->queue_size);
	if (opts->reserved)
		return error_set(-EINVAL, "a reserved field is not 0");
	return 0;
}
