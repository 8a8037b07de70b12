/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of logical units: add, find, resize and remove.
 */
#include "lun.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

/* Where the unit with this number is, or would be inserted. */
static struct lun **slot_of(struct lun_table *t, uint8_t target, uint16_t number)
{
	struct lun **at = &t->targets[target];

	while (*at && (*at)->number < number)
		at = &(*at)->next;
	return at;
}

/* Targets have few units, so a list is enough. */
struct lun *lun_find(const struct lun_table *t, uint8_t target, uint16_t number)
{
	struct lun *lun = t->targets[target];

	while (lun && lun->number < number)
		lun = lun->next;
	return lun && lun->number == number ? lun : NULL;
}

/* FNV-1a. */
static uint64_t hash(uint64_t h, const char *s)
{
	while (*s)
		h = (h ^ (uint8_t)*s++) * UINT64_C(0x100000001b3);
	return h;
}

/*
 * The name is the same in every process that serves the same unit, so that a client recognizes it
 * after a restart. A file is the same disk wherever it is served; memory is not.
 */
static void name_unit(struct lun *lun, const struct lun_spec *spec, const char *place)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	const char *what = spec->kind == STORE_FILE ? spec->path : place;

	if (*spec->serial)
		strcpy(lun->serial, spec->serial);
	else
		snprintf(lun->serial, sizeof(lun->serial), "%08x%02x%04x",
			 (uint32_t)hash(h, what ? what : ""), spec->target, spec->number);
	/*
	 * NAA 3h: locally assigned (SPC-4, "NAA designator format").
	 */
	lun->naa = hash(h, lun->serial) >> 4 | UINT64_C(3) << 60;
}

static int open_store(const struct lun_spec *spec, struct store **out)
{
	switch (spec->kind) {
	case STORE_FILE:
		return store_file_open(spec->path, spec->read_only, out);
	case STORE_RAM:
		return store_ram_open(spec->size, out);
	default:
		return store_null_open(spec->size, out);
	}
}

/* The unit is added to the table when nothing can fail any more. */
int lun_add(struct lun_table *t, const struct lun_spec *spec)
{
	struct lun **slot = slot_of(t, spec->target, spec->number);
	struct lun *lun;
	int rc;

	if (*slot && (*slot)->number == spec->number)
		return set_error(EEXIST, "LUN %d:%d already exists", spec->target, spec->number);
	lun = calloc(1, sizeof(*lun));
	if (!lun)
		return set_error(ENOMEM, "no memory left for LUN %d:%d", spec->target,
				 spec->number);
	rc = open_store(spec, &lun->store);
	if (rc)
		goto free_lun;
	lun->target = spec->target;
	lun->number = spec->number;
	lun->block_size = spec->block_size;
	/* Bytes after the last whole block are not accessible. */
	lun->blocks = lun->store->size / spec->block_size;
	lun->read_only = spec->read_only;
	lun->thin = spec->thin;
	name_unit(lun, spec, t->place);
	if (!lun->blocks) {
		rc = set_error(EINVAL, "LUN %d:%d would hold %llu bytes, less than one block of %u",
			       lun->target, lun->number, (unsigned long long)lun->store->size,
			       lun->block_size);
		goto close_store;
	}
	lun_attention(lun, UA_POWER_ON);
	lun->next = *slot;
	*slot = lun;
	return 0;

close_store:
	lun->store->ops->close(lun->store);
free_lun:
	free(lun);
	return rc;
}

/* Removes the unit from its list and releases it. */
static void release(struct lun **slot)
{
	struct lun *lun = *slot;

	*slot = lun->next;
	lun->store->ops->close(lun->store);
	free(lun);
}

int lun_remove(struct lun_table *t, uint8_t target, uint16_t number)
{
	struct lun **slot = slot_of(t, target, number);

	if (!*slot || (*slot)->number != number)
		return set_error(ENOENT, "LUN %d:%d does not exist", target, number);
	release(slot);
	return 0;
}

int lun_resize(struct lun_table *t, uint8_t target, uint16_t number, uint64_t size)
{
	struct lun *lun = lun_find(t, target, number);
	int rc;

	if (!lun)
		return set_error(ENOENT, "LUN %d:%d does not exist", target, number);
	if (size < lun->block_size)
		return set_error(EINVAL, "LUN %d:%d cannot be smaller than its block of %u bytes",
				 target, number, lun->block_size);
	rc = lun->store->ops->resize(lun->store, size);
	if (rc)
		return rc;
	/* Bytes after the last whole block are not accessible. */
	lun->blocks = size / lun->block_size;
	lun_attention(lun, UA_CAPACITY_CHANGED);
	return 0;
}

void lun_table_close(struct lun_table *t)
{
	unsigned int i;

	for (i = 0; i < MAX_TARGETS; i++)
		while (t->targets[i])
			release(&t->targets[i]);
}
