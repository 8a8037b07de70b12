/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of logical units: add, find, resize and remove.
 */
#include "lun.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "identity.h"

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

/*
 * The names are the same in every process that serves the same disk, so that a client can tell it
 * from others after a restart. A file is the same disk at any address and in any process, memory in
 * no other. A disk without contents is named after its address and the socket.
 */
static void name_unit(struct lun *lun, const struct lun_spec *spec, uint64_t place)
{
	const uint8_t address[3] = {spec->target, (uint8_t)(spec->number >> 8),
				    (uint8_t)spec->number};
	uint64_t identity = lun->store->identity;

	if (!identity)
		identity = identity_add(place, address, sizeof(address));
	if (*spec->serial)
		strcpy(lun->serial, spec->serial);
	else
		snprintf(lun->serial, sizeof(lun->serial), "%016llx",
			 (unsigned long long)(spec->naa ? spec->naa : identity));
	lun->naa = spec->naa;
	/* NAA 3h: locally assigned (SPC-4, "NAA designator format"). */
	if (!lun->naa)
		lun->naa = identity_add(IDENTITY_START, lun->serial, strlen(lun->serial)) >> 4 |
			   UINT64_C(3) << 60;
}

static int open_store(const struct lun_spec *spec, struct store **out)
{
	switch (spec->kind) {
	case STORE_FILE:
		return store_file_open(spec->path, spec->read_only, out);
	case STORE_NBD:
		return store_nbd_open(spec->path, spec->block_size, out);
	case STORE_RAM:
		return store_ram_open(spec->size, out);
	default:
		return store_null_open(spec->size, out);
	}
}

/* Whether two LUNs would keep their reservations in one file, which need not exist yet. */
static bool is_same_file(const char *path, const char *other)
{
	struct stat a, b;

	if (!stat(path, &a) && !stat(other, &b))
		return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
	return identity_path(path) && identity_path(path) == identity_path(other);
}

/* Each would overwrite what the other has saved. */
static int check_reservation_file(const struct lun_table *t, const struct lun_spec *spec)
{
	const struct lun *lun;
	unsigned int i;

	for (i = 0; i < MAX_TARGETS; i++) {
		for (lun = t->targets[i]; lun; lun = lun->next) {
			if (*lun->reservation_file &&
			    is_same_file(lun->reservation_file, spec->reservation_file))
				return set_error(EINVAL,
						 "LUN %d:%d can't keep its reservations in %s, "
						 "which is the file of LUN %d:%d: give each LUN "
						 "its own",
						 spec->target, spec->number, spec->reservation_file,
						 lun->target, lun->number);
		}
	}
	return 0;
}

/* Bytes after the last whole block could not be accessed. */
static int check_size(const struct lun *lun, uint64_t size)
{
	uint64_t rest = size % lun->block_size;

	if (!size)
		return set_error(EINVAL, "LUN %d:%d would have no blocks: the image is empty",
				 lun->target, lun->number);
	if (!rest)
		return 0;
	return set_error(EINVAL,
			 "LUN %d:%d would have %llu bytes, which is not a multiple of its block "
			 "size %u: the next larger multiple is %llu",
			 lun->target, lun->number, (unsigned long long)size, lun->block_size,
			 (unsigned long long)(size - rest + lun->block_size));
}

/* The unit is added to the table when nothing can fail any more. */
int lun_add(struct lun_table *t, const struct lun_spec *spec)
{
	struct lun **slot = slot_of(t, spec->target, spec->number);
	struct lun *lun;
	int rc;

	if (*slot && (*slot)->number == spec->number)
		return set_error(EEXIST, "LUN %d:%d already exists", spec->target, spec->number);
	rc = *spec->reservation_file ? check_reservation_file(t, spec) : 0;
	if (rc)
		return rc;
	lun = calloc(1, sizeof(*lun));
	if (!lun)
		return set_error(ENOMEM, "no memory left for LUN %d:%d", spec->target,
				 spec->number);
	strcpy(lun->reservation_file, spec->reservation_file);
	rc = *lun->reservation_file ? reservation_load(&lun->reservations, lun->reservation_file)
				    : 0;
	if (!rc)
		rc = open_store(spec, &lun->store);
	if (rc)
		goto free_lun;
	lun->target = spec->target;
	lun->number = spec->number;
	lun->block_size = spec->block_size;
	lun->blocks = lun->store->size / spec->block_size;
	lun->read_only = spec->read_only || lun->store->read_only;
	lun->thin = spec->thin;
	name_unit(lun, spec, t->place);
	rc = check_size(lun, lun->store->size);
	if (rc)
		goto close_store;
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
	rc = check_size(lun, size);
	if (!rc)
		rc = lun->store->ops->resize(lun->store, size);
	if (rc)
		return rc;
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
