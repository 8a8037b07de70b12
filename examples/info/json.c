/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Output as JSON. Names are those of the library's structures; sizes are in bytes. Strings from a
 * device may not be UTF-8, which JSON requires: they pass through text_clean().
 */
#include "info.h"

#include <errno.h>
#include <json.h>

#include "common/text.h"

/* Takes over the value even on failure, so that callers need not free it. */
static int add(struct json_object *to, const char *name, struct json_object *value)
{
	if (value && !json_object_object_add(to, name, value))
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static int add_number(struct json_object *to, const char *name, uint64_t value)
{
	return add(to, name, json_object_new_uint64(value));
}

static int add_string(struct json_object *to, const char *name, const char *value)
{
	char safe[256];

	return add(to, name, json_object_new_string(text_clean(safe, sizeof(safe), value)));
}

/* An array with the names of the bits that are set; a bit without a name is a number. */
static int add_bits(struct json_object *to, const char *name, uint64_t word,
		    const struct bit_name *names)
{
	struct json_object *list = json_object_new_array();
	const struct bit_name *at;
	unsigned bit;
	int ret = list ? 0 : -ENOMEM;

	for (bit = 0; !ret && bit < 64; bit++) {
		if (!(word >> bit & 1))
			continue;
		for (at = names; at->name && at->bit != bit; at++)
			;
		ret = json_object_array_add(list, at->name ? json_object_new_string(at->name)
							   : json_object_new_int((int)bit));
	}
	return add(to, name, list) || ret ? -ENOMEM : 0;
}

/* The same properties as in the text, with the names of the library's structures. */
static struct json_object *device_object(const struct report *report)
{
	const struct vscsi_dev_info *device = &report->device;
	struct json_object *out = json_object_new_object();
	int bad = !out;

	bad = bad || add_string(out, "transport", device->transport);
	bad = bad || add_string(out, "state", state_name(device->state));
	bad = bad || add_number(out, "queues", device->queues);
	bad = bad || add_number(out, "queue_size", device->queue_size);
	bad = bad || add_number(out, "depth", device->depth);
	bad = bad || add_number(out, "max_segs", device->max_segs);
	bad = bad || add_number(out, "max_target", device->max_target);
	bad = bad || add_number(out, "max_lun", device->max_lun);
	bad = bad || add_number(out, "max_sectors", device->max_sectors);
	bad = bad || add_number(out, "cmd_per_lun", device->cmd_per_lun);
	bad = bad || add_number(out, "seg_max", device->seg_max);
	bad = bad || add_bits(out, "offered", device->offered, virtio_features);
	bad = bad || add_bits(out, "negotiated", device->negotiated, virtio_features);
	bad = bad ||
	      add_bits(out, "protocol_features", device->protocol_features, protocol_features);
	bad = bad || add_number(out, "errors", device->errors);
	bad = bad || add_number(out, "mem_bytes", report->memory.bytes);
	bad = bad || add_number(out, "mem_page_size", report->memory.page_size);
	bad = bad || add_number(out, "mem_peak", report->memory.peak);
	/* No partial objects: add() turns NULL into an error. */
	return bad ? (json_object_put(out), NULL) : out;
}

static int add_limits(struct json_object *out, const struct vscsi_lun_info *info)
{
	return add_number(out, "max_blocks", info->max_blocks) ||
	       add_number(out, "optimal_blocks", info->optimal_blocks) ||
	       add_number(out, "max_unmap_blocks", info->max_unmap_blocks) ||
	       add_number(out, "max_unmap_ranges", info->max_unmap_ranges) ||
	       add_number(out, "unmap_granularity", info->unmap_granularity) ||
	       add_number(out, "max_zeroes_blocks", info->max_zeroes_blocks) ||
	       add_number(out, "max_caw_blocks", info->max_caw_blocks) ||
	       add_number(out, "queue_limit", info->queue_limit);
}

static int add_identity(struct json_object *out, const struct vscsi_lun_info *info)
{
	return add_number(out, "type", info->type) ||
	       add_string(out, "type_name", type_name(info->type)) ||
	       add_string(out, "vendor", info->vendor) ||
	       add_string(out, "product", info->product) ||
	       add_string(out, "revision", info->revision) ||
	       add_string(out, "serial", info->serial) || add_string(out, "wwid", info->wwid) ||
	       add_number(out, "size", info->blocks * info->block_size) ||
	       add_number(out, "blocks", info->blocks) ||
	       add_number(out, "block_size", info->block_size) ||
	       add_number(out, "physical_block_size", info->physical_block_size) ||
	       add_bits(out, "flags", info->flags, lun_flags);
}

/* Each identity: as the library takes it, and as other tools spell it. */
static struct json_object *ids_array(const struct unit *unit)
{
	struct json_object *out = json_object_new_array();
	char text[ID_SIZE];
	unsigned i;
	int bad = !out;

	for (i = 0; !bad && i < MAX_IDS && unit->ids[i][0]; i++) {
		struct json_object *id = json_object_new_object();

		bad = !id || json_object_array_add(out, id);
		bad = bad || add_string(id, "id", unit->ids[i]);
		bad = bad || add_string(id, "sg_vpd", id_designator(text, unit->ids[i]));
		bad = bad || add_string(id, "scsi_id", id_udev(text, unit->ids[i], &unit->info));
	}
	return bad ? (json_object_put(out), NULL) : out;
}

static struct json_object *unit_object(const struct unit *unit)
{
	struct json_object *out = json_object_new_object();
	int bad = !out;

	if (!unit->nowhere)
		bad = bad || add_number(out, "target", unit->addr.target) ||
		      add_number(out, "lun", unit->addr.lun);
	/* A unit that can't be opened has only an address and an error. */
	if (unit->error[0])
		bad = bad || add_string(out, "error", unit->error);
	else
		bad = bad || add_identity(out, &unit->info) || add_limits(out, &unit->info) ||
		      add(out, "identities", ids_array(unit));
	return bad ? (json_object_put(out), NULL) : out;
}

static struct json_object *units_array(const struct report *report)
{
	struct json_object *out = json_object_new_array(), *unit;
	unsigned i;

	for (i = 0; out && i < report->count; i++) {
		unit = unit_object(&report->units[i]);
		if (!unit || json_object_array_add(out, unit)) {
			json_object_put(unit);
			json_object_put(out);
			return NULL;
		}
	}
	return out;
}

int json_print(const struct report *report)
{
	struct json_object *out = json_object_new_object();
	const char *text;
	int bad = !out;

	bad = bad || add_string(out, "version", vscsi_version());
	bad = bad || add_string(out, "address", report->address);
	if (report->error[0])
		bad = bad || add_string(out, "error", report->error);
	else
		bad = bad || add(out, "device", device_object(report)) ||
		      add(out, "luns", units_array(report));
	text = bad ? NULL : json_object_to_json_string_ext(out, JSON_C_TO_STRING_PRETTY);
	if (text)
		printf("%s\n", text);
	else
		fprintf(stderr, "vscsi-info: no memory for the JSON object\n");
	json_object_put(out);
	return text ? 0 : -ENOMEM;
}
