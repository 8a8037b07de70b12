/* SPDX-License-Identifier: BSD-3-Clause */
/* Output as JSON. Missing values are null, so that every function has the same members. */
#include "bind.h"

#include <errno.h>
#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vscsi/vscsi.h>

#include "common/text.h"

/* Takes over the value even on failure, so that callers need not free it. */
static int add(struct json_object *to, const char *name, struct json_object *value)
{
	if (value && !json_object_object_add(to, name, value))
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

/* "" becomes null, which is NULL in json-c. */
static int add_string(struct json_object *to, const char *name, const char *value)
{
	char safe[WHERE_SIZE];

	if (!*value)
		return json_object_object_add(to, name, NULL);
	return add(to, name, json_object_new_string(text_clean(safe, sizeof(safe), value)));
}

/* No partial objects: add() turns NULL into an error. */
static struct json_object *complete(struct json_object *object, int bad)
{
	if (!bad)
		return object;
	json_object_put(object);
	return NULL;
}

static int append(struct json_object *list, struct json_object *value)
{
	if (value && !json_object_array_add(list, value))
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static struct json_object *neighbours_array(const struct function *function)
{
	struct json_object *out = json_object_new_array(), *one;
	unsigned i;
	int bad = !out;

	for (i = 0; !bad && i < function->neighbour_count; i++) {
		one = json_object_new_object();
		bad = !one || add_string(one, "address", function->neighbours[i].address) ||
		      add_string(one, "driver", function->neighbours[i].driver);
		bad = append(out, complete(one, bad)) || bad;
	}
	return complete(out, bad);
}

static struct json_object *uses_array(const struct function *function, const struct block *block)
{
	struct json_object *out = json_object_new_array(), *one;
	const struct use *use;
	unsigned i;
	int bad = !out;

	for (i = 0; !bad && i < function->use_count; i++) {
		use = &function->uses[i];
		if (strcmp(use->block, block->name) != 0)
			continue;
		one = json_object_new_object();
		bad = !one || add_string(one, "kind", use->kind) ||
		      add_string(one, "where", use->where);
		bad = append(out, complete(one, bad)) || bad;
	}
	return complete(out, bad);
}

static struct json_object *blocks_array(const struct function *function)
{
	struct json_object *out = json_object_new_array(), *one;
	const struct block *block;
	unsigned i;
	int bad = !out;

	for (i = 0; !bad && i < function->block_count; i++) {
		block = &function->blocks[i];
		one = json_object_new_object();
		bad = !one || add_string(one, "name", block->name) ||
		      add(one, "partition", json_object_new_boolean(block->partition)) ||
		      add(one, "bytes", json_object_new_uint64(block->bytes)) ||
		      add(one, "uses", uses_array(function, block));
		bad = append(out, complete(one, bad)) || bad;
	}
	return complete(out, bad);
}

static int add_number(struct json_object *to, const char *name, bool there, int value)
{
	return there ? add(to, name, json_object_new_int(value))
		     : json_object_object_add(to, name, NULL);
}

static struct json_object *function_object(const struct function *function)
{
	struct json_object *out = json_object_new_object();
	char ident[16];
	int bad = !out;

	snprintf(ident, sizeof(ident), "%04x:%04x", function->vendor, function->device);
	bad = bad || add_string(out, "address", function->address) ||
	      add_string(out, "id", ident) || add_string(out, "driver", function->driver) ||
	      add_number(out, "iommu_group", *function->group, atoi(function->group)) ||
	      add(out, "group_others", neighbours_array(function)) ||
	      add_number(out, "node", function->node >= 0, function->node) ||
	      add(out, "blocks", blocks_array(function));
	return complete(out, bad);
}

int list_json(const struct functions *all)
{
	struct json_object *out = json_object_new_object(), *list = json_object_new_array();
	const char *text;
	unsigned i;
	int bad = !out || !list;

	for (i = 0; !bad && i < all->count; i++)
		bad = append(list, function_object(&all->entry[i]));
	bad = bad || add_string(out, "version", vscsi_version());
	bad = add(out, "functions", list) || bad;
	text = bad ? NULL : json_object_to_json_string_ext(out, JSON_C_TO_STRING_PRETTY);
	if (text)
		printf("%s\n", text);
	json_object_put(out);
	return text ? STATUS_DONE : fail(STATUS_FAILED, "out of memory");
}
